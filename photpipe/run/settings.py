"""The settings: every constant of the pipeline in one place, with unit and meaning.

Three files are read, each overriding the one before: ``setup/settings.toml`` of the product,
the user's ``settings.toml`` (``pp_doctor`` tells where), and ``photpipe.toml`` in the data
directory. That may come from a stranger: it names no servers and moves no cache unless the user's
own file says ``trust_directories``. A key that does not exist is an error with a suggestion, not a
silent wish.
"""

import contextlib
import dataclasses
import difflib
import json
import logging
import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from photpipe.ground import paths
from photpipe.ground.errors import ConfigError
from photpipe.ground.files import is_file, is_folder
from photpipe.run.typed import fields_of, typed

log = logging.getLogger(__name__)

DATA_DIRECTORY_FILE = "photpipe.toml"
GUARDED = (
    *("vizier", "mast", "sdss", "horizons", "skybot"),
    *("cache", "shared_caches", "trust_directories"),
)
"""Settings of the services that a data directory has no say in."""
EXAMPLE_FRAME = "mscience0001.fits"
SIMULATED = b"ORIGIN  = 'SIMULATED'"
HEADER_BYTES = 4 * 2880  # the first blocks hold the simulator's card
PIXEL_BYTES = 1 << 16  # enough of them to know a frame again


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """How the AstrOmatic tools are run."""

    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Addresses, patience and memory of the network services."""

    offline: bool = False
    vizier: tuple[str, ...] = (
        "https://vizier.cds.unistra.fr",
        "https://vizier.cfa.harvard.edu",
        "https://vizier.nao.ac.jp",
    )
    mast: tuple[str, ...] = ("https://catalogs.mast.stsci.edu",)
    sdss: tuple[str, ...] = ("https://skyserver.sdss.org",)
    horizons: tuple[str, ...] = ("https://ssd.jpl.nasa.gov",)
    skybot: tuple[str, ...] = ("https://ssp.imcce.fr",)
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    deadline_s: float = 300.0
    retries: int = 2
    backoff_s: float = 1.0
    longest_pause_s: float = 30.0
    requests_per_s: float = 3.0
    row_limit: int = 50000
    largest_answer_mb: float = 256.0
    cache: str = ""
    shared_caches: tuple[str, ...] = ()
    catalog_age_days: float = math.inf
    ephemeris_age_days: float = 30.0
    unknown_age_days: float = 1.0
    trust_directories: bool = False


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """Astrometric calibration (pp_register)."""

    min_sources_astrometric_catalog: int = 10
    scamp_as_contrast_limit: float = 2.5
    scamp_xy_contrast_limit: float = 2.5
    repeat_registrations: int = 2
    anywhere: bool = True
    max_field_separation_deg: float = 5.0


@dataclass(frozen=True, slots=True)
class PhotometrySettings:
    """Curve of growth and instrumental photometry (pp_photometry)."""

    pos_epsilon: float = 0.5
    num_aprads: int = 20
    fluxlimit_aprad: float = 0.7
    fluxmargin_aprad: float = 0.05
    nonlinear_adu: float = math.inf


@dataclass(frozen=True, slots=True)
class CalibrationSettings:
    """Photometric calibration (pp_calibrate)."""

    min_sources_photometric_catalog: int = 3
    minstars: float = 0.5
    maxflag: int = 3
    solcol: float = 0.2
    zeropoint_sigma: str = "standard"


@dataclass(frozen=True, slots=True)
class DistillSettings:
    """Extraction of targets (pp_distill)."""

    rejection_pos_arcsec: float = 10.0
    match_tolerance_arcsec: float = 1.5
    largest_tolerance_arcsec: float = 60.0
    contamination_mag: float = 0.01
    contaminated_mag: float = 0.02
    subtraction_mag: float = 0.003
    subtraction_error_mag: float = 0.1
    trailing_correction: bool = True
    trail_fwhm: float = 1.5
    comet_km: tuple[float, ...] = (5000.0, 10000.0, 20000.0, 40000.0)
    reject: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CombineSettings:
    """Stacking of frames (pp_combine)."""

    clip_sigma: float = 4.0
    clip_ampfrac: float = 1.0
    least_coverage: float = 0.5


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The pages of diagnostics.html."""

    pages: bool = True
    thumbnail_px: int = 800
    image_bytes: int = 50000
    viewer_px: int = 4096
    cutout_px: int = 61
    animation_frames: int = 100


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How pp_run waits for frames with -watch."""

    poll_s: float = 5.0
    patience_s: float = 60.0
    idle_s: float = math.inf


@dataclass(frozen=True, slots=True)
class ObserverSettings:
    """Who observed and with what; only reports need it."""

    submitter: str = ""
    institution: str = ""
    observers: tuple[str, ...] = ()
    measurers: tuple[str, ...] = ()
    contact: str = ""
    aavso_code: str = ""
    mpc_code: str = ""
    telescope_design: str = ""
    telescope_aperture_m: float = 0.0
    telescope_detector: str = "CCD"


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections; one object travels through a run and is saved beside its results."""

    tools: ToolSettings = field(default_factory=ToolSettings)
    services: ServiceSettings = field(default_factory=ServiceSettings)
    registration: RegistrationSettings = field(default_factory=RegistrationSettings)
    photometry: PhotometrySettings = field(default_factory=PhotometrySettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    distill: DistillSettings = field(default_factory=DistillSettings)
    combine: CombineSettings = field(default_factory=CombineSettings)
    report: ReportSettings = field(default_factory=ReportSettings)
    run: RunSettings = field(default_factory=RunSettings)
    observer: ObserverSettings = field(default_factory=ObserverSettings)

    @classmethod
    def load(cls, directory: Path | None = None) -> Self:
        """Read the files that exist, in order.

        Parameters
        ----------
        directory : Path, optional
            Data directory that may hold a ``photpipe.toml``.

        Raises
        ------
        ConfigError
            If a file is not TOML, or names a section or key that does not exist, or a value
            has the wrong type: file, key and a suggestion.
        """
        settings = cls.of_user()
        for file in _files_of(directory):
            changed = settings.overridden(read_toml(file), file)
            settings = changed.guarded_as(settings)
        if os.environ.get("PHOTPIPE_OFFLINE", "0") not in {"", "0"}:
            settings = settings.with_offline()
        for folder in _caches_beside(directory) if directory is not None else ():
            settings = settings.with_shared_cache(folder)
        return settings

    @classmethod
    def of_user(cls) -> Self:
        """What holds in every directory: the files of the product and of the user.

        Raises
        ------
        ConfigError
            As `load`.
        """
        settings = cls()
        for file in settings_files(None):
            settings = settings.overridden(read_toml(file), file)
        return settings

    def guarded_as(self, trusted: Self) -> Self:
        """Copy with the servers and the cache of the user's settings, unless these trust it."""
        if trusted.services.trust_directories:
            return self
        kept = {name: getattr(trusted.services, name) for name in GUARDED}
        return dataclasses.replace(self, services=dataclasses.replace(self.services, **kept))

    def overridden(self, values: Mapping[str, Any], file: Path) -> Self:
        """Copy with the values of one file."""
        changes = {}
        for name, content in values.items():
            section = getattr(self, name, None) if name in _names(self) else None
            if section is None or not isinstance(content, Mapping):
                raise ConfigError(f"{file}: [{name}] is not a section{_suggestion(name, self)}")
            changes[name] = _section_overridden(section, content, f"{file}: [{name}]")
        return dataclasses.replace(self, **changes)

    def as_toml(self) -> str:
        """All values as a settings file: beside the same frames it leads to the same results."""
        lines = []
        for name in _names(self):
            section = getattr(self, name)
            lines.append(f"[{name}]")
            lines += [f"{key} = {_as_toml(getattr(section, key))}" for key in _names(section)]
        return "\n".join(lines) + "\n"

    def with_shared_cache(self, folder: Path) -> Self:
        """Copy that also reads (and never writes) the answers kept in this folder."""
        shared = (*self.services.shared_caches, str(folder))
        services = dataclasses.replace(self.services, shared_caches=shared)
        return dataclasses.replace(self, services=services)

    def with_offline(self) -> Self:
        """Copy that never opens a socket."""
        return dataclasses.replace(self, services=dataclasses.replace(self.services, offline=True))


def _caches_beside(directory: Path) -> Iterator[Path]:
    """Folders of answers for these frames alone: theirs, and the shipped one of the example."""
    if is_folder(directory / "cache"):
        yield directory / "cache"
    shipped = paths.home() / "example_data" / "vatt4k"
    frame = directory / EXAMPLE_FRAME
    if directory != shipped and is_folder(shipped / "cache") and is_file(frame):
        with contextlib.suppress(OSError):
            if _is_copy(frame, shipped / EXAMPLE_FRAME):
                yield shipped / "cache"


def _is_copy(frame: Path, example: Path) -> bool:
    """Whether a frame is the example's: its pixels, which no stage changes, are the same.

    Real frames, and simulated ones of another sky, never get the stars of the example's.
    """
    tails = []
    for path in (frame, example):
        with path.open("rb") as file:
            if SIMULATED not in file.read(HEADER_BYTES):
                return False
            file.seek(-min(PIXEL_BYTES, path.stat().st_size), os.SEEK_END)
            tails.append(file.read())
    return tails[0] == tails[1]


def tell_ignored(directory: Path) -> None:
    """Say which settings of a data directory do not count."""
    ignored = ignored_in(directory)
    if ignored:
        log.warning("%s", ignored)


def ignored_in(directory: Path) -> str:
    """What the file of a data directory says and has no say in, as one line; else empty.

    Raises
    ------
    ConfigError
        As `Settings.load`.
    """
    trusted = Settings.of_user()
    for file in _files_of(directory):
        wanted = trusted.overridden(read_toml(file), file)
        granted = wanted.guarded_as(trusted)
        names = [each for each in GUARDED if _differ(wanted.services, granted.services, each)]
        if names:
            return (
                f"{file.name}: {', '.join(names)} ignored: a data directory moves no services and "
                "no cache, unless trust_directories = true stands under [services] in "
                f"{paths.user_settings_file()}"
            )
    return ""


def _differ(one: ServiceSettings, other: ServiceSettings, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def settings_files(directory: Path | None) -> list[Path]:
    """Settings files that exist, the strongest last."""
    candidates = [paths.home() / "setup" / "settings.toml", paths.user_settings_file()]
    return [*filter(_is_there, candidates), *_files_of(directory)]


def _files_of(directory: Path | None) -> list[Path]:
    """Settings file of a data directory, if there is one."""
    files = [directory / DATA_DIRECTORY_FILE] if directory is not None else []
    return [file for file in files if _is_there(file)]


def _is_there(file: Path) -> bool:
    """Whether a file can be read; one in a folder that may not be searched is as good as none."""
    try:
        return file.is_file()
    except PermissionError:
        return False


def read_toml(file: Path) -> dict[str, Any]:
    """Content of a TOML file.

    Raises
    ------
    ConfigError
        If it cannot be read: file, line and reason.
    """
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}; repair or remove the file") from error


def _as_toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, float):
        return repr(value)  # inf and nan included
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_as_toml(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_as_toml(each) for each in value)}]"
    return json.dumps(value)  # text, truth and whole numbers look alike in both


def _names(section: object) -> list[str]:
    return [each.name for each in dataclasses.fields(section)]  # type: ignore[arg-type]


def _suggestion(name: str, section: object) -> str:
    near = difflib.get_close_matches(name, _names(section), 1)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(_names(section))}"


def _section_overridden(section: Any, content: Mapping[str, Any], where: str) -> Any:
    """Copy of one section with the values of a file, each checked against its type."""
    hints = fields_of(type(section))
    changes = {}
    for key, value in content.items():
        if key not in hints:
            raise ConfigError(f"{where} {key} is not a setting{_suggestion(key, section)}")
        try:
            changes[key] = typed(value, hints[key], f"{where} {key}")
        except TypeError as error:
            raise ConfigError(str(error)) from error
    return dataclasses.replace(section, **changes)
