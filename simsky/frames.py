"""Frames of the simulated sky: pixels, header in the telescope's dialect, and the truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from photpipe.ground import ecsv
from photpipe.ground import sky as sphere
from simsky.cameras import Camera
from simsky.coma import add_comas
from simsky.detector import Hit, corner_distance, read_out, vignette
from simsky.dialects import Facts, header_of, orientation
from simsky.psf import Crossing, PointSources, add_crossing, add_sources, trailed
from simsky.stars import Sky, variability
from simsky.wcs import cd_matrix, wcs_header

FloatArray = NDArray[np.float64]
Image = NDArray[np.float32]

CLEAR_BAND = "G"
MOVER = 1


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure, its weather and its faults.

    Parameters
    ----------
    midtime_jd : float
        Middle of the exposure (JD, UTC).
    ra_deg, dec_deg : float
        True centre of the frame at mid-time (ICRS).
    exptime_s : float
        Exposure time.
    filter_name : str or None
        Name of the filter in the header; None: a red one that the telescope has.
    object_name : str
        OBJECT card.
    airmass : float
        Airmass.
    seeing_arcsec : float
        Full width at half maximum of the seeing disk.
    sky_mag_arcsec2 : float
        Sky brightness.
    cloud_mag : float
        Grey extinction by cloud.
    pointing_error_arcsec : tuple of float
        East and north offset of the header's pointing from the true centre.
    rotation_error_deg : float
        Rotation beyond what the entry says.
    mirrored : bool
        Parity opposite to what the entry says.
    scale_error : float
        Relative: 0.1 makes the true pixels 10 % larger than the entry says.
    distortion_arcsec : float
        Cubic radial distortion in the corners.
    tracking_arcsec_min : tuple of float
        Non-sidereal tracking, east and north: stars trail, a target of that rate does not.
    cosmic_rays : int
        Number of cosmic ray hits.
    hits : tuple of Hit
        Cosmic ray hits, hot pixels and bright columns on places of their own.
    crossings : tuple of Crossing
        Satellites and airplanes that cross the frame.
    vignetting : float
        Fraction of the light lost in the corners (of stars and sky alike).
    blur : float
        By this part stars are wider in the corners than in the middle.
    elongation : float
        One minus the ratio of the axes of stars in the corners, along the direction to the middle.
    colour_term_mag : float
        Instrumental magnitude grows by this times (g-i)_P1 - 0.51.
    nan_patches : int
        Number of 20 x 20 px patches of NaN (needs floating-point pixels).
    chip : int or None
        Detector of a mosaic.
    cards : mapping
        Further header cards, or replacements; None removes the card.
    """

    midtime_jd: float
    ra_deg: float
    dec_deg: float
    exptime_s: float = 60.0
    filter_name: str | None = None
    object_name: str = "field"
    airmass: float = 1.2
    seeing_arcsec: float = 2.0
    sky_mag_arcsec2: float = 20.5
    cloud_mag: float = 0.0
    pointing_error_arcsec: tuple[float, float] = (0.0, 0.0)
    rotation_error_deg: float = 0.0
    mirrored: bool = False
    scale_error: float = 0.0
    distortion_arcsec: float = 0.0
    tracking_arcsec_min: tuple[float, float] = (0.0, 0.0)
    cosmic_rays: int = 0
    hits: tuple[Hit, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    vignetting: float = 0.0
    blur: float = 0.0
    elongation: float = 0.0
    colour_term_mag: float = 0.0
    nan_patches: int = 0
    chip: int | None = None
    cards: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """A rendered frame and the truth about it.

    Attributes
    ----------
    pixels : ndarray of float32, shape (ny, nx)
        Counts (ADU).
    header : astropy.io.fits.Header
        Header in the telescope's dialect.
    truth : astropy.table.Table
        One row per source on the frame: ident, name, kind (6 star, 3 galaxy, 1 mover), x, y
        (FITS pixels), ra_deg, dec_deg (at mid-time), flux_adu (total counts), mag (true, in
        `band`, at mid-time), varies (bool), saturated (bool), vx_px_s, vy_px_s. The meta holds
        zeropoint_mag (mag = zeropoint_mag - 2.5 log10(flux_adu)), band, midtime_jd, exptime_s,
        seeing_arcsec, fwhm_px, sky_adu, noise_adu (of an empty pixel), gain, wcs (header text)
        and everything of the exposure that is a plain number.
    """

    pixels: Image
    header: fits.Header
    truth: Table

    @property
    def wcs(self) -> WCS:
        """True world coordinates of the pixels."""
        return truth_wcs(self.truth)

    def write(self, path: Path, integers: bool = True) -> None:
        """Write the frame, and the truth beside it in ``truth/<stem>.ecsv``.

        Parameters
        ----------
        path : Path
            The FITS file; an existing one is replaced.
        integers : bool
            16-bit unsigned integers (BZERO 32768), as cameras write; otherwise 32-bit floats.
        """
        pixels: NDArray[Any] = self.pixels
        if integers:
            pixels = np.clip(np.rint(self.pixels), 0, 65535).astype(np.uint16)
        fits.PrimaryHDU(pixels, self.header).writeto(path, overwrite=True)
        beside = truth_path(path)
        beside.parent.mkdir(exist_ok=True)
        self.truth.write(beside, format="ascii.ecsv", overwrite=True)


def truth_path(path: Path) -> Path:
    """Where the truth about a frame is kept."""
    return path.parent / "truth" / f"{path.name.split('.fit')[0]}.ecsv"


def read_truth(path: Path) -> Table:
    """Truth about a written frame."""
    return ecsv.from_text(truth_path(path).read_text("utf-8"))


def truth_wcs(truth: Table) -> WCS:
    """True world coordinates from the meta of a truth table."""
    return WCS(fits.Header.fromstring(truth.meta["wcs"], sep="\n"))


def render(sky: Sky, camera: Camera, exposure: Exposure, seed: int = 0) -> Frame:
    """Take a picture of the sky.

    Parameters
    ----------
    sky : Sky
        What there is to see.
    camera : Camera
        What looks.
    exposure : Exposure
        When, where, how, and what goes wrong.
    seed : int
        Seed of the noise.
    """
    rng = np.random.default_rng([seed, round(exposure.midtime_jd * 86400) % 2**32])
    filter_name = camera.filter_for() if exposure.filter_name is None else exposure.filter_name
    band = camera.band_of(filter_name)
    wcs_cards = _true_wcs_cards(camera, exposure)
    truth = _sources_on_frame(sky, camera, exposure, WCS(wcs_cards), band)
    electrons = _expose(sky, camera, exposure, truth, _band_in(truth.meta["bands"], band))
    sky_e = _sky_electrons(camera, exposure)
    truth["saturated"] = _peaks(electrons, truth) > camera.saturation_adu * camera.gain
    pixels = read_out(
        rng,
        electrons,
        camera,
        cosmic_rays=exposure.cosmic_rays,
        nan_patches=exposure.nan_patches,
        hits=exposure.hits,
    )
    truth.meta |= {
        "wcs": wcs_cards.tostring(sep="\n", padding=False, endcard=False),
        "telescope": camera.keyword,
        "band": band or "",
        "simulated_band": _band_in(truth.meta["bands"], band),
        "filter_name": filter_name,
        "zeropoint_mag": _zeropoint(camera, exposure),
        "fwhm_px": exposure.seeing_arcsec / float(np.sqrt(np.prod(_scale(camera, exposure)))),
        "sky_adu": sky_e / camera.gain,
        "noise_adu": float(np.hypot(np.sqrt(sky_e), camera.read_noise_e) / camera.gain),
        "gain": camera.gain,
        "read_noise_e": camera.read_noise_e,
        "saturation_adu": camera.saturation_adu,
        "moffat_beta": camera.moffat_beta,
    }
    del truth.meta["bands"]
    truth.meta |= _plain_fields(exposure)
    return Frame(pixels, _header(camera, exposure, filter_name), truth)


def _plain_fields(exposure: Exposure) -> dict[str, Any]:
    """The fields of an exposure that ECSV can hold."""
    others = ("cards", "filter_name", "hits", "crossings")
    names = (name for name in exposure.__slots__ if name not in others)
    values = {name: getattr(exposure, name) for name in names}
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def _band_in(bands: Sequence[str], band: str | None) -> str:
    """Band of the sky that a filter sees; unfiltered light is taken as Gaia G."""
    return band if band is not None and band in bands else CLEAR_BAND


def _scale(camera: Camera, exposure: Exposure) -> tuple[float, float]:
    """True pixel scale (arcsec) in x and y."""
    factor = 1.0 + exposure.scale_error
    return camera.scale_arcsec[0] * factor, camera.scale_arcsec[1] * factor


def _true_wcs_cards(camera: Camera, exposure: Exposure) -> fits.Header:
    """Header cards of the true world coordinates."""
    flip_x, flip_y, rotate, _ = orientation(camera.parameters, exposure.chip)
    cd = cd_matrix(
        _scale(camera, exposure),
        flip_x != exposure.mirrored,
        flip_y,
        rotate + exposure.rotation_error_deg,
    )
    centre = (exposure.ra_deg % 360.0, exposure.dec_deg)
    return wcs_header(camera.shape, centre, cd, exposure.distortion_arcsec)


def _zeropoint(camera: Camera, exposure: Exposure) -> float:
    """Magnitude of a star that gives 1 ADU in the whole exposure."""
    return float(
        camera.zeropoint_e
        + 2.5 * np.log10(exposure.exptime_s / camera.gain)
        - camera.extinction_mag * exposure.airmass
        - exposure.cloud_mag
    )


def _sky_electrons(camera: Camera, exposure: Exposure) -> float:
    """Sky level per pixel (electrons); clouds neither darken nor brighten it."""
    area = float(np.prod(_scale(camera, exposure)))
    magnitude = camera.zeropoint_e - exposure.sky_mag_arcsec2
    return float(10 ** (0.4 * magnitude) * area * exposure.exptime_s)


def _sources_on_frame(
    sky: Sky, camera: Camera, exposure: Exposure, wcs: WCS, band: str | None
) -> Table:
    """Truth table of all sources whose light can reach the frame."""
    jd = exposure.midtime_jd
    reach = sphere.Cone(
        exposure.ra_deg, exposure.dec_deg, 1.1 * camera.half_diagonal_deg + 30 / 3600
    )
    near = sky.within(reach)
    sky_band = _band_in(sky.sources.colnames, band)
    table = Table()
    table["ident"] = near["ident"]
    table["name"] = np.array([""] * len(near), dtype="U32")
    table["kind"] = near["kind"]
    table["ra_deg"], table["dec_deg"] = sky.positions_at(jd, near)
    table["mag"] = near[sky_band] + variability(near, jd)
    table["varies"] = near["amplitude_mag"] > 0
    table["size_arcsec"] = near["size_arcsec"]
    table["colour"] = near["g_minus_i"]
    table["rate_ra"], table["rate_dec"] = 0.0, 0.0
    for number, mover in enumerate(sky.movers):
        ra, dec = mover.position(jd)
        if reach.contains(ra, dec):
            rates = [float(rate) for rate in mover.rates(jd)]
            mag = float(mover.magnitudes(jd)[sky_band][0])
            row = [-1 - number, mover.label, MOVER, float(ra), float(dec), mag]
            table.add_row([*row, mover.amplitude_mag > 0, 0.0, mover.g_minus_i, *rates])
    return _placed(table, camera, exposure, wcs, list(sky.sources.colnames))


def _placed(table: Table, camera: Camera, exposure: Exposure, wcs: WCS, bands: list[str]) -> Table:
    """Add pixel positions, motion on the frame and fluxes; drop what is far outside."""
    x, y = wcs.all_world2pix(table["ra_deg"], table["dec_deg"], 1)
    ny, nx = camera.shape
    margin_px = 60
    inside = (np.abs(x - nx / 2) < nx / 2 + margin_px) & (np.abs(y - ny / 2) < ny / 2 + margin_px)
    table, x, y = table[inside], x[inside], y[inside]
    east = (table["rate_ra"] - exposure.tracking_arcsec_min[0]) / 60
    north = (table["rate_dec"] - exposure.tracking_arcsec_min[1]) / 60
    later = sphere.shifted(table["ra_deg"], table["dec_deg"], east, north)
    x_later, y_later = wcs.all_world2pix(*later, 1)
    brightness = table["mag"] + exposure.colour_term_mag * (table["colour"] - 0.51)
    table["x"], table["y"] = x, y
    table["vx_px_s"], table["vy_px_s"] = x_later - x, y_later - y
    table["flux_adu"] = 10 ** (0.4 * (_zeropoint(camera, exposure) - brightness))
    table.meta["bands"] = bands
    return table


def _expose(sky: Sky, camera: Camera, exposure: Exposure, truth: Table, band: str) -> Image:
    """Expected electrons per pixel, sky included."""
    scale = float(np.sqrt(np.prod(_scale(camera, exposure))))
    sky_e = _sky_electrons(camera, exposure)
    floor = 0.01 * np.hypot(np.sqrt(sky_e), camera.read_noise_e)
    fwhm_px = np.hypot(exposure.seeing_arcsec, truth["size_arcsec"].data) / scale
    corner = corner_distance(camera.shape, truth["x"].data - 1, truth["y"].data - 1)
    fwhm_px = fwhm_px * (1 + exposure.blur * corner)
    electrons = truth["flux_adu"].data * camera.gain
    stretch = _stretch(camera, truth, exposure.elongation * corner) if exposure.elongation else None
    sources = PointSources(truth["x"].data, truth["y"].data, electrons, fwhm_px, stretch)
    trails = (truth[name].data * exposure.exptime_s for name in ("vx_px_s", "vy_px_s"))
    image = np.zeros(camera.shape, np.float32)
    drawn = trailed(sources, *trails, brightness=_course(sky, exposure, truth))
    add_sources(image, drawn, camera.moffat_beta, floor)
    add_comas(image, sky, camera, exposure, truth, band)
    for each in exposure.crossings:
        add_crossing(image, each, exposure.seeing_arcsec / scale, camera.moffat_beta)
    image += np.float32(sky_e)
    if exposure.vignetting:
        image *= vignette(camera.shape, exposure.vignetting)
    return image


def _stretch(camera: Camera, truth: Table, elongation: FloatArray) -> FloatArray:
    """Stretch of each source along the direction to the middle of the frame, shape (n, 2)."""
    ny, nx = camera.shape
    angle = np.arctan2(truth["y"].data - (ny + 1) / 2, truth["x"].data - (nx + 1) / 2)
    size = -np.log(1.0 - np.minimum(elongation, 0.9))
    return np.asarray(size[:, None] * np.column_stack([np.cos(2 * angle), np.sin(2 * angle)]))


def _course(
    sky: Sky, exposure: Exposure, truth: Table
) -> Callable[[NDArray[np.int64], FloatArray], FloatArray]:
    """Brightness of the sources during an exposure, in units of that at its middle."""
    middle = exposure.midtime_jd

    def brightness(owner: NDArray[np.int64], place: FloatArray) -> FloatArray:
        lit = np.ones(owner.size)
        for row in np.flatnonzero((truth["kind"] == MOVER) & truth["varies"]):
            mover = sky.movers[-1 - int(truth["ident"][row])]
            own = owner == row
            now = middle + place[own] * exposure.exptime_s / 86400.0
            fainter = mover.lightcurve(now) - mover.lightcurve(middle)
            lit[own] = 10 ** (-0.4 * fainter)
        return lit

    return brightness


def _peaks(electrons: Image, truth: Table) -> FloatArray:
    """Largest expected electrons in the 3 x 3 pixels around each source."""
    padded = np.pad(electrons, 2, mode="edge")
    ny, nx = electrons.shape
    column = np.clip(np.rint(truth["x"].data).astype(int) - 1, 0, nx - 1) + 2
    row = np.clip(np.rint(truth["y"].data).astype(int) - 1, 0, ny - 1) + 2
    around = [padded[row + dy, column + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return np.asarray(np.max(around, axis=0))


def _header(camera: Camera, exposure: Exposure, filter_name: str) -> fits.Header:
    """Header with the dialect's cards, what detectors say, and the wishes of the exposure."""
    *_, chip_offset = orientation(camera.parameters, exposure.chip)
    east, north = (
        error - offset * sphere.ARCSEC_PER_DEG
        for error, offset in zip(exposure.pointing_error_arcsec, chip_offset, strict=True)
    )
    ra, dec = sphere.shifted(exposure.ra_deg, exposure.dec_deg, east, north)
    facts = Facts(
        ra_deg=float(ra),
        dec_deg=float(dec),
        midtime_jd=exposure.midtime_jd,
        exptime_s=exposure.exptime_s,
        filter_name=filter_name,
        object_name=exposure.object_name,
        airmass=exposure.airmass,
        binning=camera.binning,
        chip=exposure.chip,
    )
    header = header_of(camera.parameters, facts)
    header["GAIN"] = (camera.gain, "[e-/ADU]")
    header["RDNOISE"] = (camera.read_noise_e, "[e-]")
    header["SATURATE"] = (camera.saturation_adu, "[ADU]")
    header["ORIGIN"] = ("SIMULATED", "made by the simulated sky of the tests")
    for keyword, value in exposure.cards.items():
        if value is None:
            header.remove(keyword, ignore_missing=True)
        else:
            header[keyword] = value
    return header
