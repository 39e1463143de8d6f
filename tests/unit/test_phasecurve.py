"""pptool_phasecurve: systems of phase curves as published, errors that mean what they say."""

from pathlib import Path

import html5lib
import numpy as np
import pytest
from astropy.table import Table

import pptool_phasecurve
from photpipe.ground.errors import ReductionError
from photpipe.run import photometry_file
from photpipe.science import phasecurve
from photpipe.science.phasecurve import SYSTEMS
from photpipe.services import horizons
from tests.points import point

ANGLES = np.array([0, 0.2, 1, 5, 10, 20, 60.0])
# sbpy 0.6.0 (BSD): HG(10, 0.15), HG1G2(10, 0.3, 0.3), HG12_Pen16(10, 0.3) at these angles
SBPY = {
    "H, G": ((0.15,), (0, 0.0271212, 0.1233953, 0.4336025, 0.6584455, 1.0001091, 2.1473439)),
    "H, G1, G2": (
        (0.3, 0.3),
        (0, 0.0435728, 0.2181941, 0.5435749, 0.74575, 1.0684043, 2.1701665),
    ),
    "H, G12*": ((0.3,), (0, 0.0405388, 0.20181, 0.4967518, 0.6764909, 0.9700238, 2.0392174)),
}


def apparition(
    rng: np.random.Generator, system: str, nights: int = 0
) -> tuple[float, tuple[float, ...], float, tuple[np.ndarray, ...]]:
    """H, slopes, period and the points of an asteroid that turns, in nights of unequal zeropoint.

    Five to thirteen nights in seventy days, of up to six hours; phase angles from 0.5 .. 8 degrees
    over 4 .. 20 degrees; amplitudes of 0.1 to 0.6 mag.
    """
    slopes = SYSTEMS[system].grid[rng.integers(len(SYSTEMS[system].grid))]
    count = nights or rng.integers(5, 14)
    low = rng.uniform(0.5, 8.0)
    phase = rng.uniform(low, low + rng.uniform(4, 20), count)
    h, period_h, amplitude = rng.uniform(8, 18), rng.uniform(2.5, 12), rng.uniform(0.05, 0.3)
    shift, scatter = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.005, 0.04)
    points = []
    for day, angle in zip(np.sort(rng.uniform(0, 70, count)), phase, strict=True):
        many, sig = rng.integers(5, 30), rng.uniform(0.01, 0.04)
        time = day + np.sort(rng.uniform(0, rng.uniform(1, 6) / 24, many))
        turn = 2 * np.pi * time * 24 / period_h
        mag = h + SYSTEMS[system].drop(np.array([angle]), slopes)[0, 0] + rng.normal(0, scatter)
        mag = mag + amplitude * (np.sin(2 * turn + shift[0]) + 0.3 * np.sin(turn + shift[1]))
        mag += rng.normal(0, sig, many)
        session = np.full(many, len(points))
        points.append((time, mag, np.full(many, sig), np.full(many, angle), session))
    columns = tuple(map(np.concatenate, zip(*points, strict=True)))
    return h, tuple(slopes), period_h, columns


