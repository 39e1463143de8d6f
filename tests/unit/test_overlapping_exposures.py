"""Exposures of a camera that overlap tell that their length, or their times, are wrong."""

from dataclasses import replace

import pytest

from photpipe.ground.timescale import SECONDS_PER_DAY
from photpipe.prepare.exposures import compared
from photpipe.run.results import PreparedFrame

FIRST = PreparedFrame(
    frame="n0.fits",
    source="n0.fits",
    telescope="VATT4K",
    midtime_jd=2457786.95,
    object_name="3552",
    filter_name="R",
    airmass=1.1,
    exptime_s=60.0,
    ra_deg=179.0,
    dec_deg=0.4,
    pixel_scale_arcsec=(0.375, 0.375),
    field_arcmin=(5.0, 5.0),
    changed=True,
)


def series(step_s: float, **changes: object) -> list[PreparedFrame]:
    return [
        replace(
            FIRST,
            frame=f"n{number}.fits",
            midtime_jd=FIRST.midtime_jd + number * step_s / SECONDS_PER_DAY,
            **changes,
        )
        for number in range(3)
    ]


@pytest.mark.parametrize("exptime_s", [60000.0, 200.0])
def test_exposures_longer_than_their_distance_are_told(exptime_s: float) -> None:
    for frame in compared(series(80.0, exptime_s=exptime_s, time_remarks=("early",))):
        early, overlap = frame.time_remarks
        assert early == "early"
        assert overlap.startswith(f"exposures of {exptime_s:g} s overlap: the exposure time")


@pytest.mark.parametrize("step_s", [0.0, 2.0, 59.0, 80.0])
def test_a_series_and_detectors_of_one_exposure_are_not(step_s: float) -> None:
    frames = series(step_s)
    assert compared(frames) == frames


def test_other_filters_are_other_cameras() -> None:
    frames = [
        replace(each, filter_name=band) for each, band in zip(series(20.0), "BVR", strict=True)
    ]
    assert compared(frames) == frames


def test_the_order_of_the_frames_is_kept() -> None:
    names = [each.frame for each in compared(series(20.0)[::-1])]
    assert names == ["n2.fits", "n1.fits", "n0.fits"]
