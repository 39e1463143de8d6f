"""WCS cards: all of them are known, and any system comes out in one form with the same sky."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from photpipe.fits.standard_wcs import is_wcs_keyword, plain_wcs, standard_wcs
from photpipe.ground.errors import HeaderError
from photpipe.science import tpv

SHAPE = (1500, 2000)
TAN: dict[str, Any] = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 0.01,
    "CRVAL2": 20.0,
    "CRPIX1": 1000.0,
    "CRPIX2": 700.5,
    "CD1_1": -1e-4,
    "CD1_2": 1e-6,
    "CD2_1": 1.1e-6,
    "CD2_2": 1.01e-4,
}
SIP = TAN | {
    "CTYPE1": "RA---TAN-SIP",
    "CTYPE2": "DEC--TAN-SIP",
    "A_ORDER": 3,
    "B_ORDER": 3,
    "A_2_0": 1e-6,
    "A_0_2": 2e-7,
    "A_3_0": 1e-9,
    "B_1_1": 2e-6,
    "B_0_3": 1e-9,
    "B_2_1": 2e-9,
}
PV = {"PV1_0": 0.0, "PV1_1": 1.001, "PV1_4": 1e-3, "PV2_1": 1.0, "PV2_5": 2e-3, "PV2_7": -0.01}
STEPS = {name: TAN[name] for name in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")}
STEPS |= {"CDELT1": -1e-4, "CDELT2": 2e-4}
PC = {"PC1_1": 0.8, "PC1_2": 0.6, "PC2_1": -0.6, "PC2_2": 0.8}
# system, the same as astropy reads it, projection that comes out, tolerance in mas
SYSTEMS = {
    "plain": (TAN, TAN, "TAN", 1e-6),
    "numbers as text": ({k: str(v) for k, v in TAN.items()}, TAN, "TAN", 1e-6),
    "old text": (TAN | {"CRVAL2": "2.0D+01 "}, TAN, "TAN", 1e-6),
    "SIP": (SIP, SIP, "TPV", 1e-3),
    "SIP as text": ({k: str(v) for k, v in SIP.items()}, SIP, "TPV", 1e-3),
    "SIP without suffix": (
        SIP | {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"},
        SIP,
        "TPV",
        1e-3,
    ),
    "PV on TAN": (TAN | PV, TAN | PV | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"}, "TPV", 1e-6),
    "TPV": (TAN | PV | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"},) * 2 + ("TPV", 1e-6),
    "TPV without linear terms": (
        TAN | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_4": 1e-3},
        TAN
        | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.0, "PV2_1": 1.0, "PV1_4": 1e-3},
        "TPV",
        1e-6,
    ),
    "TPV, turned pole": (
        TAN | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_4": 1e-3, "LONPOLE": 150.0},
        TAN
        | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.0, "PV2_1": 1.0}
        | {"PV1_4": 1e-3, "LONPOLE": 150.0},
        "TPV",
        1e-3,
    ),
    "CROTA2": (STEPS | {"CROTA2": 30.0},) * 2 + ("TAN", 1e-6),
    "PC": (STEPS | PC,) * 2 + ("TAN", 1e-6),
    "CDELT alone": (STEPS,) * 2 + ("TAN", 1e-6),
    "part of CD": ({k: v for k, v in TAN.items() if k not in {"CD1_2", "CD2_1"}},) * 2
    + ("TAN", 1e-6),
    "FK5": (TAN | {"RADESYS": "FK5", "EQUINOX": 2000.0},) * 2 + ("TAN", 1e-3),
    "B1950": (
        TAN | {"RADECSYS": "FK4", "EQUINOX": "1950.0"},
        TAN | {"RADESYS": "FK4", "EQUINOX": 1950.0},
        "TAN",
        1.0,
    ),
    "equinox of date": (TAN | {"EQUINOX": 2017.1},) * 2 + ("TAN", 1e-3),
    "pole": (TAN | {"CRVAL1": 200.0, "CRVAL2": -89.95},) * 2 + ("TAN", 1e-3),
    "pole, FK5": (TAN | {"CRVAL2": 89.97, "RADESYS": "FK5"},) * 2 + ("TAN", 1e-3),
    "negative RA": (TAN | {"CRVAL1": -0.01}, TAN | {"CRVAL1": 359.99}, "TAN", 1e-6),
    "SIN": (TAN | {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"},) * 2 + ("TPV", 1.0),
    "ZPN": (TAN | {"CTYPE1": "RA---ZPN", "CTYPE2": "DEC--ZPN", "PV2_1": 1.0, "PV2_3": 50.0},) * 2
    + ("TPV", 1.0),
    "Dec first": (
        TAN | {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": 20.0, "CRVAL2": 0.01},
    )
    * 2
    + ("TAN", 1e-3),
    "galactic": (TAN | {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"},) * 2 + ("TAN", 1e-3),
    "turned pole": (TAN | {"LONPOLE": 150.0},) * 2 + ("TAN", 1e-3),
    "far away CRPIX": (SIP | {"CRPIX1": -1500.0},) * 2 + ("TPV", 1.0),
}


def header_of(terms: Mapping[str, Any]) -> fits.Header:
    header = fits.Header({"NAXIS": 2, "NAXIS1": SHAPE[1], "NAXIS2": SHAPE[0]})
    header.update(terms)
    return header


def sky_of(terms: Mapping[str, Any]) -> Any:
    x, y = np.meshgrid(np.linspace(0, SHAPE[1], 9), np.linspace(0, SHAPE[0], 9))
    return WCS(header_of(terms), fix=False).pixel_to_world(x, y).icrs


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_keeps_its_sky(name: str) -> None:
    terms, reference, projection, tolerance_mas = SYSTEMS[name]
    result = standard_wcs(header_of(terms), SHAPE, "a.fits")
    assert result["CTYPE1"] == f"RA---{projection}"
    assert result["CTYPE2"] == f"DEC--{projection}"
    assert (result["RADESYS"], result["EQUINOX"]) == ("ICRS", 2000.0)
    assert all(isinstance(result[f"CD{i}_{j}"], float) for i in (1, 2) for j in (1, 2))
    assert any(key.startswith("PV") for key in result) == (projection == "TPV")
    assert sky_of(result).separation(sky_of(reference)).mas.max() < tolerance_mas


def test_a_standard_system_is_kept_number_for_number() -> None:
    result = standard_wcs(header_of(TAN), SHAPE, "a.fits")
    assert {name: result[name] for name in TAN} == TAN


def test_right_ascension_comes_out_from_0_to_360() -> None:
    result = standard_wcs(header_of(TAN | {"CRVAL1": -0.25}), SHAPE, "a.fits")
    assert result["CRVAL1"] == 359.75


@pytest.mark.parametrize(
    "terms",
    [
        {"PV1_1": "0", "PV1_2": "0"},  # as PixInsight writes it
        {"PV1_1": 0.0, "PV1_2": 90.0},
        {"PV1_0": 0.0, "PV1_1": 0.0, "PV1_2": 90.0, "PV1_3": 180.0},
    ],
)
def test_pole_where_it_always_is(terms: dict[str, Any]) -> None:
    kept = standard_wcs(header_of(TAN | terms), SHAPE, "a.fits")
    assert kept == standard_wcs(header_of(TAN), SHAPE, "a.fits")


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({}, "CRVAL1.*no usable WCS; run without -keep_wcs"),
        ({k: v for k, v in TAN.items() if k != "CTYPE1"}, "CTYPE1"),
        (TAN | {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"}, "CTYPE1"),
        (TAN | {"CTYPE1": "PIXEL", "CTYPE2": "PIXEL"}, "CTYPE1"),
        (TAN | {"CRVAL1": "NaN"}, "CRVAL1.*not such a number"),
        (TAN | {"CRVAL2": ""}, "CRVAL2"),
        (TAN | {"CD1_1": 0.0, "CD1_2": 0.0}, "singular"),
        (TAN | {"CD1_1": "junk"}, "CD1_1"),
        (STEPS | {"CDELT1": 0.0}, "singular"),
        (TAN | {"CTYPE1": "RA---TNX", "CTYPE2": "DEC--TNX"}, "IRAF's TNX"),
        (TAN | {"PV1_1": 1.0, "PV1_2": 0.0}, "ambiguous"),
        (TAN | {"PV1_1": 0.0, "PV1_2": 45.0}, "ambiguous"),
        (TAN | {"PV1_1": 0.0, "PV1_3": 90.0}, "ambiguous"),
        (SIP | PV, "SIP and PV"),
        (TAN | {"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"}, "CTYPE1"),
        (TAN | {"CTYPE2": "DEC--SIN"}, "CTYPE1"),
        (TAN | {"RADESYS": "GAPPT"}, "CTYPE1"),
        (TAN | {"CTYPE1": "RA---AIT", "CTYPE2": "DEC--AIT", "CD1_1": 0.06}, "written as TPV"),
        (TAN | {"CTYPE1": "RA---ARC", "CTYPE2": "DEC--ARC", "CD1_1": 0.2}, "no sky"),
        (SIP | {"A_ORDER": "three"}, "A_ORDER"),
        (SIP | {"A_ORDER": -1}, "A_ORDER"),
        (TAN | {"CRVAL2": 91.0}, "CRVAL2: 91.0 is out of range"),
        (TAN | {"CRVAL1": 1e9}, "CRVAL1"),
        (TAN | {"CRPIX1": -1e9}, "CRPIX1"),
        (TAN | {"CD1_1": 1e9}, "degrees per pixel"),
    ],
)
def test_what_cannot_be_kept_is_named(terms: dict[str, Any], reason: str) -> None:
    with pytest.raises(HeaderError, match=reason) as caught:
        standard_wcs(header_of(terms), SHAPE, "a.fits")
    assert str(caught.value).startswith("a.fits: ")
    assert "\n" not in str(caught.value)


REMOVED = """CTYPE1 CTYPE2 CTYPE3 CUNIT1 CRVAL1 CRVAL2A CRPIX1 CRPIX2Z CDELT1 CDELT2 CROTA1 CROTA2
CD1_1 CD2_2 CD1_2B PC1_1 PC001001 PC2_2A PV1_0 PV2_39 PV2_1A PS1_0 A_ORDER B_ORDER AP_ORDER
BP_ORDER A_DMAX B_DMAX A_0_2 B_3_1 AP_1_0 BP_0_10 TR1_0 TR2_14 WAT0_001 WAT2_008 WCSDIM LTM1_1
LTM2_2 LTV1 LTV2 LTD1 ATM1_1 DTV2 WAXMAP01 PROJP1 PROJP3 LONPOLE LATPOLE LONPOLEA WCSAXES
WCSNAME WCSNAMEA EQUINOX EQUINOXA RADESYS RADESYSA RADECSYS EPOCH CPDIS1 D2IMDIS1 AMDX1 AMDY13
PPO3 CNAME1 CRDER1 CSYER2 FGROUPNO ASTIRMS1 ASTRRMS2 ASTINST"""
KEPT = """PVTEMP_1 PV PVTEMP CRDELT1 CRDELT2 CDS CD PCOUNT PC A_ B_FIELD AP_RAD A_ORDERS TRIM1
TRIMSEC WATER WCSSOLVE LTMODE EPOCH1 EQUINOX2 RADEC RA DEC CTYPE CRVAL OBJCTRA PV3 AMDX PPOINT
CROTAX LATITUDE LONGITUD ASTRO CD1 PC1 PSCALE LTV PROJECT MJD-OBS DATE-OBS BZERO NAXIS1"""


def test_wcs_cards_are_told_from_others() -> None:
    assert [word for word in REMOVED.split() if not is_wcs_keyword(word)] == []
    assert [word for word in KEPT.split() if is_wcs_keyword(word)] == []


@settings(deadline=None)
@given(st.integers(1, tpv.MAX_DEGREE), st.integers(0, 99))
def test_fitted_polynomials_come_back(degree: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = {
        f"PV{axis}_{number}": float(rng.normal(0.0, 0.01 / 0.5 ** max(0, sum(powers) - 1)))
        for axis in (1, 2)
        for number, powers in tpv.terms(degree).items()
    }
    true |= {"PV1_1": 1.0, "PV2_1": 1.0}
    xi, eta = rng.uniform(-0.5, 0.5, (2, 400))
    found, worst_arcsec = tpv.fit(xi, eta, *tpv.evaluate(true, xi, eta), degree)
    assert worst_arcsec < 1e-7
    x, y = tpv.evaluate(found, xi, eta)
    np.testing.assert_allclose([x, y], tpv.evaluate(true, xi, eta), atol=1e-11)


def test_polynomials_are_those_of_astropy() -> None:
    rng = np.random.default_rng(5)
    terms = {
        f"PV{axis}_{number}": 0.01 * rng.normal() for axis in (1, 2) for number in tpv.terms(7)
    }
    terms |= {"PV1_1": 1.0, "PV2_1": 1.0}
    header = header_of(TAN | terms | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"})
    pixels = rng.uniform(1, 1500, (50, 2))
    wcs, plain = WCS(header, fix=False), WCS(header_of(TAN))
    xi, eta = plain.wcs.cd @ (pixels - plain.wcs.crpix).T
    x, y = tpv.evaluate(terms, xi, eta)
    back = np.linalg.solve(plain.wcs.cd, [x, y]).T + plain.wcs.crpix
    expected = wcs.all_pix2world(pixels, 1)
    np.testing.assert_allclose(plain.all_pix2world(back, 1), expected, atol=1e-9)


PLAIN = {
    **{"NAXIS": 2, "NAXIS1": 500, "NAXIS2": 400, "CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"},
    **{"CUNIT1": "deg", "CUNIT2": "deg", "CRVAL1": 179.279, "CRVAL2": -12.5, "CRPIX1": 250.5},
    **{"CRPIX2": 200.5, "CD1_1": -1e-4, "CD1_2": 2e-7, "CD2_1": 3e-7, "CD2_2": 1e-4},
    **{"RADESYS": "ICRS", "EQUINOX": 2000.0, "RADECSYS": "ICRS", "EPOCH": 2000.0},
    **{"PV1_0": 1e-6, "PV1_1": 1.0001, "PV1_2": 3e-5, "PV2_1": 0.9998, "PV2_4": 0.02, "PV2_7": 0.3},
}


@pytest.mark.parametrize("kind", ["TPV", "TAN"])
def test_a_plain_wcs_is_what_astropy_makes_of_its_cards(kind: str) -> None:
    cards = {k: v for k, v in PLAIN.items() if kind == "TPV" or not k.startswith("PV")}
    header = fits.Header(cards | {"CTYPE1": f"RA---{kind}", "CTYPE2": f"DEC--{kind}"})
    found = plain_wcs(header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = WCS(header)
    assert found is not None
    assert found.pixel_shape == wanted.pixel_shape == (500, 400)
    x, y = np.mgrid[-100.0:600.0:7j, -100.0:500.0:7j].reshape(2, -1)
    assert np.array_equal(found.all_pix2world(x, y, 1), wanted.all_pix2world(x, y, 1))
    assert found.wcs.compare(wanted.wcs, 1)  # WCSCOMPARE_ANCILLARY: dates are nothing of ours


@pytest.mark.parametrize(
    "change",
    [
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"},  # PV terms on TAN: polynomial or pole
        {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"},
        {"RADESYS": "FK5"},
        {"EQUINOX": 1950.0},
        {"LONPOLE": 170.0},
        {"A_ORDER": 2, "A_2_0": 1e-5},
        {"CRVAL1": "179.279"},
        {"CD1_1": 0.0, "CD1_2": 0.0},
        {"NAXIS": 3, "NAXIS3": 1},
    ],
)
def test_other_wcs_are_left_to_astropy(change: dict[str, Any]) -> None:
    assert plain_wcs(fits.Header(PLAIN | change)) is None


@pytest.mark.parametrize("name", [each for each in PLAIN if not each.startswith("NAXIS")])
def test_without_a_card_a_wcs_is_that_of_astropy_or_left_to_it(name: str) -> None:
    header = fits.Header({key: value for key, value in PLAIN.items() if key != name})
    found = plain_wcs(header)
    if found is not None:
        assert found.wcs.compare(WCS(header, fix=False).wcs, 1)
