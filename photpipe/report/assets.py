"""What the page of a frame shows besides numbers: its picture, stars on it, cut-outs of targets."""

import hashlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.errors import PhotPipeError
from photpipe.ground.sky import separation_deg
from photpipe.report.output import Info, Output
from photpipe.report.state import FrameState, State, TargetData
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.settings import ReportSettings

if TYPE_CHECKING:
    from photpipe.fits.pixels import Plane
    from photpipe.instruments.frames import Frame
    from photpipe.report.images import Look, Stretch

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
Value = TypeVar("Value")
Places = tuple[tuple[float, float], ...]

MOST_CATALOG_STARS = 300  # more circles hide the image
MOST_REFERENCE_STARS = 200  # a page of some 200 kB; the file has all
MATCH_RMS = 4.0  # a match of the registration lies within
LEAST_MATCH_ARCSEC = 1.0  # by judgement: where the rms is that of two stars
CUTOUT_APERTURES = 7.0  # aperture radii on each side: the sky annulus is in sight
LARGEST_CUTOUT_PX = 60  # half a side: pages stay small where apertures are large
# whatever damaged files, headers of strangers and half-finished runs may hold
EXPECTED = (PhotPipeError, OSError, ValueError, TypeError, KeyError, IndexError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Picture:
    """Quick-look image of a frame: file name, size of the frame itself in pixels."""

    file: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class ReferenceStar:
    """A star of the photometric catalog on a frame, the brightest is number 1."""

    number: int
    ident: str
    ra_deg: float
    dec_deg: float
    x: float
    y: float
    mag: float
    e_mag: float
    instrumental_mag: float
    instrumental_error_mag: float
    residual_mag: float
    separation_arcsec: float
    colour: float
    flags: int
    verdict: str

    @property
    def is_used(self) -> bool:
        """Whether it made the zeropoint."""
        return self.verdict == "used"


@dataclass(frozen=True, slots=True)
class Cutout:
    """Surroundings of a target on a frame; places in pixels of the cut-out, y down.

    Parameters
    ----------
    file : str
        File name.
    side_px : int
        Pixels on each side.
    predicted, measured : (float, float) or None
        Where the target should be, and where it was measured.
    radius_px : float
        Radius of the aperture.
    """

    file: str
    side_px: int
    predicted: tuple[float, float] | None
    measured: tuple[float, float] | None
    radius_px: float


@dataclass(frozen=True, slots=True)
class Spot:
    """A target (its name, and that on the pages) on the picture of a frame; pixels of the frame."""

    name: str
    slug: str
    point: TargetPoint
    predicted: tuple[float, float] | None
    measured: tuple[float, float] | None
    cutout: Cutout | None


@dataclass(frozen=True, slots=True)
class FrameAssets:
    """All that is shown of a frame; empty where something was missing, with the reason.

    `colour` tells the bands of the stars' colours.
    """

    picture: Picture | None
    viewer: str
    matched: Places
    stars: tuple[ReferenceStar, ...]
    stars_left_out: int
    colour: str
    spots: tuple[Spot, ...]
    problems: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Files of the pages that show it."""
        cutouts = (each.cutout.file for each in self.spots if each.cutout)
        images = (self.picture.file, self.viewer) if self.picture else ()
        return tuple(filter(None, (*images, *cutouts)))


class Charts:
    """Catalogs of the registration, each read once, and only if it is wanted."""

    def __init__(self, state: State) -> None:
        self._directory = state.directory
        self._charts: dict[str, tuple[FloatArray, FloatArray]] = {}

    def stars(self, catalog: str) -> tuple[FloatArray, FloatArray]:
        """RA and Dec of the stars of a catalog, the brightest first."""
        if catalog not in self._charts:
            self._charts[catalog] = _chart(self._directory / f"{catalog}.cat")
        return self._charts[catalog]

    def digest(self, frame: FrameState) -> str:
        """Digest of the stars that may be drawn on a frame: others of the catalog may come."""
        registered, facts = frame.registered, frame.facts
        if registered is None:
            return ""
        ra, dec = self.stars(registered.catalog)
        if facts is not None and np.isfinite((registered.ra_deg, *facts.field_arcmin)).all():
            apart = separation_deg(registered.ra_deg, registered.dec_deg, ra, dec)
            near = apart * 60.0 < math.hypot(*facts.field_arcmin)  # twice as far as the corners
            ra, dec = ra[near], dec[near]
        return hashlib.sha256(np.concatenate([ra, dec]).tobytes()).hexdigest()


def _chart(path: Path) -> tuple[FloatArray, FloatArray]:
    from photpipe.catalogs.ldac import read_ldac_columns

    try:
        table = read_ldac_columns(path)
        order = np.argsort(np.asarray(table["MAG"], float))
        ra, dec = (np.asarray(table[name], float)[order] for name in ("XWIN_WORLD", "YWIN_WORLD"))
    except EXPECTED as error:
        log.debug("%s: not drawn: %s", path.name, error)
        return np.zeros(0), np.zeros(0)
    return ra, dec


class FrameStudio:
    """Makes what is shown of one frame.

    Parameters
    ----------
    state : State
        All results.
    frame : FrameState
        The frame.
    seen : sequence
        Targets and their points on it.
    charts : Charts
        Catalogs of the registration.
    output : Output
        Where pictures go.
    """

    def __init__(
        self,
        state: State,
        frame: FrameState,
        seen: Sequence[tuple[TargetData, TargetPoint]],
        charts: Charts,
        output: Output,
    ) -> None:
        self.state, self.frame, self.seen = state, frame, seen
        self.charts, self.output = charts, output
        self.path = state.directory / frame.name
        self.problems: list[str] = []
        self.colour = ""

    def assets(self) -> FrameAssets:
        """All that is shown of the frame."""
        no_stars: list[ReferenceStar] = []
        no_places: Places = ()
        picture = self._attempt("image", self._picture, None)
        matched = self._attempt("catalog stars", self._matched, no_places) if picture else ()
        stars = self._attempt("reference stars", self._reference_stars, no_stars)
        spots = (
            self._attempt(target.name, partial(self._spot, target, point), None)
            for target, point in self.seen
        )
        return FrameAssets(
            picture=picture,
            viewer=self._attempt("viewer", self._viewer, "") if picture else "",
            matched=matched,
            stars=tuple(stars[:MOST_REFERENCE_STARS]),
            stars_left_out=max(0, len(stars) - MOST_REFERENCE_STARS),
            colour=self.colour,
            spots=tuple(spot for spot in spots if spot is not None),
            problems=tuple(self.problems),
        )

    def _attempt(self, what: str, make: Callable[[], Value], otherwise: Value) -> Value:
        """Value of a function; if that fails, the page tells why and goes without."""
        try:
            return make()
        except EXPECTED as error:
            reason = str(error).removeprefix(f"{self.frame.name}: ")
            self.problems.append(f"{what}: {reason}")
            log.debug("%s: %s cannot be shown: %s", self.frame.name, what, error)
            return otherwise

    @property
    def _settings(self) -> ReportSettings:
        return self.state.settings.report

    @cached_property
    def _plane(self) -> "Plane":
        from photpipe.fits.pixels import open_plane

        return open_plane(self.path)

    @cached_property
    def _fingerprint(self) -> str:
        return self._plane.fingerprint()

    @cached_property
    def _stretch(self) -> "Stretch":
        from photpipe.report.images import Stretch, sample

        return Stretch.of(sample(self._plane), deep=True)

    @cached_property
    def _look(self) -> "Look":
        """The frame in grey, for the viewer and the quick-look image."""
        from photpipe.report.images import Look

        return Look.at(self._plane, self._settings.viewer_px or self._settings.thumbnail_px)

    @cached_property
    def _frame(self) -> "Frame":
        from photpipe.instruments import telescopes
        from photpipe.instruments.frames import Frame

        facts = self.frame.facts
        return Frame.read(self.path, telescopes.by_keyword(facts.telescope) if facts else None)

    @cached_property
    def _wcs(self) -> Any:
        return self._frame.wcs()

    def _pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float] | None:
        """Pixel of a place on the sky (the first one is 1, 1); None if it has none."""
        if not (math.isfinite(ra_deg) and math.isfinite(dec_deg)):
            return None
        x, y = self._wcs.all_world2pix(ra_deg, dec_deg, 1, quiet=True)
        return (float(x), float(y)) if math.isfinite(x) and math.isfinite(y) else None

    # -- picture

    def _picture(self) -> Picture:
        """Quick-look image; an earlier one if the frame is gone."""
        file = f"images/{self.frame.slug}.jpg"
        try:
            key = f"{self._fingerprint} {self._settings.thumbnail_px} {self._settings.image_bytes}"
        except PhotPipeError:
            info = self.output.earlier(file)
            if info is None:
                raise
            self.problems.append(
                "the frame is missing or damaged; the image is from an earlier run"
            )
        else:
            info = self.output.keep(file, key, self._make_picture)
        return Picture(file, int(info["width"]), int(info["height"]))

    def _make_picture(self) -> tuple[bytes, Info]:
        from photpipe.report.images import jpeg

        settings = self._settings
        height, width = self._plane.shape
        content = jpeg(self._look.smaller(settings.thumbnail_px), settings.image_bytes)
        return content, {"width": width, "height": height}

    def _viewer(self) -> str:
        """Script with the whole frame for the viewer; empty if there shall be none."""
        from photpipe.report.viewer import script

        limit_px, file = self._settings.viewer_px, f"images/{self.frame.slug}.js"
        if not limit_px:
            return ""
        registered = self.frame.registered
        places = [
            self._pixel(p.source_ra_deg, p.source_dec_deg)
            or self._pixel(p.predicted_ra_deg, p.predicted_dec_deg)
            for _, p in self.seen[:1]
        ]
        target = places[0] if places else None
        try:
            key = f"{self._fingerprint} {limit_px} {registered} {target}"
        except PhotPipeError:
            return file if self.output.earlier(file) is not None else ""
        wcs = self._wcs if registered else None

        def made() -> tuple[bytes, Info]:
            return script(self.frame.slug, self._look, self._plane.shape, wcs, target), {}

        self.output.keep(file, key, made)
        return file

    # -- stars

    def _matched(self) -> Places:
        """Places of the catalog stars that coincide with sources."""
        from photpipe.catalogs.ldac import read_ldac_columns
        from photpipe.catalogs.matching import mutual_matches
        from photpipe.catalogs.measures import adopted

        registered = self.frame.registered
        if registered is None:
            return ()
        ra, dec = self.charts.stars(registered.catalog)
        table = read_ldac_columns(self._frame.ldac_path)
        names = (adopted(table, name) for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
        x, y = (np.asarray(table[name], float) for name in names)
        if not (len(ra) and len(x)):
            return ()
        seen = self._wcs.all_pix2world(x, y, 1)
        reach = max(LEAST_MATCH_ARCSEC, MATCH_RMS * np.nan_to_num(registered.rms_arcsec))
        matches = mutual_matches(seen[0], seen[1], ra, dec, float(reach))
        stars = np.sort(matches.index2)[:MOST_CATALOG_STARS]
        places = self._wcs.all_world2pix(ra[stars], dec[stars], 1, quiet=True)
        return tuple(zip(places[0].tolist(), places[1].tolist(), strict=True))

    def _reference_stars(self) -> list[ReferenceStar]:
        """Stars of the photometric catalog that were found, the brightest first."""
        from photpipe.catalogs.frame_facts import read_facts
        from photpipe.catalogs.measures import CHI2, PSF_COLUMNS, adopted

        calibrated = self.frame.calibrated
        if calibrated is None or not calibrated.matched:
            return []
        wanted = {*_STAR_COLUMNS.values(), *PSF_COLUMNS.values(), CHI2}
        facts, table = read_facts(self.path.with_name(calibrated.database), wanted)
        self.colour = facts.ref_colour
        if "ref_ident" not in table.colnames:
            return []
        table = table.rows(table["ref_ident"] != "")
        table = table.rows(np.argsort(table["ref_mag"]))
        names = [adopted(table, name) for name in _STAR_COLUMNS.values()]
        columns = {name: table[name].tolist() for name in names}
        rows = zip(*columns.values(), strict=True)
        return [
            ReferenceStar(number, **dict(zip(_STAR_COLUMNS, row, strict=True)))
            for number, row in enumerate(rows, start=1)
        ]

    # -- targets

    def _spot(self, target: TargetData, point: TargetPoint) -> Spot:
        """A target on the frame, with its cut-out."""
        predicted = self._pixel(point.predicted_ra_deg, point.predicted_dec_deg)
        measured = self._pixel(point.source_ra_deg, point.source_dec_deg)
        cut = self._cutout(target, point, predicted, measured)
        return Spot(target.name, target.slug, point, predicted, measured, cut)

    def _cutout(
        self,
        target: TargetData,
        point: TargetPoint,
        predicted: tuple[float, float] | None,
        measured: tuple[float, float] | None,
    ) -> Cutout | None:
        """Cut-out around the predicted position (around the measured one without a prediction)."""
        from photpipe.report.images import cutout

        place = predicted or measured
        if place is None:
            return None
        radius = float(np.nan_to_num(point.aperture_radius_px))
        least = self._settings.cutout_px // 2
        half = int(min(max(least, math.ceil(CUTOUT_APERTURES * radius)), LARGEST_CUTOUT_PX))
        file = f"cutouts/{target.slug}-{self.frame.slug}.jpg"
        column, row = round(place[0]), round(place[1])

        def made() -> tuple[bytes, Info]:
            return cutout(self._plane, self._stretch, *place, half), {}

        self.output.keep(file, f"{self._fingerprint} {column} {row} {half}", made)

        def inside(pixel: tuple[float, float] | None) -> tuple[float, float] | None:
            if pixel is None:
                return None
            return pixel[0] - column + half + 0.5, half + 0.5 - (pixel[1] - row)

        return Cutout(file, 2 * half + 1, inside(predicted), inside(measured), radius)


_STAR_COLUMNS: Mapping[str, str] = {
    "ident": "ref_ident",
    "ra_deg": "ref_ra_deg",
    "dec_deg": "ref_dec_deg",
    "x": "XWIN_IMAGE",
    "y": "YWIN_IMAGE",
    "mag": "ref_mag",
    "e_mag": "ref_e_mag",
    "instrumental_mag": "MAG_APER",
    "instrumental_error_mag": "MAGERR_APER",
    "residual_mag": "ref_residual_mag",
    "separation_arcsec": "ref_separation_arcsec",
    "colour": "ref_colour",
    "flags": "FLAGS",
    "verdict": "ref_verdict",
}
