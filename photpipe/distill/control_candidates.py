"""Candidates for the control star, collected from the calibrated frames of a series."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.surroundings import STAR_TOLERANCE_ARCSEC, Surroundings
from photpipe.distill.targets import Target
from photpipe.ground import sky
from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science import control_star

if TYPE_CHECKING:
    from astropy.table import Table

CONTROL_TARGET_ARCSEC = 10.0  # by judgement: beyond the aperture of a poor night
CONTROL_APERTURES = 3.0  # by judgement: radii around the star without another one
CONTROL_FAINTER_MAG = 5.0  # 1 % of the light of the star, below the noise of one measurement
CONTROL_LINEAR = 0.7  # by judgement: of the saturation level; many detectors bend above


def control_candidates(
    frames: Sequence[MeasuredFrame],
    targets: Sequence[Target],
    variables: "Table | None",
    around: Surroundings,
) -> tuple[control_star.ControlCandidates, FloatArray, FloatArray]:
    """Stars of the richest frame, followed through the series.

    Returns
    -------
    candidates, ra_deg, dec_deg
        The positions are those on the richest frame; arrays of shape (stars,).
    """
    from photpipe.catalogs.matching import mutual_matches

    richest = max(frames, key=lambda each: len(each.sources))
    ra, dec = richest.column("ra_deg"), richest.column("dec_deg")
    mag = np.full((len(ra), len(frames)), np.nan)
    clean = np.zeros(mag.shape, bool)
    for number, each in enumerate(frames):
        tolerance = max(STAR_TOLERANCE_ARCSEC, each.scale_arcsec)
        pairs = mutual_matches(ra, dec, each.column("ra_deg"), each.column("dec_deg"), tolerance)
        values = each.magnitudes()
        # instrumental magnitudes of a cloudy night vary together: that is no variation of a star
        level = 0.0 if each.is_calibrated else float(np.nanmedian(values[pairs.index2]))
        mag[pairs.index1, number] = values[pairs.index2] - level
        clean[pairs.index1, number] = _is_clean(each)[pairs.index2]
    candidates = control_star.ControlCandidates(
        mag,
        clean & np.isfinite(mag),
        _is_isolated(richest) & ~_has_catalogued_neighbour(richest, around),
        _is_excluded(ra, dec, targets, variables),
    )
    return candidates, ra, dec


def _is_clean(calibrated: MeasuredFrame) -> BoolArray:
    """Sources without flags, far from saturation and from the edges."""
    ny, nx = calibrated.frame.shape
    x, y = calibrated.column("XWIN_IMAGE"), calibrated.column("YWIN_IMAGE")
    edge = control_star.EDGE_PX
    inside = (x > edge) & (x < nx - edge) & (y > edge) & (y < ny - edge)
    peak = calibrated.column("FLUX_MAX") + calibrated.column("BACKGROUND")
    level = calibrated.frame.saturation or math.inf
    return np.asarray(inside & (peak < CONTROL_LINEAR * level) & (calibrated.column("FLAGS") == 0))


def _is_isolated(calibrated: MeasuredFrame) -> BoolArray:
    """Sources without another one nearby."""
    from scipy.spatial import KDTree

    places = np.column_stack([calibrated.column("XWIN_IMAGE"), calibrated.column("YWIN_IMAGE")])
    if len(places) < 2:
        return np.ones(len(places), bool)
    apart, _ = KDTree(places).query(places, k=2)
    return np.asarray(np.asarray(apart)[:, 1] > CONTROL_APERTURES * calibrated.radius_px)


def _has_catalogued_neighbour(calibrated: MeasuredFrame, around: Surroundings) -> BoolArray:
    """Sources beside which the catalog knows another star, which was not told apart here."""
    from scipy.spatial import KDTree

    found = np.zeros(len(calibrated.sources), bool)
    if not around.catalog_ra_deg.size:
        return found
    radius_arcsec = CONTROL_APERTURES * calibrated.radius_px * calibrated.scale_arcsec
    own = sky.unit_vectors(calibrated.column("ra_deg"), calibrated.column("dec_deg"))
    listed = sky.unit_vectors(around.catalog_ra_deg, around.catalog_dec_deg)
    reach, same = (
        np.radians(angle / sky.ARCSEC_PER_DEG) for angle in (radius_arcsec, STAR_TOLERANCE_ARCSEC)
    )
    near = KDTree(listed).query_ball_point(own, reach)
    limits = calibrated.magnitudes() + CONTROL_FAINTER_MAG
    for number, stars in enumerate(near):
        others = np.linalg.norm(listed[stars] - own[number], axis=1) > same
        found[number] = bool((around.catalog_mag[stars][others] < limits[number]).any())
    return found


def _is_excluded(
    ra: FloatArray, dec: FloatArray, targets: Sequence[Target], variables: "Table | None"
) -> BoolArray:
    """Stars near the path of a target, or catalogued as variable."""
    excluded = np.zeros(len(ra), bool)
    places = [(each.ra_deg, each.dec_deg) for each in targets]
    if variables is not None and len(variables):
        places.append((np.asarray(variables["ra_deg"]), np.asarray(variables["dec_deg"])))
    for there_ra, there_dec in places:
        known = np.isfinite(there_ra)
        for a, d in zip(there_ra[known], there_dec[known], strict=True):
            apart = sky.separation_deg(ra, dec, a, d) * sky.ARCSEC_PER_DEG
            excluded |= np.asarray(apart < CONTROL_TARGET_ARCSEC)
    return excluded
