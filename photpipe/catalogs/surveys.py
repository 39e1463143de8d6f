"""The catalogs themselves, one paragraph each; `spec` finds one by name.

Table identifiers, columns and quality criteria follow the descriptions of the surveys at CDS,
MAST and SDSS; every paragraph names its paper. The words of a paragraph are explained in
`photpipe.catalogs.spec`.
"""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from photpipe.catalogs.spec import (
    CatalogBand,
    CatalogSpec,
    Cut,
    MastTable,
    Positions,
    SkyServerTable,
    VizierTable,
    at_least,
    at_most,
    below,
    differs_at_most,
    equals,
    has_bit,
    is_not,
    letter_in,
    letters_in,
)
from photpipe.ground.bands import MagnitudeSystem
from photpipe.ground.errors import ConfigError
from photpipe.ground.sky import BoolArray, FloatArray

SDSS_AB_OFFSETS_MAG = {"u": -0.04, "z": 0.02}  # AB minus catalogued, sdss.org (DR12 algorithms)
PS1_SATURATION_MAG = {"g": 13.5, "r": 13.5, "i": 13.5, "z": 13.0, "y": 12.0}
# g, r, i: sdss.org; u, z: 1998AJ....116.3040G
SDSS_SATURATION_MAG = {"u": 12.0, "g": 14.0, "r": 14.0, "i": 14.0, "z": 12.3}
APASS_SATURATION_MAG = 10.0  # APASS: valid for V of 10 to 17 (aavso.org/apass)
R_ERROR_LIMIT_MAG = 0.03  # the cut of the original for Pan-STARRS and SkyMapper
STAR_MINUS_KRON_MAG = 0.05  # archive of Pan-STARRS: PSF and Kron magnitudes of stars agree so well


def _excess_is_normal(
    excess: FloatArray, bp: FloatArray, rp: FloatArray, g: FloatArray
) -> BoolArray:
    """Corrected BP/RP flux excess as of isolated stars, 3 sigma (2021A&A...649A...3R)."""
    x = bp - rp
    expected = np.select(
        [x < 0.5, x < 4.0],
        [
            1.154360 + 0.033772 * x + 0.032277 * x**2,
            1.162004 + 0.011464 * x + 0.049255 * x**2 - 0.005879 * x**3,
        ],
        1.057572 + 0.140537 * x,
    )
    return np.asarray(np.abs(excess - expected) < 3 * _excess_sigma(g))


def _excess_sigma(g: FloatArray) -> FloatArray:
    """Scatter of the corrected BP/RP flux excess of isolated stars (2021A&A...649A...3R)."""
    return np.asarray(0.0059898 + 8.817481e-12 * np.maximum(g, 0.0) ** 7.618399)


def _dr2_excess_is_normal(excess: FloatArray, bp: FloatArray, rp: FloatArray) -> BoolArray:
    """BP/RP flux excess of Gaia DR2 in the range of clean photometry (2018A&A...616A..10A)."""
    x = bp - rp
    return np.asarray((excess > 1.0 + 0.015 * x**2) & (excess < 1.3 + 0.06 * x**2))


def _gaia_bands() -> tuple[CatalogBand, ...]:
    return tuple(
        CatalogBand(name, f"{name}mag", f"e_{name}mag", "Vega") for name in ("G", "BP", "RP")
    )


def _moving_positions(ra: str, dec: str, default_error_arcsec: float, epoch_yr: float) -> Positions:
    """Positions and proper motions in VizieR's usual columns."""
    return Positions(
        ra=ra,
        dec=dec,
        e_ra=f"e_{ra}",
        e_dec=f"e_{dec}",
        pm_ra="pmRA",
        pm_dec="pmDE",
        e_pm_ra="e_pmRA",
        e_pm_dec="e_pmDE",
        default_error_arcsec=default_error_arcsec,
        epoch_yr=epoch_yr,
    )


def _gaia_positions(epoch_yr: float) -> Positions:
    return _moving_positions("RA_ICRS", "DE_ICRS", 0.002, epoch_yr)


