"""pp_prepare killed at any moment: every frame is the old or the new one, a second run finishes."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.framefiles import noise, write_frame

ROOT = Path(__file__).resolve().parents[2]
FRAMES, KILLS = 10, 50

# Kept apart from the test: it forks, and pytest has threads. One child is timed, the others
# are killed somewhere within that time; after each kill another child finishes the work.
MURDERER = """
import json, os, random, shutil, signal, sys, time
from pathlib import Path
import pp_prepare
from photpipe.run.workspace import Workspace

folder, originals, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
random.seed(3552)
os.fsync = lambda handle: None  # processes are killed, the power is not cut

def fresh():
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(originals, folder)

def prepare(**options):
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".fits", ".gz"))
    workspace = Workspace(folder, quiet=True, jobs=2)
    return pp_prepare.prepare(paths, pp_prepare.PrepareOptions(**options), workspace)

def child(**options):
    pid = os.fork()
    if pid == 0:
        os._exit(len(prepare(**options).failed))
    return pid

def contents():
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

def left_over():
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".pp_tmp_*"))

fresh()
prepare()  # imports everything, so that the children need not
fresh()
old = contents()
durations = []
for _ in range(3):
    fresh()
    start = time.perf_counter()
    os.waitpid(child(), 0)
    durations.append(time.perf_counter() - start)
duration = min(durations)
new = contents()
for path in folder.glob("*.gz"):
    path.unlink()
os.waitpid(child(restore=True), 0)
unpacked = contents()  # what is new has a whole state before it is prepared
whole = (old, unpacked, new)
report = {"changed": sum(old.get(name) != new[name] for name in new), "rounds": []}
for _ in range(kills):
    fresh()
    pid = child()
    time.sleep(random.uniform(0.0, duration))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    found = contents()
    names = {name for name in found if not name.startswith(".")}
    entry = {
        "killed": os.WIFSIGNALED(status),
        "neither": sorted(
            name for name in names if found[name] not in (each.get(name) for each in whole)
        ),
        "new": sum(found[name] == new[name] != old.get(name) for name in names),
        "lost": sorted(set(old) - names),
        "left over": len(left_over()),
    }
    _, status = os.waitpid(child(), 0)
    entry["second run failed"] = os.waitstatus_to_exitcode(status)
    entry["finished"] = contents() == new
    entry["still left over"] = left_over()
    report["rounds"].append(entry)
print(json.dumps(report))
"""


@pytest.mark.slow
def test_kill_at_fifty_moments(tmp_path: Path) -> None:
    originals = tmp_path / "originals"
    originals.mkdir()
    for number in range(FRAMES):
        pixels = noise((600, 600), seed=number)
        write_frame(originals / f"f{number:02d}.fits", pixels=pixels)
    write_packed(originals)
    line = [sys.executable, "-c", MURDERER, str(tmp_path / "night"), str(originals), str(KILLS)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    rounds = report["rounds"]
    assert report["changed"] == FRAMES + 2  # the frames, the unpacked and the trimmed one
    assert [each["neither"] for each in rounds] == [[]] * KILLS
    assert [each["lost"] for each in rounds] == [[]] * KILLS
    assert [each["second run failed"] for each in rounds] == [0] * KILLS
    assert all(each["finished"] for each in rounds)
    assert [each["still left over"] for each in rounds] == [[]] * KILLS
    # the test is worth something only if kills hit the work: some frames new, some old
    assert sum(0 < each["new"] < report["changed"] for each in rounds) >= 5
    assert sum(each["killed"] for each in rounds) >= KILLS // 3


def write_packed(folder: Path) -> None:
    """A gzipped frame, and one whose edges are cut off."""
    packed = folder / "packed.fits.gz"
    packed.write_bytes(gzip.compress(write_frame(folder / "x"), 1))
    (folder / "x").unlink()
    write_frame(folder / "edges.fits", "LOWELL42", noise((300, 300)))
