"""What catalog.py does: fetch and convert catalogs, fill the cache, take one's own stars."""

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.command import cli
from photpipe.ground.errors import ConfigError
from photpipe.ground.sky import parse_sexagesimal
from photpipe.ground.timescale import (
    DAYS_PER_JULIAN_YEAR,
    J2000_JD,
    parse_date,
    parse_datetime,
)
from photpipe.run import kinds
from photpipe.run.options import COMMON
from photpipe.run.settings import Settings, ignored_in

if TYPE_CHECKING:
    from photpipe.catalogs.table import SourceTable
    from photpipe.ground.bands import MagnitudeSystem
    from photpipe.ground.sky import Cone

ROWS_SHOWN = 20  # what fits a terminal of 24 lines
LDAC_SUFFIXES = (".cat", ".ldac")
# by judgement: a field of half a degree; kits: the largest cone that is asked for
DEFAULT_RADIUS_DEG, KIT_RADIUS_DEG = 0.3, 6.0
# proper motions of catalogs are straight lines: beyond, they say nothing
EARLIEST_YEAR, LATEST_YEAR = 1880.0, 2100.0
SUMMARY = "Fetch, show and convert star catalogs; fill the cache for a night without network."
USAGE = """catalog.py NAME RA DEC RADIUS  fetch and show a catalog around a position (degrees)
       catalog.py -list               what each catalog can do
       catalog.py prefetch FILE       fill the cache for a night; lines of the file are
                                      NAME RA DEC [RADIUS] or TARGET FROM TO [RADIUS]
       catalog.py cache               size and age of the answers that are kept
       catalog.py import NAME FILE    take your own table of stars, for -cat NAME
       catalog.py kit 'RA DEC'        patterns of the stars around a position (or a list of
                                      NAME RA DEC [RADIUS]), to find frames without pointing"""


def parser() -> argparse.ArgumentParser:
    """Parser of all forms."""
    result = cli.new_parser("catalog.py", SUMMARY, is_mixed=True)
    result.usage = USAGE
    add = result.add_argument
    add("-list", action="store_true", help="print the table of the catalogs")
    add(
        "-o",
        metavar="FILE",
        type=_table_file,
        help="write to .ecsv, .csv, .fits or .cat (LDAC, for SCAMP)",
    )
    add(
        "-maxmag",
        metavar="MAG",
        type=kinds.finite,
        help="faintest magnitude in the catalog's main band",
    )
    add(
        "-epoch",
        metavar="DATE",
        help="date of observation, or year: proper motions are applied; "
        "with import: epoch of the positions",
    )
    add("-cat", metavar="NAMES", help="prefetch: catalogs, separated by commas; kit: its catalog")
    add("-observatory", metavar="CODE", default="", help="prefetch: MPC code of the observatory")
    add(
        "-radius",
        metavar="DEG",
        type=kinds.finite,
        help="prefetch, kit: radius of fields that give none",
    )
    add(
        "-map",
        metavar="OURS=THEIRS",
        nargs="+",
        default=[],
        help="import: columns, e.g. Vmag=V_T e_Vmag=sigma ra_deg=RA",
    )
    add(
        "-system",
        metavar="BAND=SYSTEM",
        nargs="+",
        default=[],
        help="import: magnitude systems, e.g. V=Vega g=AB",
    )
    for name in ("telescope", "offline", "debug"):
        add(f"-{name}", **COMMON[name].keywords())
    add("words", nargs="*", help=argparse.SUPPRESS)
    return result


def _table_file(text: str) -> Path:
    """Name of a file of a form that we can write, before anything is fetched."""
    suffixes = (".ecsv", ".csv", ".fits", *LDAC_SUFFIXES)
    if Path(text).suffix.lower() not in suffixes:
        raise argparse.ArgumentTypeError(f"{text} does not end in one of {' '.join(suffixes)}")
    return Path(text)


