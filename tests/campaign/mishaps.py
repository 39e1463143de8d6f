"""All that may go wrong in a play, and which results it may touch."""

import gzip
import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
from astropy.io import fits

from simsky import faults
from tests.campaign.theatre import GOOD, Stage

REGISTRATION, CALIBRATION, TARGET, EXTRAS = "registration", "calibration", "target", "extras"
ONE_FRAME = "one frame"  # some frame, nobody knows which
MARK = "pp_was_here"  # what hostile text would make if anybody obeyed it


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something that went wrong.

    Parameters
    ----------
    name : str
        For the table.
    touches : frozenset of str
        What it may spoil: a stage, or a frame by its name. All else has to be as without it.
    spoils : tuple of str
        Files in the directory that cannot have a result, and have to be named.
    words : tuple of str
        More words on the command line.
    """

    name: str
    touches: frozenset[str] = frozenset()
    spoils: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


# -- services

TOUCHED = {
    "vizier": frozenset({REGISTRATION, CALIBRATION}),
    "horizons": frozenset({TARGET}),
    "skybot": frozenset({EXTRAS}),
    "vsx": frozenset({EXTRAS}),
}
HARMLESS = {faults.LATE.name}


def service_fault(random: Random, stage: Stage) -> Mishap:
    """One of the faults of `simsky.faults`, for a while or for ever."""
    fault = random.choice(faults.ALL_FAULTS)
    service = random.choice(list(TOUCHED))
    times = random.choice([1, 2, None, None])
    first = random.choice([1, 1, 2])
    server = random.choice([None, "vizier"]) if service == "vizier" else None
    stage.theatre.server.fail(
        replace(fault, service=service, server=server, first=first, times=times)
    )
    # a mirror makes up for a server that fails, not for one that tells nonsense in good form
    mended = server is not None and fault.twist is None
    touches = frozenset() if mended or fault.name in HARMLESS else TOUCHED[service]
    words = {"skybot": ("-asteroids",), "vsx": ("-variable_stars",)}.get(service, ())
    span = f"from {first}" if times is None else f"{first}..{first + times - 1}"
    return Mishap(f"{server or service}: {fault.name} ({span})", touches, words=words)


# -- tools

DEEDS = {
    "crashes": "kill -SEGV $$",
    "is killed": "kill -KILL $$",
    "fails": "echo '> *Error*: I give up' >&2; exit 1",
    "hangs": "sleep 600 & wait",
    "writes nothing": "exit 0",
    "writes empty files": ": > sources.ldac; : > scamp.xml; : > 00000.head",
    "writes rubbish": "for each in sources.ldac scamp.xml 00000.head; do"
    " head -c 9999 /dev/urandom > $each; done",
    "writes half": '"$REAL" "$@"; for each in sources.ldac scamp.xml 00000.head; do'
    " [ -f $each ] && truncate -s 3000 $each; done; exit 0",
    "speaks rubbish": "head -c 100000 /dev/urandom; exit 7",
    "fails behind its work": '"$REAL" "$@"; exit 3',
    "takes its time": 'sleep 3; exec "$REAL" "$@"',
    "leaves a child": '(sleep 60) & exec "$REAL" "$@"',
}
TOOLS = ("source-extractor", "scamp")
SLOW = {"hangs"}


def tool_fault(random: Random, stage: Stage) -> Mishap:
    """A fake tool that does a deed always, once, or on one frame, and else is the real one."""
    tool, deed = random.choice(TOOLS), random.choice(list(DEEDS))
    when = random.choice(["once", "once", "on a frame", "always"])
    if tool == "scamp" and when == "on a frame":
        when = "once"
    if deed in SLOW and when == "always":
        when = "once"
    frame, number = random.choice(GOOD), random.randint(1, 6)
    write_fake(stage, tool, deed, {"on a frame": frame, "once": number}.get(when, when))
    touches = {ONE_FRAME} if when == "once" else {frame} if when == "on a frame" else set(GOOD)
    # SCAMP refines what was found without it: frames are registered all the same
    harmless = tool == "scamp" or deed in {"leaves a child", "takes its time"}
    return Mishap(f"{tool} {deed} ({when})", frozenset() if harmless else frozenset(touches))


def write_fake(stage: Stage, tool: str, deed: str, when: str | int) -> None:
    """Write the fake; `when` is the number of a call, the name of a frame, or "always"."""
    real = shutil.which(tool)
    calls = stage.root / f"{tool}.calls"
    test = {
        str: f'[ "$(basename "$(readlink frame.fits)")" = {when} ]',
        int: f'[ "$(wc -l < {shlex.quote(str(calls))})" -eq {when} ]',
    }[type(when)]
    if when == "always":
        test = "true"
    path = stage.root / "bin" / tool
    path.write_text(
        f"#!/bin/sh\nREAL={real}\n"
        '[ "$1" = -v ] && exec "$REAL" "$@"\n'
        f"echo >> {shlex.quote(str(calls))}\n"
        f'if {test}; then\n{DEEDS[deed]}\nelse\nexec "$REAL" "$@"\nfi\n'
    )
    path.chmod(0o755)


# -- frames

NAMES = (
    f"$(touch {MARK}).fits",
    f"`touch {MARK}`.fits",
    f"x; touch {MARK} #.fits",
    "<img src=x onerror=alert(1)>.fits",
    "a b\tc.fits",
    'it\'s "quoted".fits',
    "-rf.fits",
    "%s%n{0}.fits",
    "x'); DROP TABLE data; --.fits",
    "\u00e4\u4e2d\U0001f31f.fits",
    "@list.fits",
    "frame[1].fits",
    "#comment,comma.fits",
    "UPPER.FITS",
)
TEXTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    f"../../{MARK}",
    f"/tmp/{MARK}",
    f"$(touch {MARK})",
    f"`touch {MARK}`",
    f"; touch {MARK} #",
    "x'; DROP TABLE data; --",
    "%s%s%n",
    "{{7*7}}{% raise %}{0.__class__}",
    "-rf",
    "~root",
    "NaN",
    "1e999",
    "",
    "'",
    "x" * 68,
    "3552; NOT A NUMBER",
    "DES=*",
)
CARDS = ("OBJECT", "FILTER", "OBSERVER", "DATE-OBS", "TIME-OBS", "INSTRUME", "TELESCOP", "RA")
CARDS += ("DEC", "EXPTIME", "CTYPE1", "CRVAL1", "CD1_1", "AIRMASS", "COMMENT", "GAIN", "CCDSUM")


def _pixels(path: Path, pixels: np.ndarray) -> None:
    with fits.open(path) as hdus:
        header = hdus[0].header
    for name in ("BZERO", "BSCALE"):
        header.remove(name, ignore_missing=True)
    fits.writeto(path, pixels, header, overwrite=True)


def _cut(path: Path, random: Random) -> None:
    os.truncate(path, random.randint(1, path.stat().st_size - 2881))


def _noise(path: Path, random: Random) -> None:
    noise = np.random.default_rng(random.randrange(2**32)).normal(900, 20, (420, 420))
    _pixels(path, noise.astype(np.float32))


def _elsewhere(path: Path, random: Random) -> None:
    fits.setval(path, "RA", value=f"{random.randint(0, 9):02d}:10:00.0")
    fits.setval(path, "DEC", value=f"+{random.randint(30, 80)}:00:00")
    _noise(path, random)


def _raw(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content[:28800]
    path.write_bytes(content.replace(old, new, 1))


def _packed_rubbish(path: Path, _random: Random) -> None:
    path.write_bytes(gzip.compress(path.read_bytes(), 1)[:-4000])


def _fifo(path: Path, _random: Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _dangling(path: Path, _random: Random) -> None:
    path.unlink()
    path.symlink_to("nowhere.fits")


BROKEN: dict[str, Callable[[Path, Random], object]] = {
    "empty": lambda path, _r: path.write_bytes(b""),
    "cut": _cut,
    "cut in the header": lambda path, r: os.truncate(path, r.randint(1, 2879)),
    "NaN": lambda path, _r: _pixels(path, np.full((420, 420), np.nan, np.float32)),
    "constant": lambda path, _r: _pixels(path, np.full((420, 420), 1000, np.int16)),
    "saturated": lambda path, _r: _pixels(path, np.full((420, 420), 65535, np.float32)),
    "no stars": _noise,
    "another field": _elsewhere,
    "text": lambda path, _r: path.write_text("this is not a frame\n" * 999),
    "random bytes": lambda path, r: path.write_bytes(r.randbytes(300_000)),
    "a page": lambda path, _r: path.write_text("<!DOCTYPE html><p>Log in to the archive</p>"),
    "huge by its header": lambda path, _r: _raw(
        path, b"NAXIS1  =                  420", b"NAXIS1  =            999999999"
    ),
    "negative size": lambda path, _r: _raw(
        path, b"NAXIS1  =                  420", b"NAXIS1  =                 -420"
    ),
    "no end": lambda path, _r: _raw(path, b"END" + b" " * 77, b"XXX" + b" " * 77),
    "a cube": lambda path, _r: _pixels(path, np.zeros((2, 2, 40, 40), np.int16)),
    "one line of pixels": lambda path, _r: _pixels(path, np.zeros((1, 420), np.int16)),
    "no date": lambda path, _r: fits.delval(path, "DATE-OBS"),
    "another filter": lambda path, _r: fits.setval(path, "FILTER", value="TOP 2 BOT 1"),
    "no exposure": lambda path, _r: fits.setval(path, "EXPTIME", value="none"),
}
UNNOTICED = {"fifo": _fifo, "dangling link": _dangling}  # in a directory; no frames at all


def broken_frame(random: Random, stage: Stage, number: int) -> Mishap:
    """A file that cannot have a result."""
    kind = random.choice([*BROKEN, *UNNOTICED])
    path = stage.night / f"{random.choice(['a', 'n', 'z'])}broken{number}.fits"
    shutil.copy(_donor(stage, number), path)
    {**BROKEN, **UNNOTICED}[kind](path, random)
    return Mishap(f"frame: {kind}", spoils=(path.name,) if kind in BROKEN else ())


def rotten_archive(random: Random, stage: Stage, number: int) -> Mishap:
    """A compressed frame whose end is missing."""
    path = stage.night / f"packed{number}.fits.gz"
    shutil.copy(_donor(stage, number), path)
    _packed_rubbish(path, random)
    return Mishap("frame: cut archive", spoils=(path.name,))


def hostile_header(random: Random, stage: Stage, number: int) -> Mishap:
    """A frame whose header means harm; it may have a result or not."""
    path = stage.night / f"hostile{number}.fits"
    shutil.copy(_donor(stage, number), path)
    cards = random.sample(CARDS, random.randint(1, 3))
    for name in cards:
        fits.setval(path, name, value=random.choice(TEXTS))
    return Mishap(f"hostile {'+'.join(cards)}", frozenset({EXTRAS}))


def hostile_name(random: Random, stage: Stage, number: int) -> Mishap:
    """A good frame whose name means harm."""
    name = random.choice(NAMES)
    shutil.copy(_donor(stage, number), stage.night / name)
    return Mishap(f"frame called {name}")


def hostile_target(random: Random, _stage: Stage, _number: int) -> Mishap:
    """A target that means harm."""
    text = random.choice([text for text in TEXTS if text and not text.startswith("-")])
    return Mishap(f"-target {text}", frozenset({TARGET}), words=("-target", text))


def _donor(stage: Stage, number: int) -> Path:
    return stage.theatre.home / "frames" / f"mscience000{4 + number % 2}.fits"


FRAMES = (broken_frame, broken_frame, broken_frame, rotten_archive, hostile_header, hostile_name)

# -- surroundings

MODULES = ("catalog", "toolbox", "setup", "diagnostics", "files", "settings", "log", "cli", "sky")
MODULES += ("calibration", "photometry", "telescopes", "errors", "stars", "sphere", "frames")

CLOCK = """
import random, time
true = time.time
time.time = lambda: true() + random.choice([-86400.0 * 400, -3600.0, 0.0, 0.0, 86400.0 * 4000])
"""


def _foreign_modules(stage: Stage) -> None:
    folder = stage.root / "foreign"
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text(f"raise SystemExit('the wrong {name}')\n")
    stage.environment["PYTHONPATH"] = str(folder)


def _clock(stage: Stage) -> None:
    folder = stage.root / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CLOCK)
    stage.environment["PYTHONPATH"] = str(folder)


def _file_times(stage: Stage) -> None:
    for number, frame in enumerate(GOOD):
        os.utime(stage.night / frame, ns=((number - 1) * 10**18,) * 2)


def _unwritable_cache(stage: Stage) -> None:
    (stage.root / "cache").rmdir()
    (stage.root / "cache").write_text("no directory")


def _rotten_state(stage: Stage) -> None:
    state = stage.night / ".diagnostics/state"
    state.mkdir(parents=True)
    for name in ("run", "prepare", "register", "history", "photometry"):
        (state / f"{name}.json").write_text('{"frames": [{"a": ')


def _rotten_outputs(stage: Stage) -> None:
    for name in ("mscience0001.ldac", "mscience0002.ldac.db", "GAIA.cat", "photometry_3552.dat"):
        (stage.night / name).write_bytes(b"rotten" * 99)


def _changed(**values: str | None) -> Callable[[Stage], None]:
    return lambda stage: stage.environment.update(values)


SURROUNDINGS: dict[str, Callable[[Stage], None]] = {
    "no home": _changed(HOME="/dev/null/home"),
    "HOME not set": _changed(HOME=None),
    "foreign modules": _foreign_modules,
    "plain locale": _changed(LC_ALL="C", LANG="C", PYTHONIOENCODING="ascii"),
    "another locale": _changed(LC_ALL="de_DE.UTF-8", LC_NUMERIC="de_DE.UTF-8"),
    "time zone": _changed(TZ="Pacific/Kiritimati"),
    "clock jumps": _clock,
    "file times": _file_times,
    "no temporary directory": _changed(TMPDIR="/dev/null/tmp"),
    "cache is a file": _unwritable_cache,
    "narrow screen": _changed(COLUMNS="1", LINES="1", TERM="dumb"),
    "rotten state": _rotten_state,
    "rotten outputs": _rotten_outputs,
    "one core": _changed(OMP_NUM_THREADS="1"),
}


def odd_surroundings(random: Random, stage: Stage) -> Mishap:
    """Something about the machine."""
    kind = random.choice(list(SURROUNDINGS))
    SURROUNDINGS[kind](stage)
    return Mishap(kind)


def draw(random: Random, stage: Stage) -> list[Mishap]:
    """Mishaps of one play: one to five of all sorts."""
    mishaps: list[Mishap] = []
    if random.random() < 0.5:
        mishaps += [service_fault(random, stage) for _ in range(random.choice([1, 1, 2]))]
    if random.random() < 0.4:
        mishaps.append(tool_fault(random, stage))
    if random.random() < 0.4 or not mishaps:
        mishaps.append(odd_surroundings(random, stage))
    count = random.choice([0, 1, 1, 2])
    mishaps += [random.choice(FRAMES)(random, stage, number) for number in range(count)]
    if random.random() < 0.05:
        mishaps.append(hostile_target(random, stage, 0))
    return mishaps
