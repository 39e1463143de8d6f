"""The coma of a comet on the page of its target: growth, dust, the line for COBS."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from photpipe.report import wording
from photpipe.report.frameview import Facts
from photpipe.report.plots import TimeAxis
from photpipe.report.plotspec import Plot, Series, rounded
from photpipe.report.state import ComaData
from photpipe.report.tables import SENTENCE, TEXT, Column, TableView, table
from photpipe.report.wording import number
from photpipe.run.comet_file import ComaPoint

LEAST_ERROR = 5e-4  # less is nought in the digits that are shown
LINE_POINTS = 12  # by judgement: of a curve that is drawn


@dataclass(frozen=True, slots=True)
class Aperture:
    """An aperture: the median of the frames, or what a stack shows."""

    name: str
    points: tuple[ComaPoint, ...]

    @property
    def good(self) -> tuple[ComaPoint, ...]:
        """Points that count."""
        return tuple(p for p in self.points if not p.problem and math.isfinite(p.mag))

    def median(self, quantity: str) -> float:
        """Median of a quantity over the points that count; NaN without any."""
        return wording.median(getattr(each, quantity) for each in self.good)

    @property
    def radius_km(self) -> float:
        """Radius at the comet."""
        return self.points[0].radius_km

    @property
    def problems(self) -> str:
        """Why points are missing."""
        return "; ".join(sorted({each.problem for each in self.points if each.problem}))


@dataclass(frozen=True, slots=True)
class ComaView:
    """The coma of a target."""

    facts: Facts
    plots: tuple[Plot, ...]
    apertures: TableView
    line: str


def coma_view(
    name: str, coma: ComaData, href: Callable[[str], str] = lambda _: ""
) -> ComaView | None:
    """View of a coma; None if there is none.

    Parameters
    ----------
    name : str
        The target.
    href : callable
        Link to the page of a frame.
    """
    rows = [*_apertures("frames", coma.frames), *_apertures("stack", coma.stack)]
    if not rows:
        return None
    plots = (*_against_aperture(name, rows), _over_time(name, coma.frames, href))
    return ComaView(
        tuple(_facts(coma)),
        tuple(each for each in plots if not each.is_empty),
        table(APERTURES, rows, key=lambda row: f"{row.name} {row.radius_km:.0f}"),
        coma.line,
    )


def _apertures(name: str, points: Sequence[ComaPoint]) -> list[Aperture]:
    radii = sorted({each.radius_km for each in points})
    return [
        Aperture(name, tuple(each for each in points if each.radius_km == radius))
        for radius in radii
    ]


def _facts(coma: ComaData) -> Iterable[tuple[str, str]]:
    points = coma.stack or coma.frames
    growth = wording.median(each.growth for each in points)
    sigma = wording.median(each.growth_sig for each in points)
    if math.isfinite(growth):
        error = f" ± {sigma:.3f}" if sigma >= LEAST_ERROR else ""
        yield "Growth of the flux with the radius", f"exponent {growth:.3f}{error}"
    yield "Distance from the Sun", number(wording.median(p.r_au for p in points), 3, "au")
    yield "Distance from the observer", number(wording.median(p.delta_au for p in points), 3, "au")
    yield "Phase angle", number(wording.median(p.phase_deg for p in points), 1, "deg")


def _against_aperture(name: str, rows: Sequence[Aperture]) -> Iterable[Plot]:
    """Magnitude and dust of each aperture; with the growth of a coma that expands freely."""
    styles = {"frames": "used", "stack": "other"}
    words = {"frames": "frames (median)", "stack": "stack"}
    curves = []
    for quantity, error, decimals in (("mag", "sig", 3), ("afrho_cm", "afrho_sig", 2)):
        found = []
        for kind, style in styles.items():
            own = [each for each in rows if each.name == kind and each.good]
            found.append(
                Series(
                    words[kind],
                    style,
                    rounded([each.radius_km for each in own], 1),
                    rounded([each.median(quantity) for each in own], decimals),
                    rounded([each.median(error) for each in own], decimals),
                    labels=tuple(f"{each.radius_km:.0f} km" for each in own),
                )
            )
        curves.append(tuple(found))
    band = next((p.band for each in rows for p in each.good if p.band), "")
    yield Plot(
        "Growth of the coma",
        "radius of the aperture (km)",
        f"{band} (mag)".strip(),
        f"Magnitude of {name} within apertures of growing radius",
        (*_free(rows), *curves[0]),
        upside_down=True,
    )
    yield Plot(
        "A(θ)fρ against aperture",
        "radius of the aperture (km)",
        "A(θ)fρ (cm)",
        f"A(θ)fρ of {name} within apertures of growing radius",
        curves[1],
    )


def _free(rows: Sequence[Aperture]) -> Iterable[Series]:
    """Growth with the radius, through the middle one of the apertures."""
    good = [each for each in rows if each.good]
    if len(good) < 2:
        return
    zero = float(np.median([r.median("mag") + 2.5 * math.log10(r.radius_km) for r in good]))
    radii = np.geomspace(
        min(each.radius_km for each in good), max(each.radius_km for each in good), LINE_POINTS
    )
    line = zero - 2.5 * np.log10(radii)
    yield Series("coma of 1/ρ", "line", rounded(list(radii), 1), rounded(list(line), 4))


def _over_time(name: str, points: Sequence[ComaPoint], href: Callable[[str], str]) -> Plot:
    """Dust in the largest aperture that most frames have."""
    apertures = [each for each in _apertures("frames", points) if len(each.good) > 1]
    most = max((len(each.good) for each in apertures), default=0)
    chosen = [each for each in apertures if 2 * len(each.good) >= most]
    good = chosen[-1].good if chosen else ()
    axis = TimeAxis.of([each.midtime_jd for each in good] or [0.0])
    series = Series(
        "",
        "used",
        rounded([axis.at(each.midtime_jd) for each in good], 5),
        rounded([each.afrho_cm for each in good], 2),
        rounded([each.afrho_sig for each in good], 2),
        keys=tuple(each.frame for each in good),
        labels=tuple(f"{each.frame}\n{each.afrho_cm:.1f} cm" for each in good),
        hrefs=tuple(href(each.frame) for each in good),
    )
    radius = f"{chosen[-1].radius_km:.0f} km" if chosen else ""
    return Plot(
        f"A(θ)fρ within {radius}",
        axis.label,
        "A(θ)fρ (cm)",
        f"A(θ)fρ of {name} within {radius} over time",
        (series,),
        is_large=True,
    )


def _origin(row: Aperture) -> str:
    if row.name == "stack":
        return "stack"
    return wording.of(len(row.good), len(row.points))


APERTURES: tuple[Column[Aperture], ...] = (
    Column("Radius (km)", lambda row: number(row.radius_km, 0)),
    Column("(″)", lambda row: number(row.median("radius_arcsec"), 1)),
    Column("Measured on", _origin, TEXT),
    Column("Magnitude", lambda row: number(row.median("mag"), 3)),
    Column("±", lambda row: number(row.median("sig"), 3)),
    Column(
        "A(θ)fρ (cm)",
        lambda row: number(row.median("afrho_cm"), 1),
        meaning="albedo, filling factor and radius of the aperture, at the phase angle observed.",
    ),
    Column("±", lambda row: number(row.median("afrho_sig"), 1)),
    Column(
        "A(0)fρ (cm)",
        lambda row: number(row.median("a0frho_cm"), 1),
        meaning="the same at phase angle 0.",
    ),
    Column(
        "Hidden",
        lambda row: number(100 * row.median("filled"), 0, "%"),
        meaning="part of the aperture that is filled in, because stars are there.",
    ),
    Column("Remark", lambda row: row.problems, SENTENCE),
)
