"""pp_prepare and what it should never be given: one clear line each, and nothing is lost."""

import contextlib
import ctypes
import gzip
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import pp_prepare
from photpipe.command.cli import Status
from photpipe.fits.fitsfile import read_header
from photpipe.run import lock
from photpipe.run.results import PrepareResult
from photpipe.run.workspace import Workspace
from pp_prepare import PrepareOptions
from tests.framefiles import noise, temporary_files, with_raw_cards, write_frame
from tests.rights import without_privileges

ROOT = Path(__file__).resolve().parents[2]


def prepare(folder: Path) -> PrepareResult:
    paths = sorted(each for each in folder.iterdir() if each.is_file())
    return pp_prepare.prepare(paths, PrepareOptions(), Workspace(folder, quiet=True))


def command(folder: Path, *words: str, **how: object) -> subprocess.CompletedProcess[str]:
    """Run pp_prepare as a user does, in a folder."""
    line = [sys.executable, str(ROOT / "pp_prepare.py"), *words]
    return subprocess.run(
        line, cwd=folder, capture_output=True, text=True, check=False, timeout=120, **how
    )


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2 + 1500]


BAD_CONTENT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (truncated, "truncated: .* copy or download it again"),
    "empty": (lambda _: b"", "the file is empty"),
    "text": (lambda _: b"Dear diary,\n" * 500, "not a FITS file"),
    "header alone": (lambda content: content[:2880], "truncated: 0 of"),
    "without END": (lambda c: c.replace(b"END".ljust(80), bytes(80), 1), "no END card"),
    "gzip of nothing": (lambda _: gzip.compress(b""), "the file is empty"),
    "half a gzip": (lambda c: gzip.compress(c)[:2000], "compressed file is damaged"),
}


@pytest.mark.parametrize("case", BAD_CONTENT)
def test_bad_files_do_not_stop_the_good_ones(tmp_path: Path, case: str) -> None:
    change, reason = BAD_CONTENT[case]
    content = write_frame(tmp_path / "good.fits")
    (tmp_path / "bad.fits").write_bytes(change(content))
    before = (tmp_path / "bad.fits").read_bytes()
    result = prepare(tmp_path)
    assert [each.frame for each in result.frames] == ["good.fits"]
    (failure,) = result.failed
    assert failure.frame == "bad.fits"
    assert "\n" not in failure.reason
    assert re.search(reason, failure.reason)
    assert (tmp_path / "bad.fits").read_bytes() == before
    assert not temporary_files(tmp_path)


BAD_PIXELS = {
    "cube": (noise((4, 40, 50)), "a cube of 4 images; split it"),
    "spectrum": (noise((50,)), "no two-dimensional image"),
    "NaN": (np.full((40, 50), np.nan, ">f4"), "all pixels are NaN"),
    "infinite": (np.full((40, 50), np.inf, ">f4"), "all pixels are NaN"),
    "blank": (np.zeros((40, 50), "u2"), "all pixels have the same value"),
    "flat": (np.full((40, 50), 7.5, ">f8"), "all pixels have the same value"),
}


def refusal_beside_a_good_frame(folder: Path, content: bytes) -> str:
    """Why bad.fits is refused, which does not touch it, nor stop good.fits."""
    write_frame(folder / "good.fits")
    result = prepare(folder)
    assert [each.frame for each in result.frames] == ["good.fits"]
    (failure,) = result.failed
    assert "\n" not in failure.reason
    assert (folder / "bad.fits").read_bytes() == content
    return failure.reason


@pytest.mark.parametrize("case", BAD_PIXELS)
def test_pixels_that_hold_nothing(tmp_path: Path, case: str) -> None:
    pixels, reason = BAD_PIXELS[case]
    content = write_frame(tmp_path / "bad.fits", pixels=pixels)
    assert reason in refusal_beside_a_good_frame(tmp_path, content)


def test_one_good_pixel_is_enough(tmp_path: Path) -> None:
    pixels = np.full((40, 50), np.nan, ">f4")
    pixels[3, 7:9] = 1.0, 2.0
    write_frame(tmp_path / "a.fits", pixels=pixels)
    assert prepare(tmp_path).failed == ()


