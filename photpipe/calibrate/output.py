"""The files of a calibrated frame: its database and the list of its reference stars."""

import contextlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.calibrate import old_names
from photpipe.calibrate.frame_calibration import CalibratedSources, ReferenceStars
from photpipe.calibrate.reference_stars import Sources
from photpipe.catalogs.database import Scalar, magnitude_columns, write_database
from photpipe.catalogs.frame_facts import FrameFacts
from photpipe.catalogs.ldac import read_ldac_columns
from photpipe.fits.values import as_number, card_text, card_value
from photpipe.ground import files
from photpipe.ground.errors import FrameError
from photpipe.run.results import CalibratedFrame
from photpipe.science.noise import NO_MAGNITUDE

if TYPE_CHECKING:
    from astropy.io.fits import Header

FloatArray = NDArray[np.float64]

_NEW_NAMES = {"XWIN_WORLD": "ra_deg", "YWIN_WORLD": "dec_deg"}


def write(each: CalibratedSources) -> CalibratedFrame:
    """Write the files of a frame.

    Raises
    ------
    FrameError
        If one cannot be written.
    """
    write_database_of(each)
    if each.reference is None:
        remove_stars(each.sources.frame.path)
    else:
        write_stars(each.sources, each.calibrated, each.reference)
    return each.calibrated


def remove_stars(frame: Path) -> None:
    """Remove the list of stars of an earlier calibration: it would be taken for the outcome."""
    with contextlib.suppress(OSError):
        frame.with_name(f"{frame.stem}_cal.dat").unlink()


def calibrated_magnitudes(each: CalibratedSources) -> tuple[FloatArray, FloatArray]:
    """Calibrated magnitudes of all sources and their errors, NaN where there is no flux.

    The error has four independent parts: that of the flux, the scatter of constant stars from
    frame to frame that this does not explain, what differs across the field, and that of the
    zeropoint.
    """
    frame = each.calibrated
    mag, error = (each.sources.column(name) for name in ("MAG_APER", "MAGERR_APER"))
    known = (mag < NO_MAGNITUDE) & (error > 0)
    field = math.hypot(*np.nan_to_num([each.field.repeatability_mag, each.field.unevenness_mag]))
    total = np.sqrt(error**2 + field**2 + frame.zeropoint_sigma_mag**2)
    return (
        np.where(known, mag + frame.zeropoint_mag + each.corrections, math.nan),
        np.where(known, total, math.nan),
    )


def write_database_of(each: CalibratedSources) -> None:
    """Write ``<stem>.ldac.db``.

    The columns of the catalog, with ra_deg and dec_deg instead of XWIN_WORLD and YWIN_WORLD;
    ``_<band>mag`` and ``_e_<band>mag`` if there is a zeropoint; and for reference stars ref_ident,
    ref_ra_deg, ref_dec_deg, ref_mag, ref_e_mag, ref_colour, ref_separation_arcsec,
    ref_residual_mag, ref_verdict. Then what the original calls by other names (`old_names`).

    Raises
    ------
    FrameError
        If it cannot be written, or its catalog cannot be read any more.
    """
    sources, frame = each.sources, each.calibrated
    count = len(sources.table)
    catalog = read_ldac_columns(sources.frame.ldac_path).rows(sources.rows)
    columns = {_NEW_NAMES.get(name, name): column for name, column in catalog.data.items()}
    magnitudes = calibrated_magnitudes(each) if frame.is_calibrated else None
    columns |= {
        **{"ra_deg": sources.ra_deg, "dec_deg": sources.dec_deg},
        **dict(zip(magnitude_columns(frame.band), magnitudes or (), strict=False)),
        **_reference_columns(count, each.reference),
        "ident": np.arange(1, count + 1),
        **old_names.columns(frame.band, magnitudes),
        **old_names.catalog_columns(count, each.reference),
    }
    try:
        write_database(sources.frame.database_path, _facts(each), columns)
    except OSError as error:
        reason = f"its database cannot be written: {error}"
        raise FrameError(sources.frame.name, reason) from error


def _reference_columns(
    count: int, reference: ReferenceStars | None
) -> Mapping[str, NDArray[np.generic]]:
    """What the catalog says, for each source of the frame."""
    texts = {name: np.full(count, "", dtype="U64") for name in ("ref_ident", "ref_verdict")}
    numbers = {
        f"ref_{name}": np.full(count, math.nan)
        for name in ("ra_deg", "dec_deg", "mag", "e_mag", "colour", "separation_arcsec")
    } | {"ref_residual_mag": np.full(count, math.nan)}
    if reference is not None:
        at, star, stars = reference.source, reference.star, reference.stars
        texts["ref_ident"][at] = np.asarray(stars.data["ident"]).astype(str)[star]
        texts["ref_verdict"][at] = reference.verdict
        for name in ("ra_deg", "dec_deg", "mag", "e_mag"):
            numbers[f"ref_{name}"][at] = stars.column(name)[star]
        numbers["ref_separation_arcsec"][at] = reference.separation_arcsec
        numbers["ref_residual_mag"][at] = reference.residual_mag
        numbers["ref_colour"][at] = reference.colour
    return {**texts, **numbers}


