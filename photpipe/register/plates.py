"""Frames on their way to a plate solution, the stars they are compared with, and what comes out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from photpipe.astromatic.scamp import COLUMNS, Solution
from photpipe.catalogs.columns import SourceColumns
from photpipe.catalogs.table import SourceTable
from photpipe.ground import sky
from photpipe.ground.errors import ReductionError
from photpipe.instruments.cameras import camera
from photpipe.instruments.cameras.camera import GUESSED_SCALE_FACTOR, KNOWN_SCALE_FACTOR
from photpipe.instruments.telescopes import GENERIC
from photpipe.run.settings import Settings
from photpipe.science import astrometry, patterns, tpv
from photpipe.science.wcs_seed import Orientation, seed_wcs

if TYPE_CHECKING:
    from photpipe.instruments.frames import Frame

Cards = Mapping[str, float | str]

SOURCE_COLUMNS = frozenset(
    (*COLUMNS, "X_IMAGE", "Y_IMAGE", "A_IMAGE", "B_IMAGE", "FWHM_IMAGE", "ISOAREA_IMAGE")
)
"""Columns of a catalog that a registration looks at."""

MOST_SOURCES = 1000  # of one frame; more say nothing new
SMALLEST_ERROR_PX = 0.01  # of a position; weights are inverse errors
SCAMP, LEAST_SQUARES, KEPT = "SCAMP", "least squares", "kept"
OVERWHELMING_STARS = 10  # by judgement: so many matches, and
OVERWHELMING_NATS = 50.0  # so improbable (2e-22), need no second look
FLAW = 0.1  # error of a flagged source, in widths of a star
TRAILED, STREAK = 1.8, 4.0  # ratios of length to width
WORSE = 1.25  # ratio from which on a common distortion is not believed
NOWHERE_DEG, NORTH_UP = (0.0, 0.0), Orientation(True, False, 0.0)
REFERENCE_RICHNESS = 3.0  # reference stars per source


@dataclass(frozen=True, slots=True)
class Plate:
    """A frame with the sources that may register it.

    Parameters
    ----------
    frame : str
        File name.
    shape : (ny, nx)
        Size.
    scale_arcsec : float
        Nominal pixel scale, mean of both axes.
    pixel_ratio : float
        Nominal size of a pixel along y over that along x.
    midtime_jd : float
        Middle of the exposure.
    instrument : str
        Telescope, filter, chip and size: what shares a distortion.
    scamp_settings : mapping
        Settings of the telescope.
    sources : SourceColumns
        Rows of the catalog, brightest first, as SCAMP reads them.
    pixels : complex array
        Their positions.
    wcs : mapping
        Cards of the starting WCS.
    cone : Cone
        The frame on the sky, as the starting WCS has it.
    tolerance_px : float
        Radius of coincidence: two pixels, or half the width of the stars.
    flags_mask : int
        Bits of FLAGS that kept sources out.
    catalogs : tuple of str
        Reference catalogs of the telescope, in order.
    is_trailed : bool
        Whether the stars are elongated.
    is_lost : bool
        Whether nothing tells where the frame lies, or how large it is; its starting WCS and cone
        mean nothing.
    scale_factor : float
        How many times larger or smaller than nominal the pixel scale may be where the frame is
        looked for anywhere.
    """

    frame: str
    shape: tuple[int, int]
    scale_arcsec: float
    pixel_ratio: float
    midtime_jd: float
    instrument: str
    scamp_settings: Mapping[str, str] = field(repr=False)
    sources: SourceColumns = field(repr=False, compare=False)
    pixels: astrometry.ComplexArray = field(repr=False, compare=False)
    wcs: Cards = field(repr=False)
    cone: sky.Cone
    tolerance_px: float
    flags_mask: int
    catalogs: tuple[str, ...]
    is_trailed: bool
    is_lost: bool = False
    scale_factor: float = KNOWN_SCALE_FACTOR

    @classmethod
    def of(
        cls, frame: "Frame", catalog: SourceColumns, flags_mask: int, wcs: Cards | None, least: int
    ) -> "Plate":
        """Plate of a frame and its catalog; without a WCS it is lost.

        Raises
        ------
        ReductionError
            If no more than `least` sources are left.
        """
        flags = np.asarray(catalog["FLAGS"], int)
        elongation = _elongation(catalog)
        kind = "" if elongation > STREAK else "WIN"  # windowed positions wander along a streak
        x, y = (np.asarray(catalog[f"{axis}{kind}_IMAGE"], float) for axis in "XY")
        flux = np.asarray(catalog["FLUX_ISOCOR"], float)
        usable = np.isfinite(x) & np.isfinite(y) & np.isfinite(flux) & (flags & flags_mask == 0)
        if usable.sum() <= least:
            raise ReductionError(_too_few(int(usable.sum()), len(catalog), least))
        chosen = np.flatnonzero(usable)
        chosen = chosen[np.argsort(-flux[chosen], kind="stable")][:MOST_SOURCES]
        columns = {name: np.asarray(catalog[name])[chosen] for name in COLUMNS}
        columns |= {"XWIN_IMAGE": x[chosen], "YWIN_IMAGE": y[chosen]}
        fwhm = np.asarray(catalog["FWHM_IMAGE"], float)[chosen]
        width_px = float(np.median(fwhm[fwhm > 0])) if (fwhm > 0).any() else 0.0
        flaw_px = np.where(flags[chosen] > 0, FLAW * width_px, SMALLEST_ERROR_PX)
        for name in ("ERRAWIN_IMAGE", "ERRBWIN_IMAGE"):
            columns[name] = np.hypot(np.nan_to_num(columns[name], nan=1.0), flaw_px).astype("f4")
        scale_x, scale_y = frame.pixel_scale_arcsec
        chip = frame.header.get(str(frame.telescope.parameters.get("chip_id")), "")
        parts = (frame.telescope.keyword, frame.filter_name, chip, *frame.shape)
        factor = _scale_factor(frame)
        start = wcs or seed_wcs(frame.shape, NOWHERE_DEG, (scale_x, scale_y), NORTH_UP).cards()
        return cls(
            frame=frame.name,
            shape=frame.shape,
            scale_arcsec=math.sqrt(scale_x * scale_y),
            pixel_ratio=scale_y / scale_x,
            midtime_jd=frame.midtime_jd,
            instrument="_".join(str(each) for each in parts).replace("'", ""),
            scamp_settings=frame.telescope.tool_settings("scamp"),
            sources=SourceColumns(columns),
            pixels=x[chosen] + 1j * y[chosen],
            wcs=start,
            cone=cone_of(start, frame.shape),
            tolerance_px=max(2.0, width_px / 2),
            flags_mask=flags_mask,
            catalogs=frame.telescope.astrometry_catalogs,
            is_trailed=elongation > TRAILED,
            is_lost=wcs is None or factor > GUESSED_SCALE_FACTOR,
            scale_factor=factor,
        )

    @property
    def pointing_error_arcmin(self) -> float:
        """What the telescope's entry allows the pointing to be wrong by."""
        return float(self.scamp_settings.get("POSITION_MAXERR", 15.0))

    def pairs(self, check: astrometry.PlateCheck) -> astrometry.Pairs:
        """Matched sources with their stars."""
        error = np.asarray(self.sources["ERRAWIN_IMAGE"], float)[check.sources]
        return astrometry.Pairs.of(
            self.pixels[check.sources], check.ra_deg, check.dec_deg, error, check.middle_deg
        )

    def brightest(self, count: int) -> "Plate":
        """Same frame with its brightest sources alone."""
        return replace(self, sources=self.sources.rows(slice(count)), pixels=self.pixels[:count])

    @property
    def area_deg2(self) -> float:
        """Nominal area of the frame on the sky."""
        return math.prod(self.shape) * (self.scale_arcsec / sky.ARCSEC_PER_DEG) ** 2


