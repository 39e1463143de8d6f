"""How the pages say numbers, times and counts."""

import math
from collections.abc import Iterable, Sequence

from photpipe.ground import timescale
from photpipe.ground.log import one_of_a_kind

UNKNOWN = "–"
LEAST_USUAL, MOST_USUAL = 0.01, 100.0  # two decimals suit numbers between


def number(value: float | None, decimals: int = 2, unit: str = "") -> str:
    """Rounded number with its unit; a dash if it is not known."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return f"{text} {unit}".rstrip()


def short(value: float | None) -> str:
    """Number in two figures, however large or small; a dash if it is not known."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    is_usual = value == 0 or LEAST_USUAL <= abs(value) < MOST_USUAL
    return f"{value:.2f}" if is_usual else f"{value:.2g}"


def with_error(value: float, error: float, decimals: int = 3, unit: str = "") -> str:
    """Value ± error with unit."""
    if not math.isfinite(value):
        return UNKNOWN
    if not math.isfinite(error):
        return number(value, decimals, unit)
    return f"{value:.{decimals}f} ± {error:.{decimals}f} {unit}".rstrip()


def many(count: int, noun: str, plural: str = "") -> str:
    """``1 frame``, ``3 frames``."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def be(count: int) -> str:
    """``is`` (for one, and for no one) or ``are``."""
    return "are" if count > 1 else "is"


def of(count: int, total: int, noun: str = "frame") -> str:
    """``all 24 frames``, ``3 of 24 frames``, ``no frame``."""
    if count == 0:
        return f"no {noun}"
    if count == total:
        return f"the one {noun}" if total == 1 else f"all {total} {noun}s"
    return f"{count} of {many(total, noun)}"


def counted(good: int, total: int) -> str:
    """``all 10 measurements used``, ``8 of 10 measurements used``."""
    return f"{of(good, total, 'measurement')} used"


def sentence(text: str) -> str:
    """Text that begins with a capital letter, unless with the name of a command."""
    text = one_of_a_kind(text)
    return text if text.startswith("pp_") else text[:1].upper() + text[1:]


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names one after the other, the rest as a number."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def ranges(numbers: Iterable[int]) -> str:
    """``3``, ``12–14``, ``1, 4–6``: numbers with their neighbours drawn together."""
    runs: list[list[int]] = []
    for value in sorted(set(numbers)):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ", ".join(f"{low}" if low == high else f"{low}–{high}" for low, high in runs)


def instant(jd: float, decimals: int = 1) -> str:
    """Date and time (UTC) to be read by people; a dash if not known."""
    return timescale.iso(jd, decimals).replace("T", " ") if math.isfinite(jd) else UNKNOWN


def duration(seconds: float) -> str:
    """``3.2 s``, ``4 min 5 s``, ``2 h 10 min``."""
    if not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if seconds < 3600:
        whole = round(seconds)
        return f"{whole // 60} min {whole % 60} s"
    return f"{minutes // 60} h {minutes % 60} min"


def median(values: Iterable[float]) -> float:
    """Median of the finite values; NaN without any."""
    finite = sorted(each for each in values if math.isfinite(each))
    if not finite:
        return math.nan
    middle = len(finite) // 2
    return finite[middle] if len(finite) % 2 else (finite[middle - 1] + finite[middle]) / 2