GAIA3 = CatalogSpec(
    name="GAIA3",
    title="Gaia DR3",
    reference="2023A&A...674A...1G",
    source=VizierTable("I/355/gaiadr3"),
    ident="Source",
    positions=_gaia_positions(2016.0),
    bands=_gaia_bands(),
    limit_band="G",
    families=("GaiaDR3",),
    registration=True,
    mag_range=(3.0, 21.0),
    astrometry_cuts=(below("RUWE", 1.4, "single-star astrometric solution (RUWE < 1.4)"),),
    photometry_cuts=(
        is_not("VarFlag", "VARIABLE", "not flagged as variable"),
        Cut(
            ("E(BP/RP)", "BPmag", "RPmag", "Gmag"),
            _excess_is_normal,
            "not blended (corrected BP/RP flux excess within 3 sigma)",
        ),
    ),
    comment="best astrometry; G, BP, RP of every star to G = 21",
)
GAIA = replace(GAIA3, name="GAIA")
GAIA2 = CatalogSpec(
    name="GAIA2",
    title="Gaia DR2",
    reference="2018A&A...616A...1G",
    source=VizierTable("I/345/gaia2"),
    ident="Source",
    positions=_gaia_positions(2015.5),
    bands=_gaia_bands(),
    limit_band="G",
    families=("GaiaDR2",),
    registration=True,
    mag_range=(3.0, 21.0),
    photometry_cuts=(
        Cut(
            ("E(BR/RP)", "BPmag", "RPmag"),
            _dr2_excess_is_normal,
            "not blended (BP/RP flux excess in the range of clean photometry)",
        ),
    ),
    comment="as used by earlier versions of the pipeline",
)
GAIA1 = CatalogSpec(
    name="GAIA1",
    title="Gaia DR1",
    reference="2016A&A...595A...2G",
    source=VizierTable("I/337/gaia"),
    ident="Source",
    positions=_gaia_positions(2015.0),
    bands=(CatalogBand("G", "<Gmag>", "e_<Gmag>", "Vega", flux="<FG>", flux_error="e_<FG>"),),
    limit_band="G",
    families=(),
    registration=True,
    photometric=False,
    mag_range=(3.0, 20.7),
    comment="few proper motions: only to repeat earlier work",
)
TGAS = replace(
    GAIA1,
    name="TGAS",
    title="Tycho-Gaia Astrometric Solution (Gaia DR1)",
    source=VizierTable("I/337/tgas"),
    mag_range=(5.0, 12.0),
    comment="bright stars with proper motions, for shallow wide fields",
)
USNO_B1 = CatalogSpec(
    name="USNO-B1",
    title="USNO-B1.0",
    reference="2003AJ....125..984M",
    source=VizierTable("I/284/out"),
    ident="USNO-B1.0",
    positions=_moving_positions("RAJ2000", "DEJ2000", 0.2, 2000.0),
    bands=(CatalogBand("R2", "R2mag", "", "Vega"),),
    limit_band="R2",
    families=(),
    registration=True,
    photometric=False,
    mag_range=(9.0, 21.0),
    comment="photographic plates; use it last",
)


def _two_mass_band(name: str, column: str, position: int) -> CatalogBand:
    cuts = (
        letter_in("Qflg", position, "ABC", "photometric quality A, B or C"),
        letter_in("Rflg", position, "123", "measured, not a limit"),
        letter_in("Cflg", position, "0", "not contaminated"),
    )
    return CatalogBand(name, f"{column}mag", f"e_{column}mag", "Vega", cuts=cuts)


TWO_MASS = CatalogSpec(
    name="2MASS",
    title="Two Micron All Sky Survey",
    reference="2006AJ....131.1163S",
    source=VizierTable("II/246/out"),
    ident="2MASS",
    positions=Positions(
        ra="RAJ2000",
        dec="DEJ2000",
        ellipse=("errMaj", "errMin", "errPA"),
        error_unit="arcsec",
        default_error_arcsec=0.1,
        epoch_yr=1999.5,
        epoch="JD",
        epoch_unit="JD",
    ),
    bands=(
        _two_mass_band("J", "J", 0),
        _two_mass_band("H", "H", 1),
        _two_mass_band("Ks", "K", 2),
    ),
    limit_band="J",
    families=("2MASS",),
    registration=True,
    mag_range=(4.0, 16.5),
    astrometry_cuts=(letters_in("Qflg", "ABC", "photometric quality A, B or C in all bands"),),
    comment="positions of 1997 to 2001, no proper motions",
)


