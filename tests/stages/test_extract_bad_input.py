"""Whatever the input or the tool: one clear line per bad frame, and the others are extracted."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import pp_extract
from photpipe.catalogs.ldac import read_ldac
from photpipe.command import cli
from photpipe.ground.errors import ConfigError, ToolError
from photpipe.run.settings import Settings, ToolSettings
from photpipe.run.workspace import Workspace
from pp_extract import ExtractOptions, extract
from tests.rights import without_privileges
from tests.starfields import star_field, vatt_header

ROOT = Path(__file__).resolve().parents[2]

LOUD = ExtractOptions(snr=3.0, minarea=5)
FIELD = star_field(seed=2, shape=(200, 200))


def truncated(path: Path) -> None:
    path.write_bytes(FIELD.write(path).read_bytes()[:60000])


def cut_in_the_header(path: Path) -> None:
    path.write_bytes(FIELD.write(path).read_bytes()[:1000])


def empty(path: Path) -> None:
    path.touch()


def no_fits(path: Path) -> None:
    path.write_text("This is no image. " * 1000)


def cube(path: Path) -> None:
    fits.writeto(path, np.stack([FIELD.pixels.astype("f4")] * 3), vatt_header())


def spectrum(path: Path) -> None:
    fits.writeto(path, FIELD.pixels[0].astype("f4"), vatt_header())


def no_pixels(path: Path) -> None:
    fits.PrimaryHDU(header=vatt_header()).writeto(path)


def several_detectors(path: Path) -> None:
    image = fits.ImageHDU(FIELD.pixels.astype("f4"))
    fits.HDUList([fits.PrimaryHDU(header=vatt_header()), image, image.copy()]).writeto(path)


def all_nan(path: Path) -> None:
    fits.writeto(path, np.full((200, 200), np.nan, "f4"), vatt_header())


def blank(path: Path) -> None:
    fits.writeto(path, np.full((200, 200), 7, "i2"), vatt_header())


def noise(path: Path) -> None:
    fits.writeto(path, np.random.default_rng(1).normal(9, 1, (99, 99)).astype("f4"), vatt_header())


def unknown_telescope(path: Path) -> None:
    FIELD.write(path, INSTRUME="Eye of a newt")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "gone")


def a_catalog_of_that_name(path: Path) -> None:
    """The catalog cannot be written: a folder is in its place."""
    FIELD.write(path)
    path.with_suffix(".ldac").mkdir()


BAD = {
    truncated: "truncated",
    cut_in_the_header: "no END card",
    empty: "the file is empty",
    no_fits: "not a FITS file",
    cube: "a cube of 3 images; split it into frames",
    spectrum: "there is no image in its first part; pp_prepare unpacks",
    no_pixels: "there is no image in its first part; pp_prepare unpacks",
    several_detectors: "there is no image in its first part; pp_prepare unpacks",
    all_nan: "all pixels are NaN; set the frame aside",
    blank: "all pixels have the value 7; set the frame aside",
    noise: "no source has 5 connected pixels above 3 sigma; lower -snr or -minarea",
    unknown_telescope: "Eye of a newt",
    a_folder: "a directory, not a frame",
    a_link_to_nothing: "there is no such file",
    a_catalog_of_that_name: "the catalog b.ldac cannot be written: Is a directory",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_bad_frame_is_one_line_and_the_others_are_extracted(make, tmp_path):
    for name in ("a.fits", "c.fits"):
        FIELD.write(tmp_path / name)
    bad = tmp_path / "b.fits"
    make(bad)
    paths = [tmp_path / name for name in ("a.fits", "b.fits", "c.fits")]
    result = extract(paths, LOUD, Workspace(tmp_path))
    assert [each.frame for each in result.frames] == ["a.fits", "c.fits"]
    (failure,) = result.failed
    assert failure.frame == "b.fits"
    assert BAD[make] in failure.reason
    assert "\n" not in failure.reason
    assert "frame.fits" not in failure.reason
    assert not (tmp_path / "b.ldac").is_file()
    assert len(read_ldac(tmp_path / "c.ldac")[0]) == result.frames[1].sources


def test_status_and_screen(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FIELD.write(tmp_path / "good.fits")
    all_nan(tmp_path / "bad.fits")
    assert pp_extract.main(["good.fits", "-snr", "3"]) == cli.Status.DONE
    capsys.readouterr()
    assert pp_extract.main(["bad.fits", "good.fits"]) == cli.Status.PARTIAL
    text = capsys.readouterr().out
    assert "ERROR: bad.fits: all pixels are NaN; set the frame aside\n" in text
    assert "good.fits: " in text
    assert pp_extract.main(["bad.fits"]) == cli.Status.FAILED
    assert pp_extract.main([]) == cli.Status.USAGE
    assert pp_extract.main(["good.fits", "-snr", "-1"]) == cli.Status.USAGE
    assert pp_extract.main(["good.fits", "-minarea", "0"]) == cli.Status.USAGE
    assert pp_extract.main(["good.fits", "-aprad", "0"]) == cli.Status.USAGE
    assert "Traceback" not in capsys.readouterr().err


def test_an_older_catalog_of_a_frame_that_fails_is_removed(tmp_path):
    path = FIELD.write(tmp_path / "a.fits")
    extract([path], LOUD, Workspace(tmp_path))
    assert (tmp_path / "a.ldac").is_file()
    path.unlink()
    truncated(path)
    assert extract([path], LOUD, Workspace(tmp_path)).done == 0
    assert list(tmp_path.iterdir()) == [path]


def test_a_catalog_taken_for_a_frame_is_not_touched(tmp_path):
    path = FIELD.write(tmp_path / "a.fits")
    extract([path], LOUD, Workspace(tmp_path))
    catalog = tmp_path / "a.ldac"
    before = catalog.read_bytes()
    assert extract([catalog], LOUD, Workspace(tmp_path)).done == 0
    assert catalog.read_bytes() == before


def test_two_frames_of_one_stem_do_not_share_a_catalog(tmp_path):
    paths = [FIELD.write(tmp_path / name) for name in ("a.fits", "a.fit", "b.fits")]
    result = extract([*paths, paths[0]], LOUD, Workspace(tmp_path))
    assert [each.frame for each in result.frames] == ["a.fits", "b.fits"]
    (failure,) = result.failed
    assert failure.frame == "a.fit"
    assert failure.reason == "its catalog would replace that of a.fits; rename it"


def test_a_folder_that_cannot_be_written(tmp_path):
    FIELD.write(tmp_path / "a.fits")
    tmp_path.chmod(0o555)
    line = [*without_privileges(), sys.executable, str(ROOT / "pp_extract.py"), "a.fits"]
    try:
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    finally:
        tmp_path.chmod(0o755)
    assert done.returncode == cli.Status.FAILED
    assert "a.fits: the catalog a.ldac cannot be written: Permission denied" in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["a.fits"]


def test_no_temporary_folder(tmp_path, monkeypatch):
    path = FIELD.write(tmp_path / "a.fits")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    (failure,) = extract([path], LOUD, Workspace(tmp_path)).failed
    assert failure.reason.startswith("no temporary directory can be used: ")
    assert failure.reason.endswith("set TMPDIR to a directory on a disk with room")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("# nothing\n\n", "lists no column"),
        ("NUMBER\nDETECT_MINAREA 5\n", "DETECT_MINAREA; -paramfile takes a list of columns"),
        ("FLUX_WISH\n", "does not know the output columns FLUX_WISH"),
    ],
)
def test_a_parameter_file_that_is_none(tmp_path, content, words, capsys):
    path = FIELD.write(tmp_path / "a.fits")
    file = tmp_path / "p.sexparam"
    if content is not None:
        file.write_text(content)
    assert pp_extract.main([str(path), "-paramfile", str(file)]) == cli.Status.FAILED
    text = capsys.readouterr().out
    assert words in text
    assert not (tmp_path / "a.ldac").exists()


def test_an_unknown_telescope_named_by_the_user(tmp_path):
    path = FIELD.write(tmp_path / "a.fits")
    with pytest.raises(ConfigError, match="VATT4K"):
        extract([path], replace(LOUD, telescope="VATT4"), Workspace(tmp_path))


def test_without_source_extractor_nothing_is_touched(tmp_path, monkeypatch, capsys):
    path = FIELD.write(tmp_path / "a.fits")
    extract([path], LOUD, Workspace(tmp_path))
    before = (tmp_path / "a.ldac").read_bytes()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="apt-get install source-extractor"):
        extract([path], LOUD, Workspace(tmp_path))
    assert pp_extract.main([str(path)]) == cli.Status.FAILED
    assert capsys.readouterr().out.count("\n") == 1
    assert (tmp_path / "a.ldac").read_bytes() == before


# what a fake tool does once in a run, and what is said of that frame; the real one does the rest
FAKES = {
    "crashes": ("kill -SEGV $$", "was ended by signal SIGSEGV"),
    "fails": ("echo '> *Error*: I give up' >&2; exit 1", "status 1: *Error*: I give up"),
    "hangs": ("sleep 60 & wait", "did not finish within 3 s and was stopped"),
    "writes nothing": ("exit 0", "without a catalog"),
    "writes an empty file": ("> sources.ldac", "wrote an unreadable"),
    "writes rubbish": ("head -c 9999 /dev/urandom > sources.ldac", "wrote an unreadable"),
    "writes half a catalog": ('"$REAL" "$@"; truncate -s 9000 sources.ldac', "wrote an unreadable"),
    "speaks rubbish": ("head -c 100000 /dev/urandom; exit 7", "failed with status 7"),
}


@pytest.mark.parametrize("what", FAKES)
def test_a_tool_that_goes_wrong_on_one_frame(what, tmp_path, monkeypatch):
    deed, words = FAKES[what]
    tools, data = tmp_path / "bin", tmp_path / "data"
    tools.mkdir()
    data.mkdir()
    fake = tools / "source-extractor"
    fake.write_text(
        f"#!/bin/sh\nREAL={shutil.which('source-extractor')}\n"
        'case "$(readlink frame.fits)" in\n'
        f"*bad.fits) {deed};;\n"
        '*) exec "$REAL" "$@";;\nesac\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    paths = [FIELD.write(data / name) for name in ("a.fits", "bad.fits", "c.fits")]
    (data / "bad.ldac").write_bytes(b"of an earlier run")
    workspace = Workspace(data, Settings(tools=ToolSettings(timeout_s=3.0)))
    result = extract(paths, LOUD, workspace)
    assert [each.frame for each in result.frames] == ["a.fits", "c.fits"]
    (failure,) = result.failed
    assert failure.frame == "bad.fits"
    assert failure.reason.startswith("Source Extractor: ")
    assert words in failure.reason
    assert "\n" not in failure.reason
    assert {each.name for each in data.iterdir()} == {
        *("a.fits", "bad.fits", "c.fits", "a.ldac", "c.ldac")
    }