def _scale_factor(frame: "Frame") -> float:
    """How many times larger or smaller than nominal the pixels of a frame may be."""
    if camera.is_camera(frame.telescope.keyword):
        return camera.scale_factor(frame.header)
    is_told = frame.telescope.keyword == GENERIC
    return GUESSED_SCALE_FACTOR if is_told else KNOWN_SCALE_FACTOR


def _elongation(catalog: SourceColumns) -> float:
    """Median ratio of length to width of the bright sources; 1 if there are none."""
    bright = np.argsort(-np.asarray(catalog["FLUX_ISOCOR"], float))[:30]
    length, width = (np.asarray(catalog[f"{axis}_IMAGE"], float)[bright] for axis in "AB")
    return float(np.median(length / np.maximum(width, 1e-3))) if bright.size else 1.0


def _too_few(usable: int, found: int, least: int) -> str:
    flagged = f" ({found - usable} more are flagged; try -source_tolerance high)"
    return (
        f"only {usable} sources to register with{flagged if found > usable else ''}, more than "
        f"{least} are needed; lower -snr or -minarea, or set the frame aside"
    )


def together(plates: Sequence[Plate], reach_deg: float) -> list[list[Plate]]:
    """Groups of frames that are linked by distances of their edges below `reach_deg`."""
    from scipy.sparse.csgraph import connected_components

    if not plates:
        return []
    cones = [plate.cone for plate in plates]
    ra, dec, radius = (
        np.array([getattr(cone, name) for cone in cones])
        for name in ("ra_deg", "dec_deg", "radius_deg")
    )
    apart = sky.separation_deg(ra[:, None], dec[:, None], ra[None, :], dec[None, :])
    count, group = connected_components(apart - radius[:, None] - radius[None, :] <= reach_deg)
    return [
        [plate for plate, mine in zip(plates, group, strict=True) if mine == number]
        for number in range(count)
    ]