def _apass_bands(
    columns: Mapping[str, str], error_unit: str = "mag", flag: str = ""
) -> tuple[CatalogBand, ...]:
    """B V (Vega) and g r i (AB) as APASS measured them; `flag` marks single measurements."""
    systems: dict[str, MagnitudeSystem] = {"B": "Vega", "V": "Vega"}
    return tuple(
        CatalogBand(
            name,
            column,
            f"e_{column}",
            systems.get(name, "AB"),
            error_unit=error_unit,
            cuts=(
                at_least(column, APASS_SATURATION_MAG, "not saturated"),
                *((is_not(f"{flag}{column}", "-", "measured repeatedly"),) if flag else ()),
            ),
        )
        for name, column in columns.items()
    )


_APASS_LIKE = {"B": "Bmag", "V": "Vmag", "g": "gmag", "r": "rmag", "i": "imag"}
APASS9 = CatalogSpec(
    name="APASS9",
    title="AAVSO Photometric All Sky Survey, release 9",
    reference="2016yCat.2336....0H",
    source=VizierTable("II/336/apass9"),
    positions=Positions(
        ra="RAJ2000",
        dec="DEJ2000",
        e_ra="e_RAJ2000",
        e_dec="e_DEJ2000",
        error_unit="arcsec",
        default_error_arcsec=0.3,
        epoch_yr=2012.0,
    ),
    bands=_apass_bands({"V": "Vmag", "B": "Bmag", "g": "g'mag", "r": "r'mag", "i": "i'mag"}),
    limit_band="V",
    families=("APASS",),
    mag_range=(10.0, 17.0),
    photometry_cuts=(at_least("nobs", 2, "observed in at least two nights"),),
    comment="stars brighter than V = 17",
)
URAT_1 = CatalogSpec(
    name="URAT-1",
    title="First USNO Robotic Astrometric Telescope Catalog",
    reference="2015AJ....150..101Z",
    source=VizierTable("I/329/urat1"),
    ident="URAT1",
    positions=Positions(
        ra="RAJ2000",
        dec="DEJ2000",
        e_ra="sigm",
        e_dec="sigm",
        pm_ra="pmRA",
        pm_dec="pmDE",
        e_pm_ra="e_pm",
        e_pm_dec="e_pm",
        default_error_arcsec=0.03,
        epoch_yr=2013.5,
        epoch="Epoch",
    ),
    bands=(CatalogBand("furat", "f.mag", "e_f.mag", "Vega"), *_apass_bands(_APASS_LIKE)),
    limit_band="furat",
    families=("APASS",),
    registration=True,
    dec_range_deg=(-25.0, 90.0),
    mag_range=(3.0, 18.5),
    coverage="mostly north of -15 deg",
    comment="photometry from APASS",
)
UCAC4 = CatalogSpec(
    name="UCAC4",
    title="Fourth USNO CCD Astrograph Catalog",
    reference="2013AJ....145...44Z",
    source=VizierTable("I/322A/out"),
    ident="UCAC4",
    positions=_moving_positions("RAJ2000", "DEJ2000", 0.1, 2000.0),
    bands=(
        CatalogBand("fucac", "f.mag", "e_a.mag", "Vega"),
        *_apass_bands(_APASS_LIKE, error_unit="0.01 mag", flag="f_"),
    ),
    limit_band="fucac",
    families=("APASS",),
    registration=True,
    mag_range=(8.0, 16.0),
    comment="photometry from APASS",
)


def _sdss_bands(mag: str, error: str) -> tuple[CatalogBand, ...]:
    """PSF magnitudes of SDSS from column patterns with ``{}`` for the letter."""
    return tuple(
        CatalogBand(
            letter,
            mag.format(letter),
            error.format(letter),
            "AB",
            ab_offset_mag=SDSS_AB_OFFSETS_MAG.get(letter, 0.0),
            cuts=(at_least(mag.format(letter), saturation, "not saturated"),),
        )
        for letter, saturation in SDSS_SATURATION_MAG.items()
    )


