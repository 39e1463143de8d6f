"""Nights for stacks: frames as pp_register leaves them, and how bright things are in a stack."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

import pp_combine
from photpipe.fits.fitsfile import update_header
from photpipe.instruments.frames import Frame
from simsky import Mover, Sky, camera, night, observe, read_truth, sky_for
from tests.prepared import make_prepared

COUNT = 9
RATE = (3.0, -2.0)  # arcsec per minute
FIELD = (0.02, 30.0)  # across 0h
START_JD = 2457786.95


def target(v_mag: float = 16.0, field: tuple[float, float] = FIELD) -> Mover:
    """Asteroid 3552 in the middle of the field."""
    return Mover(
        "Don Quixote",
        *field,
        epoch_jd=2457786.96,
        number=3552,
        designation="1983 SA",
        rate_ra_arcsec_min=RATE[0],
        rate_dec_arcsec_min=RATE[1],
        v_mag=v_mag,
    )


class Night:
    """Frames with their true WCS, as pp_register would leave them."""

    def __init__(
        self,
        directory: Path,
        *,
        count: int = COUNT,
        v_mag: float = 16.0,
        field: tuple[float, float] = FIELD,
        shape: tuple[int, int] = (640, 600),
        stars: float = 130,
        exptimes_s: Sequence[float] = (),
        seed: int = 5,
        **plan: Any,
    ) -> None:
        self.camera = camera("VATT4K", shape=shape)
        sky = sky_for(self.camera, seed, *field, stars_per_frame=stars, min_separation_arcsec=12.0)
        self.sky: Sky = sky.with_movers(target(v_mag, field))
        exposures = night(
            self.camera,
            *field,
            count=count,
            start_jd=START_JD,
            seed=seed,
            object_name="3552",
            **plan,
        )
        for exposure, exptime_s in zip(exposures, exptimes_s, strict=False):
            object.__setattr__(exposure, "exptime_s", exptime_s)
        self.paths = make_prepared(
            observe(self.sky, self.camera, exposures, directory), self.camera
        )
        for path in self.paths:
            update_header(path, {"REGSTAT": "registered", "REGCAT": "GAIA"})
        self.directory = directory
        self.truths = [read_truth(path) for path in self.paths]

    @property
    def names(self) -> list[str]:
        return [str(path) for path in self.paths]

    def combine(self, *words: str) -> int:
        return pp_combine.main([*words, *self.names])


def stack_of(directory: Path, name: str = "skycoadd.fits") -> tuple[np.ndarray, Frame]:
    return fits.getdata(directory / name).astype(float), Frame.read(directory / name)


def aperture_sum(pixels: np.ndarray, x: float, y: float, radius: float = 14.0) -> float:
    """Sum minus local background (x, y in FITS pixels); NaN near edges."""
    reach = int(radius) + 10
    column, row = int(x - 0.5), int(y - 0.5)
    if not (reach <= column < pixels.shape[1] - reach and reach <= row < pixels.shape[0] - reach):
        return float("nan")
    stamp = pixels[row - reach : row + reach + 1, column - reach : column + reach + 1]
    rows, columns = np.indices(stamp.shape)
    distance = np.hypot(columns + column - reach + 1 - x, rows + row - reach + 1 - y)
    ring = stamp[(distance > radius + 3) & (distance < radius + 9)]
    inside = stamp[distance < radius]
    return float(inside.sum() - inside.size * np.median(ring))


def star_offsets(
    night: Night, faintest_adu: float = 20000.0, scales: Sequence[float] | None = None
) -> np.ndarray:
    """Magnitude in the sky stack minus that of the mean of the (scaled) frames.

    Of isolated constant stars, brightest first; stars near an edge are left out.
    """
    pixels, stack = stack_of(night.directory)
    images = [fits.getdata(path).astype(float) for path in night.paths]
    rows = [{row["ident"]: row for row in truth} for truth in night.truths]
    first, offsets = night.truths[0].copy(), []
    first.sort("flux_adu", reverse=True)
    for star in first[(first["kind"] == 6) & ~first["varies"] & ~first["saturated"]]:
        near = np.sort(np.hypot(first["x"] - star["x"], first["y"] - star["y"]))
        if star["flux_adu"] < faintest_adu or near[1] < 30:
            continue
        if any(star["ident"] not in row for row in rows):
            continue
        x, y = stack.wcs().all_world2pix(star["ra_deg"], star["dec_deg"], 1)
        singles = [
            aperture_sum(image, row[star["ident"]]["x"], row[star["ident"]]["y"])
            for image, row in zip(images, rows, strict=True)
        ]
        mean = np.mean(np.multiply(singles, 1.0 if scales is None else scales))
        offsets.append(-2.5 * np.log10(aperture_sum(pixels, float(x), float(y)) / mean))
    values = np.array(offsets)
    return values[np.isfinite(values)]


def target_offset(night: Night) -> float:
    """Magnitude of the target in the comoving stack minus that of the mean of the frames."""
    pixels, stack = stack_of(night.directory, "comove.fits")
    rows = [truth[truth["kind"] == 1][0] for truth in night.truths]
    jd = [truth.meta["midtime_jd"] for truth in night.truths]
    middle = rows[0]["ra_deg"]
    ra = np.interp(stack.midtime_jd, jd, [(r["ra_deg"] - middle + 180) % 360 for r in rows])
    dec = np.interp(stack.midtime_jd, jd, [r["dec_deg"] for r in rows])
    x, y = stack.wcs().all_world2pix((ra - 180 + middle) % 360, dec, 1)
    images = [fits.getdata(path).astype(float) for path in night.paths]
    singles = [aperture_sum(i, r["x"], r["y"]) for i, r in zip(images, rows, strict=True)]
    return float(-2.5 * np.log10(aperture_sum(pixels, float(x), float(y)) / np.median(singles)))
