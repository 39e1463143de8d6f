"""The true world coordinates of a simulated frame."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from photpipe.ground.sky import ARCSEC_PER_DEG


def cd_matrix(
    scale_arcsec: tuple[float, float], flip_x: bool, flip_y: bool, rotation_deg: float
) -> np.ndarray:
    """CD matrix (deg/px) of an orientation as telescope entries describe it.

    Parameters
    ----------
    scale_arcsec : tuple of float
        Arcsec per (binned) pixel in x and y.
    flip_x, flip_y : bool
        Whether RA grows to smaller x, Dec to smaller y, before the rotation.
    rotation_deg : float
        Rotation.

    Returns
    -------
    ndarray, shape (2, 2)
    """
    theta = np.radians(rotation_deg)
    step_x = (-1 if flip_x else 1) * scale_arcsec[0] / ARCSEC_PER_DEG
    step_y = (-1 if flip_y else 1) * scale_arcsec[1] / ARCSEC_PER_DEG
    return np.array(
        [
            [np.cos(theta) * step_x, -np.sin(theta) * step_y],
            [np.sin(theta) * step_x, np.cos(theta) * step_y],
        ]
    )


def true_wcs(
    shape: tuple[int, int],
    centre_deg: tuple[float, float],
    cd: np.ndarray,
    distortion_arcsec: float = 0.0,
) -> WCS:
    """TAN, or TPV with a cubic radial distortion, around the centre of the frame.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) in pixels.
    centre_deg : tuple of float
        RA and Dec of the middle of the frame.
    cd : ndarray, shape (2, 2)
        CD matrix (deg/px).
    distortion_arcsec : float
        Radial displacement in the corners; it grows with the third power of the radius.
    """
    return WCS(wcs_header(shape, centre_deg, cd, distortion_arcsec))


def wcs_header(
    shape: tuple[int, int],
    centre_deg: tuple[float, float],
    cd: np.ndarray,
    distortion_arcsec: float = 0.0,
) -> fits.Header:
    """Header cards of `true_wcs`."""
    ny, nx = shape
    header = fits.Header()
    kind = "TPV" if distortion_arcsec else "TAN"
    header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, nx, ny
    header["CTYPE1"], header["CTYPE2"] = f"RA---{kind}", f"DEC--{kind}"
    header["CUNIT1"] = header["CUNIT2"] = "deg"
    header["CRVAL1"], header["CRVAL2"] = centre_deg
    header["CRPIX1"], header["CRPIX2"] = (nx + 1) / 2, (ny + 1) / 2
    for row in (0, 1):
        for column in (0, 1):
            header[f"CD{row + 1}_{column + 1}"] = float(cd[row, column])
    header["RADESYS"], header["EQUINOX"] = "ICRS", 2000.0
    if distortion_arcsec:
        corner_deg = float(np.hypot(*(np.abs(cd) @ [nx / 2, ny / 2])))
        cubic = distortion_arcsec / ARCSEC_PER_DEG / corner_deg**3
        for axis in (1, 2):
            header[f"PV{axis}_1"] = 1.0
            header[f"PV{axis}_7"] = header[f"PV{axis}_9"] = cubic
    return header
