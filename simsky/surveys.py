"""The simulated sky as the survey catalogs list it: columns, units, flags, coverage.

Each function is one table as its service has it. Names and units follow the descriptions at
CDS, MAST and SDSS. A value that a survey does not have is NaN (or an empty text): a blank cell.
"""

from collections.abc import Callable, Mapping

import numpy as np

from simsky.stars import STAR, Sky
from simsky.survey import (
    BoolArray,
    CatalogTable,
    Column,
    FloatArray,
    Survey,
    blended_within,
    crowding_radius,
)


def _north_of(sky: Sky, dec_deg: float, kinds: tuple[int, ...] = (STAR,)) -> BoolArray:
    return np.asarray(np.isin(sky.sources["kind"], kinds) & (sky.sources["dec_deg"] > dec_deg))


def _south_of(sky: Sky, dec_deg: float) -> BoolArray:
    return np.asarray((sky.sources["kind"] == STAR) & (sky.sources["dec_deg"] < dec_deg))


_GAIA_BANDS = {"Gmag": "G", "BPmag": "BP", "RPmag": "RP"}


def _gaia(survey: Survey, photometry: Mapping[str, str]) -> list[Column]:
    columns = [Column("Source", survey.idents(3_700_000_000_000_000_000))]
    columns += survey.radec("RA_ICRS", "DE_ICRS") + survey.errors("e_RA_ICRS", "e_DE_ICRS")
    columns += survey.motions(0.1, blank_fraction=0.05)
    return columns + survey.columns_of(photometry, 0.002, 21.5)


def gaia_dr3(sky: Sky, noise: float, table: str = "I/355/gaiadr3") -> CatalogTable:
    """Gaia (E)DR3."""
    survey = Survey(sky, table, noise, epoch_yr=2016.0, position_mas=0.05)
    columns = _gaia(survey, _GAIA_BANDS)
    x = survey.sources["BP"].data - survey.sources["RP"].data
    excess = np.where(
        x < 0.5,
        1.154360 + 0.033772 * x + 0.032277 * x**2,
        1.162004 + 0.011464 * x + 0.049255 * x**2 - 0.005879 * x**3,
    )
    blended = blended_within(survey, 2.5)
    varies = survey.sources["amplitude_mag"].data > 0
    columns += [
        Column("RUWE", np.where(blended, 2.5, 1.0 + 0.02 * survey.normal(1)[0]), "", 3),
        Column("E(BP/RP)", excess + 0.4 * blended, "", 3),
        Column("VarFlag", np.where(varies, "VARIABLE", "NOT_AVAILABLE")),
        survey.constant("PSS", 0.99, "", 3),
        survey.constant("Plx", 0.5, "mas", 4),
    ]
    return survey.table(columns)


def gaia_dr2(sky: Sky, noise: float) -> CatalogTable:
    """Gaia DR2."""
    survey = Survey(sky, "I/345/gaia2", noise, epoch_yr=2015.5, position_mas=0.08)
    columns = _gaia(survey, _GAIA_BANDS)
    x = survey.sources["BP"].data - survey.sources["RP"].data
    excess = 1.15 + 0.04 * x**2 + 0.4 * blended_within(survey, 2.5)
    columns += [Column("E(BR/RP)", excess, "", 3), survey.constant("Epoch", 2015.5, "yr", 1)]
    return survey.table(columns)


def gaia_dr1(sky: Sky, noise: float) -> CatalogTable:
    """Gaia DR1: a magnitude without an error, few proper motions."""
    survey = Survey(sky, "I/337/gaia", noise, epoch_yr=2015.0, position_mas=0.3)
    columns = [Column("Source", survey.idents(3_700_000_000_000_000_000))]
    columns += survey.radec("RA_ICRS", "DE_ICRS") + survey.errors("e_RA_ICRS", "e_DE_ICRS")
    return survey.table(columns + survey.motions(1.0, blank_fraction=1.0) + _gaia_dr1_flux(survey))


