"""The facts of a frame in words: value, origin, and what contradicts it."""

from collections.abc import Callable, Iterator
from typing import Any

from photpipe.ground.timescale import iso
from photpipe.instruments.cameras.bands import choice_of
from photpipe.instruments.cameras.facts import CameraFacts, Fact
from photpipe.run.results import ToldFact

_Row = tuple[str, Callable[[CameraFacts], Fact[Any] | None], Callable[[Any], str]]


def _pair(numbers: tuple[float, float]) -> str:
    return f"{numbers[0]:.4g} x {numbers[1]:.4g}"


_ROWS: tuple[_Row, ...] = (
    ("program", lambda f: f.program if f.program.value else None, str),
    ("target", lambda f: f.object_name, str),
    ("exposure time", lambda f: f.exptime_s, lambda v: f"{v:g} s"),
    ("mid-time", lambda f: f.midtime_jd, lambda v: f"{iso(v)} UTC (JD {v:.6f})"),
    ("binning", lambda f: f.binning, lambda v: f"{v[0]} x {v[1]}"),
    ("pixel scale", lambda f: f.scale_arcsec, lambda v: f"{_pair(v)} arcsec (a hint)"),
    (
        "site",
        lambda f: f.site,
        lambda v: f"{v.longitude_deg:+.5f} E, {v.latitude_deg:+.5f} N, {v.elevation_m:.0f} m",
    ),
    ("observatory", lambda f: f.observatory_code, str),
    ("airmass", lambda f: f.airmass, lambda v: f"{v:.3f}"),
    ("gain", lambda f: f.gain, lambda v: f"{v:.3g} e-/ADU"),
    ("saturation", lambda f: f.saturation_adu, lambda v: f"{v:g} ADU"),
    ("rows", lambda f: f.rows, str),
    ("mosaic", lambda f: f.mosaic, str),
    ("planes", lambda f: f.planes, str),
    ("colour", lambda f: f.colour, str),
    ("stack", lambda f: f.stack, lambda v: f"of {v} exposures" if v else "of several exposures"),
)


def told(facts: CameraFacts) -> tuple[ToldFact, ...]:
    """All facts of a frame, one after the other."""
    return tuple(_told(facts))


def _told(facts: CameraFacts) -> Iterator[ToldFact]:
    yield ToldFact("camera", facts.bundle.name, "INSTRUME, TELESCOP, FOCALLEN, pixels, size")
    for name, fact, worded in _ROWS:
        found = fact(facts)
        if found is not None:
            yield ToldFact(name, worded(found.value), found.origin, found.doubt)
    for number, pointing in enumerate(facts.pointings):
        name = "pointing" if number == 0 else f"pointing {number + 1}"
        where = f"RA {pointing.value[0]:.5f}, Dec {pointing.value[1]:+.5f} deg"
        yield ToldFact(name, where, pointing.origin, pointing.doubt)
    choice = choice_of(facts.filter_name.value)
    named = facts.filter_name
    yield ToldFact("filter", named.value, named.origin, named.doubt)
    yield ToldFact("band", choice.band, "the name of the filter", choice.assumption)
    for refused in facts.rejected:
        yield ToldFact("not believed", refused.value, refused.origin, refused.doubt)
    if facts.site is None:
        yield ToldFact("site", "unknown", "no card", "positions are those of the Earth's centre")
