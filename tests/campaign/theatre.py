"""The sky, the frames and the services of all plays, and what pp_run finds undisturbed."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from photpipe.run import photometry_file
from photpipe.run.photometry_file import TargetPoint
from simsky import Camera, SkyServer, camera, night, observe, read_truth, sky_for
from tests.conftest import FIELD, START_JD, TARGET

ROOT = Path(__file__).resolve().parents[2]
GOOD = ("mscience0001.fits", "mscience0002.fits", "mscience0003.fits")
DONORS = ("mscience0004.fits", "mscience0005.fits")
TARGET_FILE = "photometry_3552.dat"
DEADLINE_S = 600.0  # of a run that takes some seconds: only what hangs comes near it
TOOL_TIMEOUT_S = 30.0
UNDISTURBED = "undisturbed"
COMMAND = (sys.executable, str(ROOT / "pp_run.py"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended; the status is None where it had to be ended."""

    status: int | None
    screen: str
    errors: str
    seconds: float


@dataclass(slots=True)
class Theatre:
    """Frames that are rendered once, and the services about them.

    Attributes
    ----------
    home : Path
        Folder of everything.
    server : SkyServer
        The services.
    reference : dict
        Frame name to what an undisturbed run found for the target.
    catalogs : dict
        Rows of the database of each frame in that run.
    truth : dict
        Frame name to the true magnitude of the target, the donors' too.
    """

    home: Path
    server: SkyServer
    cam: Camera
    reference: dict[str, TargetPoint] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    truth: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def open(cls, home: Path) -> "Theatre":
        """Render the frames, start the services, run once undisturbed."""
        cam = camera("VATT4K", shape=(420, 420))
        sky = sky_for(cam, 3552, *FIELD, stars_per_frame=110, min_separation_arcsec=5.0)
        sky = sky.with_movers(TARGET)
        plan = night(cam, *FIELD, count=5, start_jd=START_JD, seed=3552, object_name="3552")
        frames = observe(sky, cam, plan, home / "frames")
        theatre = cls(home, SkyServer(sky).__enter__(), cam)
        for path in frames:
            (row,) = (each for each in read_truth(path) if each["kind"] == 1)
            theatre.truth[path.name] = float(row["mag"])
        stage = theatre.stage(UNDISTURBED)
        outcome = stage.run()
        if outcome.status != 0:
            raise RuntimeError(f"the undisturbed run failed:\n{outcome.screen}{outcome.errors}")
        theatre.seconds = outcome.seconds
        theatre.reference = stage.points()
        theatre.sources = {name: rows(stage.night / name) for name in GOOD}
        assert set(theatre.reference) == set(GOOD)
        return theatre

    def close(self) -> None:
        """Stop the services."""
        self.server.__exit__(None, None, None)

    def stage(self, name: str) -> "Stage":
        """A fresh directory with the good frames, and surroundings of its own."""
        root = self.home / name
        shutil.rmtree(root, ignore_errors=True)
        stage = Stage(root, self)
        for folder in ("night", "bin", "cache", "config", "tmp", "home"):
            (root / folder).mkdir(parents=True)
        for frame in GOOD:
            shutil.copy(self.home / "frames" / frame, stage.night)
        self.server.let_directories_lead(root / "config")
        stage.write_settings(pages=False)
        return stage

    def finished(self, name: str) -> "Stage":
        """A copy of the undisturbed run, to be spoiled."""
        stage = Stage(self.home / name, self)
        shutil.rmtree(stage.root, ignore_errors=True)
        shutil.copytree(self.home / UNDISTURBED, stage.root)
        return stage


@dataclass(slots=True)
class Stage:
    """One directory with frames, with a cache, a home and a folder for temporary files.

    Attributes
    ----------
    root : Path
        Holds ``night`` (the data directory), ``bin`` (first on PATH), ``cache``, ``tmp``, ...
    environment : dict
        Changes to the environment; None removes a variable.
    """

    root: Path
    theatre: Theatre
    environment: dict[str, str | None] = field(default_factory=dict)

    @property
    def night(self) -> Path:
        """The data directory."""
        return self.root / "night"

    def write_settings(self, *, pages: bool, lines: Sequence[str] = ()) -> None:
        """Lead the run to the services, with the patience that a busy machine needs."""
        path = self.theatre.server.write_settings(
            self.night, connect_timeout_s=5.0, read_timeout_s=15.0, deadline_s=40.0
        )
        more = ["[tools]", f"timeout_s = {TOOL_TIMEOUT_S}"]
        more += ["[report]", f"pages = {str(pages).lower()}", *lines]
        path.write_text(path.read_text() + "\n".join(more) + "\n")

    def surroundings(self) -> dict[str, str]:
        """Environment of a run."""
        values: dict[str, str | None] = {
            **os.environ,
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PHOTPIPE_CACHE": str(self.root / "cache"),
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "TMPDIR": str(self.root / "tmp"),
            "HOME": str(self.root / "home"),
            "PHOTPIPEDIR": None,
            "PHOTPIPE_OFFLINE": None,
            **self.environment,
        }
        return {name: value for name, value in values.items() if value is not None}

    def start(
        self, words: Sequence[str] = ("night",), before: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Start pp_run; words that come before it may change its rights."""
        return subprocess.Popen(
            [*before, *COMMAND, *words],
            cwd=self.root,
            env=self.surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )

    def run(self, words: Sequence[str] = ("night",), before: Sequence[str] = ()) -> Outcome:
        """Run pp_run to its end, or end it when it hangs."""
        began = time.monotonic()
        with self.start(words, before) as process:
            try:
                screen, errors = process.communicate(timeout=DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                screen, errors = process.communicate()
                return Outcome(None, screen, errors, time.monotonic() - began)
        return Outcome(process.returncode, screen, errors, time.monotonic() - began)

    def points(self) -> dict[str, TargetPoint]:
        """Photometry of the target by frame; empty if there is none."""
        path = self.night / TARGET_FILE
        if not path.is_file() or not path.with_suffix(".ecsv").is_file():
            return {}
        return {point.frame: point for point in photometry_file.read(path)[1]}


def rows(frame: Path) -> int:
    """Number of sources in the database of a frame."""
    path = frame.with_suffix(".ldac.db")
    if not path.is_file():
        return 0
    with sqlite3.connect(path) as database:
        return int(database.execute("SELECT count(*) FROM data").fetchone()[0])
