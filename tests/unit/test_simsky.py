"""The simulated sky tells the truth: in its colours, its pixels, its headers and its services."""

import socket
import subprocess
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import astropy.units as u
import numpy as np
import pytest
import requests
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from requests.adapters import HTTPAdapter

from photpipe.ground import sky as sphere
from photpipe.ground.sky import separation_deg
from photpipe.instruments.frames import Frame as ProductFrame
from simsky import (
    Anchors,
    Exposure,
    Field,
    Mover,
    Sky,
    SkyServer,
    aperture_fraction,
    camera,
    entries,
    faults,
    magnitudes,
    night,
    observe,
    read_truth,
    render,
    sky_for,
    truth_wcs,
)
from simsky.__main__ import main
from simsky.guard import is_local
from simsky.locus import chonis_gaskell
from simsky.psf import PointSources, add_sources, encircled_fraction, trailed
from simsky.stars import STAR, variability
from simsky.surveys import VIZIER
from simsky.vizier import parse_body

JD = 2457786.95
RA, DEC = 179.28, 0.428


# -- colours and sources ------------------------------------------------------------------------


def test_the_sun_has_solar_colours() -> None:
    sun = {band: mag[0] for band, mag in magnitudes(15.0, 0.51).items()}
    # Willmer 2018 and Casagrande & VandenBerg 2018; the published relations scatter by 0.05.
    for blue, red, colour in (
        ("gp1", "rp1", 0.39),
        ("rp1", "ip1", 0.12),
        ("g", "r", 0.45),
        ("B", "V", 0.65),
        ("V", "R", 0.36),
        ("V", "I", 0.70),
        ("BP", "RP", 0.82),
        ("J", "H", 0.33),
        ("gsm", "rsm", 0.30),
    ):
        assert sun[blue] - sun[red] == pytest.approx(colour, abs=0.06), (blue, red)
    assert sun["G"] == pytest.approx(sun["V"] - 0.15, abs=0.1)


@pytest.mark.parametrize("colour", [0.25, 0.8, 1.4, 2.2])
def test_skymapper_lines_give_the_sloan_magnitudes_back(colour: float) -> None:
    mags = magnitudes(16.0, colour)
    c = mags["gsm"] - mags["ism"]
    lines = {"g": (0.2366, 0.0598), "r": (-0.0318, -0.0011)}
    if c[0] >= 1.5:
        lines = {"g": (-0.1085, 0.5700), "r": (0.0472, -0.1127)}
    for band, (slope, intercept) in lines.items():
        assert mags[f"{band}sm"] + slope * c + intercept == pytest.approx(mags[band], abs=1e-9)


def test_the_chosen_relation_is_exact() -> None:
    colour = np.array([0.3, 0.6, 1.0])
    sdss = magnitudes(16.0 + 0 * colour, colour, Anchors(johnson="SDSS"))
    for band, mag in chonis_gaskell(sdss).items():
        assert sdss[band] == pytest.approx(mag, abs=1e-9)
    gaia = magnitudes(16.0 + 0 * colour, colour, Anchors(johnson="GAIA2", sloan="GAIA2"))
    x = gaia["BP"] - gaia["RP"]
    assert gaia["G"] - gaia["I"] == pytest.approx(0.02085 + 0.7419 * x - 0.09631 * x**2, abs=1e-9)
    default = magnitudes(16.0 + 0 * colour, colour)
    assert np.abs(default["V"] - sdss["V"]).max() < 0.03


def test_the_same_seed_gives_the_same_sky() -> None:
    one, other = Sky.make(5, RA, DEC, 0.1), Sky.make(5, RA, DEC, 0.1)
    assert (one.sources["V"] == other.sources["V"]).all()
    assert len(Sky.make(6, RA, DEC, 0.1).sources) == len(one.sources)
    assert (Sky.make(6, RA, DEC, 0.1).sources["ra_deg"][:5] != one.sources["ra_deg"][:5]).all()


@pytest.mark.parametrize(
    ("ra", "dec"), [(0.0, 10.0), (359.99, -45.0), (123.0, 89.5), (10.0, -90.0)]
)
def test_sources_fill_the_cap_anywhere(ra: float, dec: float) -> None:
    sky = Sky.make(2, ra, dec, 0.4, Field(stars_per_deg2=20000))
    distance = separation_deg(ra, dec, sky.sources["ra_deg"], sky.sources["dec_deg"])
    assert distance.max() <= 0.4 + 1e-9
    assert (distance < 0.4 / np.sqrt(2)).mean() == pytest.approx(0.5, abs=0.02)


def test_the_kinds_of_sources_come_in_the_wanted_numbers() -> None:
    kind = Field(galaxy_fraction=0.1, variable_fraction=0.2, blend_fraction=0.3)
    sources = Sky.make(3, RA, DEC, 0.4, kind).sources
    assert (sources["kind"] != STAR).mean() == pytest.approx(0.1 / 1.1, abs=0.02)
    stars = sources[sources["kind"] == STAR]
    assert (stars["amplitude_mag"] > 0).mean() == pytest.approx(0.2, abs=0.03)
    bright, faint = ((sources["rp1"] < limit).sum() for limit in (17.0, 19.0))
    assert faint / bright == pytest.approx(10**0.6, rel=0.3)
    assert len(np.unique(sources["ident"])) == len(sources)
    assert np.abs(variability(stars, JD)).max() <= 0.3


