"""Trails, bright columns and cosmic rays over targets, against a simulated sky of known truth.

Run from the clone with ``python benchmarks/trails.py``; ``-fields N`` takes more fields of each
kind, ``-places N`` more places in each. In sparse and crowded fields apertures are put on places at
random; the stars that a frame shows at 5 sigma are known, as other frames of a night would tell
them. Trails cross the apertures in all directions, off the middle by up to the seeing.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.accuracy import Row, print_table
from photpipe.science import trails
from photpipe.science.cosmicrays import hit_in
from photpipe.science.starimage import StarImage
from simsky import Crossing, Exposure, Frame, camera, render, sky_for
from simsky.psf import add_crossing

SHAPE = (700, 700)
STARS = {"sparse": 100, "medium": 600, "crowded": 1500}  # on 700 x 700 pixels of 0.375 arcsec
SEEING_ARCSEC = (1.2, 2.5)
SIGMAS = (0.5, 1.0, 2.0, 5.0, 20.0)  # brightness of a trail, in units of the noise of a pixel
CHARGES = (0.05, 0.2, 1.0)  # of cosmic rays, in units of the star in the aperture
RADIUS_FWHM = 1.3


@dataclass(slots=True)
class Tally:
    """What was found in the fields of one kind."""

    places: int = 0
    false_trails: int = 0
    false_columns: int = 0
    stars: int = 0
    false_hits: int = 0
    seconds: list[float] = field(default_factory=list)
    trails: dict[float, list[float]] = field(default_factory=dict)
    hits: dict[float, list[float]] = field(default_factory=dict)


class Field:
    """A frame, and what would be known of it."""

    def __init__(self, stars: int, seeing_arcsec: float, seed: int) -> None:
        self.camera = camera("VATT4K", shape=SHAPE)
        sky = sky_for(self.camera, seed, 179.0, 0.5, stars_per_frame=stars)
        exposure = Exposure(2457786.9, 179.0, 0.5, seeing_arcsec=seeing_arcsec)
        self.frame: Frame = render(sky, self.camera, exposure, seed)
        meta = self.frame.truth.meta
        self.fwhm_px, self.noise = float(meta["fwhm_px"]), float(meta["noise_adu"])
        self.beta, self.radius_px = float(meta["moffat_beta"]), RADIUS_FWHM * self.fwhm_px
        values = np.array(self.frame.pixels, float) - meta["sky_adu"]
        values[self.frame.pixels > 0.99 * meta["saturation_adu"]] = np.nan
        self.half = trails.window_half(self.fwhm_px)
        self.values = np.pad(values, self.half, constant_values=np.nan)
        flux = self.frame.truth["flux_adu"].data
        limit = 5 * self.noise * np.sqrt(np.pi) * self.radius_px
        self.known = self.frame.truth[flux > limit]

    def window(self, x: float, y: float) -> np.ndarray:
        """A copy of the pixels around a place (FITS pixels)."""
        column, row, size = round(x) - 1, round(y) - 1, 2 * self.half + 1
        return self.values[row : row + size, column : column + size].copy()

    def look(self, window: np.ndarray, x: float, y: float) -> tuple[object, object, float]:
        """Trail and column in a window, and the time that it took to look for them."""
        left, top = round(x) - 1 - self.half, round(y) - 1 - self.half
        stars_x, stars_y = self.known["x"].data - 1 - left, self.known["y"].data - 1 - top
        radii = trails.wings_px(self.known["flux_adu"].data, self.noise, self.fwhm_px)
        others = np.hypot(stars_x - self.half, stars_y - self.half) > self.radius_px
        others &= np.maximum(abs(stars_x - self.half), abs(stars_y - self.half)) < 2 * self.half
        stars = trails.KnownStars(*(each[others] for each in (stars_x, stars_y, radii)))
        before = time.process_time()
        column = trails.column_through(window, self.noise, self.radius_px, self.fwhm_px)
        trail = trails.trail_through(window, self.radius_px, self.fwhm_px, stars)
        return trail, column, time.process_time() - before

    def hit(self, window: np.ndarray, x: float, y: float) -> object:
        """Cosmic ray in the aperture on a star."""
        reach = int(self.radius_px + self.fwhm_px) + 1
        part = slice(self.half - reach, self.half + reach + 1)
        place = reach + x - round(x), reach + y - round(y)
        image = StarImage(self.fwhm_px, self.beta)
        counts = 1.0 / self.camera.gain
        near = window[part, part] - np.nanmedian(window)
        return hit_in(near, self.noise, counts, image, place, (0.0, 0.0), self.radius_px)


def tallied(kind: str, fields: int, places: int) -> Tally:
    """Look at places in fields of one kind, without and with trails."""
    tally = Tally(trails={each: [] for each in SIGMAS}, hits={each: [] for each in CHARGES})
    for seed in range(fields):
        for seeing in SEEING_ARCSEC:
            one = Field(STARS[kind], seeing, seed)
            rng = np.random.default_rng([seed, round(10 * seeing)])
            for x, y in rng.uniform(20, SHAPE[0] - 20, (places, 2)):
                trail, column, seconds = one.look(one.window(x, y), x, y)
                tally.places += 1
                tally.false_trails += trail is not None
                tally.false_columns += column is not None
                tally.seconds.append(seconds)
            for sigma in SIGMAS:
                tally.trails[sigma] += list(_crossed(one, rng, sigma, max(places // 6, 4)))
            _count_hits(one, rng, tally)
    return tally


def _crossed(one: Field, rng: np.random.Generator, sigma: float, count: int) -> Iterator[float]:
    """Light of trails in the aperture by what was found of it; NaN where it was not found."""
    for x, y in rng.uniform(20, SHAPE[0] - 20, (count, 2)):
        angle, offset = rng.uniform(0, 180), rng.uniform(-1, 1) * one.fwhm_px
        turn, middle = np.radians(angle), one.half + 1
        place = middle - offset * np.sin(turn), middle + offset * np.cos(turn)
        light = np.zeros((2 * one.half + 1, 2 * one.half + 1), np.float32)
        crossing = Crossing(*place, angle, sigma * one.noise)
        add_crossing(light, crossing, one.fwhm_px, one.beta)
        found, _, _ = one.look(one.window(x, y) + light, x, y)
        along = np.arange(2 * one.half + 1) - one.half
        inside = np.hypot(along, along[:, None]) <= one.radius_px
        yield found.counts / float(light[inside].sum()) if found else np.nan  # type: ignore[attr-defined]


def _count_hits(one: Field, rng: np.random.Generator, tally: Tally) -> None:
    """Cosmic rays of two pixels in the apertures of stars."""
    good = one.known[~one.known["saturated"] & (one.known["kind"] == 6)]
    inside = (np.abs(good["x"] - 350) < 330) & (np.abs(good["y"] - 350) < 330)
    for star in good[inside][:60]:
        x, y = float(star["x"]), float(star["y"])
        window = one.window(x, y)
        tally.stars += 1
        tally.false_hits += one.hit(window, x, y) is not None
        for part in CHARGES:
            charge = part * float(star["flux_adu"])
            if charge < 30 * one.noise:
                continue
            struck = window.copy()
            dx, dy = (rng.uniform(-0.7, 0.7, 2) * one.radius_px).round().astype(int)
            struck[one.half + dy, one.half + dx : one.half + dx + 2] += charge / 2
            found = one.hit(struck, x, y)
            tally.hits[part].append(found.counts / charge if found else np.nan)  # type: ignore[attr-defined]


def _told(ratios: list[float]) -> str:
    known = np.isfinite(ratios)
    middle = f", light {np.nanmedian(ratios):.2f} of the true" if known.any() else ""
    return f"{known.sum()}/{len(ratios)}{middle}"


def judged(tallies: dict[str, Tally]) -> list[Row]:
    """The goals; rows without a goal only tell."""
    rows = []
    for kind, each in tallies.items():
        false = each.false_trails + each.false_columns
        rows.append(
            Row(
                f"{kind} ({STARS[kind]} stars): false trails or columns",
                "< 1/200",
                f"{each.false_trails}+{each.false_columns} of {each.places}",
                200 * false < each.places or not false,
            )
        )
        for sigma, ratios in each.trails.items():
            found = float(np.mean(np.isfinite(ratios)))
            asked = kind != "crowded" and sigma >= 2.0
            goal = ">= 95 %" if asked else "-"
            name = f"{kind}: trails of {sigma:g} sigma a pixel found"
            rows.append(Row(name, goal, _told(ratios), not asked or found >= 0.95))
        rows.append(
            Row(
                f"{kind}: stars taken for cosmic rays",
                "< 1/200",
                f"{each.false_hits} of {each.stars}",
                200 * each.false_hits < each.stars or not each.false_hits,
            )
        )
        for part, ratios in each.hits.items():
            name = f"{kind}: cosmic rays of {part:g} of a star found (from 30 sigma on)"
            rows.append(Row(name, "-", _told(ratios), True))
        seconds = 1e3 * float(np.median(each.seconds))
        rows.append(
            Row(f"{kind}: processor for a target", "<= 60 ms", f"{seconds:.0f} ms", seconds <= 60)
        )
    return rows


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-fields", type=int, default=2)
    parser.add_argument("-places", type=int, default=60)
    words = parser.parse_args()
    tallies = {kind: tallied(kind, words.fields, words.places) for kind in STARS}
    return 0 if print_table(judged(tallies)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
