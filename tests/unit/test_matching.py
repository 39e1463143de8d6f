"""Matching: the same pairs as a search by hand, wherever on the sky."""

import time

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from photpipe.catalogs.matching import mutual_matches
from photpipe.ground.sky import separation_deg, shifted

PLACES = [(0.0, 0.0), (359.9999, 45.0), (120.0, 60.0), (10.0, 89.9999), (200.0, -90.0), (80, 90)]


def by_hand(ra1, dec1, ra2, dec2, tolerance_arcsec):
    """All mutual nearest pairs, from all separations."""
    separation = separation_deg(ra1[:, None], dec1[:, None], ra2, dec2) * 3600
    there, back = separation.argmin(axis=1), separation.argmin(axis=0)
    return [
        (i, j) for i, j in enumerate(there) if back[j] == i and separation[i, j] <= tolerance_arcsec
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(PLACES),
    st.integers(1, 60),
    st.integers(1, 60),
    st.floats(0.1, 100.0),
    st.integers(0, 10**6),
)
def test_pairs_are_those_found_by_hand(place, n1, n2, tolerance, seed):
    rng = np.random.default_rng(seed)
    first = shifted(*place, *rng.normal(0, 60, (2, n1)))
    second = shifted(*place, *rng.normal(0, 60, (2, n2)))
    found = mutual_matches(*first, *second, tolerance)
    expected = by_hand(*first, *second, tolerance)
    assert list(zip(found.index1.tolist(), found.index2.tolist(), strict=True)) == expected
    np.testing.assert_allclose(
        found.separation_arcsec,
        [
            3600 * separation_deg(first[0][i], first[1][i], second[0][j], second[1][j])
            for i, j in expected
        ],
        atol=1e-7,
    )


@pytest.mark.parametrize("place", PLACES)
def test_the_tolerance_is_an_angle_on_the_sky(place):
    angles = np.radians(np.arange(0, 360, 15))
    for distance, count in ((0.4999999, 1), (0.5000001, 0)):
        for angle in angles:
            other = shifted(*place, distance * np.sin(angle), distance * np.cos(angle))
            assert len(mutual_matches(*place, *other, 0.5).index1) == count


def test_pairs_across_zero_hours_and_negative_right_ascensions():
    found = mutual_matches([359.99999, 10.0], [0.0, 0.0], [0.00001, -350.0], [0.0, 0.0], 0.1)
    assert found.index1.tolist() == [0, 1]
    assert found.index2.tolist() == [0, 1]
    np.testing.assert_allclose(found.separation_arcsec, [0.072, 0.0], atol=1e-8)


def test_every_source_is_used_once():
    found = mutual_matches([10.0, 10.0001], [0.0, 0.0], [10.00004], [0.0], 2.0)
    assert found.index1.tolist() == [0]
    assert found.index2.tolist() == [0]


def test_duplicates_still_pair_once():
    found = mutual_matches([10.0, 10.0], [0.0, 0.0], [10.0, 10.0], [0.0, 0.0], 1.0)
    assert len(set(found.index1)) == len(found.index1) == len(set(found.index2)) == 1


@pytest.mark.parametrize("swapped", [False, True])
def test_blends_are_left_out_on_request(swapped):
    lonely = ([10.0, 20.0], [0.0, 0.0])
    blended = ([10.0, 20.0, 20.0003], [0.0, 0.0, 0.0])
    lists = (*blended, *lonely) if swapped else (*lonely, *blended)
    assert len(mutual_matches(*lists, 2.0).index1) == 2
    alone = mutual_matches(*lists, 2.0, isolated=True)
    assert alone.index1.tolist() == [0]
    assert alone.index2.tolist() == [0]
    assert len(mutual_matches(*lists, 0.5, isolated=True).index1) == 2


def test_sources_without_position_match_nothing():
    found = mutual_matches([np.nan, 10.0, 11.0], [0, 0, np.inf], [10.0, np.nan], [0, 0], 1.0)
    assert found.index1.tolist() == [1]
    assert found.index2.tolist() == [0]


@pytest.mark.parametrize(
    ("first", "second", "tolerance"),
    [
        (([], []), ([1.0], [1.0]), 1),
        (([1.0], [1.0]), ([], []), 1),
        (([1.0],) * 2, ([1.0],) * 2, -1),
    ],
)
def test_nothing_to_match(first, second, tolerance):
    found = mutual_matches(*first, *second, tolerance)
    assert [len(part) for part in found] == [0, 0, 0]


def test_a_zero_tolerance_matches_identical_positions():
    assert len(mutual_matches([123.456], [54.321], [123.456], [54.321], 0).index1) == 1


def test_the_whole_sky_may_be_the_tolerance():
    found = mutual_matches([0.0], [90.0], [0.0], [-90.0], 700_000)
    assert found.separation_arcsec.tolist() == [180 * 3600]


def test_matching_both_ways_costs_little_more_than_one_way_by_astropy():
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(-0.5, 0.5, 100_000) % 360, rng.uniform(59.5, 60.5, 100_000)
    other = shifted(ra, dec, *rng.normal(0, 0.1, (2, 100_000)))
    here, there = SkyCoord(ra, dec, unit="deg"), SkyCoord(*other, unit="deg")
    ours, theirs = [], []
    for _ in range(3):
        start = time.process_time()
        found = mutual_matches(ra, dec, *other, 1.0)
        ours.append(time.process_time() - start)
        start = time.process_time()
        here.match_to_catalog_sky(there)
        theirs.append(time.process_time() - start)
    assert min(ours) < 4.0 * min(theirs)
    assert np.mean(found.index1 == found.index2) > 0.998