def test_close_pairs_can_be_left_out() -> None:
    sources = Sky.make(3, RA, DEC, 0.2, Field(min_separation_arcsec=20)).sources
    first = separation_deg(
        sources["ra_deg"][:, None],
        sources["dec_deg"][:, None],
        sources["ra_deg"],
        sources["dec_deg"],
    )
    np.fill_diagonal(first, 1.0)
    assert first.min() * 3600 >= 20


def test_a_mover_moves_and_answers_to_its_names() -> None:
    asteroid = _asteroid(curve_dec_arcsec_min2=0.01, amplitude_mag=0.4)
    ra, dec = asteroid.position(JD + 10 / 1440)
    east, north = sphere.offsets_arcsec(RA, DEC, ra, dec)
    assert (float(east), float(north)) == pytest.approx((12.0, -5.0 + 0.5), abs=1e-6)
    assert [float(rate) for rate in asteroid.rates(JD + 10 / 1440)] == pytest.approx([1.2, -0.4])
    for name in ("3552", "Don Quixote", "don_quixote", "(3552) Don Quixote", "1983 SA"):
        assert asteroid.answers_to(name)
    assert not asteroid.answers_to("Ceres")
    curve = asteroid.lightcurve(JD + np.linspace(0, 0.25, 200))
    assert np.ptp(curve) == pytest.approx(0.4, abs=0.01)
    mags = asteroid.magnitudes(JD)
    assert mags["V"][0] == pytest.approx(17.0 + asteroid.lightcurve(JD))
    sky = Sky.make(1, RA, DEC, 0.05).with_movers(asteroid)
    assert sky.mover("3552") is asteroid
    with pytest.raises(KeyError):
        sky.mover("Ceres")


def _asteroid(**changes: Any) -> Mover:
    values: dict[str, Any] = {
        "epoch_jd": JD,
        "number": 3552,
        "designation": "1983 SA",
        "rate_ra_arcsec_min": 1.2,
        "rate_dec_arcsec_min": -0.5,
    }
    return Mover("Don Quixote", RA, DEC, **(values | changes))


# -- pixels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fwhm_px", [1.2, 2.5, 6.0])
@pytest.mark.parametrize("beta", [2.5, 3.0, 4.5])
def test_a_star_has_its_flux_and_its_place(fwhm_px: float, beta: float) -> None:
    for x, y in ((150.3, 150.8), (151.0, 150.0), (150.5, 149.5)):
        image = np.zeros((301, 301), np.float32)
        star = PointSources(*(np.array([value]) for value in (x, y, 1e6, fwhm_px)))
        add_sources(image, star, beta, floor=1e-3)
        rows, columns = np.indices(image.shape) + 1.0
        distance = np.hypot(columns - x, rows - y)
        radius = 40.0
        inside = image[distance < radius].sum() / 1e6
        assert inside == pytest.approx(float(encircled_fraction(radius, fwhm_px, beta)), abs=2e-4)
        core = distance < 4 * fwhm_px
        for axis, true in ((columns, x), (rows, y)):
            centroid = (image * axis)[core].sum() / image[core].sum()
            assert centroid == pytest.approx(true, abs=0.01)


@pytest.mark.parametrize("fwhm_px", [2.0, 3.0, 5.0])
def test_the_fraction_in_an_aperture_is_known(fwhm_px: float) -> None:
    import sep

    x, y = (grid.ravel() * 60.0 + 40 for grid in np.mgrid[0:5, 0:5])
    x, y = x + np.linspace(-0.5, 0.5, x.size), y + np.linspace(-0.5, 0.5, x.size)[::-1] * 0.9
    image = np.zeros((320, 320), np.float32)
    flux, width = np.full(x.size, 1e6), np.full(x.size, fwhm_px)
    add_sources(image, PointSources(x, y, flux, width), 3.0, floor=1e-2)
    for radius_px in (1.0 * fwhm_px, 2.0 * fwhm_px):
        sums, *_ = sep.sum_circle(image.astype(float), x - 1, y - 1, radius_px, subpix=0)
        expected = float(aperture_fraction(radius_px, fwhm_px, 3.0))
        assert sums.mean() / 1e6 == pytest.approx(expected, abs=2e-3)