def show(values: argparse.Namespace, settings: Settings) -> cli.Status:
    """Fetch a catalog; print its head, or write all of it."""
    from photpipe.services.prefetch import cone_of, numeric
    from photpipe.services.reference import fetch_catalog

    name, ra, dec, radius = values.words
    try:
        cone = cone_of(ra, dec, numeric(radius))
    except ValueError as error:
        raise ConfigError(f"{error}; give RA, Dec and radius in degrees") from error
    epoch = _epoch_jd(values.epoch) if values.epoch else None
    table = fetch_catalog(name, cone, settings, max_mag=values.maxmag, epoch_jd=epoch)
    for sentence in table.history:
        _say(f"# {sentence}")
    if values.o is None:
        columns = ["ident", "ra_deg", "dec_deg"]
        columns += [name for band in table.bands for name in (f"{band}mag", f"e_{band}mag")]
        shown = table.data[columns][:ROWS_SHOWN]
        for line in shown.pformat(max_lines=-1, max_width=-1, show_unit=False):
            _say(line)
        if len(table) > ROWS_SHOWN:
            _say(f"... {len(table)} stars; -o FILE writes them all")
        return cli.Status.DONE
    _write(table, values.o)
    _say(f"{len(table)} stars written to {values.o}")
    return cli.Status.DONE


def fill(values: argparse.Namespace, settings: Settings) -> cli.Status:
    """Fill the cache from a list of fields and targets."""
    from photpipe.services import prefetch

    _, file = values.words
    catalogs, code = _wanted(values, prefetch.DEFAULT_CATALOGS)
    entries = prefetch.read_list(Path(file), values.radius or DEFAULT_RADIUS_DEG)
    outcomes = prefetch.prefetch(entries, catalogs, code, settings, values.maxmag)
    failed = done = 0
    for outcome in outcomes:
        failed, done = failed + bool(outcome.problem), done + (not outcome.problem)
        _say(f"{outcome.field}: {outcome.catalog}: {outcome.problem or f'{outcome.stars} stars'}")
    if failed:
        return cli.Status.PARTIAL if done else cli.Status.FAILED
    return cli.Status.DONE


def _wanted(values: argparse.Namespace, default: Sequence[str]) -> tuple[list[str], str]:
    """Catalogs and observatory code: those named, those of the telescope, or the usual ones."""
    from photpipe.catalogs import surveys
    from photpipe.instruments import telescopes

    code, names = values.observatory, list(default)
    if values.telescope:
        telescope = telescopes.by_keyword(values.telescope)
        code = code or telescope.observatory_code
        names = [*telescope.astrometry_catalogs, *telescope.photometry_catalogs]
    if values.cat:
        names = values.cat.split(",")
    return list(dict.fromkeys(surveys.spec(name.strip()).name for name in names)), code


def kept(_values: argparse.Namespace, settings: Settings) -> cli.Status:
    """List what the cache holds."""
    from photpipe.services.cache import Cache
    from photpipe.services.reference import imported_tables

    cache = Cache(settings.services)
    entries = cache.entries()
    for entry in entries:
        size = f"{entry.size_bytes / 1024:.0f} kB"
        age = f"{entry.age_days:.1f} d"
        _say(f"{age:>9} {size:>9} {entry.rows:>7} rows  {entry.service}: {entry.request}")
    total = sum(each.size_bytes for each in entries) / 1024**2
    for path in imported_tables(settings.services):
        _say(f"imported: {path.stem}  {path}")
    folders = ", ".join(str(folder) for folder in cache.folders)
    _say(f"{len(entries)} answers, {total:.1f} MB in {folders}")
    return cli.Status.DONE


def bring(values: argparse.Namespace, settings: Settings) -> cli.Status:
    """Put a table of stars into the cache as a catalog."""
    from photpipe.catalogs.local import Columns, read_stars
    from photpipe.services.reference import keep_imported

    _, name, file = values.words
    columns = Columns(
        dict(_pairs(values.map, "-map Vmag=V_T")),
        {band: _system(text) for band, text in _pairs(values.system, "-system V=Vega")},
        _epoch_jd(values.epoch) if values.epoch else J2000_JD,
    )
    table = read_stars(Path(file), name, columns)
    path = keep_imported(table, settings.services)
    _say(f"{len(table)} stars ({' '.join(table.bands)}) kept in {path}; use them with -cat {name}")
    return cli.Status.DONE


