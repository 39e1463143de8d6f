"""What pp_movers writes: positions for pp_distill, ADES lines, a page."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from photpipe.ground import bands, files
from photpipe.ground.errors import ConfigError
from photpipe.run.results import Mover, MoversResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.exports.identification import Identification
    from photpipe.movers.night import SearchNight
    from photpipe.run.photometry_file import TargetPoint
    from photpipe.science.trackfit import Sighting

log = logging.getLogger("pp_movers")

POSITIONS, ADES, PAGE = "movers_positions.dat", "movers.psv", "movers.html"
MINUTES_PER_DAY = 1440.0


def names(movers: Sequence[Mover]) -> list[str]:
    """Files that are written; positions and lines only of movers."""
    return [POSITIONS, ADES, PAGE] if movers else [PAGE]


def write(
    night: "SearchNight",
    sightings: "Sequence[Sighting]",
    result: MoversResult,
    workspace: Workspace,
) -> None:
    """Write all files; those of an earlier run that are not true any more are removed."""
    from photpipe.report import movers as page

    folder = workspace.directory
    pictures = [each.cutout for each in sightings]
    texts = {PAGE: page.render_page(result, pictures)}
    if result.movers:
        texts[POSITIONS] = _positions(night, sightings, result.movers)
        texts[ADES] = _ades(night, sightings, result.movers, workspace)
    for name in (POSITIONS, ADES, PAGE):
        if name in texts:
            files.write_text(folder / name, texts[name])
            log.info("%s", folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def _positions(
    night: "SearchNight", sightings: "Sequence[Sighting]", movers: Sequence[Mover]
) -> str:
    """A row for each mover on each frame on which its track lies."""
    import numpy as np

    lines = ["# frame ra dec jd target"]
    for sighting, mover in zip(sightings, movers, strict=True):
        track = sighting.body.track
        x = track.x_px + track.vx * night.series.minutes
        y = track.y_px + track.vy * night.series.minutes
        ra, dec = night.sky_of(x, y)
        for number in np.flatnonzero(np.isfinite(sighting.body.errors)):
            frame = night.frames[number]
            lines.append(
                f"{_quoted(frame.frame.name)} {ra[number]:.7f} {dec[number]:+.7f} "
                f"{frame.midtime_jd:.7f} {mover.name.replace(' ', '_')}"
            )
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    """Name of a file, a blank of which would begin another column."""
    return name if " " not in name else name.replace(" ", "_")


def _ades(
    night: "SearchNight",
    sightings: "Sequence[Sighting]",
    movers: Sequence[Mover],
    workspace: Workspace,
) -> str:
    """ADES lines: places in groups of frames, which do not depend on each other."""
    from photpipe.exports import choosing, mpc
    from photpipe.exports.stage import MpcReportOptions, mpc_header

    rows = []
    header = None
    for number, (sighting, mover) in enumerate(zip(sightings, movers, strict=True), start=1):
        name = _identification(mover, number)
        for point, frames in _points(night, sighting, mover):
            header = header or mpc_header(MpcReportOptions(), point, workspace, workspace.directory)
            if point.astrometric_catalog not in mpc.ASTROMETRIC_CATALOGS:
                continue
            has_magnitude = choosing.is_calibrated(point) and bool(bands.code(point.band, "ADES"))
            row = mpc.optical(point, name, header, has_magnitude=has_magnitude)
            rows.append(row | {"remarks": f"mean of {frames} frames along the motion"})
    if header is None or not rows:
        return "# the frames are not registered against a catalog with a code: no line\n"
    lines = ["# version=2022"]
    try:
        for group, values in header.checked().blocks():
            lines.append(f"# {group}")
            lines += [f"! {key} {value}" for key, value in values]
    except ConfigError as error:
        lines = [f"# {error}"]
    return "\n".join([*lines, *mpc.psv_rows(rows)]) + "\n"


def _identification(mover: Mover, number: int) -> "Identification":
    """Number or designation; a name of our own where the known one is in no report's form."""
    from photpipe.exports.identification import Identification, identified

    try:
        return identified(mover.name)
    except ConfigError:
        return Identification(tracklet=f"mover{number:02d}")


def _points(
    night: "SearchNight", sighting: "Sighting", mover: Mover
) -> "list[tuple[TargetPoint, int]]":
    """Places of a mover as points, each with the number of its frames."""
    import math

    import numpy as np

    from photpipe.run.photometry_file import DETECTED, TargetPoint

    frame = night.reference
    scale = night.scale_arcsec
    blank = {float: math.nan, int: 0, str: ""}
    empty: dict[str, Any] = {
        name: blank[each.type]  # type: ignore[index]
        for name, each in TargetPoint.__dataclass_fields__.items()
    }
    found = []
    for place in sighting.places:
        ra, dec = night.sky_of(np.array([place.x_px]), np.array([place.y_px]))
        flux = max(place.flux, place.error) * night.psf_to_aperture
        zeropoint = frame.zeropoint_mag
        values: dict[str, Any] = {
            "frame": f"{mover.name} {place.minutes:.1f}",
            "midtime_jd": night.midtime_jd + place.minutes / MINUTES_PER_DAY,
            "mag": float(np.nan_to_num(zeropoint)) - 2.5 * math.log10(flux),
            "sig": math.hypot(1.0857 * place.error / max(place.flux, place.error), mover.sig),
            "source_ra_deg": float(ra[0]),
            "source_dec_deg": float(dec[0]),
            "sigma_east_arcsec": place.sigma_x * scale,
            "sigma_north_arcsec": place.sigma_y * scale,
            "exptime_s": frame.facts.exptime_s,
            "zeropoint": zeropoint,
            "zeropoint_sig": 0.0,
            "catalog": frame.facts.catalog,
            "band": frame.facts.band,
            "astrometric_catalog": frame.facts.astrometric_catalog,
            "telescope": frame.frame.telescope.name,
            "observatory_code": frame.facts.observatory_code,
            "method": DETECTED,
            "snr": place.flux / place.error,
            "fwhm_arcsec": frame.seeing_arcsec,
        }
        found.append((TargetPoint(**{**empty, **values}), place.frames))
    return found