def cone_of(wcs: Cards, shape: tuple[int, int]) -> sky.Cone:
    """Cone around the corners of a frame."""
    ny, nx = shape
    corners = np.array([0.5, nx + 0.5, 0.5, nx + 0.5]), np.array([0.5, 0.5, ny + 0.5, ny + 0.5])
    return sky.enclosing_cone(*astrometry.sky_of(wcs)(*corners))


def degree_of(wcs: Cards) -> int:
    """Degree of the distortion of a solution; 1 if it has none."""
    terms = tpv.terms(tpv.MAX_DEGREE).items()
    return max((sum(powers) for number, powers in terms if f"PV1_{number}" in wcs), default=1)


def covering(cones: Sequence[sky.Cone], margin_deg: float = 0.0) -> sky.Cone:
    """Cone around cones, at least one."""
    rim = np.exp(2j * np.pi * np.arange(8) / 8) * sky.ARCSEC_PER_DEG
    points = [
        sky.shifted(each.ra_deg, each.dec_deg, rim.real * reach, rim.imag * reach)
        for each in cones
        for reach in (1.05 * each.radius_deg,)
    ]
    ra, dec = (np.concatenate(each) for each in zip(*points, strict=True))
    return sky.enclosing_cone(ra, dec, margin_deg)


@dataclass(frozen=True, slots=True)
class Chart:
    """Reference stars of a field at the epoch of its frames.

    Parameters
    ----------
    stars : SourceTable
        Brightest first.
    cone : Cone
        The region that they fill.
    """

    stars: SourceTable
    cone: sky.Cone

    def region(self) -> patterns.StarRegion:
        """The stars, ready to be searched."""
        area_deg2 = 2 * math.pi * (1 - math.cos(math.radians(self.cone.radius_deg)))
        area_deg2 *= math.degrees(1) ** 2
        plane = self.plane(self.stars.ra_deg, self.stars.dec_deg)
        return patterns.StarRegion(plane, area_deg2 * sky.ARCSEC_PER_DEG**2)

    def plane(self, ra_deg: sky.FloatArray, dec_deg: sky.FloatArray) -> astrometry.ComplexArray:
        """Positions in the plane tangent at the centre of the cone."""
        return astrometry.tangent_plane(self.cone.ra_deg, self.cone.dec_deg, ra_deg, dec_deg)

    def map_of(self, wcs: Cards, shape: tuple[int, int]) -> astrometry.PlateMap:
        """A WCS as a map from the detector to the plane."""
        ny, nx = shape
        grid = np.linspace(1, nx, 7)[None, :] + 1j * np.linspace(1, ny, 7)[:, None]
        points = grid.ravel()
        plane = self.plane(*astrometry.sky_of(wcs)(points.real, points.imag))
        return astrometry.fit_plate(points, plane, shape, degree=3)

    def check(
        self,
        plate: Plate,
        wcs: Cards,
        tolerance_px: float = 0.0,
        spent: int = astrometry.SPENT_BY_LINEAR,
    ) -> astrometry.PlateCheck:
        """Compare the sources of a frame with the stars through a WCS."""
        return astrometry.check_plate(
            astrometry.sky_of(wcs),
            plate.pixels,
            self.stars.ra_deg,
            self.stars.dec_deg,
            plate.shape,
            tolerance_px=tolerance_px or plate.tolerance_px,
            pixel_ratio=plate.pixel_ratio,
            spent=spent,
        )

    def for_scamp(self, plates: Sequence[Plate]) -> SourceTable:
        """The brighter stars: a few times as many as the frames have sources."""
        most = max(plate.pixels.size / plate.area_deg2 for plate in plates)
        count = math.ceil(REFERENCE_RICHNESS * most * math.pi * self.cone.radius_deg**2)
        brightest = np.arange(len(self.stars)) < count
        return self.stars.where(brightest, "bright enough for the frames")


