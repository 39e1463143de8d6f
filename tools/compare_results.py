"""Run two states of the program on the same frames, and tell every number that differs.

    .venv/bin/python tools/compare_results.py make before --clone /path/of/the/older/clone
    .venv/bin/python tools/compare_results.py make after
    .venv/bin/python tools/compare_results.py compare before after

`make` runs pp_run on the example data and on three simulated nights, each in a folder of its own;
with `--real` also the commands one by one on a real asteroid by a real telescope (CONTRIBUTING.md);
`--sets` names the folders to be made, where an older clone has no simulator or time is short.
`compare` looks at all tables of the targets, all databases, all LDAC files and all cards of the
frames, byte for byte; its exit status is 1 if something differs. Dates of writing, which no two
runs share, are left out.
"""

import argparse
import csv
import importlib
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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
REAL_NIGHT = "lowell42_5945"  # its folder among the real data
REAL_FRAMES = ("0126", "0144", "0156", "0172", "0192")
CARD = 80
DATED = re.compile(rb"(DATE|SEXDATE|SEXTIME|SEXELAPS?) *=")
TEXT_OF_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?")


def make(folder: Path, clone: Path, sets: Sequence[str], real: Path | None) -> None:
    """Run a clone's commands on the example data, on simulated nights and on real frames."""
    folder.mkdir(parents=True)
    sys.path.insert(0, str(clone))
    os.environ["XDG_CONFIG_HOME"] = str(folder.absolute() / ".config")
    if "example" in sets:
        example = folder / "example"
        shutil.copytree(EXAMPLE, example, ignore=shutil.ignore_patterns("LOG", "*.md", "truth*"))
        _run(example, "-offline")
    nights = [name for name in NIGHTS if name in sets]
    if nights:
        _trust_simulated_services(folder / ".config")
    for name in nights:
        _simulated(folder / name, NIGHTS[name])
    if real is not None:
        _real(folder / REAL_NIGHT, real / REAL_NIGHT)


def _real(folder: Path, source: Path) -> None:
    """Copy frames of a real asteroid and run the commands on them, one by one, offline."""
    folder.mkdir()
    os.environ["PHOTPIPE_CACHE"] = str(folder.absolute() / ".cache")
    os.environ["PHOTPIPE_OFFLINE"] = "1"
    for number in REAL_FRAMES:
        shutil.copy(source / "science" / f"20190326.{number}.fits.gz", folder)
    columns = ("Rmag=instmag", "e_ra_arcsec=mad_ra_arcsec", "e_dec_arcsec=mad_dec_arcsec")
    _command("catalog", "import", "LOCAL", source / "gaiatied_stars.csv", "-map", *columns)
    _command("pp_prepare", *sorted(folder.glob("*.gz")))
    frames = sorted(folder.glob("*_trim.fits"))
    _command("pp_register", "-cat", "LOCAL", *frames)
    _command("pp_photometry", *frames)
    _command("pp_calibrate", "-cat", "LOCAL", "-filter", "R", *frames)
    lines = (source / "expected_mover1_5945.csv").read_text("utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    positions = [_position(path, rows) for path in frames]
    (folder / "positions_5945.dat").write_text("\n".join(positions), "utf-8")
    _command("pp_distill", "-positions", "all", *frames)


def _position(path: Path, rows: Sequence[Mapping[str, str]]) -> str:
    """Line of a positions file: where the asteroid is on a frame."""
    jd = float(fits.getheader(path)["MIDTIMJD"])
    row = min(rows, key=lambda row: abs(float(row["midtime_jd"]) - jd))
    return f"{path.name} {row['ra_deg']} {row['dec_deg']} {jd}"


def _command(name: str, *words: object) -> None:
    """Run a command of the clone on the command line's words."""
    module = importlib.import_module(name)
    print(f"{name} of {module.__file__}")
    status = module.main([str(word) for word in words])
    if status:
        print(f"{name}: status {status}")


def _trust_simulated_services(config: Path) -> None:
    """Let the settings beside the simulated frames lead to the simulated services."""
    file = config / "photpipe" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[services]\ntrust_directories = true\n", "utf-8")


def _simulated(folder: Path, words: tuple[str, ...]) -> None:
    """Simulate a night and run pp_run on it, with the simulated services at hand."""
    from simsky import __main__ as simulator

    def run() -> None:
        _wait_longer(folder / "photpipe.toml")
        _run(folder)

    simulator._wait = run  # instead of waiting for Ctrl-C while they serve
    simulator.main([words[0], str(folder), *words[1:], "--serve"])


def _wait_longer(settings: Path) -> None:
    """Give the simulated services time, as the machine may be busy."""
    text = settings.read_text("utf-8")
    settings.write_text(
        re.sub(r"(?m)^(\w+_timeout|deadline)_s = .*", r"\1_s = 300.0", text), "utf-8"
    )


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
    making.add_argument("--sets", nargs="*", default=["example", *NIGHTS], help="which of them")
    making.add_argument("--real", type=Path, help="folder of real data: its asteroid, too")
    words = parser.parse_args()
    if words.action == "make":
        make(words.folder, words.clone.resolve(), words.sets, words.real)
        return 0
    different = list(differences(*words.folders))
    print(*different, f"{len(results(words.folders[0]))} files compared", sep="\n")
    return int(bool(different))


if __name__ == "__main__":
    raise SystemExit(main())
