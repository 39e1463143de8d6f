"""From calibrated frames to points of a target: which source it is, or what its place shows.

A target is taken from the catalog of a frame when a source lies within the tolerance of its
prediction and is not a star: a moving target is never a source that stands there also when
the target is elsewhere, nor one of the reference catalog. Otherwise an aperture is put on the
prediction. Neighbours whose light reaches into the aperture are named, with their effect.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from photpipe import sky
from photpipe.calibratedframe import NO_MAGNITUDE, CalibratedFrame
from photpipe.catalogs.database import magnitude_columns
from photpipe.photometry_file import DETECTED, FORCED, LIMIT, TargetPoint
from photpipe.science import trailing, zeropoint
from photpipe.science.flags import SourceFlag, describe
from photpipe.science.forced import ForcedFlux, forced_flux, light_in_aperture
from photpipe.science.noise import POGSON
from photpipe.settings import DistillSettings
from photpipe.sky import FloatArray
from photpipe.surroundings import STAR_TOLERANCE_ARCSEC, Surroundings
from photpipe.targets import Target

EXPOSURE_STEPS = 5  # places along the path of a target during an exposure
LIMIT_SIGMA = 5.0
FORCED_SIGMA = 3.0
SATURATION_FRACTION = 0.98
SHORTEST_TRAIL_PX = 0.1
TRAILING_UNCERTAINTY = 0.15  # relative error of the correction, as simulations show it


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What stands around a target on one frame.

    Parameters
    ----------
    stars : tuple
        RA, Dec, magnitude of each.
    text : str
        The worst of those whose light reaches into the aperture; empty if none matters.
    flux : float
        Their light in the aperture (counts).
    """

    stars: tuple[tuple[float, float, float], ...]
    text: str
    flux: float


def points_of_frame(
    calibrated: CalibratedFrame,
    number: int,
    targets: Sequence[Target],
    surroundings: Surroundings,
    offset_arcsec: tuple[float, float],
    settings: DistillSettings,
) -> dict[str, TargetPoint]:
    """Points of all targets on one frame; targets outside of it have none.

    Parameters
    ----------
    number : int
        Number of the frame in the arrays of the targets.
    offset_arcsec : (float, float)
        East and north offset that the user adds to the predictions.
    """
    pixels: list[FloatArray] = []
    points = {}
    for target in targets:
        ra, dec = target.ra_deg[number], target.dec_deg[number]
        if offset_arcsec != (0.0, 0.0):
            ra, dec = sky.shifted(ra, dec, *offset_arcsec)
        x, y = calibrated.pixel_of(float(ra), float(dec))
        if not calibrated.contains(x, y):
            continue
        place = _Place(calibrated, target, number, float(ra), float(dec), x, y, settings)
        around = place.neighbours(surroundings)
        row = place.source(around)
        if row is not None:
            point = place.detected(row, around)
        else:
            if not pixels:
                pixels.append(calibrated.pixels())
            point = place.forced(pixels[0], around)
        points[target.name] = replace(
            point, manual_east_arcsec=offset_arcsec[0], manual_north_arcsec=offset_arcsec[1]
        )
    return points


