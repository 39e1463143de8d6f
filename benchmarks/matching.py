"""How fast two lists of 100,000 sources are matched, against SkyCoord.match_to_catalog_sky.

Run: python benchmarks/matching.py [number of sources]
"""

import sys
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.pairs import Thing, measure, ratio  # noqa: E402
from photpipe.catalogs.matching import mutual_matches  # noqa: E402
from photpipe.ground.sky import shifted  # noqa: E402

ROUNDS = 5
TOLERANCE_ARCSEC = 1.0


def field(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A degree of sky across RA 0h, and the same sources displaced by 0.1 arcsec."""
    rng = np.random.default_rng(1)
    ra = rng.uniform(-0.5, 0.5, count) % 360.0
    dec = rng.uniform(59.5, 60.5, count)
    ra2, dec2 = shifted(ra, dec, *rng.normal(0.0, 0.1, (2, count)))
    order = rng.permutation(count)
    return ra, dec, ra2[order], dec2[order]


def main() -> None:
    """Print times and their ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    ra1, dec1, ra2, dec2 = field(count)
    pairs = mutual_matches(ra1, dec1, ra2, dec2, TOLERANCE_ARCSEC)

    def astropys() -> None:
        """One direction only, which is all that astropy offers."""
        first = SkyCoord(ra1 * u.deg, dec1 * u.deg)
        first.match_to_catalog_sky(SkyCoord(ra2 * u.deg, dec2 * u.deg))

    ours = Thing("mutual_matches", lambda: mutual_matches(ra1, dec1, ra2, dec2, TOLERANCE_ARCSEC))
    theirs = Thing("SkyCoord.match_to_catalog_sky", astropys)
    measure([ours, theirs], ROUNDS)
    print(f"{count} x {count} sources, {len(pairs.index1)} mutual pairs")
    for each in (ours, theirs):
        print(f"{each.name:30} {min(each.clock_s):.3f} s")
    print(f"ratio {ratio(theirs.clock_s, ours.clock_s)}; the latter in one direction only")


if __name__ == "__main__":
    main()
