"""What the plots over time show, each told once; and the figure of the curves of growth.

`stills` draws a `Plot` as a figure, the browser draws it to be moved and clicked on.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from photpipe.report import figures, symbols, vector, wording
from photpipe.report.plotspec import Mark, Plot, Series, rounded
from photpipe.report.state import State, TargetData
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import PhotometryResult

if TYPE_CHECKING:
    from markupsafe import Markup

LEAST_RANGE_MAG = 0.05  # of the axis of a light curve, by judgement: noise should not fill the plot
LEAST_RANGE_ZEROPOINT_MAG = 0.02  # the same of zeropoints, which are known better
_HOURS_PER_DAY = 24.0
GROWTH_INCH = (10.0, 4.0)  # by eye: two panels as wide as a light curve


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Times since the first one, in a unit that suits them."""

    origin_jd: float
    unit: str
    per_day: float

    @classmethod
    def of(cls, jds: Sequence[float]) -> "TimeAxis":
        """Axis that suits some dates."""
        finite = [jd for jd in jds if math.isfinite(jd)] or [0.0]
        hours = (max(finite) - min(finite)) * _HOURS_PER_DAY
        unit, per_day = ("minutes", 1440.0) if hours < 2 else ("hours", _HOURS_PER_DAY)
        return cls(min(finite), *(("days", 1.0) if hours > 48 else (unit, per_day)))

    @property
    def label(self) -> str:
        """What stands at the axis."""
        return f"{self.unit} after {wording.instant(self.origin_jd, 0)} UTC"

    def at(self, jd: float) -> float:
        """Place of a date."""
        return (jd - self.origin_jd) * self.per_day


def growth(result: PhotometryResult) -> "Markup":
    """Curves of growth: flux and signal-to-noise ratio of target and stars, and the choice."""
    radius = [each.radius_px for each in result.curve]
    places = vector.boxes(GROWTH_INCH, 2, has_legend=True)
    x, y, label = vector.wide(radius), (0.0, 1.08), "aperture radius (px)"
    flux = vector.Panel(places[0], x, y, (label, "fraction of the flux"))
    noise = vector.Panel(places[1], x, y, (label, "S/N relative to the best"))
    flux.across(result.flux_limit, figures.INK, f"{100 * result.flux_limit:.0f} %", dashes="1 2")
    for panel in (flux, noise):
        if math.isfinite(result.aperture_radius_px):
            panel.upright(result.aperture_radius_px, figures.GREEN)
    for kind, color, marker, name in (
        ("background", figures.BLUE, "o", "stars"),
        ("target", figures.RED, "s", "target"),
    ):
        fraction, errors, snr = (
            [getattr(each, f"{kind}{what}") for each in result.curve]
            for what in ("", "_error", "_snr")
        )
        known = [k for k, each in enumerate(fraction) if math.isfinite(each)]
        if not known:
            continue
        bars = [(radius[k], fraction[k], float(np.nan_to_num(errors[k]))) for k in known]
        flux.bars(color, bars, 1.2, 2.0)
        for panel, values in ((flux, fraction), (noise, snr)):
            points = [(radius[k], values[k]) for k in known if math.isfinite(values[k])]
            panel.line(color, points)
            panel.points(marker, color, points, half_pt=1.75, name=name)
    chosen = wording.number(result.aperture_radius_px, 2, "px")
    return vector.figure(
        GROWTH_INCH,
        (flux, noise),
        "Curves of growth: fraction of the flux and signal-to-noise ratio of target and stars "
        f"against aperture radius; the chosen radius is {chosen}",
    )


def seeing(state: State, href: Callable[[str], str]) -> Plot:
    """Width of the stars over time, with the diameter of the aperture.

    Parameters
    ----------
    href : callable
        Where a click on the point of a frame leads.
    """
    rows = [each for each in state.frames if each.measured and each.measured.fwhm_px > 0]
    axis = TimeAxis.of([each.midtime_jd for each in rows])
    widths = [each.measured.fwhm_px for each in rows if each.measured]
    diameter = 2 * state.photometry.aperture_radius_px if state.photometry else math.nan
    has_aperture = math.isfinite(diameter)
    return Plot(
        "Seeing",
        axis.label,
        "FWHM (px)",
        "Median width (FWHM) of the stars on each frame over time, and aperture diameter",
        (
            _over_time(
                axis, [each.midtime_jd for each in rows], widths, [href(f.name) for f in rows]
            ),
        ),
        (Mark("y", diameter, "aperture diameter"),) if has_aperture else (),
        y_range=(
            0.7 * min(widths, default=0.0),
            1.1 * max([*widths, diameter] if has_aperture else widths, default=1.0),
        ),
    )


def zeropoints(state: State, href: Callable[[str], str]) -> Plot:
    """Magnitude zeropoint over time.

    Parameters
    ----------
    href : callable
        Where a click on the point of a frame leads.
    """
    rows = [each for each in state.frames if each.calibrated and each.calibrated.is_calibrated]
    known = [each.calibrated for each in rows if each.calibrated]
    jds = [each.midtime_jd for each in rows]
    axis = TimeAxis.of(jds)
    return Plot(
        "Zeropoint",
        axis.label,
        f"zeropoint in {known[0].band if known else ''} (mag)",
        "Magnitude zeropoint of each frame over time, with its error",
        (
            _over_time(
                *(axis, jds, [each.zeropoint_mag for each in known], [href(f.name) for f in rows]),
                error=[each.zeropoint_sigma_mag for each in known],
            ),
        ),
        least_range=LEAST_RANGE_ZEROPOINT_MAG,
    )


def _over_time(
    axis: TimeAxis,
    jds: Sequence[float],
    values: Sequence[float],
    hrefs: Sequence[str],
    error: Sequence[float] = (),
) -> Series:
    """Points of the frames."""
    times = rounded([axis.at(each) for each in jds], 5)
    heights, errors = rounded(values, 4), rounded(error, 4)
    return Series("", "used", times, heights, errors, hrefs=tuple(hrefs))


def light_curve(
    target: TargetData,
    href: Callable[[str], str],
    label: Callable[[TargetPoint], str] = lambda _: "",
) -> Plot:
    """Magnitudes of a target over time; what does not count has symbols of its own.

    Parameters
    ----------
    href : callable
        Where a click on the point of a frame leads.
    label : callable
        What is said of a point under the pointer.
    """
    axis = TimeAxis.of([each.midtime_jd for each in target.points])
    band = next((each.band for each in target.points if each.band), "")
    series = [
        Series(
            name,
            style,
            rounded([axis.at(each.midtime_jd) for each in points], 5),
            rounded([each.mag for each in points], 4),
            rounded([each.sig for each in points], 4) if style != "limit" else (),
            rounded([each.instrumental_sig for each in points], 4) if style == "used" else (),
            tuple(each.frame for each in points),
            tuple(label(each) for each in points),
            tuple(href(each.frame) for each in points),
        )
        for (name, _, _, style), points in symbols.kinds(target)
    ]
    return Plot(
        "Light curve",
        axis.label,
        f"{band} (mag)".strip(),
        f"Magnitude of {target.name} over time",
        tuple(series),
        upside_down=True,
        is_large=True,
        can_reject=True,
        has_edge=True,
        least_range=LEAST_RANGE_MAG,
    )