def test_stretched_stars_keep_their_flux_and_have_the_axes_asked_for():
    ratio, angle = 0.6, np.radians(30.0)
    stretch = -np.log(ratio) * np.array([[np.cos(2 * angle), np.sin(2 * angle)]])
    place = np.array([[100.3], [99.6], [1e5], [4.0]])
    images = [np.zeros((200, 200), np.float32) for _ in range(2)]
    for image, how in zip(images, (None, stretch), strict=True):
        add_sources(image, PointSources(*place, how), 4.0, floor=1e-4)
    assert images[1].sum() == pytest.approx(images[0].sum(), rel=1e-3)
    dy, dx = np.mgrid[:200, :200] - np.array([98.6, 99.3])[:, None, None]
    near = images[1] * (np.hypot(dx, dy) < 20)
    moments = np.array([[(near * a * b).sum() for a in (dx, dy)] for b in (dx, dy)]) / near.sum()
    values, vectors = np.linalg.eigh(moments)
    assert np.sqrt(values[0] / values[1]) == pytest.approx(ratio, abs=0.06)
    direction = np.arctan2(vectors[1, 1], vectors[0, 1]) % np.pi
    assert direction == pytest.approx(angle, abs=0.03)


def test_a_trail_keeps_flux_and_centre() -> None:
    star = PointSources(*(np.array([value]) for value in (50.2, 40.7, 1e5, 3.0)))
    parts = trailed(star, np.array([12.0]), np.array([-5.0]))
    assert parts.flux.sum() == pytest.approx(1e5)
    assert parts.x_px.mean() == pytest.approx(50.2)
    assert np.ptp(parts.x_px) == pytest.approx(12.0, rel=0.1)
    image = np.zeros((100, 100), np.float32)
    add_sources(image, parts, 3.0, 1e-3)
    assert image.sum() == pytest.approx(1e5, rel=5e-3)


def source_extractor(frame: Any, directory: Path, radius_px: float) -> Table:
    """What the real tool measures, with the true sky level given to it."""
    image, parameters, kernel = (directory / name for name in ("a.fits", "a.param", "a.conv"))
    frame.write(image)
    parameters.write_text("XWIN_IMAGE\nYWIN_IMAGE\nFLUX_APER\nFLUXERR_APER\nFLAGS\n")
    kernel.write_text("CONV NORM\n1 2 1\n2 4 2\n1 2 1\n")
    settings = {
        "CATALOG_NAME": directory / "a.cat",
        "CATALOG_TYPE": "FITS_1.0",
        "PARAMETERS_NAME": parameters,
        "FILTER_NAME": kernel,
        "PHOT_APERTURES": 2 * radius_px,
        "GAIN_KEY": "NONE",
        "GAIN": frame.truth.meta["gain"],
        "SATUR_KEY": "NONE",
        "SATUR_LEVEL": 55000,
        "DETECT_THRESH": 3,
        "ANALYSIS_THRESH": 3,
        "BACK_TYPE": "MANUAL",
        "BACK_VALUE": frame.truth.meta["sky_adu"],
        "VERBOSE_TYPE": "QUIET",
    }
    words = [word for key, value in settings.items() for word in (f"-{key}", str(value))]
    subprocess.run(["source-extractor", str(image), "-c", "/dev/null", *words], check=True)
    return Table.read(directory / "a.cat")


@pytest.mark.parametrize(
    ("telescope", "faults_of_frame"),
    [
        ("VATT4K", {}),
        ("GMOSN", {"distortion_arcsec": 1.0}),
        ("LOWELL42", {"mirrored": True, "scale_error": 0.1, "rotation_error_deg": 30.0}),
    ],
)
def test_source_extractor_finds_the_truth(
    telescope: str, faults_of_frame: Mapping[str, Any], tmp_path: Path
) -> None:
    cam = camera(telescope)
    sky = sky_for(
        cam, 1, RA, DEC, stars_per_frame=500, min_separation_arcsec=35 * cam.scale_arcsec[0],
        galaxy_fraction=0.0, variable_fraction=0.0,
    )  # fmt: skip
    exposure = Exposure(JD, RA, DEC, **faults_of_frame)
    pulls, offsets_mmag, misses_arcsec = [], [], []
    for seed in range(3):
        frame = render(sky, cam, exposure, seed)
        radius_px = 3 * frame.truth.meta["fwhm_px"]
        found = source_extractor(frame, tmp_path, radius_px)
        truth = frame.truth
        distance = np.hypot(
            truth["x"][:, None] - found["XWIN_IMAGE"], truth["y"][:, None] - found["YWIN_IMAGE"]
        )
        match = found[distance.argmin(axis=1)]
        clean = (distance.min(axis=1) < 1.5) & (match["FLAGS"] == 0)
        fraction = encircled_fraction(radius_px, truth.meta["fwhm_px"], cam.moffat_beta)
        true_flux = truth["flux_adu"] * fraction
        pulls.append(((match["FLUX_APER"] - true_flux) / match["FLUXERR_APER"])[clean])
        bright = clean & (truth["flux_adu"] > 3e5)
        offsets_mmag.append(2500 * np.log10(true_flux / match["FLUX_APER"])[bright])
        world = frame.wcs.all_pix2world(match["XWIN_IMAGE"], match["YWIN_IMAGE"], 1)
        miss = 3600 * separation_deg(*world, truth["ra_deg"], truth["dec_deg"])
        misses_arcsec.append(miss[bright])
    assert np.std(np.concatenate(pulls)) == pytest.approx(1.0, abs=0.15)
    assert abs(np.median(np.concatenate(pulls))) < 0.25
    assert abs(np.median(np.concatenate(offsets_mmag))) < 1.5
    assert np.median(np.concatenate(misses_arcsec)) < 0.01


