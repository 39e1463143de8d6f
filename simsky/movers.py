"""Moving objects: asteroids, comets, planets; where they are, how bright, what they are called."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photpipe.ground import sky as sphere
from simsky.locus import SOLAR_G_MINUS_I, Magnitudes, magnitudes

FloatArray = NDArray[np.float64]

MINUTES_PER_DAY = 1440.0


@dataclass(frozen=True, slots=True)
class Mover:
    """A Solar System object on a linear or curved track, the same from every observatory.

    Parameters
    ----------
    name : str
        Name, e.g. ``"Don Quixote"``; may be empty for an unnamed object.
    ra_deg, dec_deg : float
        Position (ICRS) at `epoch_jd`.
    epoch_jd : float
        JD (UTC) of the position.
    rate_ra_arcsec_min, rate_dec_arcsec_min : float
        Motion on the sky (RA with cos Dec) at the epoch.
    curve_ra_arcsec_min2, curve_dec_arcsec_min2 : float
        Change of the rates per minute.
    v_mag : float
        Mean apparent V.
    amplitude_mag, period_h, zero_jd : float
        Peak-to-peak light curve: two equal humps per period.
    g_minus_i : float
        Pan-STARRS colour (solar by default).
    number : int or None
        Number of a numbered asteroid.
    designation : str
        Provisional designation, ``"1983 SA"``, or comet designation, ``"73P"``.
    kind : str
        ``"asteroid"``, ``"comet"`` or ``"major"`` (planet, moon, spacecraft).
    major_code : int or None
        Horizons code of a major body.
    ephemeris_error_arcsec : tuple of float
        East and north offset of the published ephemeris from the true place.
    sigma3_arcsec : float
        The 3-sigma uncertainty that the ephemeris services quote.
    r_au, delta_au, phase_deg : float
        Distances from Sun and observer, phase angle.
    afrho_cm : float
        Dust of a coma of 1 / distance from the nucleus, at this phase angle; its light comes on top
        of `v_mag`.
    valid_jd : tuple of float
        First and last date for which Horizons has an ephemeris.
    apparitions : int
        Number of apparition records of a comet; more than one: ambiguous without CAP.
    fragments : tuple of str
        Names of fragments of a comet; any: ambiguous without NOFRAG.
    """

    name: str
    ra_deg: float
    dec_deg: float
    epoch_jd: float
    rate_ra_arcsec_min: float = 0.0
    rate_dec_arcsec_min: float = 0.0
    curve_ra_arcsec_min2: float = 0.0
    curve_dec_arcsec_min2: float = 0.0
    v_mag: float = 17.0
    amplitude_mag: float = 0.0
    period_h: float = 6.0
    zero_jd: float = 2450000.5
    g_minus_i: float = SOLAR_G_MINUS_I
    number: int | None = None
    designation: str = ""
    kind: str = "asteroid"
    major_code: int | None = None
    ephemeris_error_arcsec: tuple[float, float] = (0.0, 0.0)
    sigma3_arcsec: float = 0.3
    r_au: float = 2.2
    delta_au: float = 1.4
    phase_deg: float = 15.0
    afrho_cm: float = 0.0
    valid_jd: tuple[float, float] = (2305447.5, 2816787.5)
    apparitions: int = 1
    fragments: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name as Horizons prints it, e.g. ``3552 Don Quixote (1983 SA)`` or ``2P/Encke``."""
        if self.kind == "comet":
            return f"{self.designation}/{self.name}" if self.designation else self.name
        if self.kind == "major":
            return f"{self.name} ({self.major_code})"
        numbered = f"{self.number} {self.name}".strip() if self.number else self.name
        return f"{numbered} ({self.designation})" if self.designation else numbered

    def answers_to(self, text: str) -> bool:
        """Whether `text` is the number, the name, the designation or the label."""
        wanted = text.strip().strip("()").lower().replace("_", " ")
        names = {self.name, self.designation, self.label, f"({self.number}) {self.name}"}
        if self.number:
            names |= {str(self.number), f"{self.number} {self.name}"}
        return wanted in {name.strip().strip("()").lower() for name in names if name}

    def position(self, jd: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """True RA and Dec (deg) at dates, shape as `jd`."""
        minutes = (np.asarray(jd, float) - self.epoch_jd) * MINUTES_PER_DAY
        east = self.rate_ra_arcsec_min * minutes + self.curve_ra_arcsec_min2 * minutes**2 / 2
        north = self.rate_dec_arcsec_min * minutes + self.curve_dec_arcsec_min2 * minutes**2 / 2
        return sphere.shifted(self.ra_deg, self.dec_deg, east, north)

    def predicted_position(self, jd: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """RA and Dec (deg) as the ephemeris services give them."""
        return sphere.shifted(*self.position(jd), *self.ephemeris_error_arcsec)

    def rates(self, jd: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Motion on the sky at dates, east and north (arcsec/min)."""
        minutes = (np.asarray(jd, float) - self.epoch_jd) * MINUTES_PER_DAY
        return (
            self.rate_ra_arcsec_min + self.curve_ra_arcsec_min2 * minutes,
            self.rate_dec_arcsec_min + self.curve_dec_arcsec_min2 * minutes,
        )

    def lightcurve(self, jd: ArrayLike) -> FloatArray:
        """Offset (mag) from the mean brightness at dates."""
        cycles = (np.asarray(jd, float) - self.zero_jd) * 24.0 / self.period_h
        return np.asarray(self.amplitude_mag / 2 * np.cos(4 * np.pi * cycles))

    def magnitudes(self, jd: ArrayLike) -> Magnitudes:
        """Magnitudes in all bands at dates."""
        v_mag = np.atleast_1d(self.v_mag + self.lightcurve(jd))
        at_r_zero = magnitudes(0.0, self.g_minus_i)
        return {band: v_mag + mags[0] - at_r_zero["V"][0] for band, mags in at_r_zero.items()}