def tgas(sky: Sky, noise: float) -> CatalogTable:
    """TGAS: the bright stars of Gaia DR1, with proper motions."""
    bright = np.asarray((sky.sources["kind"] == STAR) & (sky.sources["V"] < 12.5))
    survey = Survey(sky, "I/337/tgas", noise, epoch_yr=2015.0, position_mas=0.3, keep=bright)
    columns = [Column("Source", survey.idents(3_700_000_000_000_000_000))]
    columns += survey.radec("RA_ICRS", "DE_ICRS") + survey.errors("e_RA_ICRS", "e_DE_ICRS")
    return survey.table(columns + survey.motions(0.5) + _gaia_dr1_flux(survey))


def _gaia_dr1_flux(survey: Survey) -> list[Column]:
    mag, error = survey.mag("G", 0.002, 21.0)
    flux = 10 ** (-0.4 * (mag - 25.525))
    return [
        Column("<Gmag>", mag, "mag", 3),
        Column("<FG>", flux, "e-/s", 3),
        Column("e_<FG>", flux * error / 1.0857, "e-/s", 4),
    ]


def gaia_synthetic(sky: Sky, noise: float) -> CatalogTable:
    """Gaia DR3 synthetic photometry."""
    keep = np.asarray((sky.sources["kind"] == STAR) & (sky.sources["G"] < 17.65))
    survey = Survey(sky, "I/360/syntphot", noise, epoch_yr=2016.0, position_mas=0.05, keep=keep)
    columns = [Column("Source", survey.idents(3_700_000_000_000_000_000))]
    columns += survey.radec("RA_ICRS", "DE_ICRS")
    for band in (*"UBVRI", *"ugriz"):
        mag, error = survey.mag(band, 0.003, 19.5)
        flux = 10 ** (-0.4 * (mag + 56.10))
        columns += [
            Column(f"{band}mag", mag, "mag", 4),
            Column(f"F{band}", flux, "W/m2/Hz"),
            Column(f"e_F{band}", flux * error / 1.0857, "W/m2/Hz"),
            survey.constant(f"{band}Flag", 1),
        ]
    columns.append(survey.constant("E(BP/RP)corr", 0.0, "", 3))
    return survey.table(columns)


def refcat2(sky: Sky, noise: float) -> CatalogTable:
    """ATLAS-REFCAT2; galaxies have no errors of proper motion."""
    everything = np.asarray(sky.sources["G"] < 20)
    survey = Survey(
        sky, "J/ApJ/867/105/refcat2", noise, epoch_yr=2015.5, position_mas=0.08, keep=everything
    )
    motions = survey.motions(0.1)
    galaxy = survey.sources["kind"].data != STAR
    for column in motions:
        column.values[galaxy] = np.nan
    columns = survey.radec("RA_ICRS", "DE_ICRS") + motions
    columns += survey.columns_of({f"{b}mag": f"{b}p1" for b in "griz"}, 0.005, 21.0)
    columns += survey.columns_of({"Jmag": "J", "Hmag": "H", "Kmag": "Ks"}, 0.02, 16.5)
    columns += survey.columns_of(_GAIA_BANDS, 0.002, 21.5)
    radius = crowding_radius(survey)
    columns += [Column(name, radius, "arcsec", 1) for name in ("rp1", "r1", "r10")]
    return survey.table(columns)