BAD_CARDS = {
    "no exposure": ({"EXPTIME": None}, "EXPTIME: missing"),
    "blank exposure": ({"EXPTIME": "  "}, "EXPTIME: missing"),
    "zero exposure": ({"EXPTIME": 0.0}, "not a science frame"),
    "negative exposure": ({"EXPTIME": -60.0}, "not an exposure time"),
    "endless exposure": ({"EXPTIME": 1e300}, "not an exposure time"),
    "exposure in words": ({"EXPTIME": "one minute"}, "not a number"),
    "no date": ({"DATE-OBS": None}, "DATE-OBS: missing"),
    "no time": ({"TIME-OBS": None}, "TIME-OBS"),
    "no such day": ({"DATE-OBS": "2017-02-30"}, "no date 2017-02-30"),
    "no such hour": ({"TIME-OBS": "25:61:00"}, "not a time of day"),
    "date in words": ({"DATE-OBS": "yesterday"}, "not a date"),
    "year 12": ({"DATE-OBS": "0012-01-01"}, "outside"),
    "no pointing": ({"RA": None}, "RA: missing; give the frame centre"),
    "pointing in words": ({"RA": "zenith"}, "not a sexagesimal number"),
    "declination of 95": ({"DEC": "95:00:00"}, "not on the sky"),
    "pointing of 1e300": ({"RA": 1e300}, "not on the sky"),
    "absurd equinox": ({"EQUINOX": 12.0}, "not an equinox"),
    "absurd binning": ({"CCDBIN1": 0}, "not a binning"),
    "binning in words": ({"CCDBIN2": "two"}, "not a binning"),
}


@pytest.mark.parametrize("case", BAD_CARDS)
def test_missing_blank_and_absurd_cards(tmp_path: Path, case: str) -> None:
    cards, reason = BAD_CARDS[case]
    content = write_frame(tmp_path / "bad.fits", cards=cards)
    assert reason in refusal_beside_a_good_frame(tmp_path, content)


@pytest.mark.parametrize(
    ("instrument", "camera"), [(None, "CAM_camera"), ("Kodak", "CAM_Kodak"), (" ", "CAM_camera")]
)
def test_an_unknown_instrument_is_a_camera_of_its_own(
    tmp_path: Path, instrument: str | None, camera: str
) -> None:
    write_frame(tmp_path / "a.fits", cards={"INSTRUME": instrument})
    write_frame(tmp_path / "good.fits")
    unknown, good = prepare(tmp_path).frames
    assert unknown.telescope.startswith(camera)
    assert good.telescope == "VATT4K"


@pytest.mark.parametrize(
    ("card", "value"), [("AIRMASS", None), ("CCDBIN1", None), ("OBJECT", None), ("FILTER", None)]
)
def test_optional_cards_have_a_fallback_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, card: str, value: object
) -> None:
    write_frame(tmp_path / "a.fits", cards={card: value})
    assert prepare(tmp_path).failed == ()
    assert "a.fits: card" in caplog.text
    assert card in caplog.text


def test_bytes_beyond_ascii_and_cards_that_are_too_long(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, cards={"OBSERVER": "Anna " * 60})
    with_raw_cards(
        path,
        "OBJECT2 = 'Čapek'".encode(),
        b"COMMENT \xff\xfe\x00\x80",
        b"VERYLONGKEYWORD = 5",
        b"NOTES   = '" + b"n" * 90,
        b"CONTINUE  'of nothing'",
        b"HIERARCH   = ",
    )
    assert prepare(tmp_path).failed == ()
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["OBSERVER"] == ("Anna " * 60).strip()
    assert path.read_bytes().isascii() or read_header(path)["TEL_KEYW"] == "VATT4K"


def test_frames_that_would_share_a_catalog(tmp_path: Path) -> None:
    first, second = write_frame(tmp_path / "a.fits"), write_frame(tmp_path / "a.fit")
    write_frame(tmp_path / "b.fits")
    result = prepare(tmp_path)
    assert [each.frame for each in result.frames] == ["a.fit", "b.fits"]
    (failure,) = result.failed
    assert failure.reason == "its catalog would replace that of a.fit; rename one of them"
    assert (tmp_path / "a.fits").read_bytes() == first
    assert (tmp_path / "a.fit").read_bytes() != second


