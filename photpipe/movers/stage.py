"""Find what moved on the frames of a night, known or not."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground.errors import ConfigError, ServiceError
from photpipe.run import kinds
from photpipe.run.options import Option
from photpipe.run.results import FrameFailure, Mover, MoversResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from astropy.table import Table

    from photpipe.movers.night import SearchNight
    from photpipe.science.trackfit import Body

log = logging.getLogger("pp_movers")

# by judgement: from still to ten times a main-belt asteroid at opposition; -rates changes it
RATES_ARCSEC_MIN = (0.0, 5.0)
MOST_RATES = 40_000  # that are tried unless the user names the range
NEAR_ARCSEC = 10.0  # of the prediction of a known body
# by judgement: SkyBoT's motion and ours, of one body; absolute, and a share of the speed
SAME_RATE_ARCSEC_MIN, SAME_RATE = 0.1, 0.1
SIGMAS = 3.0  # one good match in 370 is lost
FASTEST_ARCSEC_MIN = 20.0  # of known bodies that may come into the field


@dataclass(frozen=True, slots=True)
class MoversOptions:
    """What the user may say."""

    rates: tuple[float, float] | None = Option(
        "slowest and fastest motion, arcsec/min",
        kinds.number,
        ("LOW", "HIGH"),
        nargs=2,
        otherwise="0 5",
    ).field(None)


def movers(paths: Sequence[Path], options: MoversOptions, workspace: Workspace) -> MoversResult:
    """Take the stars out of the frames, add them along trial motions, judge what stands out.

    **Reads** the frames and their databases (pp_calibrate); asks SkyBoT what is known there.
    **Writes** ``movers_positions.dat`` (for pp_distill), ``movers.psv`` (ADES, never sent),
    ``movers.html`` and the state.

    Raises
    ------
    ConfigError
        If the range of rates is none.
    ReductionError
        If the frames do not do: too few, of one moment, of several nights, with trailed stars.
    """
    from photpipe.distill.measured_frame import read_measured
    from photpipe.movers import night, output
    from photpipe.science import trackfit, tracking

    low, high = _range(options)
    frames, failed = read_measured(paths, workspace)
    found = night.prepared(night.checked(frames))
    high = _affordable(found, high, is_told=options.rates is not None)
    slowest, fastest = (each / found.scale_arcsec for each in (low, high))
    sigma = trackfit.search_sigma(found.series, slowest, fastest)
    tracks, decoys = tracking.search(found.series, slowest, fastest, workspace.jobs, sigma)
    seen = trackfit.sightings(found.series, tracks, decoys, fastest)
    known = _known(found, workspace)
    rows = [_row(found, each.body, number) for number, each in enumerate(seen, start=1)]
    if known is not None:
        rows = _named(rows, known)
    result = MoversResult(
        movers=tuple(rows),
        midtime_jd=found.midtime_jd,
        band=found.reference.facts.band if found.reference.is_calibrated else "",
        threshold=trackfit.threshold(found.series, fastest, fastest),
        fastest_arcsec_min=high,
        compared=known is not None,
        frames=tuple(each.frame.name for each in found.frames),
        files=tuple(output.names(rows)),
        failed=tuple(failed),
    )
    output.write(found, seen, result, workspace)
    workspace.save(result)
    _tell(result)
    return result


def none_found(frames: Sequence[str], failure: FrameFailure) -> MoversResult:
    """Outcome of a search that could not be made."""
    nan = math.nan
    return MoversResult((), nan, "", nan, nan, False, tuple(frames), (), (failure,))


def _range(options: MoversOptions) -> tuple[float, float]:
    low, high = options.rates or RATES_ARCSEC_MIN
    if not 0 <= low < high < math.inf:
        raise ConfigError(f"-rates {low:g} {high:g}: wanted are a smaller and a larger rate")
    return low, high


def _affordable(found: "SearchNight", fastest: float, *, is_told: bool) -> float:
    """Largest rate that is tried: long nights have more rates than anybody waits for."""
    from photpipe.science import tracking

    count = tracking.rates_of(found.series, fastest / found.scale_arcsec)
    if is_told or count <= MOST_RATES:
        return fastest
    slower = fastest * math.sqrt(MOST_RATES / count)
    log.warning(
        "over %.1f h only motions below %.2f arcsec/min are tried; -rates 0 %g tries all, in %.0f "
        "times the time",
        found.series.span_min / 60,
        slower,
        fastest,
        count / MOST_RATES,
    )
    return slower


def _row(found: "SearchNight", body: "Body", number: int) -> Mover:
    """A body in terms of the sky."""
    import numpy as np

    from photpipe.ground import sky

    track = body.track
    x = track.x_px + track.vx * np.array([0.0, 1.0])
    y = track.y_px + track.vy * np.array([0.0, 1.0])
    ra, dec = found.sky_of(x, y)
    east, north = sky.offsets_arcsec(float(ra[0]), float(dec[0]), ra[1:], dec[1:])
    sigma = np.sqrt(np.diag(body.covariance))
    scale = found.scale_arcsec
    flux = body.flux * found.psf_to_aperture
    zeropoint = found.reference.zeropoint_mag
    error = math.hypot(
        1.0857 / track.snr, float(np.nan_to_num(found.reference.facts.zeropoint_sigma_mag))
    )
    return Mover(
        name=f"p{int(found.midtime_jd - 2400000.5) % 100000:05d}{number:02d}",
        known="",
        ra_deg=float(ra[0]),
        dec_deg=float(dec[0]),
        sigma_arcsec=float(np.hypot(*sigma[:2])) * scale,
        rate_east=float(east[0]),
        rate_north=float(north[0]),
        rate_sigma=float(np.hypot(*sigma[2:4])) * scale,
        mag=float(np.nan_to_num(zeropoint)) - 2.5 * math.log10(flux),
        sig=error,
        snr=track.snr,
        snr_without_best=body.jackknife,
        frames=body.seen,
        offset_arcsec=math.nan,
    )


def _known(found: "SearchNight", workspace: Workspace) -> "Table | None":
    """What SkyBoT knows in the field; None, with a warning, where it does not answer."""
    import numpy as np

    from photpipe.ground import sky
    from photpipe.services import skybot

    corners = [each.corners() for each in found.frames]
    ra, dec = np.concatenate(corners).T
    cone = sky.enclosing_cone(ra, dec)
    reach = FASTEST_ARCSEC_MIN * found.series.span_min / 2 / 3600.0
    cone = replace(cone, radius_deg=cone.radius_deg + reach)
    first = found.frames[0]
    observatory = first.facts.observer or first.facts.observatory_code
    try:
        return skybot.asteroids(cone, found.midtime_jd, observatory, workspace.settings)
    except ServiceError as error:
        log.warning("which movers are known could not be checked: %s", error)
        return None


def _named(rows: list[Mover], known: "Table") -> list[Mover]:
    """Movers with the names of the known bodies that they are."""
    import numpy as np

    from photpipe.ground import sky

    named, taken = [], set()
    for each in rows:
        row = each
        apart = sky.separation_deg(row.ra_deg, row.dec_deg, known["ra_deg"], known["dec_deg"])
        apart = np.atleast_1d(np.asarray(apart, float)) * 3600.0
        uncertain = np.nan_to_num(np.asarray(known["uncertainty_arcsec"], float))
        slip = np.hypot(
            np.asarray(known["ra_rate_arcsec_min"], float) - row.rate_east,
            np.asarray(known["dec_rate_arcsec_min"], float) - row.rate_north,
        )
        speed = math.hypot(row.rate_east, row.rate_north)
        alike = slip < SAME_RATE_ARCSEC_MIN + SAME_RATE * speed + SIGMAS * row.rate_sigma
        near = apart < np.maximum(NEAR_ARCSEC, uncertain) + SIGMAS * row.sigma_arcsec
        fits = [int(i) for i in np.flatnonzero(near & alike) if int(i) not in taken]
        if fits:
            best = min(fits, key=lambda i: float(apart[i]))
            taken.add(best)
            row = replace(
                row,
                name=str(known["target"][best]),
                known=str(known["name"][best]),
                offset_arcsec=float(apart[best]),
            )
        named.append(row)
    return named


def _tell(result: MoversResult) -> None:
    """One line a mover."""
    if not result.movers:
        log.info(
            "no mover above %.1f sigma up to %.2f arcsec/min",
            result.threshold,
            result.fastest_arcsec_min,
        )
    for mover in result.movers:
        what = f"known: {mover.known}" if mover.known else "not known" * result.compared
        log.info(
            "%s: %.2f arcsec/min, S/N %.1f (%.1f without the best frame), %.2f +- %.2f mag%s",
            mover.name,
            math.hypot(mover.rate_east, mover.rate_north),
            mover.snr,
            mover.snr_without_best,
            mover.mag,
            mover.sig,
            f"; {what}" if what else "",
        )
