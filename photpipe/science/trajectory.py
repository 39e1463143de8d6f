"""The path of a target through the positions at which somebody marked it.

The spline is one of the offsets east and north of the middle of the marks, so that RA 0h and
the poles are ordinary places. Beyond the marks the path goes on straight: a polynomial would
soon leave the sky with the errors of the marks.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from photpipe.ground import sky
from photpipe.ground.sky import FloatArray

if TYPE_CHECKING:
    from scipy.interpolate import BSpline

HIGHEST_ORDER = 3  # a cubic spline, as it has no corners


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Where a target is at any time.

    Parameters
    ----------
    origin : tuple of float
        RA and Dec (degrees) from which the offsets count.
    span_d : tuple of float
        Days of the first and the last mark, counted from `epoch_jd`.
    epoch_jd : float
        Zero of the times of the spline; differences keep the digits of Julian dates.
    spline : BSpline
        Days to offsets (arcsec), shape (..., 2): east, north.
    """

    origin: tuple[float, float]
    span_d: tuple[float, float]
    epoch_jd: float
    spline: "BSpline"

    @classmethod
    def through(cls, jd: ArrayLike, ra_deg: ArrayLike, dec_deg: ArrayLike) -> Self:
        """Path through marks: straight for two of them, of second order for three, else third.

        Parameters
        ----------
        jd, ra_deg, dec_deg : array_like, shape (n,)
            Times (days) and positions (degrees) in any order; marks at one time are averaged.

        Raises
        ------
        ValueError
            If the marks are not of two different times.
        """
        from scipy.interpolate import make_interp_spline

        times, inverse = np.unique(np.asarray(jd, float), return_inverse=True)
        if len(times) < 2:
            message = f"a path needs marks at two times; there are {len(times)}"
            raise ValueError(message)
        origin = sky.median_position(ra_deg, dec_deg)
        offsets = np.stack(sky.offsets_arcsec(*origin, ra_deg, dec_deg), axis=-1)
        count = np.bincount(inverse)
        mean = np.stack([np.bincount(inverse, column) / count for column in offsets.T], axis=-1)
        epoch = float(times[0])
        days = times - epoch
        spline = make_interp_spline(days, mean, k=min(HIGHEST_ORDER, len(days) - 1))
        return cls(origin, (0.0, float(days[-1])), epoch, spline)

    def at(self, jd: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """RA and Dec (degrees) at Julian dates, of their shape."""
        days = np.asarray(jd, float) - self.epoch_jd
        inside = np.clip(days, *self.span_d)
        beyond = (days - inside)[..., None]
        offsets = self.spline(inside) + beyond * self.spline.derivative()(inside)
        return sky.shifted(*self.origin, offsets[..., 0], offsets[..., 1])