def test_two_packages_of_one_name(tmp_path: Path) -> None:
    content = write_frame(tmp_path / "x")
    (tmp_path / "x").unlink()
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(content))
    fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(noise(), fits.Header.fromstring(content))]
    ).writeto(tmp_path / "a.fits.fz")
    result = prepare(tmp_path)
    assert [each.frame for each in result.frames] == ["a.fits"]
    (failure,) = result.failed
    assert "a.fits already exists" in failure.reason


@pytest.mark.parametrize(
    "name", ["with blanks.fits", 'it\'s "quoted".fits', "-dec.fits", "ü#%;&|$(x).fits", "[a]*.fits"]
)
def test_names_of_all_kinds(tmp_path: Path, name: str) -> None:
    write_frame(tmp_path / name)
    done = command(tmp_path, "--", name)
    assert (done.returncode, done.stderr) == (Status.DONE, "")
    assert read_header(tmp_path / name)["TEL_KEYW"] == "VATT4K"
    assert command(tmp_path, "-restore", "--", name).returncode == Status.DONE


def test_object_that_is_a_path_stays_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "night"
    folder.mkdir(parents=True)
    write_frame(folder / "a.fits", cards={"OBJECT": "../../x"})
    assert prepare(folder).frames[0].object_name == "../../x"
    files = {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()}
    assert all(each.startswith("deep/night/") for each in files)


# -- permissions and space


def restricted(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [*without_privileges(), sys.executable, str(ROOT / "pp_prepare.py"), *words]
    return subprocess.run(
        line, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz"])
def test_folder_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = write_frame(path)
    if name.endswith(".gz"):
        path.write_bytes(content := gzip.compress(content))
    tmp_path.chmod(0o555)
    try:
        done = restricted(tmp_path, name)
    finally:
        tmp_path.chmod(0o755)
    assert done.returncode == Status.FAILED
    assert f"ERROR: {name}: not permitted; change the permissions" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_file_that_is_write_protected_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.fits")
    contents = {}
    for name, mode in (("protected.fits", 0o444), ("secret.fits", 0o000)):
        contents[name] = write_frame(tmp_path / name)
        (tmp_path / name).chmod(mode)
    done = restricted(tmp_path, "a.fits", "protected.fits", "secret.fits")
    assert done.returncode == Status.PARTIAL
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("ERROR")]
    assert ": not permitted" in line
    for name, content in contents.items():
        assert name in line
        (tmp_path / name).chmod(0o644)
        assert (tmp_path / name).read_bytes() == content
    assert read_header(tmp_path / "a.fits")["TEL_KEYW"] == "VATT4K"


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[bool]:
    """Put a disk of a few bytes there; yields whether the system permits it."""
    libc = ctypes.CDLL(None, use_errno=True)
    mounted = libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, f"size={size}".encode()) == 0
    try:
        yield mounted
    finally:
        if mounted:
            libc.umount2(bytes(folder), 2)