def kit(values: argparse.Namespace, settings: Settings) -> cli.Status:
    """Make kits around a place, or around those of a list."""
    from photpipe.ground.errors import PhotPipeError
    from photpipe.register import blind

    catalog = (values.cat or blind.KIT_CATALOG).split(",")[0]
    done = failed = 0
    for name, cone in _kit_cones(values):
        try:
            files = blind.make_kit(cone, settings, catalog)
        except PhotPipeError as error:
            failed += 1
            _say(f"{name}: {error}")
            continue
        done += 1
        size = sum(path.stat().st_size for path in files) / 1024**2
        where = f" in {files[0].parent}" if files else ": too few stars for patterns"
        _say(f"{name}: {len(files)} files, {size:.1f} MB, {cone}{where}")
    if failed:
        return cli.Status.PARTIAL if done else cli.Status.FAILED
    return cli.Status.DONE


def _kit_cones(values: argparse.Namespace) -> Iterator[tuple[str, "Cone"]]:
    """Names and regions of the kits that are asked for."""
    from photpipe.services import prefetch

    text, radius = values.words[1], values.radius or KIT_RADIUS_DEG
    if Path(text).is_file():
        for entry in prefetch.read_list(Path(text), radius):
            if isinstance(entry, prefetch.MovingTarget):
                raise ConfigError(f"{text}: {entry.name}: kits need NAME RA DEC [RADIUS]")
            yield entry.name, entry.cone
        return
    words = text.split()
    if len(words) != 2:
        raise ConfigError(f"{text!r} is neither a file nor 'RA DEC' in degrees or sexagesimal")
    try:
        yield text, prefetch.cone_of(words[0], words[1], radius)
    except ValueError as error:
        raise ConfigError(f"{error}; give RA and Dec in degrees") from error


def listing(_values: argparse.Namespace, _settings: Settings) -> cli.Status:
    """Print the table of the catalogs."""
    from photpipe.catalogs.listing import listing as table_of_catalogs

    _say(table_of_catalogs())
    return cli.Status.DONE


def _write(table: "SourceTable", path: Path) -> None:
    try:
        if path.suffix.lower() in LDAC_SUFFIXES:
            table.write_ldac(path)
        else:
            table.write(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error


def _pairs(words: Sequence[str], example: str) -> Iterator[tuple[str, str]]:
    for word in words:
        ours, sign, theirs = word.partition("=")
        if not (ours and sign and theirs):
            raise ConfigError(f"{word!r} should look like {example}")
        yield ours, theirs


def _system(text: str) -> "MagnitudeSystem":
    if text.casefold() == "ab":
        return "AB"
    if text.casefold() == "vega":
        return "Vega"
    raise ConfigError(f"{text!r} is not a magnitude system; use AB or Vega")


def _epoch_jd(text: str) -> float:
    """Julian date of a year (2016.0) or a date."""
    try:
        if "-" in text:
            return parse_datetime(text) if "T" in text else parse_date(text)
        year = float(text)
    except ValueError:
        year = math.nan
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise ConfigError(f"-epoch {text}: not a year such as 2016.0, nor a date as 2017-02-01")
    return J2000_JD + (year - 2000.0) * DAYS_PER_JULIAN_YEAR


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


Action = Callable[[argparse.Namespace, Settings], cli.Status]
# first word -> action and number of words; any other first word is the name of a catalog
ACTIONS: dict[str, tuple[Action, int]] = {
    "prefetch": (fill, 2),
    "cache": (kept, 1),
    "import": (bring, 3),
    "kit": (kit, 2),
}


def _action(values: argparse.Namespace) -> Action | None:
    """What the words ask for; None if they make no sense."""
    if values.list:
        return listing
    first = values.words[0] if values.words else ""
    action, count = ACTIONS.get(first, (show, 4))
    return action if len(values.words) == count else None


def act(values: argparse.Namespace) -> cli.Status:
    """Do what the words of the command ask for."""
    action = _action(values)
    if action is None:
        sys.stderr.write(f"usage: {USAGE}\n")
        return cli.Status.USAGE
    settings = Settings.load(Path.cwd())
    ignored = ignored_in(Path.cwd())
    if ignored:
        sys.stderr.write(f"warning: {ignored}\n")
    return action(values, settings.with_offline() if values.offline else settings)


def decimal(word: str) -> str:
    """A negative sexagesimal declination in degrees, or argparse takes it for an option."""
    if not re.match(r"-\d+:", word):
        return word
    try:
        return str(parse_sexagesimal(word))
    except ValueError:
        return word
