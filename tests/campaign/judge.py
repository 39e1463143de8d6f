"""What has to be true after a play, whatever happened in it."""

import json
import re
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from photpipe.run.photometry_file import TargetPoint
from tests.campaign.mishaps import (
    CALIBRATION,
    EXTRAS,
    MARK,
    ONE_FRAME,
    REGISTRATION,
    TARGET,
    Mishap,
)
from tests.campaign.theatre import GOOD, Outcome, Stage, Theatre

# The frames of a series share an aperture, its stars decide on outliers together, and SCAMP
# fits them together: a frame less was seen to move a result by 0.0005 mag, a frame more by
# 0.0018; the errors of the results are 0.005 mag. Another catalog has errors of its own.
SAME_MAG = 0.005
OTHER_CATALOG_MAG = 0.1
TRUE_MAG = 0.05
SAME_PLACE_ARCSEC = 0.1
STATUSES = {0, 1, 3}
BUG = re.compile(r"Traceback|this is a bug|Error:|Exception\b", re.MULTILINE)
LIVE_MARKUP = re.compile(r"<script>alert|<img src=x|<title>[^<]*<img", re.IGNORECASE)
SQLITE_LEFTOVERS = ("-journal", "-wal", "-shm")


def judge(stage: Stage, mishaps: Sequence[Mishap], outcome: Outcome) -> list[str]:
    """Everything that is wrong after a run with mishaps."""
    touched = frozenset().union(*(each.touches for each in mishaps))
    spoiled = [name for each in mishaps for name in each.spoils]
    return [
        *manners(outcome),
        *status(stage, outcome, touched, spoiled),
        *results(stage, touched),
        *files(stage),
        *leftovers(stage),
    ]


def healed(stage: Stage, mishaps: Sequence[Mishap], outcome: Outcome) -> list[str]:
    """Everything that is wrong after a run behind the mishaps, with the bad frames still there."""
    lasting = [each for each in mishaps if each.spoils or each.words or EXTRAS in each.touches]
    renamed = {TARGET} if any("-target" in each.words for each in mishaps) else set()
    lasting = [Mishap(each.name, frozenset({EXTRAS} | renamed), each.spoils) for each in lasting]
    return [f"afterwards: {each}" for each in judge(stage, lasting, outcome)]


def manners(outcome: Outcome) -> list[str]:
    """No hang, a known status, no traceback, nothing on the standard error."""
    wrong = []
    if outcome.status is None:
        wrong.append("hangs")
    elif outcome.status not in STATUSES:
        wrong.append(f"status {outcome.status}")
    for text in (outcome.screen, outcome.errors):
        found = BUG.search(text)
        if found:
            wrong.append(f"on the screen: {text[max(0, found.start() - 300) : found.end() + 700]}")
    if outcome.status in {0, 3} and outcome.errors.strip():
        wrong.append(f"standard error: {outcome.errors[:300]}")
    if outcome.status == 1 and not (outcome.screen + outcome.errors).strip():
        wrong.append("fails without a word")
    return wrong


def status(
    stage: Stage, outcome: Outcome, touched: Collection[str], spoiled: Sequence[str]
) -> list[str]:
    """The status fits what is there, and what failed is named."""
    points = stage.points()
    missing = [name for name in GOOD if name not in points]
    wrong = []
    if not touched and missing:
        wrong.append(f"no result of {missing}")
    if not touched and outcome.status != (3 if spoiled else 0):
        wrong.append(f"status {outcome.status} with {spoiled or 'nothing'} spoiled")
    if outcome.status == 0 and (spoiled or (missing and not {TARGET} & set(touched))):
        wrong.append(f"status 0, but {spoiled + missing} failed")
    wrong += [f"{name} is not named" for name in spoiled if name not in outcome.screen]
    wrong += [f"{name} has a result" for name in spoiled if name in points]
    return wrong


def results(stage: Stage, touched: Collection[str]) -> list[str]:
    """Every good frame that has a result has the right one; those untouched have one."""
    points = stage.points()
    wrong = []
    for name in GOOD:
        excuses = {REGISTRATION, TARGET, EXTRAS, ONE_FRAME, name} & set(touched)
        if name in points:
            wrong += compared(points[name], stage.theatre, touched)
        elif excuses <= {EXTRAS}:
            wrong.append(f"{name} has no result")
    if ONE_FRAME in touched and not {REGISTRATION, TARGET} & set(touched):
        count = sum(name in points for name in GOOD)
        allowed = len(GOOD) - sum(each == ONE_FRAME or each in GOOD for each in touched)
        if count < allowed:
            wrong.append(f"only {count} frames have results")
    return wrong


