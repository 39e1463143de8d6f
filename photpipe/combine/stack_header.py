"""The header of a stack: that of its middle frame, with all that a stack changes."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from photpipe.combine.exposures import Exposure, weighted_mean
from photpipe.fits.fitsfile import PRISTINE_KEYWORD, STALE_KEYWORDS
from photpipe.fits.standard_wcs import is_wcs_keyword, with_old_names
from photpipe.instruments.frames import SINGLE_EXPOSURE_CARD, STACK_CARD

if TYPE_CHECKING:
    from astropy.io.fits import Header

# variance of a median relative to that of a mean of as many values
MEDIAN_VARIANCE = math.pi / 2
_GONE = {  # what is said of one frame, its pixels or its bytes
    *("BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX", "BITPIX", "NAXIS1", "NAXIS2"),
    *("APRAD", "APIDX", "PHOTMODE", "APCORR", "APCORRER", "PPSEEING", "APNOISE", "INSTLIM"),
    *("PPSATUR", "PHOTIRMS", "PSFFWHM", "PSFBETA"),
    *("REGSEED", "REGFIT", "REGASCON", "REGXYCON", "REGNSTAR", "REGNCHAN", "REGRMS"),
    *STALE_KEYWORDS,
    PRISTINE_KEYWORD,
}


def stack_header(
    wcs: "Header",
    exposures: Sequence[Exposure],
    midtime_jd: float,
    method: str,
    background_adu: float,
    *,
    comoving: bool = False,
) -> "Header":
    """Header of a stack.

    Parameters
    ----------
    wcs : Header
        WCS cards as SWarp wrote them.
    exposures : sequence of Exposure
        In the order of time, with scales and weights.
    midtime_jd : float
        Mean of the mid-times (JD, UTC).
    method : str
        How the frames were combined.
    background_adu : float
        Level of the sky in the stack.
    comoving : bool
        Whether the frames were moved along with a target.
    """
    from astropy.io import fits

    middle = exposures[len(exposures) // 2].frame
    cards = middle.header.cards
    header = fits.Header(
        [c for c in cards if c.keyword not in _GONE and not is_wcs_keyword(c.keyword)]
    ).copy()  # the cards are those of the frame
    cards_of_wcs = with_old_names({key: wcs[key] for key in wcs if is_wcs_keyword(key)})
    header.update({key: (value, "PP: WCS of the stack") for key, value in cards_of_wcs.items()})
    keys = middle.telescope.parameters
    count = len(exposures)
    exptime_s = sum(each.frame.exptime_s for each in exposures)
    of_one_s = sum(each.exptime_s for each in exposures) / count
    airmass = weighted_mean(exposures, [each.frame.airmass for each in exposures])
    for key in (str(keys["exptime"]), "EXPTIME", "TEXPTIME"):
        header[key] = (exptime_s, "total exposure (s)")
    header[SINGLE_EXPOSURE_CARD] = (of_one_s, "mean exposure, to which counts belong (s)")
    header["MIDTIMJD"] = (midtime_jd, "mean mid-time, weighted by exposure (JD, UTC)")
    for key in (str(keys["airmass"]), "AIRMASS"):
        header[key] = (airmass, "mean airmass, weighted by exposure")
    header[STACK_CARD] = (True, "PP: combined by pp_combine")
    header["NCOMBINE"] = (count, "number of frames combined")
    header["COMBINET"] = (method, "method of combination")
    header["COMBO_N"] = (count, "PP: number of frames combined")
    header["COMBO_M"] = (method, "PP: method of combination")
    header["COMOVE"] = (str(comoving), "PP: combined along a moving target")
    for axis, key in enumerate(("SECPIXX", "SECPIXY"), start=1):
        header[key] = (_scale_arcsec(wcs, axis), "arcsec per pixel")
    if middle.gain:
        gain = middle.gain * _gain_factor(exposures, method)
        header["PP_GAIN"] = (gain, "effective gain of the stack (e/ADU)")
    if middle.saturation:
        level = _saturation_adu(exposures, background_adu)
        header["SATURATE"] = (level, "lowest of all frames (ADU)")
    for exposure in exposures:
        header.add_history(f"combined: {exposure.name.encode('ascii', 'replace').decode()}")
    return header


def _gain_factor(exposures: Sequence[Exposure], method: str) -> float:
    """Gain of the stack relative to that of a frame, from the photon noise of a source.

    With weights w and flux scales s, a flux F of the stack has the variance F / g sum(w^2 s).
    """
    variance = sum(each.weight**2 * each.scale for each in exposures)
    return 1.0 / variance / (MEDIAN_VARIANCE if method == "median" else 1.0)


def _saturation_adu(exposures: Sequence[Exposure], background_adu: float) -> float:
    """Level above which a pixel of the stack may stem from a saturated one."""
    levels = [
        exposure.scale * ((exposure.frame.saturation or math.inf) - exposure.background_adu)
        for exposure in exposures
    ]
    return min(levels) + background_adu


def _scale_arcsec(wcs: "Header", axis: int) -> float:
    return 3600.0 * math.hypot(*(float(wcs.get(f"CD{row}_{axis}", 0.0)) for row in (1, 2)))