def panstarrs_dr1(sky: Sky, noise: float) -> CatalogTable:
    """Pan-STARRS DR1 of VizieR, with galaxies (whose Kron magnitudes are brighter)."""
    survey = _panstarrs(sky, noise, "II/349/ps1")
    stars = survey.sources["kind"].data == STAR
    columns = [Column("objID", survey.idents(107_000_000_000_000_000))]
    columns += survey.radec("RAJ2000", "DEJ2000")
    columns += survey.errors("e_RAJ2000", "e_DEJ2000", "arcsec")
    columns += [
        survey.constant("f_objID", 16777216),
        Column("Qual", np.where(stars, 52, 61)),
        survey.constant("Epoch", 56000.0, "d", 4),
        survey.constant("Ns", 9),
        survey.constant("Nd", 48),
    ]
    for letter in "grizy":
        mag, error, kron = _panstarrs_band(survey, letter)
        columns += [
            Column(f"{letter}mag", mag, "mag", 4),
            Column(f"e_{letter}mag", error, "mag", 4),
            Column(f"{letter}Kmag", kron, "mag", 4),
            Column(f"e_{letter}Kmag", error, "mag", 4),
            Column(f"N{letter}", np.where(np.isfinite(mag), 10, 0)),
            survey.constant(f"{letter}Flags", 115000),
        ]
    return survey.table(columns)


def panstarrs_dr2(sky: Sky, noise: float) -> CatalogTable:
    """Pan-STARRS DR2 mean objects as MAST lists them."""
    survey = _panstarrs(sky, noise, "panstarrs/dr2/mean")
    stars = survey.sources["kind"].data == STAR
    columns = [
        Column("objName", survey.names("PSO J{ra}{dec}", 3, "")),
        Column("objID", survey.idents(107_000_000_000_000_000)),
        *survey.radec("raMean", "decMean"),
        *survey.errors("raMeanErr", "decMeanErr", "arcsec"),
        survey.constant("epochMean", 56000.0, "d", 4),
        Column("qualityFlag", np.where(stars, 52, 61)),
        survey.constant("objInfoFlag", 436224000),
        survey.constant("nDetections", 60),
    ]
    for letter in "grizy":
        mag, error, kron = _panstarrs_band(survey, letter)
        columns += [
            Column(f"{letter}MeanPSFMag", mag, "mag", 4),
            Column(f"{letter}MeanPSFMagErr", error, "mag", 4),
            Column(f"{letter}MeanPSFMagNpt", np.where(np.isfinite(mag), 10, 0)),
            Column(f"{letter}MeanKronMag", kron, "mag", 4),
            Column(f"{letter}MeanKronMagErr", error, "mag", 4),
            survey.constant(f"{letter}Flags", 115000),
        ]
    return survey.table(columns)


def _panstarrs(sky: Sky, noise: float, table: str) -> Survey:
    keep = np.asarray((sky.sources["dec_deg"] > -30.5) & (sky.sources["rp1"] < 22.5))
    return Survey(sky, table, noise, epoch_yr=2012.2, position_mas=5.0, keep=keep)