_SDSS_POSITIONS = Positions(
    ra="RA_ICRS",
    dec="DE_ICRS",
    e_ra="e_RA_ICRS",
    e_dec="e_DE_ICRS",
    error_unit="arcsec",
    default_error_arcsec=0.05,
    epoch_yr=2005.0,
    epoch="ObsDate",
)
SDSS_R9 = CatalogSpec(
    name="SDSS-R9",
    title="Sloan Digital Sky Survey, release 9",
    reference="2012ApJS..203...21A",
    source=VizierTable("V/139/sdss9"),
    ident="SDSS9",
    positions=_SDSS_POSITIONS,
    bands=_sdss_bands("{}pmag", "e_{}pmag"),
    limit_band="g",
    families=("SDSS",),
    registration=True,
    dec_range_deg=(-20.0, 85.0),
    mag_range=(14.0, 22.0),
    coverage="14,555 square degrees, mostly north, patchy",
    server_filters=(("mode", "1"), ("q_mode", "+"), ("cl", "6")),
    photometry_cuts=(
        equals("cl", 6, "a star"),
        equals("Q", 3, "taken in a field of good quality"),
    ),
    comment="point-spread-function magnitudes of stars",
)
SDSS_R16 = replace(
    SDSS_R9,
    name="SDSS-R16",
    title="Sloan Digital Sky Survey, release 16",
    reference="2020ApJS..249....3A",
    source=VizierTable("V/154/sdss16"),
    ident="objID",
    server_filters=(("mode", "1"), ("class", "6")),
    photometry_cuts=(equals("class", 6, "a star"), equals("clean", 1, "clean photometry")),
)
SDSS_R13 = replace(
    SDSS_R9,
    name="SDSS-R13",
    title="Sloan Digital Sky Survey, release 13",
    reference="2017ApJS..233...25A",
    source=SkyServerTable(13),
    ident="objID",
    positions=Positions(
        ra="ra",
        dec="dec",
        e_ra="raErr",
        e_dec="decErr",
        error_unit="arcsec",
        default_error_arcsec=0.05,
        epoch_yr=2005.0,
        epoch="mjd",
        epoch_unit="MJD",
    ),
    bands=_sdss_bands("psfMag_{}", "psfMagErr_{}"),
    registration=False,
    server_filters=(("type", "6"), ("clean", "1")),
    photometry_cuts=(equals("type", 6, "a star"), equals("clean", 1, "clean photometry")),
)
SDSS_R17 = replace(
    SDSS_R13,
    name="SDSS-R17",
    title="Sloan Digital Sky Survey, release 17",
    reference="2022ApJS..259...35A",
    source=SkyServerTable(17),
)


def _ps1_bands(mag: str, error: str, number: str) -> tuple[CatalogBand, ...]:
    """Mean PSF magnitudes of Pan-STARRS from column patterns with ``{}`` for the letter."""
    return tuple(
        CatalogBand(
            f"{letter}p1",
            mag.format(letter),
            error.format(letter),
            "AB",
            cuts=(
                at_least(mag.format(letter), saturation, "not saturated"),
                at_least(number.format(letter), 3, "detected at least three times"),
            ),
        )
        for letter, saturation in PS1_SATURATION_MAG.items()
    )


