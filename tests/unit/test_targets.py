"""Files of positions and fixed targets, in all the forms in which people write them."""

from pathlib import Path

import numpy as np
import pytest

from photpipe.distill import targets
from photpipe.ground.errors import ConfigError

FRAMES = ("a 1.fits", "b.fits", "c.fits")


def write(folder: Path, text: str) -> Path:
    path = folder / "positions.dat"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "b.fits 10.5 -0.25 2457786.5\nc.fits 10.6 -0.5 2457786.6\n",
        "# a comment\n\nc.fits 10.6 -0.5 2457786.6\n\nb.fits 10.5 -0.25\n",
        "c.fits, 10.6, -0.5, 2457786.6\nb.fits, 10.5, -0.25, 2457786.5\n",
        "# filename midtime_jd ra dec\nb.fits 2457786.5 10.5 -0.25\nc.fits 2457786.6 10.6 -0.5\n",
        "dec,ra,frame\n-0.25,10.5,b.fits\n-0.5,10.6,c.fits\n",
        "/data/x/b 00:42:00 -00:15:00 2457786.5 # here\nc.FITS.gz 00:42:24 -00:30:00 0\n",
        # titles that name another order than the rows have; the words of the manual
        "# filename midtime_JD RA DEC\nb.fits 10.5 -0.25 2457786.5\nc.fits 10.6 -0.5 2457786.6\n",
        "# filename | midtime_JD | RA | Dec\nb.ldac 10.5 -0.25 2457786.5\nc 10.6 -0.5 2457786.6\n",
        "# image filename, ra (deg), dec (deg), observations midtime (JD)\n"
        "b.fits, 10.5, -0.25, 2457786.5\nc.fits, 10.6, -0.5, 2457786.6\n",
        "other.fits 1 1 1\nb.fits 10.5 -0.25 1\nc.fits 10.6 -0.5 1\n",
        "\ufeffb.fits 10.5 -0.25 1\nc.fits 10.6 -0.5 1\n",
    ],
)
def test_positions_in_all_forms(tmp_path: Path, text: str) -> None:
    (found,) = targets.read_positions(write(tmp_path, text), FRAMES, "thing")
    assert found.name == "thing"
    assert found.moves
    assert np.allclose(found.ra_deg, [np.nan, 10.5, 10.6], equal_nan=True)
    assert np.allclose(found.dec_deg, [np.nan, -0.25, -0.5], equal_nan=True)


def test_several_targets_with_blanks_in_their_names(tmp_path: Path) -> None:
    text = "b.fits 10.5 -0.25 1 2010 AB12\nb.fits 11.5 0.25 1 other\nc.fits 11 1 1 other\n"
    found = targets.read_positions(write(tmp_path, text), FRAMES, "thing")
    assert [each.name for each in found] == ["2010 AB12", "other"]
    assert found[1].ra_deg[2] == 11.0


def test_names_with_blanks_need_commas(tmp_path: Path) -> None:
    (found,) = targets.read_positions(write(tmp_path, "a 1.fits, 10, 5, 1\n"), FRAMES, "x")
    assert found.dec_deg[0] == 5.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no target"),
        ("# only this\n", "names no target"),
        ("x.fits 10 5 1\n", "no row is of any of the 3 frames"),
        ("b.fits 10\n", "line 1: 2 columns"),
        ("b.fits ten 5 1\n", "line 1: 'ten' is not a sexagesimal"),
        ("b.fits 400 5 1\n", "not a position on the sky"),
        ("b.fits 10 95 1\n", "not a position on the sky"),
        ("b.fits 10 5 1\nb.fits 11 5 1\n", "line 2: a second row"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        targets.read_positions(write(tmp_path, text), FRAMES, "x")
    assert "positions.dat" in str(caught.value)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        targets.read_positions(tmp_path / "none.dat", FRAMES, "x")
    (tmp_path / "b.dat").write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError):
        targets.read_fixed_targets(tmp_path / "b.dat", 3)


def test_fixed_targets(tmp_path: Path) -> None:
    text = "# name ra dec\nSS Cyg 325.678 43.586\nRR_Lyr,291.3663,42.7844\nX 19:25:27.9 +42:47:04\n"
    found = targets.read_fixed_targets(write(tmp_path, text), 2)
    assert [each.name for each in found] == ["SS Cyg", "RR_Lyr", "X"]
    assert found[0].ra_deg.tolist() == [325.678, 325.678]
    assert found[2].ra_deg[0] == pytest.approx(291.36625)
    assert not found[0].moves
    with pytest.raises(ConfigError, match="is listed twice"):
        targets.read_fixed_targets(write(tmp_path, "a 1 2\na 2 3\n"), 2)


@pytest.mark.parametrize(
    ("step_arcsec", "moves"),
    [(0.0, False), (0.1, False), (1.5, True)],
    ids=["star", "slow", "moving"],
)
def test_a_star_marked_by_hand_is_no_moving_target(step_arcsec: float, moves: bool) -> None:
    count, step = 5, step_arcsec / 3600.0
    jitter = np.array([0.2, -0.2, 0.1, 0.0, -0.1]) / 3600.0
    ra = 359.9999 + step * np.arange(count) + jitter
    target = targets.Target(
        "T", targets.POSITIONS, ra % 360.0, np.full(count, 1.0), np.zeros(count)
    )
    times = 2457786.5 + 0.001 * np.arange(count)
    found = targets.at_rest(targets.with_rates(target, times), times, 1.0)
    assert found.moves == moves
    assert bool(np.any(found.rate_arcsec_min)) == moves


@pytest.mark.parametrize(
    ("way_arcsec", "jitter_arcsec", "count", "registered", "moves"),
    [
        (0.8, 0.01, 6, True, True),
        (0.8, 0.2, 6, True, False),
        (0.2, 0.001, 6, True, False),
        (0.8, 0.01, 3, True, False),
        (0.8, 0.01, 6, False, False),
    ],
    ids=["steady", "clicked", "registration that drifts", "few", "telescope that drifts"],
)
def test_a_short_steady_way_is_one_of_an_asteroid(
    way_arcsec: float, jitter_arcsec: float, count: int, registered: bool, moves: bool
) -> None:
    jitter = jitter_arcsec * np.array([1.0, -1.0, 0.5, 0.0, -0.5, 0.3])[:count]
    dec = 1.0 + (way_arcsec * np.linspace(0, 1, count) + jitter) / 3600.0
    target = targets.Target("T", targets.POSITIONS, np.full(count, 10.0), dec, np.zeros(count))
    times = 2457786.5 + 0.001 * np.arange(count)
    moving = targets.with_rates(target, times)
    assert targets.at_rest(moving, times, 1.0, registered=registered).moves == moves
