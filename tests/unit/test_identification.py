"""Which source is the target, on frames made by hand: it moves 12 pixels (4.8 arcsec) a frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from photpipe.distill.identification import Track, told_apart, tracked
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.surroundings import Surroundings
from photpipe.distill.targets import MOVING, POSITIONS, Target, fixed
from photpipe.ground import sky
from photpipe.run.settings import DistillSettings
from photpipe.science.flags import SourceFlag
from tests.unit.calibrated import SCALE_ARCSEC, calibrated_frame, sky_of

COUNT = 5
STEP = 12.0
STARS = [{"x": 40.0 + 50 * n, "y": 30.0 + 45 * n, "mag": 16.0} for n in range(5)]


def way(number: int, x: float = 100.0, y: float = 200.0) -> tuple[float, float]:
    return x + STEP * number, y


def moving(sigma3_arcsec: float = 0.0, x: float = 100.0, kind: str = MOVING) -> Target:
    """Target whose prediction is `way`."""
    ra, dec = np.transpose([sky_of(*way(number, x)) for number in range(COUNT)])
    return Target("T", kind, ra, dec, np.full(COUNT, sigma3_arcsec), 18.0)


def series(dx: float = 0.0, dy: float = 0.0, **changes: float) -> list[MeasuredFrame]:
    """Frames on which the target is so many pixels off its prediction."""
    frames = []
    for number in range(COUNT):
        x, y = way(number)
        target = {"x": x + dx, "y": y + dy, "mag": 18.0, **changes}
        frames.append(calibrated_frame([*STARS, target], number))
    return frames


def found(target: Target, frames: Sequence[MeasuredFrame]) -> Track:
    return tracked(target, frames, Surroundings.of(frames), DistillSettings())


def test_nearest_source_within_the_tolerance() -> None:
    near, far = 1.2 / SCALE_ARCSEC, 2.0 / SCALE_ARCSEC
    assert found(moving(), series(dx=near)).rows == (5,) * COUNT
    assert found(moving(), series(dx=far)).rows == (None,) * COUNT
    lost = replace(moving(), ra_deg=np.full(COUNT, np.nan))
    assert found(lost, series()).rows == (None,) * COUNT


def test_a_star_on_the_way_is_not_the_target() -> None:
    frames = series()
    x, y = way(2)
    frames[2] = calibrated_frame([*STARS, {"x": x + 1, "y": y, "mag": 17.0}], 2)  # target is hidden
    star = {"x": x + 1, "y": y, "mag": 17.0}
    frames[0] = calibrated_frame([*STARS, {"x": 100.0, "y": 200.0, "mag": 18.0}, star], 0)
    frames[4] = calibrated_frame([*STARS, {"x": 148.0, "y": 200.0, "mag": 18.0}, star], 4)
    assert found(moving(), frames).rows == (5, 5, None, 5, 5)


def test_a_star_that_the_target_outshines_does_not_hide_it() -> None:
    x, y = way(2)
    star = {"x": x, "y": y, "mag": 20.5}
    frames = series()
    frames[0] = calibrated_frame([*STARS, {"x": 100.0, "y": 200.0, "mag": 18.0}, star], 0)
    frames[4] = calibrated_frame([*STARS, {"x": 148.0, "y": 200.0, "mag": 18.0}, star], 4)
    assert found(moving(), frames).rows == (5,) * COUNT


def test_frames_agree_on_the_offset_of_an_uncertain_prediction() -> None:
    track = found(moving(sigma3_arcsec=8.0), series(dx=-10.0, dy=7.0))
    assert track.rows == (5,) * COUNT
    assert track.is_confirmed
    assert track.shift_arcsec[0] == pytest.approx(10.0 * SCALE_ARCSEC, abs=0.01)  # east is left
    assert track.shift_arcsec[1] == pytest.approx(7.0 * SCALE_ARCSEC, abs=0.01)
    assert not track.doubts
    assert track.mag == pytest.approx(18.0)
    ra, dec = sky_of(90.0, 207.0)
    apart = sky.separation_deg(track.located.ra_deg[0], track.located.dec_deg[0], ra, dec)
    assert float(apart) * 3600 < 0.02


def test_offset_that_drifts_is_followed() -> None:
    frames = [
        calibrated_frame([*STARS, {"x": way(n)[0] + 10.0 + 0.7 * n, "y": 200.0, "mag": 18.0}], n)
        for n in range(COUNT)
    ]
    track = found(moving(sigma3_arcsec=8.0), frames)
    assert track.rows == (5,) * COUNT
    expected = -SCALE_ARCSEC * (10.0 + 0.7 * np.arange(COUNT))
    assert track.shift_arcsec[0] == pytest.approx(expected, abs=0.02)


def test_a_source_on_one_frame_alone_is_doubted() -> None:
    frames = [calibrated_frame(STARS, number) for number in range(COUNT)]
    x, y = way(1)
    frames[1] = calibrated_frame([*STARS, {"x": x + 10.0, "y": y, "mag": 18.0}], 1)
    track = found(moving(sigma3_arcsec=8.0), frames)
    assert track.rows == (None, 5, None, None, None)
    assert not track.is_confirmed
    assert "4.0 arcsec from an uncertain prediction" in track.doubts[1]


def test_what_stands_still_does_not_confirm_an_uncertain_target() -> None:
    """A target that hardly moves: a star beside it agrees with itself on all frames."""
    ra, dec = np.transpose([sky_of(100.0, 200.0)] * COUNT)
    still = Target("T", MOVING, ra, dec, np.full(COUNT, 8.0), 18.0)
    frames = [
        calibrated_frame([*STARS, {"x": 110.0, "y": 200.0, "mag": 18.0}], n) for n in range(COUNT)
    ]
    track = found(still, frames)
    assert not track.is_confirmed
    assert len(track.doubts) == COUNT


def test_parts_of_trails_do_not_tell_where_a_certain_target_is() -> None:
    blended = float(SourceFlag.BLENDED)
    track = found(moving(), series(dx=2.0, FLAGS=blended))
    assert not track.is_confirmed
    assert np.all(track.shift_arcsec == 0.0)
    assert found(moving(8.0), series(dx=10.0, FLAGS=blended)).is_confirmed


def apart(targets: Sequence[Target], frames: Sequence[MeasuredFrame]) -> list[Track]:
    return told_apart(targets, frames, Surroundings.of(frames), DistillSettings())


@pytest.mark.parametrize(("fainter_mag", "shift_arcsec"), [(0.0, 0.0), (4.0, 0.8)])
def test_a_star_beside_it_does_not_draw_a_certain_target(
    fainter_mag: float, shift_arcsec: float
) -> None:
    frames = series(dx=0.8 / SCALE_ARCSEC)
    around = Surroundings.of(frames)
    target = moving(kind=POSITIONS)
    east = np.full(COUNT, 2.0)
    ra, dec = sky.shifted(target.ra_deg, target.dec_deg, east, 0.0 * east)
    around.catalog_ra_deg, around.catalog_dec_deg = ra, dec
    around.catalog_mag = np.full(COUNT, 18.0 + fainter_mag)
    track = tracked(target, frames, around, DistillSettings())
    assert track.rows == (5,) * COUNT
    assert np.hypot(*track.shift_arcsec) == pytest.approx(np.full(COUNT, shift_arcsec), abs=0.01)


@pytest.mark.parametrize("sigma3", [0.0, 8.0])
def test_targets_that_meet_do_not_share_a_source(sigma3: float) -> None:
    frames = series()
    one, other = moving(), replace(moving(sigma3, x=103.0), name="U", predicted_mag=19.0)
    tracks = apart([other, one], frames)
    assert [each.rows for each in tracks] == [(None,) * COUNT, (5,) * COUNT]
    assert np.all(tracks[0].shift_arcsec == 0.0)  # it is measured at its own place
    assert tracks[0].mag == 19.0
    assert [each.rows for each in apart([one, other], frames)] == [(5,) * COUNT, (None,) * COUNT]


def test_what_is_lost_in_the_light_of_another_is_as_bright_at_most() -> None:
    unknown = replace(moving(x=103.0), name="U", predicted_mag=np.nan)
    assert [each.mag for each in apart([unknown, moving()], series())] == [18.0, 18.0]


def test_what_loses_a_source_finds_its_own() -> None:
    frames = []
    for number in range(COUNT):
        x, y = way(number)
        two = [{"x": x, "y": y, "mag": 18.0}, {"x": x + 18.0, "y": y, "mag": 19.0}]
        frames.append(calibrated_frame([*STARS, *two], number))
    unsure = replace(moving(sigma3_arcsec=8.0, x=104.0), name="U")
    tracks = apart([unsure, moving()], frames)
    assert [each.rows for each in tracks] == [(6,) * COUNT, (5,) * COUNT]


def test_stars_are_not_taken_from_moving_targets() -> None:
    star = fixed("S", *sky_of(*way(0)), COUNT)
    tracks = apart([star, moving()], series())
    assert tracks[0].rows[0] == tracks[1].rows[0] == 5


def test_frames_unlike_the_others_are_doubted() -> None:
    frames = series()
    frames[1] = calibrated_frame([*STARS], 1, astrometric_catalog="")
    frames[2] = calibrated_frame([*STARS], 2, zeropoint_mag=np.nan)
    assert "not registered" in found(moving(), frames).doubts[1]
    assert "no zeropoint" in found(moving(), frames).doubts[2]
    assert set(found(moving(kind=POSITIONS), frames).doubts) == {2}
