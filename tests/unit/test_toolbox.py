"""The door that explains headers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import toolbox
from tests.headers import golden_header


def image(folder: Path, name: str, header: fits.Header) -> Path:
    path = folder / name
    small = header.copy()
    fits.PrimaryHDU(np.zeros((4, 5), np.float32), small).writeto(path)
    return path


def test_explains_a_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = image(tmp_path, "a b.fits", golden_header("DCTLMI"))
    assert toolbox.main([str(path)]) == 0
    text = capsys.readouterr().out
    for part in (
        *("a b.fits: DCT/LMI (DCTLMI), observatory G37", "5 x 4 pixels", "OBJECT = 2014 SC324"),
        *("JD 2456966.882", "DATE-OBS = 2014-11-05T09:10:11.12", "SDSS-R", "2 x 2"),
        *("RA 30.7668", "Dec +12.58242", "not mirrored", "GAIN = missing", "0.24 x 0.24 arcsec"),
    ):
        assert part in text


def test_a_gain_card_that_is_not_believed_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = golden_header("UKIRTWFCAM")
    header["GAIN"] = 4.5  # always wrong there, so that the telescope's entry overrules it
    assert toolbox.main([str(image(tmp_path, "a.fits", header))]) == 0
    assert "GAIN = " not in capsys.readouterr().out


def test_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = golden_header("DCTLMI")
    del header["EXPTIME"], header["AIRMASS"]
    path = image(tmp_path, "a.fits", header)
    good = image(tmp_path, "b.fits", golden_header("VATT4K"))
    assert toolbox.main([str(path)]) == 1
    text = capsys.readouterr().out
    assert "UNKNOWN: a.fits: header card EXPTIME: missing" in text
    assert "remark        card AIRMASS is missing" in text
    assert toolbox.main([str(path), str(good)]) == 3


def test_telescope_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    header = golden_header("DCTLMI")
    header["INSTRUME"] = "new camera"
    path = image(tmp_path, "a.fits", header)
    assert toolbox.main([str(path)]) == 1
    assert "a camera without an entry" in capsys.readouterr().out
    assert toolbox.main(["--telescope", "dctlmi", str(path)]) == 0
    assert toolbox.main(["-telescope", "DCTLM", str(path)]) == 1
    assert "did you mean DCTLMI" in caplog.text
    assert toolbox.main([]) == 2
    assert toolbox.main(["-h"]) == 0


def test_broken_files_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(b"not at all")
    assert toolbox.main([str(path)]) == 1
    assert capsys.readouterr().out.count("\n") == 1


def test_runs_as_a_program(tmp_path: Path) -> None:
    path = image(tmp_path, "a.fits", golden_header("VATT4K"))
    door = Path(toolbox.__file__)
    assert os.access(door, os.X_OK)
    done = subprocess.run(
        [sys.executable, str(door), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "VATT/VATT4k" in done.stdout