@dataclass(frozen=True, slots=True)
class _Place:
    """A target's predicted place on one frame."""

    calibrated: CalibratedFrame
    target: Target
    number: int
    ra_deg: float
    dec_deg: float
    x_px: float
    y_px: float
    settings: DistillSettings

    @property
    def tolerance_arcsec(self) -> float:
        """How far the target may be from its prediction."""
        uncertain = float(np.nan_to_num(self.target.sigma3_arcsec[self.number]))
        least = max(self.settings.match_tolerance_arcsec, 0.5 * self.calibrated.seeing_arcsec)
        return min(max(least, uncertain), self.settings.largest_tolerance_arcsec)

    @property
    def aperture_arcsec(self) -> float:
        return self.calibrated.radius_px * self.calibrated.scale_arcsec

    def path(self) -> list[tuple[float, float]]:
        """Places of the target during the exposure."""
        if not self.target.moves:
            return [(self.ra_deg, self.dec_deg)]
        east, north = self._motion_arcsec()
        steps = np.linspace(-0.5, 0.5, EXPOSURE_STEPS)
        ra, dec = sky.shifted(self.ra_deg, self.dec_deg, steps * east, steps * north)
        return list(zip(ra.tolist(), dec.tolist(), strict=True))

    def _motion_arcsec(self) -> tuple[float, float]:
        """Motion during the exposure."""
        minutes = float(self.calibrated.facts["exptime_s"]) / 60.0
        east, north = self.target.rate_arcsec_min[:, self.number] * minutes
        return float(np.nan_to_num(east)), float(np.nan_to_num(north))

    def trailing_mag(self) -> float:
        """Correction of the magnitude for the motion of target or stars during the exposure."""
        if not (self.target.moves and self.settings.trailing_correction):
            return 0.0
        places = np.array([self.calibrated.pixel_of(*place) for place in self.path()])
        dx, dy = places[-1] - places[0]
        motion_px = float(np.hypot(dx, dy))
        if motion_px < SHORTEST_TRAIL_PX:
            return 0.0
        stars = self.calibrated.well_measured_stars()
        a, b, theta = (
            self.calibrated.column(name)[stars] for name in ("A_IMAGE", "B_IMAGE", "THETA_IMAGE")
        )
        trail = trailing.star_trail_px(a, b, theta, float(np.degrees(np.arctan2(dy, dx))))
        return trailing.trailing_correction_mag(
            motion_px,
            trail,
            self.calibrated.radius_px,
            self.calibrated.star_image(),
            float(np.median(b)) if b.size else 0.0,
        )

    def neighbours(self, surroundings: Surroundings) -> Neighbours:
        """What stands around, and how much of its light falls into the aperture."""
        reach = self.aperture_arcsec + 2.0 * self.calibrated.seeing_arcsec
        clear = self.aperture_arcsec + self.calibrated.seeing_arcsec
        stars = surroundings.stars_near(self.target, self.ra_deg, self.dec_deg, reach, clear)
        if not self.target.moves:
            # the target itself stands here too
            stars = [each for each in stars if self._apart(each) > self.tolerance_arcsec]
        worst, total, text = 0.0, 0.0, ""
        for star in stars:
            flux = self._light_of(star)
            total += flux
            if flux > worst:
                worst = flux
                band = self.calibrated.facts["band"] if self.calibrated.is_calibrated else "inst."
                text = f"star of {band} = {star[2]:.1f} at {self._apart(star):.1f} arcsec"
        return Neighbours(tuple(stars), text, total)

    def _apart(self, star: tuple[float, float, float]) -> float:
        apart = sky.separation_deg(self.ra_deg, self.dec_deg, star[0], star[1])
        return float(apart) * sky.ARCSEC_PER_DEG

    def _light_of(self, star: tuple[float, float, float]) -> float:
        """Counts of a star in the aperture, averaged over the path of the target."""
        ra, dec = np.array(self.path()).T
        apart_px = (
            sky.separation_deg(ra, dec, star[0], star[1])
            * sky.ARCSEC_PER_DEG
            / self.calibrated.scale_arcsec
        )
        image = self.calibrated.star_image()
        part = light_in_aperture(apart_px, self.calibrated.radius_px, *image)
        # magnitudes are those of the aperture: a star in its middle counts whole
        whole = light_in_aperture(np.zeros(1), self.calibrated.radius_px, *image)[0]
        counts = 10 ** (-0.4 * (star[2] - np.nan_to_num(self.calibrated.zeropoint_mag)))
        return float(counts * np.mean(part) / whole)

    def source(self, around: Neighbours) -> int | None:
        """Row of the source that is the target; None if there is none."""
        calibrated = self.calibrated
        ra, dec = calibrated.column("ra_deg"), calibrated.column("dec_deg")
        apart = sky.separation_deg(ra, dec, self.ra_deg, self.dec_deg) * sky.ARCSEC_PER_DEG
        usable = (apart <= self.tolerance_arcsec) & (calibrated.column("MAG_APER") < NO_MAGNITUDE)
        for row in np.flatnonzero(usable)[np.argsort(apart[usable])]:
            if not self.target.moves or not self._is_star(int(row), around):
                return int(row)
        return None

    def _is_star(self, row: int, around: Neighbours) -> bool:
        """Whether a source stands there without the target, too."""
        calibrated = self.calibrated
        here = calibrated.column("ra_deg")[row], calibrated.column("dec_deg")[row]
        limit = max(STAR_TOLERANCE_ARCSEC, calibrated.scale_arcsec)
        at_star = [
            star
            for star in around.stars
            if float(sky.separation_deg(*here, *star[:2])) * sky.ARCSEC_PER_DEG < limit
        ]
        # a target that outshines the star under it is the target, and contaminated
        mag = calibrated.magnitudes()[row]
        return any(star[2] < mag + 1.0 for star in at_star)

    def detected(self, row: int, around: Neighbours) -> TargetPoint:
        """Point of a source of the catalog."""
        calibrated = self.calibrated
        band = str(calibrated.facts["band"])
        names = magnitude_columns(band)
        instrumental, error = (
            calibrated.value("MAG_APER", row),
            calibrated.value("MAGERR_APER", row),
        )
        mag, sig = instrumental, error
        if names[0] in calibrated.sources.colnames:
            mag, sig = calibrated.value(names[0], row), calibrated.value(names[1], row)
        flux = calibrated.value("FLUX_APER", row)
        return self._point(
            mag=mag,
            sig=sig,
            instrumental_mag=instrumental,
            instrumental_sig=error,
            source=(calibrated.value("ra_deg", row), calibrated.value("dec_deg", row)),
            sigma_arcsec=max(
                calibrated.value("ERRAWIN_IMAGE", row), calibrated.value("ERRBWIN_IMAGE", row)
            )
            * calibrated.scale_arcsec,
            flags=int(calibrated.value("FLAGS", row)),
            method=DETECTED,
            snr=flux / calibrated.value("FLUXERR_APER", row),
            fwhm_arcsec=calibrated.value("FWHM_IMAGE", row) * calibrated.scale_arcsec,
            contamination=self._contamination(flux, around),
        )

    def forced(self, pixels: FloatArray, around: Neighbours) -> TargetPoint:
        """Point of an aperture on the prediction: a measurement, or a limit."""
        found = forced_flux(pixels, self.x_px, self.y_px, self.calibrated.radius_px)
        noise = self.calibrated.number("sky_noise_adu")
        if found.problem or not noise > 0:
            return self._unmeasured(found.problem or "the noise of the sky is unknown")
        error = math.sqrt(noise**2 + max(found.flux, 0.0) * self.calibrated.photon_counts)
        is_seen = found.flux >= FORCED_SIGMA * error
        flux = found.flux if is_seen else LIMIT_SIGMA * error
        instrumental = -2.5 * math.log10(flux)
        instrumental_sig = POGSON * error / flux if is_seen else math.nan
        extra = np.nan_to_num(self.calibrated.number("repeatability_mag"))
        zeropoint_sig = np.nan_to_num(self.calibrated.number("zeropoint_sigma_mag"))
        uncertain = float(np.nan_to_num(self.target.sigma3_arcsec[self.number]))
        return self._point(
            mag=instrumental + self._correction(),
            sig=math.hypot(instrumental_sig, extra, zeropoint_sig),
            instrumental_mag=instrumental,
            instrumental_sig=instrumental_sig,
            source=(self.ra_deg, self.dec_deg),
            sigma_arcsec=math.nan,
            flags=self._forced_flags(found),
            method=FORCED if is_seen else LIMIT,
            snr=found.flux / error,
            fwhm_arcsec=math.nan,
            contamination=self._contamination(found.flux, around),
            rejected=f"the prediction is uncertain by {uncertain:.0f} arcsec"
            if uncertain > self.aperture_arcsec
            else "",
        )

    def _correction(self) -> float:
        """From an instrumental to a calibrated magnitude here, for the colour of the Sun."""
        if not self.calibrated.is_calibrated:
            return 0.0
        terms = np.array(json.loads(str(self.calibrated.facts.get("spatial_terms") or "[]")))
        total = self.calibrated.zeropoint_mag
        if terms.size:
            place = np.array([self.x_px]), np.array([self.y_px])
            degree = 1 if terms.size == 2 else 2
            columns = zeropoint.spatial_terms(*place, self.calibrated.frame.shape, degree)
            total += float((columns @ terms)[0])
        return total

    def _forced_flags(self, found: ForcedFlux) -> int:
        level = self.calibrated.frame.saturation
        saturated = level is not None and found.peak_counts >= SATURATION_FRACTION * level
        return int(SourceFlag.SATURATED) if saturated else 0

    def _contamination(self, flux: float, around: Neighbours) -> tuple[float, str]:
        """Brightening in mag by the neighbours, and who, if that is worth a word."""
        if around.flux <= 0 or not around.text:
            return 0.0, ""
        own = max(flux - around.flux, 0.05 * max(flux, around.flux))
        effect = 2.5 * math.log10(1.0 + around.flux / own)
        is_worth = effect >= self.settings.contamination_mag
        return (effect, around.text) if is_worth else (effect, "")

    def _unmeasured(self, problem: str) -> TargetPoint:
        nan = math.nan
        return self._point(
            mag=nan,
            sig=nan,
            instrumental_mag=nan,
            instrumental_sig=nan,
            source=(self.ra_deg, self.dec_deg),
            sigma_arcsec=nan,
            flags=int(SourceFlag.APERTURE_INCOMPLETE),
            method=LIMIT,
            snr=nan,
            fwhm_arcsec=nan,
            contamination=(0.0, ""),
            rejected=f"no measurement: {problem}",
        )

    def _point(
        self,
        *,
        mag: float,
        sig: float,
        instrumental_mag: float,
        instrumental_sig: float,
        source: tuple[float, float],
        sigma_arcsec: float,
        flags: int,
        method: str,
        snr: float,
        fwhm_arcsec: float,
        contamination: tuple[float, str],
        rejected: str = "",
    ) -> TargetPoint:
        """Point with all that the frame tells."""
        calibrated = self.calibrated
        number, text = calibrated.number, calibrated.text
        east, north = sky.offsets_arcsec(*source, self.ra_deg, self.dec_deg)
        correction = self.trailing_mag()
        return TargetPoint(
            frame=calibrated.frame.name,
            midtime_jd=calibrated.midtime_jd,
            mag=mag + correction,
            sig=math.hypot(sig, TRAILING_UNCERTAINTY * correction),
            source_ra_deg=source[0],
            source_dec_deg=source[1],
            predicted_ra_deg=self.ra_deg,
            predicted_dec_deg=self.dec_deg,
            offset_east_arcsec=float(east),
            offset_north_arcsec=float(north),
            sigma_east_arcsec=sigma_arcsec,
            sigma_north_arcsec=sigma_arcsec,
            manual_east_arcsec=0.0,
            manual_north_arcsec=0.0,
            exptime_s=number("exptime_s"),
            zeropoint=self.calibrated.zeropoint_mag,
            zeropoint_sig=number("zeropoint_sigma_mag"),
            zeropoint_scatter=number("scatter_mag"),
            instrumental_mag=instrumental_mag,
            instrumental_sig=instrumental_sig,
            trailing_mag=correction,
            catalog=text("catalog"),
            band=text("band"),
            flags=flags,
            flags_in_words="; ".join(describe(flags)),
            astrometric_catalog=text("astrometric_catalog"),
            telescope=text("telescope"),
            telescope_keyword=text("telescope_keyword"),
            observatory_code=text("observatory_code"),
            method=method,
            snr=snr,
            fwhm_arcsec=fwhm_arcsec,
            seeing_arcsec=number("seeing_arcsec"),
            aperture_radius_px=self.calibrated.radius_px,
            aperture_radius_arcsec=self.aperture_arcsec,
            limiting_mag=number("limiting_mag"),
            airmass=number("airmass"),
            filter=text("filter"),
            colour_term=number("colour_term"),
            contamination_mag=contamination[0],
            contamination=contamination[1],
            rejected=rejected or ("saturated" if flags & SourceFlag.SATURATED else ""),
        )
