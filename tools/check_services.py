"""Ask every living service one small question, and every catalog for its columns.

To be run before a release, with network: the tests talk to a simulated sky alone. Prints a line
for each catalog (rows, seconds, columns that did not come) and for each other service; exit
status 1 if anything is wrong::

    .venv/bin/python tools/check_services.py [CATALOG ...]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from photpipe.catalogs.spec import normalised  # noqa: E402
from photpipe.catalogs.surveys import CATALOGS  # noqa: E402
from photpipe.ground.errors import PhotPipeError, UnknownTargetError  # noqa: E402
from photpipe.ground.sky import Cone  # noqa: E402
from photpipe.run.settings import Settings  # noqa: E402
from photpipe.services import horizons, skybot, vsx  # noqa: E402
from photpipe.services.cache import Cache  # noqa: E402
from photpipe.services.reference import fetch_catalog  # noqa: E402

NORTH, SOUTH = Cone(179.28, 0.43, 0.1), Cone(179.28, -40.0, 0.1)
JD = 2457786.9566
TARGETS = ("3552", "2010_AB12", "C/2017 K2", "73P", "73P-B", "Ceres", "Mars", "K10A12B")


def catalog(name: str, settings: Settings) -> str:
    """Fetch a catalog and look which of its columns came."""
    spec = CATALOGS[name]
    cone = NORTH if spec.may_cover(NORTH) else SOUTH
    table = fetch_catalog(name, cone, settings, max_mag=17.0)
    folder = Cache(settings.services).folder
    newest = max(folder.glob("*/*.ecsv"), key=lambda path: path.stat().st_mtime_ns)
    raw = Cache(settings.services).load(newest)
    came = {normalised(column) for column in raw.colnames} if raw is not None else set()
    missing = [each for each in spec.requested_columns if normalised(each) not in came]
    if missing or not len(table):
        raise RuntimeError(f"{len(table)} rows, missing: {', '.join(missing) or 'nothing'}")
    return f"{len(table)} rows"


def target(name: str, settings: Settings) -> str:
    """Resolve a name and get its position."""
    found = horizons.positions(name, [JD], "290", settings)
    return f"{found.name} at {found.ra_deg[0]:.5f} {found.dec_deg[0]:+.5f} V={found.mag[0]:.1f}"


def star(settings: Settings) -> str:
    """Ask Horizons for a star."""
    try:
        return f"unexpected: {horizons.positions('RR Lyr', [JD], '290', settings).name}"
    except UnknownTargetError as answer:
        return str(answer)


def questions(wanted: list[str], settings: Settings) -> dict[str, Callable[[], str]]:
    """All questions by name."""
    asked: dict[str, Callable[[], str]] = {
        name: lambda name=name: catalog(name, settings)  # type: ignore[misc]
        for name in wanted or CATALOGS
    }
    if wanted:
        return asked
    for name in TARGETS:
        asked[f"Horizons {name}"] = lambda name=name: target(name, settings)  # type: ignore[misc]
    asked["Horizons, a star"] = lambda: star(settings)
    asked["SkyBoT"] = lambda: f"{len(skybot.asteroids(NORTH, JD, '290', settings))} objects"
    asked["VSX"] = lambda: f"{len(vsx.variables(NORTH, settings))} variables"
    return asked


def main(argv: list[str]) -> int:
    """Ask all, with an empty cache; number of problems decides the exit status."""
    problems = 0
    os.environ.pop("PHOTPIPE_CACHE", None)
    with tempfile.TemporaryDirectory() as folder:
        loaded = Settings.load(Path.cwd())
        settings = replace(loaded, services=replace(loaded.services, cache=folder))
        for name, ask in questions(argv, settings).items():
            began = time.monotonic()
            try:
                verdict = f"ok    {ask()}"
            except (PhotPipeError, RuntimeError) as error:
                problems, verdict = problems + 1, f"WRONG {error}"
            sys.stdout.write(f"{name:20s} {time.monotonic() - began:6.1f} s  {verdict}\n")
            sys.stdout.flush()
    return int(problems > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
