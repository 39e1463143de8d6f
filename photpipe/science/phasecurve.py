"""Phase curves: reduced magnitudes of several nights to H and its slope parameters.

The brightness of a body without atmosphere falls with the phase angle. Three systems are in use:

* H, G: Bowell et al. 1989, in Asteroids II, 524 (1989aste.conf..524B), eq. A4;
* H, G1, G2: Muinonen et al. 2010, Icarus 209, 542 (2010Icar..209..542M), tables 3 and 4;
* H, G12*: Penttilä et al. 2016, Planet. Space Sci. 123, 117 (2016P&SS..123..117P): one slope
  parameter, for curves of few nights.

A night gives one level, the mean of the light curve: with the rotation taken out where a period is
known. Levels scatter by more than their errors (calibration, aspect, rotation that was not seen):
that scatter is a parameter too. All parameters but H are summed over a grid, so that H and its
error contain what the slope, the scatter and few nights leave open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.errors import ReductionError
from photpipe.ground.timescale import HOURS_PER_DAY

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_ORDER = 4  # of the Fourier series that takes the rotation out
SCATTER_MAG = np.concatenate([[0.0], np.geomspace(0.003, 1.0, 30)])
USUAL_SCATTER_MAG = 0.05  # half of all nights' scatters are believed to be below
OPPOSITION_DEG = 6.0  # below, the opposition effect is seen
UNINFORMED = 0.8  # of the error of a parameter beforehand: the nights say nothing of it

# Muinonen et al. 2010, tables 3 and 4: angle (deg), value; slopes at both ends (per radian)
_PHI1 = ((7.5, 30, 60, 90, 120, 150),
         (0.75, 3.3486016e-1, 1.3410560e-1, 5.1104756e-2, 2.1465687e-2, 3.6396989e-3),
         (-1.9098593, -9.1328612e-2))  # fmt: skip
_PHI2 = ((7.5, 30, 60, 90, 120, 150),
         (0.925, 6.2884169e-1, 3.1755495e-1, 1.2716367e-1, 2.2373903e-2, 1.6505689e-4),
         (-5.7295780e-1, -8.6573138e-8))  # fmt: skip
_PHI3 = ((0, 0.3, 1, 2, 4, 8, 12, 20, 30),
         (1, 8.3381185e-1, 5.7735424e-1, 4.2144772e-1, 2.3174230e-1, 1.0348178e-1,
          6.1733473e-2, 1.6107006e-2, 0),
         (-1.0630097, 0.0))  # fmt: skip
_G1_OF_G12, _G2_OF_G12 = (0.0, 0.84293649), (0.53513350, -0.53513350)  # Penttilä et al. 2016


def basis_hg(phase_deg: FloatArray) -> FloatArray:
    """Phi_1 and Phi_2 of the H, G system; shape (2, n)."""
    half = np.tan(np.radians(phase_deg) / 2)
    sine = np.sin(np.radians(phase_deg))
    weight = np.exp(-90.56 * half**2)
    rows = []
    for a, b, c in ((3.332, 0.631, 0.986), (1.862, 1.218, 0.238)):
        small = 1 - c * sine / (0.119 + 1.341 * sine - 0.754 * sine**2)
        rows.append(weight * small + (1 - weight) * np.exp(-a * half**b))
    return np.array(rows)


def basis_hg1g2(phase_deg: FloatArray) -> FloatArray:
    """Phi_1, Phi_2 and Phi_3 of the H, G1, G2 system; shape (3, n)."""
    from scipy.interpolate import CubicSpline

    angle = np.radians(phase_deg)
    rows = []
    for nodes, values, slopes in (_PHI1, _PHI2, _PHI3):
        ends = ((1, np.array(slopes[0])), (1, np.array(slopes[1])))
        spline = CubicSpline(np.radians(nodes), values, bc_type=ends)  # type: ignore[arg-type]
        inner = spline(np.minimum(angle, np.radians(nodes[-1])))
        linear = 1 + slopes[0] * angle  # up to 7.5 degrees
        rows.append(np.maximum(np.where(angle < np.radians(nodes[0]), linear, inner), 0.0))
    return np.array(rows)


@dataclass(frozen=True, slots=True)
class System:
    """A system of phase curves: names of its slope parameters, and what is known beforehand.

    Parameters
    ----------
    grid : ndarray, shape (k, p)
        Values of the slope parameters that are tried, all as probable.
    """

    name: str
    parameters: tuple[str, ...]
    grid: FloatArray

    def drop(self, phase_deg: FloatArray, slopes: FloatArray) -> FloatArray:
        """Magnitudes by which the body is fainter than at phase angle 0; shape (k, n).

        Parameters
        ----------
        phase_deg : ndarray, shape (n,)
            Phase angles.
        slopes : ndarray, shape (k, p)
            Slope parameters.
        """
        flux = self._weights(np.atleast_2d(slopes)) @ self._basis(phase_deg)
        return np.asarray(-2.5 * np.log10(np.maximum(flux, 1e-10)))

    def _basis(self, phase_deg: FloatArray) -> FloatArray:
        return basis_hg(phase_deg) if self.name == "H, G" else basis_hg1g2(phase_deg)

    def _weights(self, slopes: FloatArray) -> FloatArray:
        if self.name == "H, G":
            return np.column_stack([1 - slopes[:, 0], slopes[:, 0]])
        if self.name == "H, G12*":
            slopes = np.column_stack(
                [a + b * slopes[:, 0] for a, b in (_G1_OF_G12, _G2_OF_G12)],
            )
        return np.column_stack([slopes, 1 - slopes.sum(axis=1)])


def _simplex(step: float) -> FloatArray:
    """Pairs that are not negative and whose sum is not above one."""
    axis = np.arange(step / 2, 1.0, step)
    first, second = np.meshgrid(axis, axis, indexing="ij")
    inside = first + second <= 1.0
    return np.column_stack([first[inside], second[inside]])


SYSTEMS: Mapping[str, System] = MappingProxyType(
    {
        system.name: system
        for system in (
            System("H, G", ("G",), np.linspace(-0.15, 0.65, 161)[:, None]),
            System("H, G12*", ("G12*",), np.linspace(0.0, 1.0, 201)[:, None]),
            System("H, G1, G2", ("G1", "G2"), _simplex(0.02)),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Levels:
    """Mean brightness of each night.

    Parameters
    ----------
    phase_deg, mag : ndarray, shape (m,)
        Phase angle and reduced magnitude, the mean over the rotation where it was taken out.
    covariance : ndarray, shape (m, m)
        Of the magnitudes, mag^2.
    order : int
        Harmonics of the rotation; 0 if it was not taken out.
    amplitude_mag : float
        Of the rotation, peak to peak; NaN without.
    """

    phase_deg: FloatArray
    mag: FloatArray
    covariance: FloatArray
    order: int
    amplitude_mag: float

    @property
    def sig(self) -> FloatArray:
        """Errors of the magnitudes."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def levels(
    time_d: FloatArray,
    mag: FloatArray,
    sig: FloatArray,
    phase_deg: FloatArray,
    session: IntArray,
    period_h: float | None,
) -> Levels:
    """Mean brightness of each session, with a rotation of known period taken out.

    Parameters
    ----------
    time_d : ndarray, shape (n,)
        Light-time corrected Julian dates.
    mag, sig : ndarray, shape (n,)
        Magnitudes reduced to unit distances, and their errors.
    phase_deg : ndarray, shape (n,)
        Phase angles.
    session : ndarray of int, shape (n,)
        Session of each point; each has a level of its own.
    period_h : float, optional
        Period of the rotation; without it the level is the mean of the points.
    """
    names, index = np.unique(session, return_inverse=True)
    indicator = (index[:, None] == np.arange(len(names))).astype(float)
    orders = [0]
    if period_h is not None:
        most = min(MAX_ORDER, (len(mag) - len(names) - 2) // 4)
        orders += range(1, most + 1)
    fits = [_harmonic_fit(time_d, mag, sig, indicator, order, period_h) for order in orders]
    best = min(fits, key=lambda fit: fit[0])
    _, solution, covariance, order = best
    turn = np.linspace(0, 2 * np.pi, 361)
    curve = _waves(turn, order) @ solution[: 2 * order]
    middle = slice(2 * order, None)
    return Levels(
        phase_deg=indicator.T @ phase_deg / indicator.sum(axis=0),
        mag=solution[middle],
        covariance=covariance[middle, middle],
        order=order,
        amplitude_mag=float(np.ptp(curve)) if order else float("nan"),
    )


def _waves(angle: FloatArray, order: int) -> FloatArray:
    """Cosines and sines of the harmonics 1 .. order; shape (n, 2 order)."""
    arguments = angle[:, None] * np.arange(1, order + 1)
    return np.concatenate([np.cos(arguments), np.sin(arguments)], axis=1)


def _harmonic_fit(
    time_d: FloatArray,
    mag: FloatArray,
    sig: FloatArray,
    indicator: FloatArray,
    order: int,
    period_h: float | None,
) -> tuple[float, FloatArray, FloatArray, int]:
    """Bayesian information criterion, parameters, their covariance, order.

    Errors are scaled up to the scatter around the fit, never down: what does not scatter within
    a night may still be common to it.
    """
    turns = 0.0 if period_h is None else HOURS_PER_DAY / period_h
    waves = _waves(2 * np.pi * turns * (time_d - time_d.mean()), order)
    design = np.hstack([waves, indicator]) / sig[:, None]
    # coefficients are believed to be below a magnitude: keeps phases that nobody saw in bounds
    prior = np.concatenate([np.full(2 * order, 1.0), np.full(indicator.shape[1], 0.0)])
    normal = design.T @ design
    reference = float(np.average(mag, weights=sig**-2))
    side = design.T @ ((mag - reference) / sig)
    solution = np.linalg.solve(normal + np.diag(prior), side)
    chi2 = float(np.sum(((mag - reference) / sig - design @ solution) ** 2))
    free = len(mag) - design.shape[1]
    scale = max(chi2 / free, 1.0) if free > 0 else 1.0
    criterion = len(mag) * np.log(max(chi2, 1e-9) / len(mag)) + design.shape[1] * np.log(len(mag))
    solution[2 * order :] += reference
    covariance = np.asarray(np.linalg.inv(normal / scale + np.diag(prior)), float)
    return float(criterion), np.asarray(solution, float), covariance, order


@dataclass(frozen=True, slots=True)
class PhaseCurve:
    """What the nights tell in one system: means and standard deviations of the probability.

    Parameters
    ----------
    system : str
        Name of the system.
    h_mag, h_sig : float
        Magnitude at 1 au from Sun and observer and phase angle 0; mean over the rotation.
    slopes, slope_sigs : tuple of float
        Slope parameters.
    informed : tuple of bool
        Whether the nights tell more of a slope than was known beforehand.
    scatter_mag : float
        Scatter of the nights beyond their errors.
    log_evidence : float
        Natural logarithm of the probability of the nights in this system.
    correlation : float
        Of H and the first slope.
    """

    system: str
    h_mag: float
    h_sig: float
    slopes: tuple[float, ...]
    slope_sigs: tuple[float, ...]
    informed: tuple[bool, ...]
    scatter_mag: float
    log_evidence: float
    correlation: float

    def curve(self, phase_deg: FloatArray) -> FloatArray:
        """Reduced magnitudes at phase angles."""
        drop = SYSTEMS[self.system].drop(phase_deg, np.array([self.slopes]))
        return np.asarray(self.h_mag + drop[0])


def fit(nights: Levels, system: System) -> PhaseCurve:
    """Fit one system to the levels of nights.

    Raises
    ------
    ReductionError
        If there is no night, or none with a phase angle.
    """
    if not len(nights.mag) or not np.isfinite(nights.phase_deg).all():
        raise ReductionError("no night with a phase angle: nothing to fit")
    residual = nights.mag - system.drop(nights.phase_deg, system.grid)
    count = len(nights.mag)
    log_probability = np.empty((len(SCATTER_MAG), len(system.grid)))
    h = np.empty_like(log_probability)
    variance = np.empty(len(SCATTER_MAG))
    for i, scatter in enumerate(SCATTER_MAG):
        root = np.linalg.cholesky(nights.covariance + scatter**2 * np.eye(count))
        one = np.linalg.solve(root, np.ones(count))
        values = np.linalg.solve(root, residual.T)
        precision = float(one @ one)
        h[i] = one @ values / precision
        variance[i] = 1 / precision
        chi2 = np.sum(values**2, axis=0) - precision * h[i] ** 2
        width = np.gradient(SCATTER_MAG)[i] / (1 + (scatter / USUAL_SCATTER_MAG) ** 2)
        determinant = 2 * np.log(np.diag(root)).sum() + np.log(precision)
        log_probability[i] = -0.5 * (chi2 + determinant) + np.log(width)
    return _summed(system, log_probability, h, variance)


def _summed(
    system: System, log_probability: FloatArray, h: FloatArray, variance: FloatArray
) -> PhaseCurve:
    """Means and deviations over the grid of scatters and slopes."""
    top = float(log_probability.max())
    weight = np.exp(log_probability - top)
    evidence = top + float(np.log(weight.sum() / len(system.grid)))
    weight /= weight.sum()
    h_mag = float((weight * h).sum())
    h_sig = float(np.sqrt((weight * ((h - h_mag) ** 2 + variance[:, None])).sum()))
    of_slope = weight.sum(axis=0)
    slopes = of_slope @ system.grid
    sigs = np.sqrt(of_slope @ (system.grid - slopes) ** 2)
    before = system.grid.std(axis=0)
    together = float((weight * (h - h_mag) * (system.grid[:, 0] - slopes[0])).sum())
    return PhaseCurve(
        system=system.name,
        h_mag=h_mag,
        h_sig=h_sig,
        slopes=tuple(slopes.tolist()),
        slope_sigs=tuple(sigs.tolist()),
        informed=tuple((sigs < UNINFORMED * before).tolist()),
        scatter_mag=float(weight.sum(axis=1) @ SCATTER_MAG),
        log_evidence=evidence,
        correlation=together / (h_sig * float(sigs[0])),
    )


def cautions(nights: Levels, curve: PhaseCurve) -> list[str]:
    """What a reader must know before using the numbers; one sentence each."""
    low, high = float(nights.phase_deg.min()), float(nights.phase_deg.max())
    span = f"phase angles {low:.1f} to {high:.1f} degrees"
    names = SYSTEMS[curve.system].parameters
    said = [
        f"{span} say nothing of {name}: it is what was assumed, and part of the error of H"
        for name, informed in zip(names, curve.informed, strict=True)
        if not informed
    ]
    if low > OPPOSITION_DEG:
        drop = float(curve.curve(np.array([low]))[0]) - curve.h_mag
        said.append(
            f"no night below {OPPOSITION_DEG:g} degrees: H is {drop:.2f} mag beyond what was seen"
        )
    return said


def told(curve: PhaseCurve) -> str:
    """Parameters with their errors, in one line."""
    names = SYSTEMS[curve.system].parameters
    slopes = (
        f"{name} = {value:.3f} +- {sig:.3f}"
        for name, value, sig in zip(names, curve.slopes, curve.slope_sigs, strict=True)
    )
    return ", ".join([f"H = {curve.h_mag:.3f} +- {curve.h_sig:.3f}", *slopes])
