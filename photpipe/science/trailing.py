"""Light that an aperture loses when its source trails during the exposure.

The zeropoint of a frame is that of its stars in the chosen aperture. A target that trails
while the stars do not (sidereal tracking) leaves more of its light outside, and the stars do
when the telescope follows the target. The difference is known from the motion: no fit, no
noise. It is the part of a star's image, moved along the trail, that falls into the aperture
centred on its middle.
"""

import numpy as np

from photpipe.science.forced import TYPICAL_BETA, light_in_aperture
from photpipe.sky import FloatArray

STEPS = 21
FWHM_PER_ISOPHOTAL_B = 2.4  # of stars well above the threshold; a Gaussian without noise: 2.35
FOLLOWED = 0.5  # stars trailed by more than this part of the motion: the target was followed
FEWEST_STARS = 5


def trail_loss_mag(length_px: float, radius_px: float, fwhm_px: float, beta: float) -> float:
    """Magnitudes by which a trailed source is too faint in an aperture, at least 0.

    Parameters
    ----------
    length_px : float
        Length of the trail.
    radius_px : float
        Radius of the aperture.
    fwhm_px, beta : float
        Width and exponent of a (Moffat) image that does not trail.
    """
    if not (length_px > 0 and fwhm_px > 0):
        return 0.0
    places = np.abs((np.arange(STEPS) + 0.5) / STEPS - 0.5) * length_px
    part = light_in_aperture(places, radius_px, fwhm_px, beta).mean()
    whole = light_in_aperture(np.zeros(1), radius_px, fwhm_px, beta)[0]
    return float(-2.5 * np.log10(part / whole))


def star_trail_px(
    a_px: FloatArray, b_px: FloatArray, theta_deg: FloatArray, direction_deg: float
) -> float:
    """Length of the trails of stars along a direction, from their second moments.

    A trail of length L adds L^2 / 12 to the variance along it.

    Parameters
    ----------
    a_px, b_px, theta_deg : array, shape (n,)
        Axes (rms) and position angle of the stars, counterclockwise from the x axis.
    direction_deg : float
        The direction, measured likewise.

    Returns
    -------
    float
        0 with fewer than five stars.
    """
    if len(a_px) < FEWEST_STARS:
        return 0.0
    angle = np.radians(theta_deg - direction_deg)
    difference = (a_px**2 - b_px**2) * np.cos(2 * angle)  # variance along minus across
    return float(np.sqrt(12.0 * max(float(np.median(difference)), 0.0)))


def trailing_correction_mag(
    motion_px: float,
    star_trail: float,
    radius_px: float,
    image: tuple[float, float],
    star_b_px: float,
) -> float:
    """Magnitudes to add to a target: negative if it trails, positive if the stars do.

    Parameters
    ----------
    motion_px : float
        Motion of the target against the stars during the exposure.
    star_trail : float
        Length of the stars' trails along it, which tells whom the telescope followed.
    radius_px : float
        Radius of the aperture.
    image : tuple of float
        Width (px) of the stars as measured, and Moffat exponent of their images.
    star_b_px : float
        Minor axis (rms) of the stars, which a trail leaves as it is.
    """
    if star_trail <= FOLLOWED * motion_px:
        return -trail_loss_mag(motion_px, radius_px, *image)
    # measured width and light in the aperture are those of trails: the minor axis is not
    round_fwhm = min(image[0], FWHM_PER_ISOPHOTAL_B * star_b_px)
    return trail_loss_mag(motion_px, radius_px, round_fwhm, TYPICAL_BETA)