def pulls(system: str, count: int, *, is_period_known: bool) -> np.ndarray:
    """Deviations of H from the truth, in its errors."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(count):
        h, _, period_h, columns = apparition(rng, system)
        nights = phasecurve.levels(*columns, period_h if is_period_known else None)
        curve = phasecurve.fit(nights, SYSTEMS[system])
        found.append((curve.h_mag - h) / curve.h_sig)
    return np.array(found)


@pytest.mark.parametrize("system", SBPY)
def test_curves_are_those_of_another_program(system: str) -> None:
    slopes, drop = SBPY[system]
    assert SYSTEMS[system].drop(ANGLES, np.array([slopes]))[0] == pytest.approx(drop, abs=1e-6)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("is_period_known", [True, False])
def test_errors_of_h_mean_what_they_say(system: str, is_period_known: bool) -> None:
    deviation = pulls(system, 40, is_period_known=is_period_known)
    assert 0.75 < np.sqrt(np.mean(deviation**2)) < 1.25
    assert abs(deviation.mean()) < 0.45


def test_a_known_period_sharpens_h() -> None:
    sharper = []
    rng = np.random.default_rng(3)
    for _ in range(10):
        _, _, period_h, columns = apparition(rng, "H, G12*")
        fits = [
            phasecurve.fit(phasecurve.levels(*columns, period), SYSTEMS["H, G12*"])
            for period in (period_h, None)
        ]
        sharper.append(fits[0].h_sig < fits[1].h_sig)
    assert sum(sharper) >= 8


def nights_at(phase_deg: list[float]) -> phasecurve.Levels:
    """Nights on the curve of G = 0.15, H = 15, of 0.01 mag each."""
    phase = np.array(phase_deg)
    mag = 15.0 + SYSTEMS["H, G"].drop(phase, np.array([[0.15]]))[0]
    return phasecurve.Levels(phase, mag, np.diag(np.full(len(phase), 1e-4)), 0, np.nan)


def test_slopes_that_nobody_saw_are_told() -> None:
    wide, narrow = nights_at([0.5, 1, 3, 5, 9, 14, 20, 25]), nights_at([12, 12.2, 12.3])
    seen = phasecurve.fit(wide, SYSTEMS["H, G"])
    assert seen.slopes[0] == pytest.approx(0.15, abs=2 * seen.slope_sigs[0])
    assert seen.h_mag == pytest.approx(15.0, abs=0.02)
    assert phasecurve.cautions(wide, seen) == []
    blind = phasecurve.fit(narrow, SYSTEMS["H, G"])
    assert blind.h_sig > 3 * seen.h_sig
    said = phasecurve.cautions(narrow, blind)
    assert "12.0 to 12.3 degrees say nothing of G" in said[0]
    assert "no night below 6 degrees" in said[1]


def test_nothing_is_fitted_to_nothing() -> None:
    with pytest.raises(ReductionError, match="no night"):
        phasecurve.fit(nights_at([]), SYSTEMS["H, G"])


# -- the command


def ephemeris(target: str, times: list[float], code: str, _settings: object) -> horizons.Ephemeris:
    """Phase angle one degree a day from 2459000.5 on; 2 au from the Sun, 1.5 from here."""
    ones = np.ones(len(times))
    sky = ("ra_deg", "dec_deg", "ra_rate_arcsec_min", "dec_rate_arcsec_min", "mag")
    rest = dict.fromkeys((*sky, "sigma3_arcsec"), ones)
    geometry = {"r_au": 2 * ones, "delta_au": 1.5 * ones}
    phase = 1.0 + (np.array(times) - 2459000.5)
    return horizons.Ephemeris(
        target, target, code, jd=np.array(times), phase_deg=phase, **rest, **geometry
    )


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Six nights of a body of H = 14, G = 0.25 with a rotation of 5 h."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(1)
    names = []
    for day in (0.0, 2, 5, 9, 14, 20):
        time = 2459000.5 + day + np.linspace(0, 0.2, 25)
        drop = SYSTEMS["H, G"].drop(1.0 + time - 2459000.5, np.array([[0.25]]))[0]
        late = time - 1.5 * 499.00478 / 86400
        mag = 14 + 5 * np.log10(3.0) + drop + 0.15 * np.sin(4 * np.pi * late * 24 / 5)
        rows = [
            point(midtime_jd=float(t), mag=float(m), sig=0.01, band="V", frame=f"{t}.fits")
            for t, m in zip(time, mag + rng.normal(0, 0.01, 25), strict=True)
        ]
        folder = tmp_path / f"night {day:.0f}"
        folder.mkdir()
        names.append(str(photometry_file.write(folder, "<b>3552</b>", rows)))
    return names


def test_command_writes_parameters_and_page(
    nights: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(horizons, "positions", ephemeris)
    assert pptool_phasecurve.main(["-period", "5", *nights]) == 0
    told = capsys.readouterr().out
    assert "V: 6 nights, rotation of 0.31 mag taken out" in told
    value = next(line for line in told.splitlines() if ", G = " in line)
    h = float(value.split("H = ")[1].split(" ")[0])
    assert h == pytest.approx(14.0, abs=0.03)
    table = Table.read(tmp_path / "phasecurve_b_3552_b.ecsv", format="ascii.ecsv")
    assert len(table) == 6
    assert np.abs(table["residual_mag"]).max() < 0.02
    text = (tmp_path / "phasecurve_b_3552_b.html").read_text("utf-8")
    html5lib.HTMLParser(strict=True).parse(text)
    assert "<b>3552" not in text
    assert "H, G1, G2" in text


def test_bad_input_ends_in_one_line(
    nights: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pptool_phasecurve.main(["-offline", *nights]) == 1
    assert "no phase angles without an ephemeris" in capsys.readouterr().out
    raw = photometry_file.write(tmp_path, "433", [point(zeropoint=np.nan)])
    assert pptool_phasecurve.main(["-offline", str(raw)]) == 1
    assert "433: all magnitudes are instrumental" in capsys.readouterr().out
