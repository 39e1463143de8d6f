"""What is made of a header, in words: every fact, the cards it comes from, what is missing."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.fits.unpack import read_header
from photpipe.fits.values import card_text
from photpipe.ground.errors import PhotPipeError
from photpipe.ground.timescale import iso
from photpipe.instruments import telescopes
from photpipe.instruments.cameras import listing, reader
from photpipe.instruments.frames import Frame

if TYPE_CHECKING:
    from photpipe.instruments.telescope import Telescope

Fact = tuple[str, Callable[[Frame], str], Callable[[Frame], Iterable[str]]]


def _entry(*keys: str) -> Callable[[Frame], Iterable[str]]:
    """Cards that the telescope's entry names under some keys."""
    return lambda frame: [str(frame.telescope.parameters[key]) for key in keys]


def _time(frame: Frame) -> str:
    return f"JD {frame.midtime_jd:.6f} = {iso(frame.midtime_jd)} UTC"


def _pointing(frame: Frame) -> str:
    ra, dec = frame.pointing()
    return f"RA {ra:.5f}, Dec {dec:+.5f} degrees (ICRS)"


def _orientation(frame: Frame) -> str:
    orientation = frame.orientation
    parity = "mirrored" if orientation.mirrored else "not mirrored"
    flips = [axis for axis in "xy" if getattr(orientation, f"flip{axis}")]
    return (
        f"{' and '.join(flips) or 'no axis'} flipped ({parity}), "
        f"rotated by {orientation.rotate_deg:g} degrees"
    )


def _pair(numbers: tuple[float, float]) -> str:
    return f"{numbers[0]:g} x {numbers[1]:g}"


FACTS: tuple[Fact, ...] = (
    (
        "image size",
        lambda f: f"{f.shape[1]} x {f.shape[0]} pixels",
        lambda f: f.telescope.parameters["extent"],
    ),
    ("target", lambda f: f.object_name, _entry("object")),
    ("filter", lambda f: f.filter_name, _entry("filter")),
    ("band", lambda f: f.band or "none: no catalog has it", lambda f: ()),
    ("exposure time", lambda f: f"{f.exptime_s:g} s", _entry("exptime")),
    (
        "mid-time",
        _time,
        lambda f: ["MIDTIMJD"] if f.is_prepared else [*f.telescope.midtime.cards, "TIMESYS"],
    ),
    (
        "pointing",
        _pointing,
        lambda f: (
            ["CRVAL1", "CRVAL2"]
            if f.is_prepared
            else [*f.telescope.pointing.cards, "EQUINOX", "EPOCH"]
        ),
    ),
    ("airmass", lambda f: f"{f.airmass:.3f}", _entry("airmass")),
    ("binning", lambda f: _pair(f.binning), lambda f: f.telescope.binning.cards(f.header)),
    ("pixel scale", lambda f: f"{_pair(f.pixel_scale_arcsec)} arcsec", lambda f: ()),
    (
        "orientation",
        _orientation,
        lambda f: [f.telescope.chip.card] if f.telescope.chip.card else [],
    ),
    (
        "gain",
        lambda f: "unknown" if f.gain is None else f"{f.gain:g} electrons per ADU",
        lambda f: (
            [rule] if isinstance(rule := f.telescope.parameters.get("gain", "GAIN"), str) else []
        ),
    ),
    (
        "saturation",
        lambda f: "unknown" if f.saturation is None else f"{f.saturation:g} ADU",
        lambda f: ["SATURATE"],
    ),
)


def explain(frame: Frame) -> tuple[list[str], bool]:
    """Lines that tell what is known about a frame, and whether nothing vital is missing."""
    telescope = frame.telescope
    lines = [
        f"{frame.name}: {telescope.name} ({telescope.keyword}), "
        f"observatory {telescope.observatory_code}{', prepared' if frame.is_prepared else ''}"
    ]
    is_complete = True
    for name, fact, cards in FACTS:
        try:
            told = fact(frame)
        except PhotPipeError as problem:
            told, is_complete = f"UNKNOWN: {problem}", False
        seen = [f"{card} = {card_text(frame.header, card) or 'missing'}" for card in cards(frame)]
        lines.append(f"  {name:14}{told or 'unknown':48} {', '.join(seen)}".rstrip())
    lines += [f"  remark        {note}" for note in frame.notes]
    return lines, is_complete


def of_image(path: Path, telescope: "Telescope | None", *, entry: bool) -> tuple[list[str], bool]:
    """Lines about one frame, of a telescope with an entry or of any camera."""
    header = read_header(path)
    is_prepared = "TEL_KEYW" in header
    if entry or not (telescope or is_prepared or telescopes.registered(header)):
        facts = reader.read(header)
        if entry:
            return [listing.entry(facts)], True
        return listing.explained(path.name, facts)
    return explain(Frame.of(path, header, telescope))