def _panstarrs_band(survey: Survey, letter: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """PSF magnitude, error and Kron magnitude."""
    saturation = {"z": 13.0, "y": 12.0}.get(letter, 13.5)
    limit = {"y": 20.0, "z": 21.0}.get(letter, 22.0)
    mag, error = survey.mag(f"{letter}p1", 0.003, limit, saturation)
    kron = np.where(survey.sources["kind"].data == STAR, mag - 0.01, mag - 0.4)
    return mag, error, kron


def sdss_r9(sky: Sky, noise: float) -> CatalogTable:
    """SDSS DR9 of VizieR: stars and galaxies, primary and secondary."""
    survey = _sdss(sky, noise, "V/139/sdss9")
    columns = [Column("SDSS9", survey.names("J{ra}{dec}", 2)), *_sdss_columns(survey)]
    columns += [
        survey.constant("mode", 1),
        survey.constant("q_mode", "+"),
        Column("cl", survey.sources["kind"].data),
        survey.constant("Q", 3),
    ]
    return survey.table(columns)


def sdss_r16(sky: Sky, noise: float, table: str = "V/154/sdss16") -> CatalogTable:
    """SDSS DR12 and DR16 of VizieR."""
    survey = _sdss(sky, noise, table)
    columns = [Column("objID", survey.idents(1_237_600_000_000_000_000)), *_sdss_columns(survey)]
    columns += [
        survey.constant("mode", 1),
        Column("class", survey.sources["kind"].data),
        survey.constant("clean", 1),
        survey.constant("q_mode", "+"),
    ]
    return survey.table(columns)


def skyserver(sky: Sky, noise: float) -> CatalogTable:
    """SDSS as SkyServer lists it (view PhotoPrimary)."""
    survey = _sdss(sky, noise, "PhotoPrimary")
    columns = [
        Column("objID", survey.idents(1_237_600_000_000_000_000)),
        *survey.radec("ra", "dec"),
        *survey.errors("raErr", "decErr", "arcsec"),
        Column("type", survey.sources["kind"].data),
        survey.constant("clean", 1),
        survey.constant("mode", 1),
        survey.constant("mjd", 53400),
    ]
    for letter in "ugriz":
        mag, error = _sdss_band(survey, letter)
        columns += [
            Column(f"psfMag_{letter}", mag, "mag", 5),
            Column(f"psfMagErr_{letter}", error, "mag", 5),
            Column(f"fiberMag_{letter}", mag + 0.2, "mag", 5),
            Column(f"fiberMagErr_{letter}", error, "mag", 5),
        ]
    return survey.table(columns)


def _sdss(sky: Sky, noise: float, table: str) -> Survey:
    dec = sky.sources["dec_deg"]
    keep = np.asarray((dec > -20) & (dec < 85) & (sky.sources["r"] < 22.5))
    return Survey(sky, table, noise, epoch_yr=2005.1, position_mas=30.0, keep=keep)


def _sdss_band(survey: Survey, letter: str) -> tuple[FloatArray, FloatArray]:
    saturation = {"u": 12.0, "z": 12.0}.get(letter, 13.9)
    limit = {"u": 22.0, "z": 20.5}.get(letter, 22.5)
    return survey.mag(letter, 0.008, limit, saturation)


def _sdss_columns(survey: Survey) -> list[Column]:
    columns = survey.radec("RA_ICRS", "DE_ICRS")
    columns += survey.errors("e_RA_ICRS", "e_DE_ICRS", "arcsec")
    columns.append(survey.constant("ObsDate", 2005.1, "yr", 4))
    galaxy = survey.sources["kind"].data != STAR
    for letter in "ugriz":
        mag, error = _sdss_band(survey, letter)
        columns += [
            Column(f"{letter}pmag", mag, "mag", 3),
            Column(f"e_{letter}pmag", error, "mag", 3),
            Column(f"{letter}mag", mag - 0.3 * galaxy, "mag", 3),
            Column(f"e_{letter}mag", error, "mag", 3),
        ]
    return columns


def apass9(sky: Sky, noise: float) -> CatalogTable:
    """APASS DR9; one star in five was observed once and has no errors."""
    keep = np.asarray((sky.sources["kind"] == STAR) & (sky.sources["V"] < 17.3))
    survey = Survey(sky, "II/336/apass9", noise, epoch_yr=2012.0, position_mas=150.0, keep=keep)
    once = survey.rng.random(len(survey)) < 0.2
    columns = [Column("recno", np.arange(1, len(survey) + 1) + 20000000)]
    columns += survey.radec("RAJ2000", "DEJ2000")
    columns += survey.errors("e_RAJ2000", "e_DEJ2000", "arcsec")
    columns += [
        survey.constant("Field", 20152196),
        Column("nobs", np.where(once, 1, 4)),
        Column("mobs", np.where(once, 5, 20)),
    ]
    names = {"Vmag": "V", "Bmag": "B", "g'mag": "g", "r'mag": "r", "i'mag": "i"}
    photometry = survey.columns_of(names, 0.015, 17.8, saturation=10.0)
    for column in photometry:
        if column.name.startswith("e_"):
            column.values[once] = np.nan
    return survey.table(columns + photometry)


def skymapper_dr1(sky: Sky, noise: float) -> CatalogTable:
    """SkyMapper DR1.1."""
    return _skymapper(sky, noise, "II/358/smss", south_of_deg=2.0, limit=19.0)


def skymapper_dr4(sky: Sky, noise: float) -> CatalogTable:
    """SkyMapper DR4."""
    return _skymapper(sky, noise, "II/379/smssdr4", south_of_deg=28.0, limit=21.0)


def _skymapper(
    sky: Sky, noise: float, table: str, south_of_deg: float, limit: float
) -> CatalogTable:
    keep = _south_of(sky, south_of_deg)
    survey = Survey(sky, table, noise, epoch_yr=2018.0, position_mas=30.0, keep=keep)
    columns = [Column("ObjectId", survey.idents(4_000_000))]
    columns += [Column("SMSS", survey.names("J{ra}{dec}", 2))]
    columns += survey.radec("RAICRS", "DEICRS") + survey.errors("e_RAICRS", "e_DEICRS")
    columns += survey.columns_of({f"{b}PSF": f"{b}sm" for b in "uvgriz"}, 0.006, limit)
    columns += [
        survey.constant("flags", 0),
        survey.constant("Niflags", 0),
        survey.constant("ClassStar", 0.96, "", 2),
        survey.constant("EpMean", 58200.0, "d", 4),
        survey.constant("Ngood", 12),
        *(survey.constant(f"Ngood{letter}", 2) for letter in "uvgriz"),
    ]
    return survey.table(columns)


def two_mass(sky: Sky, noise: float) -> CatalogTable:
    """2MASS point sources."""
    keep = np.asarray((sky.sources["kind"] == STAR) & (sky.sources["J"] < 16.8))
    survey = Survey(sky, "II/246/out", noise, epoch_yr=1999.6, position_mas=60.0, keep=keep)
    columns = [Column("2MASS", survey.names("{ra}{dec}", 2))]
    columns += survey.radec("RAJ2000", "DEJ2000")
    columns += survey.errors("errMaj", "errMin", "arcsec")
    columns += survey.columns_of({"Jmag": "J", "Hmag": "H", "Kmag": "Ks"}, 0.02, 16.8)
    columns += [
        survey.constant("errPA", 90, "deg"),
        survey.constant("Qflg", "AAA"),
        survey.constant("Rflg", "222"),
        survey.constant("Bflg", "111"),
        survey.constant("Cflg", "000"),
        survey.constant("Xflg", 0),
        survey.constant("JD", 2451400.5, "d", 4),
    ]
    return survey.table(columns)


def urat1(sky: Sky, noise: float) -> CatalogTable:
    """URAT-1, with APASS magnitudes."""
    keep = _north_of(sky, -25.0) & np.asarray(sky.sources["f"] < 18.5)
    survey = Survey(sky, "I/329/urat1", noise, epoch_yr=2013.4, position_mas=20.0, keep=keep)
    columns = [Column("URAT1", survey.names("453-{number}", 2))]
    columns += survey.radec("RAJ2000", "DEJ2000")
    columns += [
        Column("sigm", survey.position_error_mas, "mas", 1),
        survey.constant("Epoch", 2013.4, "yr", 3),
    ]
    columns += [column for column in survey.motions(6.0) if not column.name.startswith("e_")]
    columns.append(survey.constant("e_pm", 6.0, "mas/yr", 1))
    columns += survey.columns_of({"f.mag": "f"}, 0.01, 18.5)
    apass = {f"{band}mag": band for band in "BVgri"}
    columns += survey.columns_of(apass, 0.02, 17.0)
    columns += survey.columns_of({"Jmag": "J", "Hmag": "H", "Kmag": "Ks"}, 0.02, 16.5)
    return survey.table(columns)


def ucac4(sky: Sky, noise: float) -> CatalogTable:
    """UCAC4; the errors of its APASS magnitudes count hundredths of a magnitude."""
    keep = np.asarray((sky.sources["kind"] == STAR) & (sky.sources["f"] < 16.5))
    survey = Survey(sky, "I/322A/out", noise, epoch_yr=2000.0, position_mas=25.0, keep=keep)
    columns = [Column("UCAC4", survey.names("453-{number}", 2))]
    columns += survey.radec("RAJ2000", "DEJ2000") + survey.errors("e_RAJ2000", "e_DEJ2000")
    columns += survey.motions(4.0)
    columns += survey.columns_of({"f.mag": "f", "a.mag": "f"}, 0.02, 17.0)
    for band in "BVgri":
        mag, error = survey.mag(band, 0.02, 17.5)
        columns += [
            Column(f"{band}mag", mag, "mag", 3),
            Column(f"e_{band}mag", np.rint(100 * error), "0.01mag", 0),
            survey.constant(f"f_{band}mag", ""),
        ]
    return survey.table(columns)


def usno_b1(sky: Sky, noise: float) -> CatalogTable:
    """USNO-B1.0: photographic magnitudes without errors."""
    survey = Survey(sky, "I/284/out", noise, epoch_yr=2000.0, position_mas=120.0)
    columns = [Column("USNO-B1.0", survey.names("0904-{number}", 2))]
    columns += survey.radec("RAJ2000", "DEJ2000") + survey.errors("e_RAJ2000", "e_DEJ2000")
    columns += survey.motions(5.0)
    bands = {"B1mag": "B", "R1mag": "R", "B2mag": "B", "R2mag": "R", "Imag": "I"}
    photometry = survey.columns_of(bands, 0.25, 21.0)
    columns += [column for column in photometry if not column.name.startswith("e_")]
    return survey.table(columns)


def vsx(sky: Sky, noise: float) -> CatalogTable:
    """The variable stars, as VSX has them."""
    varies = np.asarray(sky.sources["amplitude_mag"] > 0)
    survey = Survey(sky, "B/vsx/vsx", noise, epoch_yr=2000.0, position_mas=50.0, keep=varies)
    amplitude = survey.sources["amplitude_mag"].data
    columns = [
        Column("OID", survey.idents(0)),
        Column("Name", survey.names("SIM J{ra}{dec}", 2)),
        survey.constant("V", 0),
        *survey.radec("RAJ2000", "DEJ2000"),
        survey.constant("Type", "EW"),
        survey.constant("l_max", ""),
        Column("max", survey.sources["V"].data - amplitude / 2, "mag", 3),
        survey.constant("n_max", "V"),
        survey.constant("f_min", ""),
        Column("min", survey.sources["V"].data + amplitude / 2, "mag", 3),
        survey.constant("n_min", "V"),
        Column("Period", survey.sources["period_d"].data, "d", 6),
    ]
    return survey.table(columns)


VIZIER: Mapping[str, Callable[[Sky, float], CatalogTable]] = {
    "I/355/gaiadr3": gaia_dr3,
    "I/350/gaiaedr3": lambda sky, noise: gaia_dr3(sky, noise, "I/350/gaiaedr3"),
    "I/345/gaia2": gaia_dr2,
    "I/337/gaia": gaia_dr1,
    "I/337/tgas": tgas,
    "I/360/syntphot": gaia_synthetic,
    "J/ApJ/867/105/refcat2": refcat2,
    "II/349/ps1": panstarrs_dr1,
    "V/139/sdss9": sdss_r9,
    "V/147/sdss12": lambda sky, noise: sdss_r16(sky, noise, "V/147/sdss12"),
    "V/154/sdss16": sdss_r16,
    "II/336/apass9": apass9,
    "II/358/smss": skymapper_dr1,
    "II/379/smssdr4": skymapper_dr4,
    "II/246/out": two_mass,
    "I/329/urat1": urat1,
    "I/322A/out": ucac4,
    "I/284/out": usno_b1,
    "B/vsx/vsx": vsx,
}
