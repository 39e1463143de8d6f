#!/usr/bin/env python3
"""Explain what PP makes of a header: every fact, the cards it comes from, and what is missing."""

import argparse
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.command import cli
from photpipe.ground.errors import PhotPipeError
from photpipe.ground.sky import parse_sexagesimal
from photpipe.ground.timescale import iso, parse_datetime
from photpipe.instruments.cameras import listing, memory, reader
from photpipe.run.options import TELESCOPE

if TYPE_CHECKING:
    from photpipe.instruments.frames import Frame
    from photpipe.instruments.telescope import Telescope

__all__ = ["explain", "iso", "main", "parse_datetime", "parse_sexagesimal"]

Fact = tuple[str, Callable[["Frame"], str], Callable[["Frame"], Iterable[str]]]


def _entry(*keys: str) -> "Callable[[Frame], Iterable[str]]":
    """Cards that the telescope's entry names under some keys."""
    return lambda frame: [str(frame.telescope.parameters[key]) for key in keys]


def _time(frame: "Frame") -> str:
    return f"JD {frame.midtime_jd:.6f} = {iso(frame.midtime_jd)} UTC"


def _pointing(frame: "Frame") -> str:
    ra, dec = frame.pointing()
    return f"RA {ra:.5f}, Dec {dec:+.5f} degrees (ICRS)"


def _orientation(frame: "Frame") -> str:
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


def explain(frame: "Frame") -> tuple[list[str], bool]:
    """Lines that tell what is known about a frame, and whether nothing vital is missing."""
    from photpipe.fits.values import card_text

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


def parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    result = cli.new_parser("toolbox.py", f"{__doc__}")
    result.add_argument("-telescope", **TELESCOPE.keywords())
    result.add_argument(
        "-cameras",
        nargs="?",
        const="all",
        metavar="NAME",
        help="list the cameras that solved frames taught, or one of them",
    )
    result.add_argument("-forget", metavar="NAME", help="forget a camera, or 'all'")
    result.add_argument(
        "-entry", action="store_true", help="print an entry for setup/mytelescopes.py"
    )
    result.add_argument("images", nargs="*", help="FITS images")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Explain the images named on the command line; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        names = ["telescope", "cameras", "forget", "entry"]
        values = parser().parse_args(cli.normalised(words, names))
        if not (values.images or values.cameras or values.forget):
            parser().error("the following arguments are required: images")
    except SystemExit as stop:
        return cli.Status.USAGE if stop.code else cli.Status.DONE
    remarks = logging.getLogger("photpipe.instruments.frames")
    remarks.setLevel(logging.ERROR)  # they are part of what is printed
    with cli.reporting(debug=False) as outcome:
        if values.forget:
            _forget(values.forget)
        if values.cameras:
            _print(listing.cameras(values.cameras))
        if values.images:
            paths = cli.named_paths(values.images)
            outcome.status = _explained(paths, values.telescope, entry=values.entry)
    remarks.setLevel(logging.NOTSET)
    return outcome.status


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _forget(name: str) -> None:
    gone = memory.forget(name)
    _print(f"{each.name} ({each.identity}) is forgotten" for each in gone)
    if not gone:
        _print([f"no camera {name} is remembered"])


def _of_frame(path: Path, telescope: "Telescope | None", *, entry: bool) -> tuple[list[str], bool]:
    """Lines about one frame, of a telescope with an entry or of any camera."""
    from photpipe.fits.fitsfile import read_header
    from photpipe.instruments import telescopes
    from photpipe.instruments.frames import Frame

    header = read_header(path)
    is_prepared = "TEL_KEYW" in header
    if entry or not (telescope or is_prepared or telescopes.registered(header)):
        facts = reader.read(header)
        if entry:
            return [listing.entry(facts)], True
        return listing.explained(path.name, facts)
    return explain(Frame.of(path, header, telescope))


def _explained(images: Sequence[Path], keyword: str | None, *, entry: bool = False) -> cli.Status:
    from photpipe.instruments import telescopes

    telescope = telescopes.by_keyword(keyword) if keyword else None
    complete = 0
    for path in images:
        try:
            lines, is_complete = _of_frame(path, telescope, entry=entry)
        except PhotPipeError as problem:
            lines, is_complete = [str(problem)], False
        sys.stdout.write("\n".join(lines) + "\n")
        complete += is_complete
    if complete == len(images):
        return cli.Status.DONE
    return cli.Status.PARTIAL if complete else cli.Status.FAILED


if __name__ == "__main__":
    raise SystemExit(main())
