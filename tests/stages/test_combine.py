"""Stacks of a simulated night: fluxes, depth, times and masks are those of the truth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import pp_combine
import pp_prepare
from photpipe import fitsfile
from photpipe.frames import Frame
from tests.simsky import Mover, SkyServer, camera, night, observe, read_truth, sky_for, truth_wcs

COUNT = 9
RATE = (3.0, -2.0)
FIELD = (0.02, 30.0)  # across 0h
TARGET = Mover(
    "Don Quixote",
    *FIELD,
    epoch_jd=2457786.96,
    number=3552,
    designation="1983 SA",
    rate_ra_arcsec_min=RATE[0],
    rate_dec_arcsec_min=RATE[1],
    v_mag=16.0,
)


class Night:
    """Frames with their true WCS, as pp_register would leave them."""

    def __init__(self, directory: Path, *, faint_mag: float | None = None) -> None:
        cam = camera("VATT4K", shape=(640, 600))
        target = replace(TARGET, v_mag=faint_mag) if faint_mag else TARGET
        sky = sky_for(cam, 5, *FIELD, stars_per_frame=130, min_separation_arcsec=12.0)
        self.sky = sky.with_movers(target)
        plan = night(cam, *FIELD, count=COUNT, start_jd=2457786.95, seed=5, object_name="3552")
        self.paths = observe(self.sky, cam, plan, directory)
        self.directory = directory
        names = [str(path) for path in self.paths]
        assert pp_prepare.main(["-quiet", *names]) == 0
        for path in self.paths:
            true = truth_wcs(read_truth(path))
            cards = true.to_header()
            wcs = {key: cards[key] for key in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")}
            steps = true.pixel_scale_matrix
            wcs |= {f"CD{i + 1}_{j + 1}": float(steps[i, j]) for i in (0, 1) for j in (0, 1)}
            fitsfile.update_header(path, wcs)

    def combine(self, *words: str) -> int:
        return pp_combine.main([*words, *map(str, self.paths)])


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Night:
    return Night(tmp_path_factory.mktemp("combine"))


def stack_of(directory: Path, name: str) -> tuple[np.ndarray, Frame]:
    return fits.getdata(directory / name).astype(float), Frame.read(directory / name)


def aperture_sum(pixels: np.ndarray, x: float, y: float, radius: float = 14.0) -> float:
    """Sum minus local background (x, y in FITS pixels); NaN near edges."""
    rows, columns = np.indices(pixels.shape)
    distance = np.hypot(columns + 1 - x, rows + 1 - y)
    ring = pixels[(distance > radius + 3) & (distance < radius + 9)]
    inside = pixels[distance < radius]
    return float(inside.sum() - inside.size * np.median(ring))


def star_offsets(nights: Night, pixels: np.ndarray, stack: Frame) -> np.ndarray:
    """Magnitude in the stack minus that of the mean of the frames, of bright isolated stars."""
    truths = [read_truth(path) for path in nights.paths]
    images = [fits.getdata(path).astype(float) for path in nights.paths]
    rows = [{row["ident"]: row for row in truth} for truth in truths]
    first, offsets = truths[0], []
    for star in first[(first["kind"] == 6) & ~first["varies"] & ~first["saturated"]]:
        near = np.sort(np.hypot(first["x"] - star["x"], first["y"] - star["y"]))
        if star["flux_adu"] < 20000 or near[1] < 30 or any(star["ident"] not in r for r in rows):
            continue
        x, y = stack.wcs().all_world2pix(star["ra_deg"], star["dec_deg"], 1)
        places = [
            (float(x), float(y)),
            *((r[star["ident"]]["x"], r[star["ident"]]["y"]) for r in rows),
        ]
        limits = [pixels.shape, *(image.shape for image in images)]
        if not all(
            25 < x < shape[1] - 25 and 25 < y < shape[0] - 25
            for (x, y), shape in zip(places, limits, strict=True)
        ):
            continue
        singles = [aperture_sum(i, *place) for i, place in zip(images, places[1:], strict=True)]
        offsets.append(-2.5 * np.log10(aperture_sum(pixels, *places[0]) / np.mean(singles)))
    return np.array(offsets)


@pytest.mark.parametrize("method", ["average", "clipped", "median"])
def test_sky_stack_keeps_the_flux_of_stars(nights: Night, method: str) -> None:
    assert nights.combine("-method", method) == 0
    pixels, frame = stack_of(nights.directory, "skycoadd.fits")
    offsets = star_offsets(nights, pixels, frame)
    assert len(offsets) >= 8
    # a median of different seeings does not conserve flux, as the manual says
    assert abs(np.median(offsets)) < (0.02 if method == "median" else 0.01)
    assert frame.midtime_jd == pytest.approx(
        np.mean([read_truth(path).meta["midtime_jd"] for path in nights.paths]), abs=1e-7
    )
    assert frame.header["NCOMBINE"] == COUNT
    single = Frame.read(nights.paths[0])
    assert frame.telescope.keyword == "VATT4K"
    assert frame.exptime_s == pytest.approx(60.0)
    assert frame.band == single.band
    assert single.gain is not None
    factor = COUNT * (2 / np.pi if method == "median" else 1)
    assert frame.gain == pytest.approx(single.gain * factor)
    assert frame.pixel_scale_arcsec[0] == pytest.approx(0.375, rel=1e-3)


def test_depth_grows_with_the_root_of_the_frames(nights: Night) -> None:
    def noise(pixels: np.ndarray) -> float:
        rng = np.random.default_rng(1)
        values = [
            aperture_sum(pixels, float(x), float(y), 6.0) for x, y in rng.uniform(60, 480, (300, 2))
        ]
        values = np.array(values)[np.isfinite(values)]
        return float(1.4826 * np.median(np.abs(values - np.median(values))))

    assert nights.combine("-method", "average") == 0
    pixels, _ = stack_of(nights.directory, "skycoadd.fits")
    single, _ = stack_of(nights.directory, nights.paths[4].name)
    assert noise(single) / noise(pixels) == pytest.approx(np.sqrt(COUNT), rel=0.15)


def test_uncovered_pixels_are_nan(nights: Night, tmp_path: Path) -> None:
    hole = (slice(240, 400), slice(220, 380))  # larger than the dithers
    for path in nights.paths:
        with fits.open(path) as hdus:
            pixels = hdus[0].data.astype(np.float32)
            pixels[hole] = np.nan
            fits.PrimaryHDU(pixels, hdus[0].header).writeto(tmp_path / path.name)
    assert pp_combine.main([str(path) for path in sorted(tmp_path.glob("*.fits"))]) == 0
    pixels, _ = stack_of(tmp_path, "skycoadd.fits")
    assert np.isnan(pixels).sum() > 1000
    assert np.nanmin(pixels) > 100  # no zero, no garbage where nothing is known


def test_inputs_are_untouched_and_nothing_is_left(nights: Night) -> None:
    before = [path.read_bytes() for path in nights.paths]
    assert nights.combine("-method", "average") == 0
    assert [path.read_bytes() for path in nights.paths] == before
    assert not list(nights.directory.glob("*.head"))
    assert not list(nights.directory.glob("*.weight.fits"))


def target_offset(nights: Night) -> float:
    """Magnitude of the target in the comoving stack minus that of the mean of the frames."""
    pixels, stack = stack_of(nights.directory, "comove.fits")
    truths = [read_truth(path) for path in nights.paths]
    rows = [truth[truth["kind"] == 1][0] for truth in truths]
    jd = [truth.meta["midtime_jd"] for truth in truths]
    ra = np.interp(stack.midtime_jd, jd, (np.array([r["ra_deg"] for r in rows]) + 180) % 360)
    dec = np.interp(stack.midtime_jd, jd, [r["dec_deg"] for r in rows])
    x, y = stack.wcs().all_world2pix((ra - 180) % 360, dec, 1)
    images = [fits.getdata(path).astype(float) for path in nights.paths]
    singles = [aperture_sum(i, r["x"], r["y"]) for i, r in zip(images, rows, strict=True)]
    total = aperture_sum(pixels, float(x), float(y))
    return float(-2.5 * np.log10(total / np.median(singles)))


@pytest.mark.parametrize("words", [("-comoving",), ("-manual_rates", "0.05", "-0.0333333")])
def test_comoving_stack_keeps_the_flux_of_the_target(nights: Night, words: tuple[str, ...]) -> None:
    with SkyServer(nights.sky) as server:
        server.write_settings(nights.directory)
        assert nights.combine("-method", "average", *words) == 0
        if words == ("-comoving",):
            assert server.count("horizons") == 1
    (nights.directory / "photpipe.toml").unlink()
    assert abs(target_offset(nights)) < 0.01


def test_too_few_frames_and_unprepared_ones(
    nights: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pp_combine.main([str(nights.paths[0])]) == 1
    assert "1 frames can be combined, 2 are needed" in capsys.readouterr().out
    bad = nights.directory / "bad.fits"
    bad.write_bytes(b"")
    try:
        assert nights.combine("-method", "average", str(bad)) == 3
    finally:
        bad.unlink()


def test_no_target_and_keep_files(nights: Night, capsys: pytest.CaptureFixture[str]) -> None:
    assert nights.combine("-comoving", "-targetname", "HD 12345", "-offline") == 1
    assert "no Solar System object" in capsys.readouterr().out
    assert nights.combine("-keep_files", "-method", "average") == 0
    assert (nights.directory / "skycoadd_files" / "stack.weight.fits").is_file()
