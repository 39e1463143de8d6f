"""pptool_lightcurve: nights joined, corrected, folded; a page without anything from outside."""

import re
from pathlib import Path

import html5lib
import numpy as np
import pytest
from astropy.table import Table

import pptool_lightcurve
from photpipe.run import photometry_file
from photpipe.services import horizons
from tests.points import point
from tests.unit.test_period import simulated

AU_LIGHT_TIME_D = 499.00478 / 86400  # IAU 2012: the astronomical unit in light seconds


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three nights of one asteroid, each in its own directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "cache"))
    _, (time, mag, sig, session) = simulated(5)
    files = []
    for number in range(3):
        folder = tmp_path / f"night <{number}>"
        folder.mkdir()
        rows = [
            point(midtime_jd=float(t), mag=float(m), sig=float(s), frame=f"{t}.fits")
            for t, m, s in zip(time, mag, sig, strict=True)
        ]
        chosen = [row for row, night in zip(rows, session, strict=True) if night == number]
        files.append(str(photometry_file.write(folder, "<b>3552</b>", chosen)))
    return files


def fake_positions(
    target: str, times: list[float], code: str, _settings: object
) -> horizons.Ephemeris:
    ones = np.ones(len(times))
    geometry = {"r_au": 2.0 * ones, "delta_au": 1.5 * ones, "phase_deg": 12.0 * ones}
    sky = ("ra_deg", "dec_deg", "ra_rate_arcsec_min", "dec_rate_arcsec_min", "mag")
    rest = dict.fromkeys((*sky, "sigma3_arcsec"), ones)
    return horizons.Ephemeris(target, target, code, jd=np.array(times), **rest, **geometry)


def test_period_page_and_corrections(
    nights: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(horizons, "positions", fake_positions)
    true_h, _ = simulated(5)
    assert pptool_lightcurve.main(nights) == 0
    table = Table.read(tmp_path / "lightcurve_b_3552_b.ecsv", format="ascii.ecsv")
    assert len(table) == 105
    assert set(table["session"]) == {0, 1, 2}
    late = table["midtime_jd"] - table["light_time_jd"]
    assert np.allclose(late, 1.5 * AU_LIGHT_TIME_D, atol=1e-8)
    assert np.allclose(table["mag"] - table["reduced_mag"], 5 * np.log10(3.0))
    text = (tmp_path / "lightcurve_b_3552_b.html").read_text("utf-8")
    html5lib.HTMLParser(strict=True).parse(text)
    assert "<b>3552" not in text
    assert "&lt;b&gt;3552" in text
    assert not re.search(r"https?:", text.replace("http://www.w3.org", ""))
    assert f"{true_h:.1f}" in text


def test_without_ephemeris_it_says_so(
    nights: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert pptool_lightcurve.main(["-offline", *nights]) == 0
    assert "no light-time correction" in capsys.readouterr().out
    assert "no: no ephemeris" in (tmp_path / "lightcurve_b_3552_b.html").read_text("utf-8")


def test_other_objects_and_bad_files(
    nights: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = photometry_file.write(tmp_path, "433", [point()])
    assert pptool_lightcurve.main(["-offline", *nights, str(other)]) == 1
    assert "use -target NAME" in capsys.readouterr().out
    broken = tmp_path / "photometry_x.dat"
    broken.touch()
    assert pptool_lightcurve.main(["-offline", *nights, str(broken)]) == 3
    assert pptool_lightcurve.main(["-offline", str(other)]) == 1
    assert "1 point in 1 session are too few" in capsys.readouterr().out


def test_periods_to_try_are_a_range(nights: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert pptool_lightcurve.main(["-offline", "-minperiod", "5", "-maxperiod", "2", *nights]) == 1
    assert "-minperiod 5 is not below -maxperiod 2" in capsys.readouterr().out