def _facts(each: CalibratedSources) -> dict[str, Scalar]:
    """The row of the table ``header``."""
    sources, calibrated, field = each.sources, each.calibrated, each.field
    frame = sources.frame
    found = FrameFacts(
        frame=frame.name,
        telescope=frame.telescope.name,
        telescope_keyword=frame.telescope.keyword,
        observatory_code=frame.telescope.observatory_code,
        observer=frame.telescope.observer,
        object=frame.object_name,
        filter=frame.filter_name,
        midtime_jd=frame.midtime_jd,
        exptime_s=frame.exptime_s,
        single_exptime_s=frame.single_exptime_s,
        airmass=frame.airmass,
        pixel_scale_arcsec=sources.pixel_scale_arcsec,
        aperture_radius_px=sources.aperture_radius_px,
        astrometric_catalog=card_text(frame.header, "REGCAT") or "",
        photometry_mode=card_text(frame.header, "PHOTMODE") or "",
        aperture_correction_mag=_number(frame.header, "APCORR"),
        aperture_correction_error_mag=_number(frame.header, "APCORRER"),
        sky_noise_adu=_number(frame.header, "APNOISE"),
        gain=_number(frame.header, "PHOTGAIN"),
        limiting_mag_instrumental=_number(frame.header, "INSTLIM"),
        band=calibrated.band,
        catalog=calibrated.catalog,
        magnitude_system=calibrated.magnitude_system,
        zeropoint_mag=calibrated.zeropoint_mag,
        zeropoint_sigma_mag=calibrated.zeropoint_sigma_mag,
        standard_error_mag=calibrated.standard_error_mag,
        scatter_mag=calibrated.scatter_mag,
        intrinsic_scatter_mag=calibrated.intrinsic_scatter_mag,
        reduced_chi2=calibrated.reduced_chi2,
        matched=calibrated.matched,
        usable=calibrated.usable,
        used=calibrated.used,
        needed=calibrated.needed,
        limiting_mag=calibrated.limiting_mag,
        seeing_arcsec=calibrated.seeing_arcsec,
        sources=calibrated.sources,
        note=calibrated.note,
        relative_error_mag=calibrated.relative_error_mag,
        calibrated=calibrated.is_calibrated,
        repeatability_mag=field.repeatability_mag,
        unevenness_mag=field.unevenness_mag,
        colour=field.colour,
        colour_reference=field.colour_reference,
        colour_term=field.colour_term,
        colour_term_error=field.colour_term_error,
        sky_term=field.sky_term,
        spatial_terms=json.dumps(field.spatial),
        ref_colour="-".join(each.reference.bands) if each.reference else "",
        psf_fwhm_px=_number(frame.header, "PSFFWHM"),
        psf_beta=_number(frame.header, "PSFBETA"),
    )
    return {**found.as_row(), **old_names.facts(each)}


def _number(header: "Header", card: str) -> float:
    number = as_number(card_value(header, card))
    return math.nan if number is None else number


def write_stars(sources: Sources, frame: CalibratedFrame, reference: ReferenceStars) -> None:
    """Write ``<stem>_cal.dat``: the reference stars found on a frame, and what became of each.

    Raises
    ------
    FrameError
        If it cannot be written.
    """
    system = f", {frame.magnitude_system}" if frame.magnitude_system else ""
    lines = [
        f"# {frame.frame}: {frame.catalog}, {frame.band}{system}; zeropoint "
        f"{frame.zeropoint_mag:.4f} +- {frame.standard_error_mag:.4f} mag from {frame.used} stars",
        "# ident ra(deg) dec(deg) catalog_mag error instrumental_mag error "
        "catalog_minus_calibrated separation(arcsec) colour flags verdict",
    ]
    mag, error = sources.column("MAG_APER"), sources.column("MAGERR_APER")
    flags = np.asarray(sources.table["FLAGS"])
    stars = reference.stars
    idents = np.asarray(stars.data["ident"]).astype(str)
    columns = [stars.column(name) for name in ("ra_deg", "dec_deg", "mag", "e_mag")]
    for index, (star, row) in enumerate(zip(reference.star, reference.source, strict=True)):
        ra, dec, ref_mag, ref_error = (column[star] for column in columns)
        lines.append(
            f"{'_'.join(idents[star].split()):>24s} {ra:12.7f} {dec:+12.7f} {ref_mag:8.4f} "
            f"{ref_error:7.4f} {mag[row]:8.4f} {error[row]:7.4f} "
            f"{reference.residual_mag[index]:8.4f} {reference.separation_arcsec[index]:6.3f} "
            f"{reference.colour[index]:7.3f} {flags[row]:3d} "
            f"{reference.verdict[index].replace(' ', '_')}"
        )
    path = sources.frame.path.with_name(frame.stars_file)
    try:
        files.write_text(path, "\n".join(lines) + "\n")
    except OSError as problem:
        raise FrameError(frame.frame, f"{path.name} cannot be written: {problem}") from problem
