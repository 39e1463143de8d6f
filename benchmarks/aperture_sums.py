"""What sep would save: aperture sums on given places, by our code and by sep.

    .venv/bin/python benchmarks/aperture_sums.py

Source Extractor makes the aperture sums of all detected sources. Only targets that it does not
detect, and neighbours on images of light, are summed here (`science/forced.py`); this tells how
long that takes, how much of it sep could do, and how far the sums of both are apart.
"""

import time
from collections.abc import Callable

import numpy as np
import sep

from photpipe.science.forced import aperture_weights, forced_flux

SIDE, PLACES, RADIUS_PX = 1024, 400, 4.5
SKY, NOISE = 1000.0, 15.0


def timed(work: Callable[[], object], rounds: int = 5) -> float:
    """Shortest time of some rounds (s)."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print times per place and differences."""
    rng = np.random.default_rng(1)
    image = rng.normal(SKY, NOISE, (SIDE, SIDE))
    x, y = rng.uniform(60, SIDE - 60, (2, PLACES))

    def forced() -> list[float]:
        return [forced_flux(image, a + 1, b + 1, RADIUS_PX).flux for a, b in zip(x, y, strict=True)]

    def sums() -> list[float]:
        found = []
        for a, b in zip(x, y, strict=True):
            left, top = int(a) - 6, int(b) - 6
            stamp = image[top : top + 13, left : left + 13]
            weights = aperture_weights(stamp.shape, a - left, b - top, RADIUS_PX)
            found.append(float(np.sum(weights * (stamp - SKY))))
        return found

    def by_sep() -> np.ndarray:
        return sep.sum_circle(image - SKY, x, y, RADIUS_PX, subpix=0)[0]

    def one_by_one() -> list[float]:
        return [
            float(
                sep.sum_circle(
                    image[int(b) - 6 : int(b) + 7, int(a) - 6 : int(a) + 7] - SKY,
                    [a - int(a) + 6],
                    [b - int(b) + 6],
                    RADIUS_PX,
                    subpix=0,
                )[0][0]
            )
            for a, b in zip(x, y, strict=True)
        ]

    for name, work in (
        ("a forced measurement, sky and all", forced),
        ("its aperture sum alone", sums),
        ("sep, all places in one call", by_sep),
        ("sep, a place a call", one_by_one),
    ):
        print(f"{name:36s} {1e6 * timed(work) / PLACES:8.1f} us a place")
    apart = np.array(sums()) - by_sep()
    noise = NOISE * np.sqrt(np.pi) * RADIUS_PX
    print(f"difference: rms {apart.std() / noise:.4f} of the noise of an aperture")
    star = np.exp(
        -0.5 * ((np.arange(SIDE) - 511.3) ** 2 + (np.arange(SIDE)[:, None] - 508.8) ** 2) / 4
    )
    ours = float(np.sum(aperture_weights(star.shape, 511.3, 508.8, RADIUS_PX) * star))
    theirs = float(sep.sum_circle(star, [511.3], [508.8], RADIUS_PX, subpix=0)[0][0])
    print(f"difference on a star without noise: {ours / theirs - 1:.1e}")


if __name__ == "__main__":
    main()
