"""The band that calibrates a filter of a camera without an entry, and how sure that is."""

from dataclasses import dataclass

from photpipe.ground import bands
from photpipe.instruments import filters
from photpipe.instruments.filters import FilterKind

CLEAR_BAND = "G"
_RED_LINES, _GREEN_LINES = ("ha", "halpha", "sii", "s2", "nii", "n2"), ("oiii", "o3", "hb", "hbeta")


@dataclass(frozen=True, slots=True)
class Choice:
    """Band of a filter.

    Parameters
    ----------
    band : str
        The nearest band that a catalog defends, or one that is named after the filter and
        calibrated to such a band (TG to V).
    assumption : str
        What is assumed of the filter; empty if its name is that of a photometric band.
    """

    band: str
    assumption: str


def choice_of(filter_name: str) -> Choice:
    """Band that calibrates a filter by its name."""
    meaning = filters.meaning(filter_name) if filter_name.strip() else None
    called = repr(filter_name) if filter_name.strip() else "no filter in the header"
    if meaning is None:
        what = "no filter name that PP knows" if filter_name.strip() else "taken for clear"
        return Choice(CLEAR_BAND, f"{called}: {what}; calibrated to {CLEAR_BAND} (Gaia)")
    if meaning.kind is FilterKind.PHOTOMETRIC and meaning.band:
        return Choice(meaning.band, "")
    if meaning.band:
        nearest = bands.reference(meaning.band)
        return Choice(meaning.band, f"{called}: {meaning.kind}; {nearest} is the nearest band")
    nearest = CLEAR_BAND
    if meaning.kind is FilterKind.NARROW:
        nearest = _line_band(filter_name)
    return Choice(
        nearest, f"{called}: {meaning.kind}, no photometric band; calibrated to {nearest}"
    )


def band_of(filter_name: str) -> str:
    """Band that calibrates a filter by its name."""
    return choice_of(filter_name).band


def _line_band(filter_name: str) -> str:
    """Band around the spectral line of a narrow filter."""
    form = filters.plain(filter_name).replace(" ", "").casefold()
    red = any(form.startswith(line) for line in _RED_LINES)
    green = any(form.startswith(line) or form.endswith(line) for line in _GREEN_LINES)
    if red and not green:
        return "R"
    return "V" if green and not red else CLEAR_BAND