def frames_for_a_full_disk(folder: Path) -> list[bytes]:
    shape = (400, 500)  # 400 kB each
    return [
        write_frame(folder / f"{name}.fits", pixels=noise(shape, seed=seed))
        for seed, name in enumerate("ab")
    ]


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real full disk where mounting is permitted, one that claims to be full elsewhere."""
    with small_disk(tmp_path, 1_000_000) as is_real:
        contents = frames_for_a_full_disk(tmp_path)
        if not is_real:

            def full(*_: object) -> None:
                raise OSError(28, "No space left on device")

            monkeypatch.setattr("photpipe.fits.fitsfile.shutil.copyfileobj", full)
        result = pp_prepare.prepare(
            [tmp_path / "a.fits", tmp_path / "b.fits"],
            PrepareOptions(),
            Workspace(tmp_path, quiet=True, jobs=1),
        )
        assert [each.frame for each in result.failed] == ["a.fits", "b.fits"]
        assert "the disk is full; make room and run again" in result.failed[0].reason
        assert [(tmp_path / f"{name}.fits").read_bytes() for name in "ab"] == contents
        assert not temporary_files(tmp_path)
        if is_real:
            (tmp_path / "b.fits").unlink()
        monkeypatch.undo()
        again = pp_prepare.prepare(
            [tmp_path / "a.fits"], PrepareOptions(), Workspace(tmp_path, quiet=True)
        )
        assert again.failed == ()
        assert read_header(tmp_path / "a.fits")["TEL_KEYW"] == "VATT4K"


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    contents = frames_for_a_full_disk(tmp_path)
    small = write_frame(tmp_path / "c.fits")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = command(tmp_path, "a.fits", "b.fits", "c.fits", preexec_fn=limit)
    assert done.returncode == Status.PARTIAL
    assert "ERROR: 2 frames: the file would be larger than is allowed" in done.stdout
    assert [(tmp_path / f"{name}.fits").read_bytes() for name in "ab"] == contents
    assert (tmp_path / "c.fits").read_bytes() != small
    assert not temporary_files(tmp_path)


def test_interrupt_leaves_whole_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_frame(tmp_path / "a.fits")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("photpipe.fits.fitsfile.shutil.copyfileobj", interrupted)
    assert pp_prepare.main([str(tmp_path / "a.fits")]) == Status.INTERRUPTED
    assert (tmp_path / "a.fits").read_bytes() == content
    assert not temporary_files(tmp_path)


def test_a_result_that_cannot_be_kept_is_one_line(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.fits")
    (tmp_path / ".diagnostics").write_text("in the way")
    done = command(tmp_path, "a.fits")
    assert done.returncode == Status.FAILED
    assert "Traceback" not in done.stdout + done.stderr
    assert "ERROR: a.fits: " in done.stdout


def test_commands_that_are_started_at_once_take_turns(tmp_path: Path) -> None:
    for name in "abc":
        write_frame(tmp_path / f"{name}.fits")
    pristine = {name: (tmp_path / f"{name}.fits").read_bytes() for name in "abc"}
    scripts = ("pp_prepare.py", "pp_prepare.py -restore", "pp_extract.py", "pp_prepare.py")
    running = [
        subprocess.Popen(
            [sys.executable, *f"{ROOT}/{script} a.fits b.fits c.fits".split()],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for script in scripts
    ]
    said = [each.communicate(timeout=120)[0] for each in running]
    assert not any("Traceback" in each or "meanwhile" in each for each in said), said
    assert command(tmp_path, "-restore", "a.fits", "b.fits", "c.fits").returncode == 0
    assert {name: (tmp_path / f"{name}.fits").read_bytes() for name in "abc"} == pristine


def test_a_command_waits_for_another_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_frame(tmp_path / "a.fits")
    monkeypatch.setattr(lock, "STAGES_WAIT_S", 0.05)
    monkeypatch.setattr(lock, "POLL_S", 0.01)
    words = [str(tmp_path / "a.fits")]
    with lock.locked(tmp_path):
        assert pp_prepare.main(words) == Status.FAILED
    said = capsys.readouterr().out
    who = rf"process {os.getpid()} on \S+ since \S+"
    assert re.search(rf"waiting for {who}, which is working here\n", said)
    assert re.search(rf"ERROR: .*: {who} is working here; wait for it to end", said)
    assert pp_prepare.main(words) == Status.DONE


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\x00garbage", b"a b c", b"\xc2\xb2 h d", b"9" * 5000 + b" h d"]
)
def test_garbage_in_the_lock_does_no_harm(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / ".diagnostics").mkdir()
    (tmp_path / ".diagnostics" / "lock").write_bytes(garbage)
    with lock.locked(tmp_path) as was_killed:
        assert not was_killed
        with pytest.raises(lock.OccupiedError, match=f"process {os.getpid()} on"):
            lock.locked(tmp_path).__enter__()
    (tmp_path / ".diagnostics" / "lock").write_text("4711 host 2017-02-02T00:00:00Z")
    with lock.locked(tmp_path) as was_killed:
        assert was_killed