def test_magnitudes_follow_from_counts_by_the_zeropoint() -> None:
    cam = camera("VATT4K", shape=(300, 300))
    frame = render(_small_sky(), cam, Exposure(JD, RA, DEC, cloud_mag=0.7, airmass=1.5))
    mag = frame.truth.meta["zeropoint_mag"] - 2.5 * np.log10(frame.truth["flux_adu"])
    assert np.asarray(mag) == pytest.approx(np.asarray(frame.truth["mag"]), abs=1e-9)
    clear = render(_small_sky(), cam, Exposure(JD, RA, DEC, airmass=1.5))
    dimmed = clear.truth.meta["zeropoint_mag"] - frame.truth.meta["zeropoint_mag"]
    assert dimmed == pytest.approx(0.7)


def _small_sky(**kind: Any) -> Sky:
    return Sky.make(4, RA, DEC, 0.06, Field(**kind))


def test_the_noise_is_what_the_truth_says() -> None:
    cam = camera("VATT4K", shape=(400, 400))
    empty = Sky.make(1, RA + 10, DEC, 0.01)
    for sky_mag in (20.5, 26.0):
        frame = render(empty, cam, Exposure(JD, RA, DEC, sky_mag_arcsec2=sky_mag))
        assert len(frame.truth) == 0
        assert frame.pixels.mean() == pytest.approx(frame.truth.meta["sky_adu"], abs=0.1)
        assert frame.pixels.std() == pytest.approx(frame.truth.meta["noise_adu"], rel=0.01)


def test_everything_that_goes_wrong_goes_wrong() -> None:
    cam = camera("VATT4K", shape=(400, 400))
    sky = _small_sky(r_range=(8.0, 16.0))
    plain = render(sky, cam, Exposure(JD, RA, DEC), seed=1)
    saturated = plain.truth[plain.truth["saturated"]]
    assert len(saturated) >= 1
    assert plain.pixels.max() == cam.saturation_adu
    full = plain.pixels >= cam.saturation_adu
    assert full.sum(axis=0).max() > full.sum(axis=1).max()  # charge runs along columns
    ill = render(sky, cam, Exposure(JD, RA, DEC, cosmic_rays=30, vignetting=0.2, nan_patches=2), 1)
    assert 400 <= np.isnan(ill.pixels).sum() <= 800
    corner, centre = ill.pixels[:30, :30], ill.pixels[180:220, 180:220]
    assert np.nanmedian(corner) / np.nanmedian(centre) == pytest.approx(0.82, abs=0.06)


def test_the_entry_decides_the_orientation() -> None:
    exposure = Exposure(JD, RA, DEC)
    for telescope, right, up in (("VATT4K", (-1, 0), (0, 1)), ("CTIO09", (-1, 0), (0, -1))):
        frame = render(_small_sky(), camera(telescope, shape=(200, 200)), exposure)
        ra, dec = frame.wcs.all_pix2world([100.5, 110.5, 100.5], [100.5, 100.5, 110.5], 1)
        east, north = sphere.offsets_arcsec(ra[0], dec[0], ra[1:], dec[1:])
        scale = 10 * camera(telescope).scale_arcsec[0]
        assert (east / scale, north / scale) == (
            pytest.approx([right[0], up[0]], abs=1e-3),
            pytest.approx([right[1], up[1]], abs=1e-3),
        )


def test_distortion_displaces_the_corners_and_not_the_centre() -> None:
    cam = camera("VATT4K", shape=(500, 500))
    plain = render(_small_sky(), cam, Exposure(JD, RA, DEC)).wcs
    bent = render(_small_sky(), cam, Exposure(JD, RA, DEC, distortion_arcsec=1.0)).wcs
    x, y = np.array([250.5, 0.5]), np.array([250.5, 0.5])
    shift = 3600 * separation_deg(*plain.all_pix2world(x, y, 1), *bent.all_pix2world(x, y, 1))
    assert shift == pytest.approx([0.0, 1.0], abs=1e-3)
    sky_x, sky_y = bent.all_world2pix(*bent.all_pix2world(x, y, 1), 1)
    assert (sky_x, sky_y) == (pytest.approx(x, abs=1e-3), pytest.approx(y, abs=1e-3))


def test_stars_or_the_target_trail() -> None:
    cam = camera("VATT4K", shape=(400, 400))
    sky = _small_sky().with_movers(_asteroid(v_mag=15.0))
    sidereal = render(sky, cam, Exposure(JD, RA, DEC, exptime_s=300)).truth
    tracked = render(
        sky, cam, Exposure(JD, RA, DEC, exptime_s=300, tracking_arcsec_min=(1.2, -0.5))
    ).truth
    for truth, target_px, star_px in ((sidereal, 6.5 / 0.375, 0.0), (tracked, 0.0, 6.5 / 0.375)):
        trail = 300 * np.hypot(truth["vx_px_s"], truth["vy_px_s"])
        target = truth["name"] == "3552 Don Quixote (1983 SA)"
        assert target.sum() == 1
        assert trail[target] == pytest.approx(target_px, abs=0.02)
        assert trail[~target] == pytest.approx(star_px, abs=0.02)


