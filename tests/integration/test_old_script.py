"""A script written for the original's files reads a finished directory of ours."""

import numpy as np
import pytest

import photpipe
from tests.conftest import Scene
from tests.integration import old_script
from tests.integration.runs import run


@pytest.fixture
def finished(commands: Scene) -> Scene:
    """The scene after pp_run."""
    assert run("-quiet", *commands.frames) == 0
    return commands


def test_a_script_for_the_original_reads_our_files(finished: Scene) -> None:
    directory = finished.directory
    night = photpipe.open(directory)
    points = old_script.photometry(directory / "photometry_3552.dat")
    assert [point[0] for point in points] == [path.name for path in finished.frames]
    assert sorted(old_script.best_frames(directory)) == [path.name for path in finished.frames]
    for path, point in zip(finished.frames, points, strict=True):
        cards = old_script.cards(path)
        facts, sources = old_script.database(path.with_suffix(".ldac.db"), "RJohnson")
        assert facts["name"] == f"{path.stem}.ldac"
        assert facts["origin"] == f"VATT4K;{path.name}"
        assert (facts["magsys"], facts["obj"], facts["filtername"]) == ("Vega", "3552", "R")
        assert "PANSTARRS" in facts["description"]
        assert facts["exptime"] == cards["EXPTIME"]
        assert facts["obstime"] == pytest.approx(cards["MIDTIMJD"], abs=1e-8)
        assert facts["obstime"] == pytest.approx(point[1], abs=1e-7)
        ours = night.stars(path.name)
        np.testing.assert_array_equal(sources[:, 0], np.arange(1, len(ours) + 1))
        np.testing.assert_array_equal(sources[:, 3], ours["_Rmag"])
        np.testing.assert_array_equal(sources[:, 4], ours["_e_Rmag"])
        calibrated = np.isfinite(sources[:, 10])
        assert calibrated.sum() == old_script.calibrators(path.with_name(f"{path.stem}_cal.dat"))
        assert np.abs(sources[calibrated, 10] - ours["ref_mag"][calibrated]).max() < 1
        assert (sources[calibrated, 11] > 0).all()
        assert (sources[sources[:, 9] == 0, 8] > 0).all()
        nearest = np.nanargmin(np.abs(sources[:, 3] - point[2]))
        assert abs(sources[nearest, 3] - point[2]) < 0.05


def test_cards_say_what_the_original_said(finished: Scene) -> None:
    for path in finished.frames:
        cards = old_script.cards(path)
        assert (cards["EPOCH"], cards["EQUINOX"]) == (2000.0, 2000.0)
        assert (cards["RADECSYS"], cards["RADESYS"]) == ("ICRS", "ICRS")
        assert (cards["PHOTFLAG"], cards["PHOT_K"], cards["MAGZEROP"]) == ("F", 0.05, 0.0)
        scatter_arcsec = [3600 * cards[f"ASTIRMS{axis}"] for axis in (1, 2)]
        assert all(0 < each < 0.2 for each in scatter_arcsec), "of stars seen on three frames"
        assert 0 < cards["PHOTIRMS"] < 0.3
