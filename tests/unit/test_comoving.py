"""A turned frame is the same frame elsewhere: judged by astropy's WCS."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from photpipe.ground import sky
from photpipe.science import comoving

PIXELS = np.array([[1.0, 1.0], [500.0, 500.0], [1000.0, 3.0], [77.0, 990.0], [333.0, 666.0]])


def wcs_of(cards: dict[str, float]) -> WCS:
    kind = "TPV" if any(key.startswith("PV") for key in cards) else "TAN"
    header = fits.Header({"CTYPE1": f"RA---{kind}", "CTYPE2": f"DEC--{kind}", "RADESYS": "ICRS"})
    header.update({"CRPIX1": 500.0, "CRPIX2": 500.0, "CUNIT1": "deg", "CUNIT2": "deg"} | cards)
    return WCS(header)


def cards(ra: float, dec: float, *, distorted: bool) -> dict[str, float]:
    linear = {"CRVAL1": ra, "CRVAL2": dec, "CD1_1": -2.6e-4, "CD1_2": 3e-5}
    linear |= {"CD2_1": 2.9e-5, "CD2_2": 2.7e-4}
    terms = {"PV1_0": 1e-4, "PV1_1": 1.0, "PV1_2": 2e-4, "PV1_4": 3e-3, "PV1_7": 0.02}
    terms |= {"PV1_5": -2e-3, "PV2_1": 1.0, "PV2_2": -1e-4, "PV2_5": 4e-3, "PV2_8": 0.03}
    return linear | terms if distorted else linear


@given(
    ra=st.floats(0, 359.999),
    dec=st.floats(-89.0, 89.0),
    east=st.floats(-1800, 1800),
    north=st.floats(-1800, 1800),
    distorted=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_target_arrives_and_the_frame_keeps_its_shape(
    ra: float, dec: float, east: float, north: float, *, distorted: bool
) -> None:
    before = cards(ra, dec, distorted=distorted)
    old = wcs_of(before).all_pix2world(PIXELS, 1)
    end = tuple(float(value) for value in sky.shifted(*old[4], east, north))
    after = wcs_of(comoving.moved_wcs(before, tuple(old[4]), end))
    new = after.all_pix2world(PIXELS, 1)
    assert sky.separation_deg(*new[4], *end) * 3.6e6 < 0.01  # mas
    for first in range(5):
        was = sky.separation_deg(*old[first], old[:, 0], old[:, 1])
        now = sky.separation_deg(*new[first], new[:, 0], new[:, 1])
        assert np.abs(was - now).max() * 3.6e6 < 0.01


def test_no_motion_changes_nothing() -> None:
    before = cards(10.0, 20.0, distorted=True)
    after = comoving.moved_wcs(before, (10.1, 20.1), (10.1, 20.1))
    assert after == before