def test_a_bad_header_is_made_on_request() -> None:
    exposure = Exposure(JD, RA, DEC, cards={"FILTER": None, "OBJECT": "<b>x</b>"})
    header = render(_small_sky(), camera("VATT4K", shape=(50, 50)), exposure).header
    assert "FILTER" not in header
    assert header["OBJECT"] == "<b>x</b>"


# -- headers and files --------------------------------------------------------------------------


@pytest.mark.parametrize("telescope", sorted(entries()))
def test_the_product_reads_every_dialect(telescope: str, tmp_path: Path) -> None:
    cam = camera(telescope, shape=(40, 50))
    chip = 2 if "chip_id" in cam.parameters else None
    exposure = Exposure(
        JD, 10.0, -20.0, exptime_s=90, chip=chip, object_name="3552", airmass=1.3,
        pointing_error_arcsec=(40.0, -30.0),
    )  # fmt: skip
    rendered = render(Sky.make(1, 10.0, -20.0, 0.02), cam, exposure)
    rendered.write(tmp_path / "a.fits")
    frame = ProductFrame.read(tmp_path / "a.fits")
    assert frame.telescope.keyword == telescope
    assert frame.shape == (40, 50)
    assert frame.exptime_s == 90
    assert frame.midtime_jd == pytest.approx(JD, abs=0.01 / 86400)
    assert frame.binning == cam.binning
    assert (frame.band or "") == rendered.truth.meta["band"]
    assert frame.airmass == pytest.approx(1.3)
    assert frame.object_name == "3552"
    offset = cam.parameters.get("chip_offset_fixed", {}).get(chip, (0.0, 0.0))
    centre = sphere.shifted(*frame.pointing(), 3600 * offset[0], 3600 * offset[1])
    east, north = sphere.offsets_arcsec(10.0, -20.0, *centre)
    assert (float(east), float(north)) == pytest.approx((40.0, -30.0), abs=0.5)


def test_a_night_is_written_with_its_truth(tmp_path: Path) -> None:
    cam = camera("LOWELL42", shape=(300, 300))
    sky = sky_for(cam, 1, 0.0, 40.0).with_movers(replace(_asteroid(), ra_deg=0.0, dec_deg=40.0))
    plan = night(cam, 0.0, 40.0, count=3, start_jd=JD, cloud_mag=0.5, follow=(1.2, -0.5))
    paths = observe(sky, cam, plan, tmp_path, prefix="a")
    assert [path.name for path in paths] == ["a0001.fits", "a0002.fits", "a0003.fits"]
    for path, exposure in zip(paths, plan, strict=True):
        truth = read_truth(path)
        assert fits.getdata(path).dtype == np.uint16
        assert truth.meta["midtime_jd"] == exposure.midtime_jd
        x, y = truth_wcs(truth).all_world2pix(truth["ra_deg"], truth["dec_deg"], 1)
        assert x == pytest.approx(np.asarray(truth["x"]), abs=1e-6)
        assert y == pytest.approx(np.asarray(truth["y"]), abs=1e-6)
        target = truth[truth["kind"] == 1]
        assert len(target) == 1
        true = sky.mover("3552").position(exposure.midtime_jd)
        assert separation_deg(*true, target["ra_deg"], target["dec_deg"]) < 1e-9


def test_the_command_writes_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["vatt4k", str(tmp_path / "n"), "--frames", "2", "--size", "200", "--target", "0.6"]
    assert main(words) == 0
    assert "2 frames of VATT4K" in capsys.readouterr().out
    assert len(list((tmp_path / "n").glob("mscience*.fits"))) == 2
    assert len(list((tmp_path / "n" / "truth").glob("*.ecsv"))) == 2


def test_the_command_takes_a_detector_of_a_mosaic(tmp_path: Path) -> None:
    words = ["UKIRTWFCAM", str(tmp_path), "--frames", "1", "--size", "200"]
    assert main([*words, "--chip", "3"]) == 0
    assert fits.getheader(tmp_path / "mscience0001.fits")["CAMNUM"] == 3
    assert main(words) == 0


def test_frames_are_made_quickly() -> None:
    import time

    cam = camera("VATT4K")
    sky = sky_for(cam, 1, RA, DEC)
    plan = night(cam, RA, DEC, count=5, start_jd=JD)
    start = time.perf_counter()
    for exposure in plan:
        render(sky, cam, exposure)
    assert time.perf_counter() - start < 5 * 1.0  # alone it takes 0.1 s for each


# -- services -----------------------------------------------------------------------------------


