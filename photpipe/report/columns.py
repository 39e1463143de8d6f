"""The columns of the tables of the main page, each told once: title, cells, meaning.

A new column is a row here; the page, its definitions and the manual follow.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from photpipe.report import wording
from photpipe.report.links import Links
from photpipe.report.origins import OriginRow
from photpipe.report.state import FrameState, TargetData
from photpipe.report.tables import NUMBER, SENTENCE, TEXT, Column, Link, Word
from photpipe.report.verdicts import Severity
from photpipe.report.wording import UNKNOWN, number
from photpipe.run.results import StageRecord


@dataclass(frozen=True, slots=True)
class LinkedFrame:
    """A frame, and how the page that shows it leads to others."""

    frame: FrameState
    links: Links

    @property
    def link(self) -> Link:
        """To the page of the frame."""
        return Link(self.frame.name, self.links.frame(self.frame.slug))


@dataclass(frozen=True, slots=True)
class LinkedTarget:
    """A target, and how the page that shows it leads to others."""

    target: TargetData
    links: Links

    @property
    def files(self) -> tuple[Link, ...]:
        """To the files of the target that are there."""
        name = f"photometry_{self.target.slug}"
        files = [
            Link(suffix, self.links.data(f"{name}.{suffix}")) for suffix in ("dat", "ecsv", "csv")
        ]
        return tuple(file for file in files if file.href)


@dataclass(frozen=True, slots=True)
class LinkedRecord:
    """How the last run of a command went, and where that begins in the LOG."""

    record: StageRecord
    log: str


def _of(
    part: str, head: str, name: str, decimals: int | None, meaning: str = "", defined: str = ""
) -> Column[LinkedFrame]:
    """Column of a number in a result of a frame; a dash where there is no such result.

    Parameters
    ----------
    part : str
        The result, as `FrameState` calls it.
    name : str
        Field of the result.
    decimals : int or None
        None: the number of digits depends on the value, as for a goodness of fit.
    """

    def cell(row: LinkedFrame) -> str:
        result = getattr(row.frame, part)
        value = getattr(result, name) if result else None
        if isinstance(value, int):
            return str(value)
        return wording.short(value) if decimals is None else number(value, decimals)

    return Column(head, cell, NUMBER, meaning, defined)


def _text(part: str, head: str, name: str) -> Column[LinkedFrame]:
    """Column of a word in a result of a frame; a dash where there is none."""

    def cell(row: LinkedFrame) -> str:
        result = getattr(row.frame, part)
        return (getattr(result, name) if result else "") or UNKNOWN

    return Column(head, cell, TEXT)


def _pair(
    part: str, head: str, name: str, index: int, decimals: int, **words: Any
) -> Column[LinkedFrame]:
    """Column of one of two numbers in a result of a frame."""

    def cell(row: LinkedFrame) -> str:
        result = getattr(row.frame, part)
        return number(getattr(result, name)[index] if result else None, decimals)

    return Column(head, cell, **words)


NUMBER_OF_FRAME: Column[LinkedFrame] = Column("#", lambda row: row.frame.number)
FRAME: Column[LinkedFrame] = Column("Frame", lambda row: row.link, TEXT)


def _state_of(part: str, done: str) -> Column[LinkedFrame]:
    """Column that says whether a frame was finished."""

    def cell(row: LinkedFrame) -> Word:
        is_done = getattr(row.frame, part) is not None
        return Word(done, Severity.GOOD) if is_done else Word(f"not {done}", Severity.BAD)

    return Column("State", cell, TEXT)


def _reason(command: str) -> Column[LinkedFrame]:
    return Column("Reason", lambda row: row.frame.failure(command), SENTENCE)


# -- frames


def _progress(row: LinkedFrame) -> Word:
    """How far a frame came."""
    frame = row.frame
    for stage, word in (
        ("pp_prepare", "not prepared"),
        ("pp_register", "not registered"),
        ("pp_photometry", "not measured"),
        ("pp_calibrate", "not calibrated"),
    ):
        if frame.failure(stage):
            return Word(word, Severity.BAD)
    if frame.calibrated:
        return _calibration_state(row)
    for result, word in ((frame.measured, "measured"), (frame.registered, "registered")):
        if result:
            return Word(word, Severity.GOOD)
    return Word("prepared", Severity.GOOD) if frame.facts else Word(UNKNOWN, Severity.NOTE)


def _binning(row: LinkedFrame) -> str:
    facts = row.frame.facts
    return f"{facts.binning[0]}×{facts.binning[1]}" if facts else UNKNOWN


def _field(row: LinkedFrame) -> str:
    facts = row.frame.facts
    if facts is None:
        return UNKNOWN
    width, height = facts.field_arcmin
    return f"{number(width, 1)}×{number(height, 1)}"


FRAMES: tuple[Column[LinkedFrame], ...] = (
    NUMBER_OF_FRAME,
    FRAME,
    Column("Mid-exposure (UTC)", lambda row: wording.instant(row.frame.midtime_jd), TEXT),
    _text("facts", "Object", "object_name"),
    _text("facts", "Filter", "filter_name"),
    _of("facts", "Airmass", "airmass", 2),
    _of("facts", "Exposure (s)", "exptime_s", 1),
    _pair("facts", "Pixel (″)", "pixel_scale_arcsec", 0, 3),
    Column("Binning", _binning),
    Column("Field (′)", _field),
    Column("State", _progress, TEXT),
)


# -- registration

REGISTRATION: tuple[Column[LinkedFrame], ...] = (
    NUMBER_OF_FRAME,
    FRAME,
    _state_of("registered", "registered"),
    _text("registered", "Catalog", "catalog"),
    _of(
        *("registered", "AS contrast", "as_contrast", 1),
        "How clearly SCAMP found rotation and scale, and the shift: above 2.5 is good, the higher "
        "the better.",
        "AS contrast, XY contrast",
    ),
    _of("registered", "XY contrast", "xy_contrast", 1),
    _pair(
        *("registered", "σ RA (″)", "sigma_arcsec", 0, 3),
        meaning="Scatter of the stars about their catalog positions, in arcseconds.",
        defined="σ RA, σ Dec",
    ),
    _pair("registered", "σ Dec (″)", "sigma_arcsec", 1, 3),
    _of(
        *("registered", "χ² reference", "chi2", None),
        "Goodness of the fit against the catalog, and between frames that overlap.",
        "χ² reference, internal",
    ),
    _of("registered", "χ² internal", "chi2_internal", None),
    _of(
        *("registered", "Stars", "matched", 0),
        "Catalog stars matched to sources, independently of SCAMP, and their rms distance per "
        "axis.",
        "Stars, rms",
    ),
    _of("registered", "rms (″)", "rms_arcsec", 3),
    _reason("pp_register"),
)


# -- instrumental photometry

PHOTOMETRY: tuple[Column[LinkedFrame], ...] = (
    NUMBER_OF_FRAME,
    FRAME,
    _state_of("measured", "measured"),
    _of("measured", "Sources", "sources", 0),
    _of(
        *("measured", "FWHM (px)", "fwhm_px", 2),
        "Median width of the stars at half of their peak.",
        "FWHM",
    ),
    _of("measured", "FWHM (″)", "fwhm_arcsec", 2),
    _of(
        *("measured", "Correction (mag)", "aperture_correction_mag", 3),
        "Magnitude in the widest aperture minus that in the adopted one: the flux outside the "
        "aperture. Included in the zeropoint.",
        "Correction",
    ),
    _of(
        *("measured", "Limit (instr. mag)", "limiting_mag", 2),
        "Faintest source with a signal-to-noise ratio of 5, without zeropoint.",
        "Limit",
    ),
    _of(
        *("measured", "Target offset (″)", "target_offset_arcsec", 2),
        "Distance of the target from its predicted position when the aperture was chosen; a dash "
        "if it was not detected.",
        "Target offset",
    ),
    _reason("pp_photometry"),
)


# -- calibration


def _calibration_state(row: LinkedFrame) -> Word:
    result = row.frame.calibrated
    if result is None:
        return Word("not calibrated", Severity.BAD)
    if result.is_calibrated:
        return Word("calibrated", Severity.GOOD)
    return Word("instrumental", Severity.NOTE)


def _remark(row: LinkedFrame) -> str:
    result = row.frame.calibrated
    return (result.note if result else "") or row.frame.failure("pp_calibrate")


CALIBRATION: tuple[Column[LinkedFrame], ...] = (
    NUMBER_OF_FRAME,
    FRAME,
    Column("State", _calibration_state, TEXT),
    _of("calibrated", "Zeropoint (mag)", "zeropoint_mag", 4),
    _of(
        *("calibrated", "Error", "zeropoint_sigma_mag", 4),
        "Error of the zeropoint, included in the error of each magnitude.",
    ),
    _of(
        *("calibrated", "Scatter of a star", "scatter_mag", 3),
        "Scatter of individual catalog stars about the zeropoint.",
    ),
    _of(
        *("calibrated", "Reduced χ²", "reduced_chi2", 2),
        "About 1 where the scatter agrees with the errors; above 3 there are other errors.",
    ),
    _of(
        *("calibrated", "Stars matched", "matched", 0),
        "Catalog stars detected on the frame, and those used for the zeropoint; the page of the "
        "frame lists the others with the reasons.",
        "Stars matched, used",
    ),
    _of("calibrated", "Stars used", "used", 0),
    _of(
        *("calibrated", "Limit (5σ)", "limiting_mag", 2),
        "Faintest magnitude with a signal-to-noise ratio of 5.",
    ),
    _text("calibrated", "Catalog", "catalog"),
    Column("Remark", _remark, SENTENCE),
)


# -- targets


def _median_of(values: Callable[[TargetData], Iterable[float]]) -> Callable[[LinkedTarget], str]:
    return lambda row: number(wording.median(values(row.target)), 3)


def _limits(row: LinkedTarget) -> str:
    points = row.target.points
    return str(sum(point.method == "limit" and not point.rejected for point in points))


def _range(row: LinkedTarget) -> str:
    mags = [point.mag for point in row.target.good]
    return number(max(mags) - min(mags), 3) if mags else UNKNOWN


TARGETS: tuple[Column[LinkedTarget], ...] = (
    Column("Target", lambda row: Link(row.target.name, row.links.target(row.target.slug)), TEXT),
    Column("Kind", lambda row: row.target.kind or UNKNOWN, TEXT),
    Column("Measurements used", lambda row: f"{len(row.target.good)}/{len(row.target.points)}"),
    Column("Limits", _limits),
    Column("Rejected", lambda row: str(sum(bool(p.rejected) for p in row.target.points))),
    Column("Median (mag)", _median_of(lambda target: (point.mag for point in target.good))),
    Column("Typical error", _median_of(lambda target: (point.sig for point in target.good))),
    Column("Range (mag)", _range),
    Column("Files", lambda row: row.files, TEXT),
)


# -- steps

_OUTCOMES = {
    "done": Word("done", Severity.GOOD),
    "partial": Word("done, some frames failed", Severity.LOOK),
    "failed": Word("failed", Severity.BAD),
    "interrupted": Word("interrupted", Severity.LOOK),
    "running": Word("running, or killed", Severity.LOOK),
}


def _command(row: LinkedRecord) -> Markup:
    words = row.record.arguments, row.record.command
    return Markup('<code title="{}">{}</code>').format(*words)


def _outcome(row: LinkedRecord) -> Word:
    return _OUTCOMES.get(row.record.status, Word(row.record.status, Severity.NOTE))


STEPS: tuple[Column[LinkedRecord], ...] = (
    Column("Command", _command, TEXT),
    Column(
        *("Started (UTC)", lambda row: row.record.started.replace("T", " ").removesuffix("Z")),
        TEXT,
    ),
    Column("Duration", lambda row: wording.duration(row.record.seconds)),
    Column("Outcome", _outcome, TEXT),
    Column("Reason", lambda row: row.record.reason, SENTENCE),
    Column("LOG", lambda row: Link("show", row.log), TEXT),
)


# -- facts of cameras without an entry


def _fact(row: OriginRow) -> str | Markup:
    if not row.frames:
        return row.name
    return Markup("{} <small>({})</small>").format(row.name, row.frames)


ORIGINS: tuple[Column[OriginRow], ...] = (
    Column("Fact", _fact, TEXT),
    Column("Value", lambda row: row.value, SENTENCE),
    Column("Taken from", lambda row: row.origin, SENTENCE),
    Column("What contradicts it, or was assumed", lambda row: "; ".join(row.doubts), SENTENCE),
)
