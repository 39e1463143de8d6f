"""One telescope with its instrument: the typed view of a documented dictionary."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from photpipe.fits.values import CardValue, as_number, card_text, card_value
from photpipe.ground import paths
from photpipe.ground.errors import ConfigError
from photpipe.instruments import observatories
from photpipe.instruments.dialects import Binning, Chip, Distortion, Pointing
from photpipe.instruments.midtime import MidTime
from photpipe.instruments.observatories import Site

if TYPE_CHECKING:
    from astropy.io.fits import Header

log = logging.getLogger(__name__)

_LONGITUDE, _LATITUDE, _ELEVATION, _CODE = "PPLONG", "PPLAT", "PPELEV", "PPOBSCOD"
SITE_CARDS = {
    _LONGITUDE: "PP: longitude of the site, east (deg)",
    _LATITUDE: "PP: geodetic latitude of the site (deg)",
    _ELEVATION: "PP: height of the site above the sea (m)",
    _CODE: "PP: MPC code of the site",
}
"""Cards of the place of a frame that its entry does not tell, with their comments."""


@dataclass(frozen=True, slots=True)
class Telescope:
    """Typed view of one documented dictionary.

    Parameters
    ----------
    keyword : str
        Its key in the registry, e.g. ``"VATT4K"``.
    name : str
        Display name.
    observatory_code : str
        MPC code; empty if the place has none.
    parameters : mapping
        The documented dictionary, read-only.
    binning, midtime, pointing, chip, distortion
        The parsed languages of the entry.
    supplied, copied : mapping
        For headers that lack cards (GENERIC): their values, and the cards that hold their
        values under another name.
    site : Site or None
        Geodetic place, where that is known and the code is not enough.
    """

    keyword: str
    name: str
    observatory_code: str
    parameters: Mapping[str, Any] = field(repr=False, compare=False)
    binning: Binning
    midtime: MidTime
    pointing: Pointing
    chip: Chip = field(repr=False, compare=False)
    distortion: Distortion = field(repr=False, compare=False)
    supplied: Mapping[str, CardValue] = field(default_factory=dict, compare=False)
    copied: Mapping[str, str] = field(default_factory=dict, compare=False)
    site: Site | None = None

    @classmethod
    def from_parameters(cls, entry: Mapping[str, Any]) -> "Telescope":
        """Parse a dictionary that has all required keys; ValueError names the wrong key."""
        languages: dict[str, Callable[[], Any]] = {
            "binning": lambda: Binning.parse(entry["binning"]),
            "date_keyword": lambda: MidTime.parse(entry["date_keyword"], entry.get("date_marks")),
            "ra, dec, radec_separator": lambda: Pointing.parse(
                *(entry[key] for key in ("ra", "dec", "radec_separator")),
                *(entry.get(key) for key in ("radec_unit", "radec_jitter")),
            ),
            "flipx, flipy, rotate": lambda: Chip.parse(entry),
            "distort": lambda: Distortion.parse(entry.get("distort")),
        }
        parsed: list[Any] = []
        for key, parse in languages.items():
            try:
                parsed.append(parse())
            except KeyError as problem:
                raise ValueError(f"{key}: one of them has no value for {problem}") from None
            except (ValueError, TypeError, AttributeError, IndexError) as problem:
                raise ValueError(f"{key}: {problem}") from None
        names = (entry["telescope_keyword"], entry["telescope_instrument"])
        code = str(entry["observatory_code"])
        return cls(str(names[0]), str(names[1]), code, MappingProxyType(dict(entry)), *parsed)

    # -- what the stages ask for

    @property
    def secpix_arcsec(self) -> tuple[float, float] | None:
        """Pixel scale of unbinned pixels in x and y; None if the user has to give it."""
        x, y = self.parameters["secpix"]
        return None if x is None or y is None else (float(x), float(y))

    @property
    def filter_translations(self) -> Mapping[str, str | None]:
        """Band in the catalogs of each filter name."""
        return MappingProxyType(dict(self.parameters["filter_translations"]))

    @property
    def source_minarea(self) -> int:
        """Smallest number of pixels of a source in the registration."""
        return int(self.parameters["source_minarea"])

    @property
    def source_snr(self) -> float:
        """Smallest signal-to-noise ratio of a source in the registration."""
        return float(self.parameters["source_snr"])

    @property
    def aprad_default(self) -> float:
        """Aperture radius in pixels, for the registration."""
        return float(self.parameters["aprad_default"])

    @property
    def aprad_range(self) -> tuple[float, float]:
        """Smallest and largest radius of the curve of growth, in pixels."""
        low, high = self.parameters["aprad_range"]
        return float(low), float(high)

    @property
    def source_tolerance(self) -> str:
        """Flagged sources that may enter the registration: none, low, medium, high."""
        return str(self.parameters["source_tolerance"])

    @property
    def astrometry_catalogs(self) -> tuple[str, ...]:
        """Catalogs for the registration, in the order they are tried."""
        return tuple(self.parameters["astrometry_catalogs"])

    @property
    def photometry_catalogs(self) -> tuple[str, ...]:
        """Catalogs for the calibration, in the order they are tried."""
        return tuple(self.parameters["photometry_catalogs"])

    @property
    def trim_px(self) -> Mapping[str, int]:
        """Pixels to cut off (left, right, bottom, top) before extraction; empty: none."""
        return MappingProxyType(dict(self.parameters.get("trim_px") or {}))

    @property
    def drop_cards(self) -> tuple[str, ...]:
        """Cards that break the FITS rules and are removed."""
        return tuple(self.parameters.get("drop_cards") or ())

    @property
    def trust_wcs(self) -> bool:
        """Whether the WCS of the files is better than a registration would be."""
        return bool(self.parameters.get("trust_wcs"))

    def mask_file(self, binning: tuple[int, int]) -> Path | None:
        """Weight mask for a binning, if the entry names one and the file exists."""
        masks = self.parameters.get("mask_file") or {}
        name = masks.get(f"{binning[0]},{binning[1]}")
        path = _setup_path(name) if name else None
        if path is not None and not path.is_file():
            log.debug("%s: mask file %s does not exist, no mask is used", self.keyword, path)
            return None
        return path

    def config_file(self, tool: str) -> Path | None:
        """The user's own configuration file for a tool (sex, scamp, swarp), if it exists."""
        name = self.parameters.get(f"{tool}-config-file")
        path = _setup_path(name) if name else None
        if path is not None and not path.is_file():
            log.info("%s: %s does not exist, the base settings are used", self.keyword, path)
            return None
        return path

    def tool_settings(self, tool: str) -> dict[str, str]:
        """Settings of a tool (sex, scamp, swarp): base, then the entry's, then the user's file.

        Raises
        ------
        ConfigError
            If a configuration file cannot be read.
        """
        settings = _read_tool_config(paths.setup_file(f"base.{tool}"))
        own = self.parameters.get(f"{tool}-settings") or {}
        settings.update({str(key).upper(): str(value) for key, value in own.items()})
        users = self.config_file(tool)
        return settings | (_read_tool_config(users) if users else {})

    @property
    def place(self) -> Site | None:
        """Where it stands; None if nobody knows."""
        return self.site or observatories.site(self.observatory_code)

    @property
    def observer(self) -> str:
        """Place for questions about ephemerides: coordinates if they are known, else the code."""
        return self.site.observer if self.site else self.observatory_code

    def at_site_of(self, header: "Header") -> "Telescope":
        """The same telescope, at the place that the header names."""
        code = card_text(header, _CODE)
        numbers = [as_number(card_value(header, card)) for card in (_LATITUDE, _LONGITUDE)]
        if code is not None or None not in numbers:
            height = as_number(card_value(header, _ELEVATION)) or 0.0
            latitude, longitude = (number or 0.0 for number in numbers)
            site = None if None in numbers else Site(latitude, longitude, "", height)
            return replace(self, observatory_code=code or "", site=site)
        rule = self.parameters.get("observatory_code_by")
        if not rule:
            return self
        cards, codes = rule
        place = tuple((card_text(header, card) or "").casefold() for card in cards)
        code = codes.get(place)
        if code is None and any(place):
            log.debug("%s: no MPC code is known for %s", self.keyword, "-".join(place))
        return replace(self, observatory_code=code) if code else self


def place_cards(site: Site | None, code: str) -> dict[str, CardValue]:
    """Cards that tell a place: its coordinates, its MPC code, or both."""
    cards: dict[str, CardValue] = {_CODE: code} if code else {}
    if site is not None:
        cards |= {_LONGITUDE: site.longitude_deg, _LATITUDE: site.latitude_deg}
        cards[_ELEVATION] = site.elevation_m
    return cards


def _setup_path(name: object) -> Path:
    """Path of a file that an entry names: as it is, or in setup/."""
    path = Path(str(name)).expanduser()
    return path if path.is_absolute() else paths.setup_file(path.name)


def _read_tool_config(path: Path) -> dict[str, str]:
    """Parameters of an AstrOmatic configuration file: KEY value  # comment."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as problem:
        raise ConfigError(f"{path}: {problem.strerror or problem}") from None
    settings = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split(None, 1)
        if words:
            key, value = words[0], words[1] if len(words) > 1 else ""
            settings[key.upper()] = ",".join(part.strip() for part in value.split(","))
    return settings
