"""Rejection: named schemata, the user's own, and points named by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from photpipe.distill.rejection import judged, schemata, spoilers
from photpipe.ground.errors import ConfigError
from photpipe.run import photometry_file
from photpipe.run.photometry_file import BRIGHTER, CONTAMINATED, LIMIT
from photpipe.run.settings import DistillSettings
from tests.points import point

SETTINGS = DistillSettings(
    reject={"faint": "mag >= 19.5", "far": "offset_east_arcsec < -2.0e0", "wide": "fwhm_arcsec>4"}
)


def test_pos_is_a_great_circle_distance() -> None:
    (rule,) = schemata("pos", SETTINGS)
    assert rule.reason(replace(point(), offset_east_arcsec=6.0, offset_north_arcsec=-7.9)) == ""
    far = replace(point(), offset_east_arcsec=6.0, offset_north_arcsec=-8.1)
    assert rule.reason(far) == "pos: 10.1 arcsec from the prediction"


def test_schemata_of_the_settings() -> None:
    rules = schemata("faint, far,wide", SETTINGS)
    assert [rule.name for rule in rules] == ["faint", "far", "wide"]
    assert rules[0].reason(replace(point(), mag=19.5)) == "faint: mag = 19.5"
    assert rules[0].reason(replace(point(), mag=19.4)) == ""
    assert rules[1].reason(replace(point(), offset_east_arcsec=-2.1)).startswith("far: ")
    assert rules[2].reason(replace(point(), fwhm_arcsec=float("nan"))) == ""


def test_none_rejects_nothing() -> None:
    assert schemata("none", SETTINGS) == []
    assert schemata(",", SETTINGS) == []


@pytest.mark.parametrize(
    ("names", "reject", "message"),
    [
        ("pso", {}, "no criterion 'pso'; choose from none, pos"),
        ("mine", {}, "you may add your own to"),
        ("pos", {"mine": "mag = 3"}, "mine = 'mag = 3' should be a column"),
        ("pos", {"mine": "band > 3"}, "should be a column"),
        ("pos", {"mine": "mag > -"}, "could not convert"),
        ("pos", {"mine": ""}, "should be a column"),
    ],
)
def test_mistakes(names: str, reject: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        schemata(names, DistillSettings(reject=reject))


def test_the_first_reason_stays() -> None:
    rules = schemata("faint", SETTINGS)
    points = [
        replace(point(), frame="a.fits", mag=20.0),
        replace(point(), frame="b.fits", mag=20.0, rejected="saturated"),
        replace(point(), frame="c.fits"),
        replace(point(), frame="d.fits"),
    ]
    by_hand = {("433_Eros", "a.fits"): "cloud", ("433_Eros", "c.fits"): "moon"}
    reasons = [each.rejected for each in judged(points, "(433) Eros", rules, by_hand)]
    assert reasons == ["cloud", "saturated", "moon", ""]
    assert judged(points, "other", [], by_hand) == points


def test_files_of_rejections(tmp_path: Path) -> None:
    assert photometry_file.read_rejections(tmp_path) == {}
    path = tmp_path / "rejections.txt"
    path.write_text('# by hand\n\n3552 "a b.fits" seen by eye\n3552 c.fits # why not\n')
    assert photometry_file.read_rejections(tmp_path) == {
        ("3552", "a b.fits"): "seen by eye",
        ("3552", "c.fits"): "rejected by the user",
    }
    for text in ("3552\n", '3552 "open\n'):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"rejections\.txt: line 1"):
            photometry_file.read_rejections(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        photometry_file.read_rejections(tmp_path)


@pytest.mark.parametrize(
    ("effect", "who", "reason"),
    [
        (0.35, "star of R = 17 at 2.0 arcsec", "star of R = 17 at 2.0 arcsec, 0.35 mag brighter"),
        (-0.05, "star of R = 9 at 12 arcsec", "star of R = 9 at 12 arcsec, 0.05 mag fainter"),
        (0.019, "star of R = 17 at 4.0 arcsec", ""),
        (1.5, f"1.5 mag {BRIGHTER}", ""),  # nobody answers for it: it may be the target itself
        (float("nan"), "", ""),
    ],
)
def test_points_that_neighbours_change_are_kept_out(effect: float, who: str, reason: str) -> None:
    changed = replace(point(), contamination_mag=effect, contamination=who)
    (found,) = judged([changed], "3552", spoilers(SETTINGS, ()), {})
    assert found.rejected == (f"{CONTAMINATED}: {reason}" if reason else "")
    assert found.spoiler == (CONTAMINATED if reason else "")
    assert found.is_good == (not reason)
    (kept,) = judged([changed], "3552", spoilers(SETTINGS, {CONTAMINATED}), {})
    assert kept.is_good


def test_what_is_lost_in_the_error_is_no_contamination() -> None:
    rules = spoilers(SETTINGS, ())
    faint = replace(point(), sig=0.2, contamination_mag=-0.06, contamination="star")
    (found,) = judged([faint], "3552", rules, {})
    assert found.is_good
    (found,) = judged([replace(faint, contamination_mag=-0.08)], "3552", rules, {})
    assert found.spoiler == CONTAMINATED
    limit = replace(faint, contamination_mag=0.5, method=LIMIT)
    assert judged([limit], "3552", rules, {}) == [limit]