class Detour(HTTPAdapter):
    """Sends the requests of a client to another address."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def send(self, request: requests.PreparedRequest, *rest: Any, **options: Any) -> Any:
        parts = urlsplit(str(request.url))
        request.url = f"{self.address}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().send(request, *rest, **options)


@pytest.fixture(scope="module")
def busy_sky() -> Sky:
    cam = camera("VATT4K")
    comet = Mover(
        "Encke", RA, DEC, JD, designation="2P", kind="comet", apparitions=3, fragments=("A",)
    )
    planets = [
        Mover(name, 100.0, 0.0, JD, kind="major", major_code=code)
        for name, code in (("Mars Barycenter", 4), ("Mars", 499))
    ]
    sky = sky_for(cam, 1, RA, DEC, blend_fraction=0.05, variable_fraction=0.05)
    return sky.with_movers(_asteroid(ephemeris_error_arcsec=(0.5, 0.0)), comet, *planets)


@pytest.fixture
def busy(busy_sky: Sky) -> Any:
    with SkyServer(busy_sky) as server:
        yield server


def _vizier(server: SkyServer, **options: Any) -> Any:
    from astroquery.vizier import Vizier

    client = Vizier(**({"columns": ["**"], "row_limit": -1} | options))
    client._session.mount("https://", Detour(server.address("vizier")))
    return client


CENTRE = SkyCoord(RA, DEC, unit="deg")


@pytest.mark.parametrize("table", sorted(VIZIER))
def test_every_table_of_vizier_is_served(table: str, busy_sky: Sky) -> None:
    with SkyServer(busy_sky) as server:
        answer = _vizier(server).query_region(
            CENTRE, radius=0.2 * u.deg, catalog=table, cache=False
        )
    if table == "I/337/tgas":
        assert len(answer) == 0  # no star that bright
        return
    assert answer.keys() == [table]
    ra, dec = (
        next(name for name in answer[0].colnames if name in names)
        for names in (("RA_ICRS", "RAJ2000", "RAICRS"), ("DE_ICRS", "DEJ2000", "DEICRS"))
    )
    distance = separation_deg(RA, DEC, answer[0][ra], answer[0][dec])
    assert distance.max() <= 0.2 + 1e-6
    assert len(answer[0]) >= 5


def test_vizier_sorts_limits_filters_and_cuts_boxes(busy: SkyServer) -> None:
    columns = ["objID", "RAJ2000", "DEJ2000", "+rmag", "nonsense"]
    client = _vizier(busy, columns=columns, row_limit=7, column_filters={"rmag": "<19"})
    (table,) = client.query_region(CENTRE, radius=0.1 * u.deg, catalog="II/349/ps1", cache=False)
    assert table.colnames == ["objID", "RAJ2000", "DEJ2000", "rmag"]
    assert len(table) == 7
    assert (np.diff(table["rmag"]) >= 0).all()
    (box,) = _vizier(busy).query_region(
        CENTRE, width=0.1 * u.deg, height=0.04 * u.deg, catalog="II/349/ps1", cache=False
    )
    assert np.abs(box["RAJ2000"] - RA).max() <= 0.05 + 1e-6
    assert np.abs(box["DEJ2000"] - DEC).max() <= 0.02 + 1e-6
    assert parse_body("-c=<<==X\n1 2\n3 4\n==X\n-out=a")["-c"] == "1 2\n3 4"


def test_catalogs_scatter_as_they_say(busy_sky: Sky) -> None:
    with SkyServer(busy_sky) as server, SkyServer(busy_sky, catalog_noise=0.0) as exact:
        tables = [
            _vizier(each).query_region(
                CENTRE, radius=0.2 * u.deg, catalog="II/349/ps1", cache=False
            )[0]
            for each in (server, exact)
        ]
    noisy, true = ({row["objID"]: row for row in table} for table in tables)
    both = [key for key in noisy.keys() & true.keys() if 13.6 < true[key]["rmag"] < 21.5]
    pull = [(noisy[key]["rmag"] - true[key]["rmag"]) / noisy[key]["e_rmag"] for key in both]
    assert np.std(pull) == pytest.approx(1.0, abs=0.1)
    in_the_sky = {row["ident"]: row["rp1"] for row in busy_sky.sources}
    difference = [true[key]["rmag"] - in_the_sky[key - 107_000_000_000_000_000] for key in both]
    assert np.abs(difference).max() < 1e-4


def _horizons(server: SkyServer, name: str, id_type: str | None, **options: Any) -> Table:
    from astroquery.jplhorizons import Horizons

    client = Horizons(id=name, id_type=id_type, location="290", epochs=[JD, JD + 0.01])
    client._session.mount("https://", Detour(server.address("horizons")))
    return client.ephemerides(quantities="1,3,9,19,20,24,36", cache=False, **options)


def test_horizons_gives_the_prediction(busy: SkyServer, busy_sky: Sky) -> None:
    asteroid = busy_sky.mover("3552")
    for name, id_type in (
        ("3552", "smallbody"),
        ("1983 SA", "designation"),
        ("Don Quixote", "name"),
    ):
        table = _horizons(busy, name, id_type, extra_precision=True)
        assert table["targetname"][0] == "3552 Don Quixote (1983 SA)"
        ra, dec = asteroid.predicted_position(np.array([JD, JD + 0.01]))
        assert np.asarray(table["RA"]) == pytest.approx(ra, abs=1e-8)
        assert np.asarray(table["DEC"]) == pytest.approx(dec, abs=1e-8)
        assert table["RA_rate"][0] == pytest.approx(72.0)
        assert table["V"][0] == pytest.approx(17.0)
        assert table["RA_3sigma"][0] == pytest.approx(0.3)
    comet = _horizons(busy, "2P", "designation", closest_apparition=True, no_fragments=True)
    assert comet["targetname"][0] == "2P/Encke"
    assert comet["Tmag"][0] == pytest.approx(17.0)
    assert _horizons(busy, "499", None)["targetname"][0] == "Mars (499)"
    assert busy.count("horizons") == 5


@pytest.mark.parametrize(
    ("name", "id_type", "complaint"),
    [
        ("Vulcan", "smallbody", "Unknown target"),
        ("2P", "designation", "Ambiguous target name"),
        ("Mars", None, "Ambiguous target name"),
        ("Ceres", None, "Unknown target"),
    ],
)
def test_horizons_refuses_as_it_does(
    name: str, id_type: str | None, complaint: str, busy: SkyServer
) -> None:
    with pytest.raises(ValueError, match=complaint):
        _horizons(busy, name, id_type)


def test_horizons_has_no_ephemeris_beyond_the_arc() -> None:
    sky = Sky.make(1, RA, DEC, 0.05).with_movers(_asteroid(valid_jd=(JD - 100, JD - 50)))
    with SkyServer(sky) as server, pytest.raises(ValueError, match="No ephemeris for target"):
        _horizons(server, "3552", "smallbody")


def test_horizons_answers_json_and_steps_and_batch_files(busy: SkyServer) -> None:
    address = f"{busy.address('horizons')}/api/horizons.api"
    query = {
        "COMMAND": "'3552;'", "START_TIME": "'2017-02-02'", "STOP_TIME": "'2017-02-03'",
        "STEP_SIZE": "'6h'", "QUANTITIES": "'1,9'",
    }  # fmt: skip
    result = requests.get(address, query, timeout=5).json()["result"]
    assert result.count("2017-Feb-0") == 5
    batch = "!$$SOF\nCOMMAND='3552;'\nTLIST='2457786.9'\n'2457786.91'\nQUANTITIES='1,9'\n!$$EOF\n"
    reply = requests.post(address, data=batch, params={"format": "text"}, timeout=5).text
    lines = reply.partition("$$SOE\n")[2].partition("$$EOE")[0].splitlines()
    assert [float(line.split(",")[1]) for line in lines] == [2457786.9, 2457786.91]
    nothing = requests.get(address, {**query, "TLIST": "", "format": "text"}, timeout=5).text
    assert "no TLIST values" in nothing


def test_skybot_finds_what_is_there(busy: SkyServer, busy_sky: Sky) -> None:
    from astroquery.imcce import SkybotClass

    client = SkybotClass()
    client._session.mount("https://", Detour(busy.address("skybot")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = client.cone_search(CENTRE, 0.1 * u.deg, JD, location="290", cache=False)
        assert list(found["Name"]) == ["Don Quixote", "Encke"]
        ra, dec = busy_sky.mover("3552").predicted_position(JD)
        assert found["RA"][0].to_value("deg") == pytest.approx(float(ra), abs=2e-6)
        assert found["DEC"][0].to_value("deg") == pytest.approx(float(dec), abs=2e-6)
        elsewhere = SkyCoord(RA + 5, DEC, unit="deg")
        empty = client.cone_search(elsewhere, 0.1 * u.deg, JD, location="290", cache=False)
        assert len(empty) == 0


def test_skyserver_understands_the_query(busy: SkyServer) -> None:
    from astroquery.sdss import SDSSClass

    client = SDSSClass()
    client._session.mount("https://", Detour(busy.address("sdss")))
    sql = (
        f"SELECT TOP 6 p.objID, p.ra, p.dec, p.psfMag_g FROM dbo.fGetNearbyObjEq({RA},{DEC},6.0) n "
        "JOIN PhotoPrimary p ON p.objID=n.objID WHERE p.type=6 AND p.psfMag_g<21.0 "
        "ORDER BY p.psfMag_g"
    )
    table = client.query_sql(sql, data_release=17, cache=False)
    assert table.colnames == ["objID", "ra", "dec", "psfMag_g"]
    assert len(table) == 6
    assert (np.diff(table["psfMag_g"]) >= 0).all()
    assert requests.get(busy.address("sdss"), {"cmd": "DROP TABLE x"}, timeout=5).status_code == 500


def test_mast_gives_the_mean_objects(busy: SkyServer) -> None:
    from astroquery.mast import conf
    from astroquery.mast.collections import CatalogsClass

    client = CatalogsClass()
    client._service_api_connection._session.mount("https://", Detour(busy.address("mast")))
    with conf.set_temp("catalogs_server", busy.address("mast")):
        table = client.query_region(
            CENTRE,
            radius=0.1 * u.deg,
            catalog="Panstarrs",
            data_release="dr2",
            table="mean",
            columns=["objID", "raMean", "rMeanPSFMag"],
            rMeanPSFMag=[("lt", 19)],
            sort_by=["rMeanPSFMag.asc"],
            pagesize=8,
        )
    assert table.colnames == ["objID", "raMean", "rMeanPSFMag"]
    assert len(table) == 8
    assert (np.diff(table["rMeanPSFMag"]) >= 0).all()
    assert table["rMeanPSFMag"].max() < 19


# -- faults -------------------------------------------------------------------------------------


def _ask(server: SkyServer, name: str = "vizier", **options: Any) -> requests.Response:
    body = f"-source=II/246/out\n-c={RA}+{DEC}\n-c.rd=0.05\n"
    address = f"{server.address(name)}/viz-bin/votable"
    return requests.post(address, data=body, **({"timeout": 2.0} | options))


def test_every_fault_shows(busy: SkyServer) -> None:
    whole = _ask(busy).text
    assert whole.startswith("<?xml")
    lost = requests.exceptions.ConnectionError
    for fault, error in (
        (faults.RESET, lost),
        (faults.CLOSED, lost),
        (faults.SILENT, requests.exceptions.ReadTimeout),
        (faults.TRUNCATED, requests.exceptions.ChunkedEncodingError),
        (faults.REDIRECT_LOOP, requests.exceptions.TooManyRedirects),
    ):
        busy.heal()
        busy.fail(fault)
        with pytest.raises(error):
            _ask(busy, timeout=0.3)
    for fault, status in ((faults.ERROR_500, 500), (faults.NOT_FOUND, 404), (faults.TOO_MANY, 429)):
        busy.heal()
        busy.fail(fault)
        assert _ask(busy).status_code == status
    for fault, text in (
        (faults.PAGE, "<html>"),
        (faults.DOWN, "maintenance"),
        (faults.EMPTY, ""),
        (faults.EMPTY_TABLE, "<TABLEDATA>"),
        (faults.WRONG_COLUMNS, 'name="xJmag"'),
        (faults.BLANK_VALUES, "<TD></TD>"),
        (faults.LATE, whole),
    ):
        busy.heal()
        busy.fail(fault)
        assert text in _ask(busy).text
    assert _ask(busy).headers["Content-Type"] == "text/xml"


def test_a_drip_outlasts_the_read_timeout(busy: SkyServer) -> None:
    busy.fail(replace(faults.DRIP, byte_pause_s=0.02))
    reply = _ask(busy, timeout=1.0, stream=True)
    pieces = [next(reply.iter_content(1)) for _ in range(10)]
    assert b"".join(pieces) == b"<?xml vers"
    reply.close()


def test_faults_strike_the_chosen_requests_only(busy: SkyServer) -> None:
    busy.fail(replace(faults.ERROR_503, service="vizier", server="vizier", first=2, times=1))
    assert [_ask(busy).status_code for _ in range(3)] == [200, 503, 200]
    assert _ask(busy, "vizier2").status_code == 200
    assert busy.count("vizier") == 4
    assert [request.server for request in busy.requests] == ["vizier"] * 3 + ["vizier2"]
    busy.heal()
    assert busy.count() == 0
    busy.stop("vizier")
    with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
        _ask(busy)


def test_vsx_is_counted_for_itself(busy: SkyServer) -> None:
    busy.fail(replace(faults.ERROR_500, service="vsx"))
    body = f"-source=B/vsx/vsx\n-c={RA}+{DEC}\n-c.rd=0.05\n"
    reply = requests.post(f"{busy.address('vizier')}/viz-bin/votable", data=body, timeout=2)
    assert reply.status_code == 500
    assert _ask(busy).status_code == 200
    assert busy.count("vsx") == 1


def test_settings_lead_to_the_server(busy: SkyServer, tmp_path: Path) -> None:
    from photpipe.run.settings import Settings

    busy.write_settings(tmp_path)
    services = Settings.load(tmp_path).services
    assert services.vizier == (busy.address("vizier"), busy.address("vizier2"))
    assert services.mast == (busy.address("mast"),)
    assert busy.service_settings(retries=0).retries == 0


# -- the guard ----------------------------------------------------------------------------------


def test_no_test_reaches_the_network() -> None:
    with pytest.raises(pytest.fail.Exception, match="looks up"):
        requests.get("http://example.org/", timeout=1)
    for family, address in (
        (socket.AF_INET, ("192.0.2.1", 80)),
        (socket.AF_INET6, ("2001:db8::1", 80)),
    ):
        with socket.socket(family) as probe, pytest.raises(pytest.fail.Exception, match="connects"):
            probe.connect(address)
    assert is_local("127.0.0.1")
    assert is_local("::1")
    assert not is_local("10.0.0.1")
