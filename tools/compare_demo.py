"""Compare the LOG of a run of the example data with the expected one; exit status 1 if they differ.

Compared are the magnitudes of the asteroid and the zeropoints, frame by frame; other versions of
the tools may move them by some thousandths of a magnitude.
"""

import re
import sys
from pathlib import Path

TOLERANCE_MAG = 0.01
TOLERANCE_DAYS = 2e-6
POINT = re.compile(r"(\w+\.fits) +(24\d{5}\.\d+) +\S+ +(\d+\.\d+) \+- \d+\.\d+ R\b")
ZEROPOINT = re.compile(r"(\w+\.fits): zeropoint (\d+\.\d+) ")


def numbers(text: str) -> dict[str, float]:
    """Times, magnitudes and zeropoints of a LOG, by name."""
    found = {}
    for frame, time, mag in POINT.findall(text):
        found[f"time of {frame}"], found[f"magnitude on {frame}"] = float(time), float(mag)
    return found | {
        f"zeropoint of {frame}": float(value) for frame, value in ZEROPOINT.findall(text)
    }


def differences(found: dict[str, float], expected: dict[str, float]) -> list[str]:
    """What is missing, too much, or too different, in words."""
    lines = [f"{name}: is missing" for name in expected if name not in found]
    lines += [f"{name}: is not expected" for name in found if name not in expected]
    for name in expected.keys() & found.keys():
        limit = TOLERANCE_DAYS if name.startswith("time") else TOLERANCE_MAG
        if abs(found[name] - expected[name]) > limit:
            lines.append(f"{name}: {found[name]:.4f}, expected {expected[name]:.4f}")
    return sorted(lines)


def main() -> int:
    """Compare two files."""
    found, expected = (numbers(Path(name).read_text("utf-8")) for name in sys.argv[1:3])
    lines = differences(found, expected) if expected else ["nothing is expected"]
    if lines:
        print("The result differs from the expected one:", *lines, sep="\n  ")
        return 1
    mags = [value for name, value in expected.items() if name.startswith("magnitude")]
    print(f"As expected: {len(mags)} magnitudes and their zeropoints agree within 0.01 mag.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