def compared(point: TargetPoint, theatre: Theatre, touched: Collection[str]) -> list[str]:
    """What is wrong with the result of a good frame."""
    expected = theatre.reference[point.frame]
    name = point.frame
    if point.rejected or point.method != expected.method:
        return [f"{name}: {point.method} {point.rejected}"]
    wrong = []
    away = 3600 * np.hypot(
        point.source_ra_deg - expected.source_ra_deg, point.source_dec_deg - expected.source_dec_deg
    )
    if away > SAME_PLACE_ARCSEC:
        wrong.append(f"{name}: {away:.3f} arcsec from where it was")
    if point.catalog == expected.catalog:
        difference, limit = point.mag - expected.mag, SAME_MAG
    elif not {CALIBRATION, REGISTRATION} & set(touched):
        return [*wrong, f"{name}: calibrated with {point.catalog}"]
    elif np.isfinite(point.zeropoint):
        difference, limit = point.mag - expected.mag, OTHER_CATALOG_MAG
    else:
        difference, limit = point.mag - expected.instrumental_mag, TRUE_MAG
    if not abs(difference) < limit:
        wrong.append(f"{name}: {difference:+.4f} mag off")
    return wrong


def files(stage: Stage) -> list[str]:
    """Every file of a kind that we write can be read; the pixels of the good frames are theirs."""
    wrong = []
    for path in sorted(stage.night.rglob("*")):
        if not path.is_file():
            continue
        try:
            _opened(path)
        except Exception as error:  # whatever a reader says, the file is damaged
            wrong.append(f"{path.name} is damaged: {type(error).__name__}: {error}")
    for name in GOOD:
        original = stage.theatre.home / "frames" / name
        if pixels(original) != pixels(stage.night / name):
            wrong.append(f"{name}: the pixels have changed")
    return wrong


def _opened(path: Path) -> None:
    if path.suffix == ".db":
        with sqlite3.connect(path) as database:
            (answer,) = database.execute("PRAGMA integrity_check").fetchone()
            assert answer == "ok", answer
            assert database.execute("SELECT count(*) FROM data").fetchone()[0] > 0
    elif path.suffix in {".ldac", ".cat"} or path.name in GOOD:
        with fits.open(path) as hdus:
            hdus.verify("exception")
            for each in hdus:
                assert each.data is None or len(each.data) >= 0
    elif path.suffix == ".ecsv" and path.name.startswith("photometry_"):
        Table.read(path, format="ascii.ecsv")
    elif path.suffix == ".json":
        json.loads(path.read_text("utf-8"))
    elif path.suffix in {".html", ".svg"}:
        found = LIVE_MARKUP.search(path.read_text("utf-8"))
        assert not found, f"live markup: {found and found[0]}"
    elif path.suffix in {".jpg", ".png", ".webp"}:
        assert path.stat().st_size > 100


def pixels(path: Path) -> bytes:
    """Data of a frame as they are on the disk."""
    with fits.open(path, memmap=False, do_not_scale_image_data=True) as hdus:
        return bytes(hdus[0].data.tobytes())


def leftovers(stage: Stage) -> list[str]:
    """Nothing temporary, nothing outside, no process; hostile text made no file."""
    wrong = [
        f"left over: {path.relative_to(stage.root)}"
        for path in stage.root.rglob("*")
        if path.name.startswith((".pp_tmp_", "pp_extract_", "pp_scamp_"))
        or path.name.endswith(SQLITE_LEFTOVERS)
    ]
    wrong += [f"in the temporary directory: {path.name}" for path in (stage.root / "tmp").glob("*")]
    outside = (Path.cwd(), Path("/tmp"), stage.root, *stage.root.rglob("*/"))
    wrong += [f"obeyed: {folder / MARK}" for folder in outside if (folder / MARK).exists()]
    wrong += [f"still runs: {line}" for line in processes(stage.root)]
    return wrong


def processes(root: Path) -> list[str]:
    """Command lines of processes whose directory is below `root`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            where = str((folder / "cwd").readlink())
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if where.removesuffix(" (deleted)").startswith(str(root)):
            found.append(line)
    return found