PANSTARRS = CatalogSpec(
    name="PANSTARRS",
    title="Pan-STARRS DR1",
    reference="2016arXiv161205560C",
    source=VizierTable("II/349/ps1"),
    ident="objID",
    positions=Positions(
        ra="RAJ2000",
        dec="DEJ2000",
        e_ra="e_RAJ2000",
        e_dec="e_DEJ2000",
        error_unit="arcsec",
        default_error_arcsec=0.02,
        epoch_yr=2012.3,
        epoch="Epoch",
        epoch_unit="MJD",
    ),
    bands=_ps1_bands("{}mag", "e_{}mag", "N{}"),
    limit_band="rp1",
    families=("PS1",),
    dec_range_deg=(-31.0, 90.0),
    mag_range=(13.5, 21.5),
    coverage="north of -30 deg",
    photometry_cuts=(
        has_bit("Qual", 4, "measured well (quality bit 4)"),
        differs_at_most("imag", "iKmag", STAR_MINUS_KRON_MAG, "point-like (PSF and Kron agree)"),
        at_most("e_rmag", R_ERROR_LIMIT_MAG, "error in r at most 0.03 mag"),
    ),
    comment="first choice north of -30 deg",
)
PANSTARRS_DR2 = replace(
    PANSTARRS,
    name="PANSTARRS-DR2",
    title="Pan-STARRS DR2",
    reference="2020ApJS..251....7F",
    source=MastTable("mean", "dr2"),
    positions=Positions(
        ra="raMean",
        dec="decMean",
        e_ra="raMeanErr",
        e_dec="decMeanErr",
        error_unit="arcsec",
        default_error_arcsec=0.02,
        epoch_yr=2012.3,
        epoch="epochMean",
        epoch_unit="MJD",
    ),
    bands=_ps1_bands("{}MeanPSFMag", "{}MeanPSFMagErr", "{}MeanPSFMagNpt"),
    server_filters=(("nDetections.gte", "3"),),
    photometry_cuts=(
        has_bit("qualityFlag", 4, "measured well (quality bit 4)"),
        differs_at_most(
            "iMeanPSFMag", "iMeanKronMag", STAR_MINUS_KRON_MAG, "point-like (PSF and Kron agree)"
        ),
        at_most("rMeanPSFMagErr", R_ERROR_LIMIT_MAG, "error in r at most 0.03 mag"),
    ),
    comment="the same survey, from its archive",
)


def _skymapper_bands(number: str = "") -> tuple[CatalogBand, ...]:
    return tuple(
        CatalogBand(
            f"{letter}sm",
            f"{letter}PSF",
            f"e_{letter}PSF",
            "AB",
            cuts=((at_least(f"{number}{letter}", 1, "a good measurement"),) if number else ()),
        )
        for letter in "uvgriz"
    )


SKYMAPPER = CatalogSpec(
    name="SkyMapper",
    title="SkyMapper Southern Survey, release 1.1",
    reference="2018PASA...35...10W",
    source=VizierTable("II/358/smss"),
    ident="ObjectId",
    positions=Positions(
        ra="RAICRS",
        dec="DEICRS",
        e_ra="e_RAICRS",
        e_dec="e_DEICRS",
        default_error_arcsec=0.1,
        epoch_yr=2014.7,
    ),
    bands=_skymapper_bands(),
    limit_band="rsm",
    families=("SkyMapper",),
    dec_range_deg=(-90.0, 2.0),
    mag_range=(9.0, 18.0),
    coverage="south of +2 deg, 20,200 square degrees",
    photometry_cuts=(
        below("flags", 4, "not saturated, truncated or damaged (flags < 4)"),
        at_least("ClassStar", 0.8, "a star (class at least 0.8)"),
        at_most("e_rPSF", R_ERROR_LIMIT_MAG, "error in r at most 0.03 mag"),
    ),
    comment="u and v are its own bands, not those of SDSS",
)
SKYMAPPER_DR4 = replace(
    SKYMAPPER,
    name="SkyMapper-DR4",
    title="SkyMapper Southern Survey, release 4",
    reference="2024PASA...41...61O",
    source=VizierTable("II/379/smssdr4"),
    positions=Positions(
        ra="RAICRS",
        dec="DEICRS",
        e_ra="e_RAICRS",
        e_dec="e_DEICRS",
        default_error_arcsec=0.1,
        epoch_yr=2018.0,
        epoch="EpMean",
        epoch_unit="MJD",
    ),
    bands=_skymapper_bands("Ngood"),
    dec_range_deg=(-90.0, 28.0),
    mag_range=(9.0, 20.0),
    coverage="south of +16 deg, in parts to +28 deg",
    photometry_cuts=(
        *SKYMAPPER.photometry_cuts,
        equals("Niflags", 0, "no flagged pixel"),
    ),
    comment="first choice in the south; u and v are its own bands",
)
REFCAT2 = CatalogSpec(
    name="REFCAT2",
    title="ATLAS All-Sky Stellar Reference Catalog",
    reference="2018ApJ...867..105T",
    source=VizierTable("J/ApJ/867/105/refcat2"),
    positions=Positions(
        ra="RA_ICRS",
        dec="DE_ICRS",
        pm_ra="pmRA",
        pm_dec="pmDE",
        e_pm_ra="e_pmRA",
        e_pm_dec="e_pmDE",
        default_error_arcsec=0.002,
        epoch_yr=2015.5,
    ),
    bands=(
        *(CatalogBand(f"{letter}p1", f"{letter}mag", f"e_{letter}mag", "AB") for letter in "griz"),
        CatalogBand("J", "Jmag", "e_Jmag", "Vega"),
        CatalogBand("H", "Hmag", "e_Hmag", "Vega"),
        CatalogBand("Ks", "Kmag", "e_Kmag", "Vega"),
        *_gaia_bands(),
    ),
    limit_band="rp1",
    families=("PS1", "2MASS", "GaiaDR2"),
    registration=True,
    mag_range=(6.0, 19.0),
    error_floor_mag=0.005,
    photometry_cuts=(
        at_least("e_Gmag", 0.0, "from Gaia"),
        at_least("e_pmRA", 0.0, "a star (has a proper motion)"),
        at_least("rp1", 5.0, "no star within 5 arcsec that adds a tenth of its light"),
    ),
    comment="all sky in the Pan-STARRS system, Gaia DR2 astrometry",
)


