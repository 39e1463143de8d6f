"""How fast two lists of 100,000 sources are matched, against SkyCoord.match_to_catalog_sky.

Run: python benchmarks/matching.py [number of sources]
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from photpipe.catalogs.matching import mutual_matches
from photpipe.sky import shifted

TOLERANCE_ARCSEC = 1.0


def field(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A degree of sky across RA 0h, and the same sources displaced by 0.1 arcsec."""
    rng = np.random.default_rng(1)
    ra = rng.uniform(-0.5, 0.5, count) % 360.0
    dec = rng.uniform(59.5, 60.5, count)
    ra2, dec2 = shifted(ra, dec, *rng.normal(0.0, 0.1, (2, count)))
    order = rng.permutation(count)
    return ra, dec, ra2[order], dec2[order]


def seconds(function: Callable[[], object], repetitions: int = 5) -> float:
    """Shortest time of several runs."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print times and their ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    ra1, dec1, ra2, dec2 = field(count)
    pairs = mutual_matches(ra1, dec1, ra2, dec2, TOLERANCE_ARCSEC)
    ours = seconds(lambda: mutual_matches(ra1, dec1, ra2, dec2, TOLERANCE_ARCSEC))

    def astropys() -> None:
        """One direction only, which is all that astropy offers."""
        first = SkyCoord(ra1 * u.deg, dec1 * u.deg)
        first.match_to_catalog_sky(SkyCoord(ra2 * u.deg, dec2 * u.deg))

    theirs = seconds(astropys)
    print(f"{count} x {count} sources, {len(pairs.index1)} mutual pairs")
    print(f"mutual_matches                 {ours:.3f} s")
    print(f"SkyCoord.match_to_catalog_sky  {theirs:.3f} s, one direction")
    print(f"ratio                          {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
