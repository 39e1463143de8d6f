"""What a registration leaves in the header of a frame: the WCS, its provenance, a status."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from photpipe.fits.cards import CardValue, Changes
from photpipe.fits.standard_wcs import is_wcs_keyword, with_old_names
from photpipe.fits.values import as_number, card_text, card_value
from photpipe.ground.sky import ARCSEC_PER_DEG
from photpipe.instruments.cameras.camera import is_camera
from photpipe.instruments.telescopes import GENERIC
from photpipe.prepare.preparation import read_cards
from photpipe.run.results import RegisteredFrame

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from photpipe.instruments.frames import Frame

STATUS, REGISTERED, FAILED = "REGSTAT", "registered", "failed"
_PROVENANCE = {
    "REGCAT": ("catalog", "PP: reference catalog of the WCS"),
    "REGSEED": ("seed", "PP: how the field was found"),
    "REGFIT": ("fit", "PP: who fitted the WCS"),
    "REGASCON": ("as_contrast", "PP: SCAMP's contrast in angle and scale"),
    "REGXYCON": ("xy_contrast", "PP: SCAMP's contrast in position"),
    "REGNSTAR": ("matched", "PP: stars that confirm the WCS"),
    "REGNCHAN": ("expected", "PP: as many would by chance"),
    "REGRMS": ("rms_arcsec", "PP: rms per axis of these stars (arcsec)"),
    "REGPSCAL": ("pixel_scale_arcsec", "PP: arcsec per pixel of the WCS"),
}
_RMS = ("ASTRRMS1", "ASTRRMS2")
_INTERNAL = ("ASTIRMS1", "ASTIRMS2")
_UNIT = {_RMS[0]: "along RA", _RMS[1]: "along Dec"}


def changes_of(frame: "Frame", row: RegisteredFrame, wcs: Mapping[str, CardValue]) -> Changes:
    """Changes of the header of a frame that is registered.

    Every card of an older WCS goes, unless the entry of the telescope reads it.

    Parameters
    ----------
    frame : Frame
        The frame with its header as it is.
    row : RegisteredFrame
        Its result.
    wcs : mapping
        Cards of the solution.
    """
    spared = read_cards(frame)
    changes: dict[str, CardValue | tuple[CardValue, str] | None] = {
        key: None for key in frame.header if is_wcs_keyword(key) and key not in spared
    }
    changes |= {key: (value, "PP: registered WCS") for key, value in with_old_names(wcs).items()}
    for key, (name, comment) in _PROVENANCE.items():
        value = getattr(row, name)
        known = not (isinstance(value, float) and math.isnan(value))
        changes[key] = (value, comment) if known else None
    for key, sigma in zip(_RMS, row.sigma_arcsec, strict=True):
        changes[key] = (sigma / ARCSEC_PER_DEG, f"PP: rms {_UNIT[key]} of the fit (deg)")
    for key, sigma in zip(_INTERNAL, row.internal_arcsec, strict=True):
        changes[key] = (_known(sigma) / ARCSEC_PER_DEG, "PP: rms between the frames (deg)")
    changes["PHOTIRMS"] = (_known(row.flux_rms_mag), "PP: rms of fluxes between the frames (mag)")
    changes["MAGZEROP"] = (0.0, "PP: zeropoint of instrumental magnitudes")
    if is_camera(frame.telescope.keyword) or frame.telescope.keyword == GENERIC:
        changes |= _scales(frame, row)
    changes[STATUS] = (REGISTERED, "PP: state of the registration")
    return changes


def _known(value: float) -> float:
    """Zero, as SCAMP says for frames that have nothing in common, where a value is unknown."""
    return value if math.isfinite(value) else 0.0


def _scales(frame: "Frame", row: RegisteredFrame) -> dict[str, CardValue]:
    """Pixel scales that were but hints, as the stars show them."""
    x, y = frame.pixel_scale_arcsec
    factor = row.pixel_scale_arcsec / math.sqrt(x * y)
    return {"SECPIX": row.pixel_scale_arcsec, "SECPIXX": x * factor, "SECPIXY": y * factor}


def changes_of_failure() -> Changes:
    """Changes of the header of a frame that is not registered: a card that says so."""
    return {STATUS: (FAILED, "PP: state of the registration")}


def is_registered(header: "Header") -> bool:
    """Whether a header holds the WCS of an earlier registration.

    `pp_prepare` removes the cards of the fit along with the WCS, so that the status alone does
    not tell.
    """
    return card_text(header, STATUS) == REGISTERED and card_value(header, _RMS[0]) is not None


def earlier(name: str, header: "Header") -> RegisteredFrame:
    """What is known of a registration by an earlier run; the rest is NaN or 0."""

    def number(key: str) -> float:
        value = as_number(card_value(header, key))
        return math.nan if value is None else value

    return RegisteredFrame(
        frame=name,
        catalog=card_text(header, "REGCAT") or "",
        seed=card_text(header, "REGSEED") or "",
        fit=card_text(header, "REGFIT") or "",
        as_contrast=number("REGASCON"),
        xy_contrast=number("REGXYCON"),
        detections=0,
        references=0,
        matched=int(as_number(card_value(header, "REGNSTAR")) or 0),
        expected=number("REGNCHAN"),
        surprise_nats=math.nan,
        rms_arcsec=number("REGRMS"),
        region_arcsec=math.nan,
        ra_deg=number("CRVAL1"),
        dec_deg=number("CRVAL2"),
        offset_arcsec=0.0,
        pixel_scale_arcsec=number("REGPSCAL"),
        scale_error=math.nan,
        rotation_deg=math.nan,
        mirrored=False,
        degree=0,
        sigma_arcsec=(number(_RMS[0]) * ARCSEC_PER_DEG, number(_RMS[1]) * ARCSEC_PER_DEG),
        chi2=math.nan,
    )
