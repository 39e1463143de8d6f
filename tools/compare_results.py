"""Run two states of the program on the same frames, and tell every number that differs.

    .venv/bin/python tools/compare_results.py make before --clone /path/of/the/older/clone
    .venv/bin/python tools/compare_results.py make after
    .venv/bin/python tools/compare_results.py compare before after

`make` runs pp_run on the example data and on three simulated nights, each in a folder of its own;
`compare` looks at all tables of the targets, all databases, all LDAC files and all cards of the
frames, byte for byte; its exit status is 1 if something differs. Dates of writing, which no two
runs share, are left out.
"""

import argparse
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from astropy.io import fits

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "example_data" / "vatt4k"
NIGHTS: dict[str, tuple[str, ...]] = {
    "slow": ("VATT4K", "--seed", "3", "--frames", "5", "--size", "640", "--target", "0.6"),
    "cloudy": (
        *("VATT4K", "--seed", "4", "--frames", "5", "--size", "640", "--target", "1.5"),
        *("--clouds", "0.6", "--stars", "200"),
    ),
    "wide": (
        *("DCTLMI", "--seed", "5", "--frames", "5", "--size", "768", "--target", "0.8"),
        *("--stars", "200", "--jd", "2457786.8"),
    ),
}
"""Arguments of the simulated nights, by the name of their folder."""
CARD = 80
DATED = re.compile(rb"(DATE|SEXDATE|SEXTIME|SEXELAPS?) *=")
TEXT_OF_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?")


def make(folder: Path, clone: Path) -> None:
    """Run a clone's pp_run on the example data and on the simulated nights."""
    folder.mkdir(parents=True)
    sys.path.insert(0, str(clone))
    os.environ["XDG_CONFIG_HOME"] = str(folder.absolute() / ".config")
    _trust_simulated_services(folder / ".config")
    example = folder / "example"
    shutil.copytree(EXAMPLE, example, ignore=shutil.ignore_patterns("LOG", "*.md", "truth*"))
    _run(example, "-offline")
    for name, words in NIGHTS.items():
        _simulated(folder / name, words)


def _trust_simulated_services(config: Path) -> None:
    """Let the settings beside the simulated frames lead to the simulated services."""
    file = config / "photpipe" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[services]\ntrust_directories = true\n", "utf-8")


def _simulated(folder: Path, words: tuple[str, ...]) -> None:
    """Simulate a night and run pp_run on it, with the simulated services at hand."""
    from simsky import __main__ as simulator

    simulator._wait = lambda: _run(folder)  # instead of waiting for Ctrl-C while they serve
    simulator.main([words[0], str(folder), *words[1:], "--serve"])


def _run(folder: Path, *words: str) -> None:
    import pp_run

    os.environ["PHOTPIPE_CACHE"] = str(folder.absolute() / ".cache")  # each night has its own sky
    print(f"{folder}: pp_run {' '.join(words)} of {pp_run.__file__}")
    frames = sorted(map(str, folder.glob("mscience*.fits")))
    status = pp_run.main([*words, "-quiet", "-jobs", "2", *frames])
    if status:
        print(f"{folder}: status {status}")


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a text, without the time of writing."""
    for line in path.read_text("utf-8").splitlines():
        yield TEXT_OF_TIME.sub("", line).encode() if line.startswith("#") else line.encode()


def _cards(path: Path) -> Iterator[bytes]:
    """Cards of all headers of a FITS file, and its data, without those that tell of the day."""
    with fits.open(path, memmap=False, do_not_scale_image_data=True) as hdus:
        for hdu in hdus:
            yield from _undated(hdu.header.tostring(padding=False).encode("ascii"))
            data = b"" if hdu.data is None else bytes(hdu.data.tobytes())
            is_header = hdu.name == "LDAC_IMHEAD"  # that of the frame, as Source Extractor saw it
            yield from _undated(data) if is_header else [data]


def _undated(header: bytes) -> Iterator[bytes]:
    cards = (header[at : at + CARD] for at in range(0, len(header), CARD))
    return (card for card in cards if not DATED.match(card))


def _rows(path: Path) -> Iterator[bytes]:
    """Statements that would make the database anew."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield from (TEXT_OF_TIME.sub("", line).encode() for line in connection.iterdump())
    finally:
        connection.close()


READERS: dict[str, Callable[[Path], Iterator[bytes]]] = {
    ".dat": _lines,
    ".ecsv": _lines,
    ".csv": _lines,
    ".db": _rows,
    ".ldac": _cards,
    ".fits": _cards,
}


def results(folder: Path) -> dict[str, Path]:
    """Files of results below a folder, by their names in it."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in READERS)
    kept = (path for path in found if not {".cache", "cache", "truth"} & {*path.parts})
    return {str(path.relative_to(folder)): path for path in kept if path.is_file()}


def differences(before: Path, after: Path) -> Iterator[str]:
    """What differs between two folders, a line for each file."""
    first, second = results(before), results(after)
    yield from (f"{name}: is missing" for name in first.keys() - second.keys())
    yield from (f"{name}: is new" for name in second.keys() - first.keys())
    for name in sorted(first.keys() & second.keys()):
        reader = READERS[first[name].suffix]
        old, new = list(reader(first[name])), list(reader(second[name]))
        if old != new:
            pairs = ((a, b) for a, b in zip(old, new, strict=False) if a != b)
            a, b = next(pairs, (f"{len(old)} pieces".encode(), f"{len(new)} pieces".encode()))
            count = sum(a != b for a, b in zip(old, new, strict=False)) + abs(len(old) - len(new))
            yield f"{name}: {count} of {len(old)} differ, first {a[:CARD]!r} and {b[:CARD]!r}"


def main() -> int:
    """Make results, or compare two folders of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    making = actions.add_parser("make", help="run pp_run on the example and on simulated nights")
    making.add_argument("folder", type=Path)
    making.add_argument("--clone", type=Path, default=ROOT, help="the state to run")
    comparing = actions.add_parser("compare", help="compare two folders")
    comparing.add_argument("folders", type=Path, nargs=2)
    words = parser.parse_args()
    if words.action == "make":
        make(words.folder, words.clone.resolve())
        return 0
    different = list(differences(*words.folders))
    print(*different, f"{len(results(words.folders[0]))} files compared", sep="\n")
    return int(bool(different))


if __name__ == "__main__":
    raise SystemExit(main())
