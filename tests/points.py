"""A point of a target, made by hand."""

import math

from photpipe.run.photometry_file import DETECTED, TargetPoint

_GOOD = {
    "frame": "n001.fits",
    "midtime_jd": 2457786.95,
    "mag": 17.0,
    "sig": 0.01,
    "source_ra_deg": 179.28,
    "source_dec_deg": 0.428,
    "predicted_ra_deg": 179.28,
    "predicted_dec_deg": 0.428,
    "offset_east_arcsec": 0.1,
    "offset_north_arcsec": -0.05,
    "sigma_east_arcsec": 0.02,
    "sigma_north_arcsec": 0.02,
    "exptime_s": 60.0,
    "zeropoint": 27.5,
    "zeropoint_sig": 0.003,
    "zeropoint_scatter": 0.04,
    "instrumental_mag": -10.5,
    "instrumental_sig": 0.008,
    "catalog": "PANSTARRS",
    "band": "R",
    "telescope": "VATT/VATT4k",
    "telescope_keyword": "VATT4K",
    "observatory_code": "290",
    "method": DETECTED,
    "snr": 100.0,
    "fwhm_arcsec": 2.0,
    "seeing_arcsec": 2.0,
    "aperture_radius_px": 4.0,
    "aperture_radius_arcsec": 2.0,
    "limiting_mag": 21.5,
    "airmass": 1.1,
    "contamination_mag": 0.0,
}


def point(**changes: object) -> TargetPoint:
    """A good point of a slow asteroid; anything may be said otherwise."""
    empty = {float: math.nan, int: 0, str: ""}
    kinds = TargetPoint.__dataclass_fields__
    blank = {name: empty[each.type] for name, each in kinds.items()}  # type: ignore[index]
    return TargetPoint(**{**blank, **_GOOD, **changes})