def _synthetic_band(name: str, system: MagnitudeSystem) -> CatalogBand:
    return CatalogBand(
        name,
        f"{name}mag",
        f"e_{name}mag",
        system,
        flux=f"F{name}",
        flux_error=f"e_F{name}",
        cuts=(equals(f"{name}Flag", 1, "inside the validated range"),),
    )


GAIA_SYNTH = CatalogSpec(
    name="GAIA-SYNTH",
    title="Gaia DR3 synthetic photometry",
    reference="2023A&A...674A..33G",
    source=VizierTable("I/360/syntphot"),
    ident="Source",
    positions=replace(
        _gaia_positions(2016.0), e_ra="", e_dec="", pm_ra="", pm_dec="", e_pm_ra="", e_pm_dec=""
    ),
    bands=(
        *(_synthetic_band(name, "Vega") for name in "UBVRI"),
        *(_synthetic_band(name, "AB") for name in "ugriz"),
    ),
    limit_band="V",
    families=("GaiaSynthetic",),
    mag_range=(3.0, 17.6),
    error_floor_mag=0.003,
    photometry_cuts=(
        # the table has no G; V is close enough for the width of the distribution
        Cut(
            ("E(BP/RP)corr", "Vmag"),
            lambda excess, v: np.abs(excess) < 3 * _excess_sigma(v),
            "not blended (corrected BP/RP flux excess within 3 sigma)",
        ),
    ),
    comment="UBVRI and ugriz without color terms, integrated from BP/RP spectra",
)

CATALOGS: Mapping[str, CatalogSpec] = MappingProxyType(
    {
        row.name: row
        for row in (
            GAIA,
            GAIA3,
            GAIA2,
            GAIA1,
            TGAS,
            GAIA_SYNTH,
            REFCAT2,
            PANSTARRS,
            PANSTARRS_DR2,
            SDSS_R9,
            SDSS_R13,
            SDSS_R16,
            SDSS_R17,
            APASS9,
            SKYMAPPER,
            SKYMAPPER_DR4,
            TWO_MASS,
            URAT_1,
            UCAC4,
            USNO_B1,
        )
    }
)


def spec(name: str) -> CatalogSpec:
    """The catalog of this name; case and punctuation do not matter (``sdss r9``, ``urat1``).

    Raises
    ------
    ConfigError
        If there is none; the message lists the near ones, or all.
    """
    wanted = _plain(name)
    for row in CATALOGS.values():
        if _plain(row.name) == wanted:
            return row
    near = difflib.get_close_matches(
        name.upper(), [known.upper() for known in CATALOGS], cutoff=0.6
    )
    names = [known for known in CATALOGS if known.upper() in near] or list(CATALOGS)
    message = f"unknown catalog {name!r}; known: {', '.join(names)} (catalog.py -list shows all)"
    raise ConfigError(message)


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
