"""pp_prepare on cameras without an entry: kept WCS, lost originals, scales that nobody tells."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import toolbox
from photpipe.fits.fitsfile import PRISTINE_FOLDER
from photpipe.run.results import PreparedFrame
from photpipe.run.workspace import Workspace
from photpipe.runner.one_directory import named_frames
from pp_prepare import PrepareOptions, prepare

CARDS = {"DATE-OBS": "2022-03-04T05:06:07.5", "EXPTIME": 30.0, "OBJECT": "M67", "FILTER": "R"}
WCS = {
    **{"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 132.8, "CRVAL2": 11.8},
    **{"CRPIX1": 40.0, "CRPIX2": 30.0, "CD1_1": -3e-4, "CD1_2": 1e-5, "CD2_1": 1e-5, "CD2_2": 3e-4},
}


def written(path: Path, cards: dict[str, Any]) -> Path:
    pixels = np.random.default_rng(2).normal(300, 9, (60, 80)).astype(np.float32)
    fits.PrimaryHDU(pixels, fits.Header(cards)).writeto(path)
    return path


def one(path: Path, **options: Any) -> PreparedFrame:
    result = prepare([path], PrepareOptions(**options), Workspace(path.parent, quiet=True))
    assert not result.failed
    return result.frames[0]


@pytest.mark.parametrize("telescope", [None, "GENERIC"])
def test_wcs_of_the_header_is_kept(tmp_path: Path, telescope: str | None) -> None:
    """No pointing, scale or binning is asked for where CRVAL and a matrix are there."""
    path = written(tmp_path / "a.fits", {**CARDS, **WCS})
    row = one(path, keep_wcs=True, telescope=telescope)
    assert row.pixel_scale_arcsec == pytest.approx((1.0806,) * 2, abs=1e-4)
    header = fits.getheader(path)
    for key, value in WCS.items():
        assert header[key] == (value if isinstance(value, str) else pytest.approx(value))


def test_prepared_frame_whose_original_header_is_lost(tmp_path: Path) -> None:
    """Somebody removes .diagnostics: the cards that are left tell the same again."""
    path = written(tmp_path / "a.fits", {**CARDS, **WCS, "XPIXSZ": 3.8, "FOCALLEN": 800.0})
    before = one(path)
    shutil.rmtree((tmp_path / PRISTINE_FOLDER).parent)
    after = one(path)
    assert after.telescope == before.telescope
    assert after.midtime_jd == before.midtime_jd
    assert after.pixel_scale_arcsec == pytest.approx(before.pixel_scale_arcsec, rel=1e-3)


def test_scale_that_nobody_tells_is_looked_for(tmp_path: Path) -> None:
    row = one(written(tmp_path / "a.fits", CARDS))
    assert fits.getheader(tmp_path / "a.fits")["PPSCALFR"] == "unknown"
    assert 0.1 < row.pixel_scale_arcsec[0] < 20


def test_unpacked_frame_may_be_named_itself(tmp_path: Path) -> None:
    packed = tmp_path / "n.fits.gz"
    packed.write_bytes(gzip.compress(written(tmp_path / "x.fits", {**CARDS, **WCS}).read_bytes()))
    (tmp_path / "x.fits").unlink()
    one(packed)
    plain = tmp_path / "n.fits"
    assert named_frames([str(plain)], None) == [plain]
    assert named_frames([str(packed), str(plain)], None) == [packed]
    assert named_frames([str(tmp_path)], None) == [packed]


def test_toolbox_looks_into_compressed_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "n.fits.gz"
    path.write_bytes(gzip.compress(written(tmp_path / "x.fits", {**CARDS, **WCS}).read_bytes()))
    assert toolbox.main([str(path)]) == 0
    assert "CD matrix of the WCS" in capsys.readouterr().out