@dataclass(frozen=True, slots=True)
class Solved:
    """A solution of one frame and what is known about it.

    Parameters
    ----------
    plate : Plate
        The frame.
    chart : Chart
        The stars.
    wcs : mapping
        Cards of the solution.
    check : PlateCheck
        What the stars say.
    seed : str
        Where it came from: header, series (a neighbour's rotation and scale), pattern, SCAMP.
    fit : str
        Who refined it: SCAMP, least squares, or both; or kept as it was.
    scamp : Solution or None
        What SCAMP says, if SCAMP refined it.
    """

    plate: Plate
    chart: Chart
    wcs: Cards
    check: astrometry.PlateCheck
    seed: str
    fit: str
    scamp: Solution | None = None

    @classmethod
    def of(
        cls,
        plate: Plate,
        chart: Chart,
        wcs: Cards,
        seed: str,
        fit: str,
        scamp: Solution | None = None,
    ) -> Self:
        """Solution that is checked by the stars of a chart."""
        return cls(plate, chart, wcs, chart.check(plate, wcs), seed, fit, scamp)

    def refitted(self, wcs: Cards) -> "Solved":
        """Same frame with a WCS by least squares, unless the stars contradict it.

        An unweighted rms would favour the fit that gives way to outliers.
        """
        fit = LEAST_SQUARES if self.scamp is None else f"{SCAMP} and {LEAST_SQUARES}"
        other = Solved.of(self.plate, self.chart, wcs, self.seed, fit, self.scamp)
        worse = (
            other.misfit > self.misfit * WORSE or other.check.matched * WORSE < self.check.matched
        )
        return self if worse or other.objection else other

    @property
    def misfit(self) -> float:
        """Median distance from the stars, in units of the errors of position."""
        error = np.asarray(self.plate.sources["ERRAWIN_IMAGE"], float)[self.check.sources]
        return float(np.median(self.check.residual_arcsec / (error * self.check.scale_arcsec)))

    @property
    def objection(self) -> str | None:
        """Why the stars do not confirm it, or None."""
        return astrometry.objection(self.check, self.plate.scale_arcsec)

    @property
    def is_overwhelming(self) -> bool:
        """Whether the stars confirm it so clearly that SCAMP's opinion does not matter."""
        return (
            self.objection is None
            and self.check.matched >= OVERWHELMING_STARS
            and self.check.surprise_nats >= OVERWHELMING_NATS
        )

    def has_contrast(self, settings: Settings) -> bool:
        """Whether both contrasts of SCAMP reach their limits."""
        limits = settings.registration
        return (
            self.scamp is not None
            and self.scamp.as_contrast >= limits.scamp_as_contrast_limit
            and self.scamp.xy_contrast >= limits.scamp_xy_contrast_limit
        )
