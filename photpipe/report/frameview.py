"""The page of a frame."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from photpipe.report import wording
from photpipe.report.assets import Cutout, FrameAssets, ReferenceStar, Spot
from photpipe.report.links import FRAMES, Links
from photpipe.report.plotspec import Mark, Plot, Series, rounded
from photpipe.report.state import FrameState, State
from photpipe.report.tables import TEXT, Column, Link, TableView, Word, table
from photpipe.report.views import telescope_name
from photpipe.report.wording import UNKNOWN, number, with_error
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import CalibratedFrame

Facts = tuple[tuple[str, str], ...]
SMALLEST_RING = 1 / 100  # of the width of the frame
_BAR_SHARE = 0.2  # of the width of the image, at most
LETTER = 0.65  # width of a letter in units of its height


@dataclass(frozen=True, slots=True)
class Ring:
    """A circle on the picture, in pixels of the frame, y down; `key` is that of its star."""

    x: str
    y: str
    key: str = ""
    is_used: bool = True


@dataclass(frozen=True, slots=True)
class TargetMark:
    """Aperture (circle) and prediction (cross) of a target; empty where unknown.

    The label ends at its place (`is_left`) where it would leave the picture on the right.
    """

    name: str
    circle: tuple[str, str, str] | None
    cross: str
    label: tuple[str, str]
    is_left: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow of the compass, from its middle."""

    letter: str
    dx: str
    dy: str
    text_x: str
    text_y: str


@dataclass(frozen=True, slots=True)
class ImageView:
    """The picture of a frame and what is drawn over it."""

    src: str
    width: int
    height: int
    alt: str
    ring: str
    font: str
    catalog: tuple[Ring, ...]
    stars: tuple[Ring, ...]
    targets: tuple[TargetMark, ...]
    compass: tuple[Arrow, ...]
    compass_at: tuple[str, str]
    bar_px: str
    bar_text: str
    viewer: str
    listed: str
    slug: str


@dataclass(frozen=True, slots=True)
class CutoutView:
    """Cut-out of a target with what is drawn over it."""

    src: str
    side: int
    alt: str
    cross: str
    circle: tuple[str, str, str] | None
    bar: str
    bar_text: str


@dataclass(frozen=True, slots=True)
class SpotView:
    """A target on the frame."""

    target: Link
    words: str
    remark: str
    cutout: CutoutView | None


@dataclass(frozen=True, slots=True)
class FrameView:
    """The page of a frame."""

    slug: str
    title: str
    number: int
    previous: Link | None
    following: Link | None
    main: str
    notices: tuple[tuple[str, Word], ...]
    facts: Facts
    image: ImageView | None
    registration: Facts
    photometry: Facts
    calibration: Facts
    plots: tuple[Plot, ...]
    stars: TableView
    stars_note: str
    stars_file: Link
    spots: tuple[SpotView, ...]


def frame_view(state: State, index: int, assets: FrameAssets, links: Links) -> FrameView:
    """View of one frame.

    Parameters
    ----------
    index : int
        Its place among the frames of the state.
    assets : FrameAssets
        What is shown of it besides numbers.
    """
    frame = state.frames[index]
    before = state.frames[index - 1] if index else None
    after = state.frames[index + 1] if index + 1 < len(state.frames) else None
    calibrated = frame.calibrated
    return FrameView(
        slug=frame.slug,
        title=frame.name,
        number=frame.number,
        previous=Link(before.name, links.frame(before.slug)) if before else None,
        following=Link(after.name, links.frame(after.slug)) if after else None,
        main=links.part("frames"),
        notices=tuple(_notices(frame, assets)),
        facts=tuple(_facts(frame)),
        image=_image(state, frame, assets, links),
        registration=tuple(_registration(frame)),
        photometry=tuple(_photometry(state, frame)),
        calibration=tuple(_calibration(frame)),
        plots=tuple(p for p in _plots(calibrated, assets.stars, assets.colour) if not p.is_empty),
        stars=table(
            STARS,
            assets.stars,
            key=lambda star: str(star.number),
            is_rejected=lambda star: not star.is_used,
        ),
        stars_note=_stars_note(assets),
        stars_file=Link(
            calibrated.stars_file if calibrated else "",
            links.data(calibrated.stars_file) if calibrated and calibrated.stars_file else "",
        ),
        spots=tuple(spot_view(each, links) for each in assets.spots),
    )


def _notices(frame: FrameState, assets: FrameAssets) -> Iterable[tuple[str, Word]]:
    for stage, reason in frame.failures:
        yield reason, Word(f"{stage} failed", "bad")
    if frame.calibrated and frame.calibrated.note:
        note = frame.calibrated.note
        yield note, Word("calibration", "look" if frame.calibrated.is_calibrated else "bad")
    for problem in assets.problems:
        yield problem, Word("not shown", "note")


def _facts(frame: FrameState) -> Iterable[tuple[str, str]]:
    facts = frame.facts
    if facts is None:
        return
    scale, size = facts.pixel_scale_arcsec, facts.field_arcmin
    yield "Mid-exposure (UTC)", wording.instant(facts.midtime_jd, 2)
    yield "Julian date (UTC)", number(facts.midtime_jd, 6)
    yield "Object", facts.object_name or UNKNOWN
    yield "Telescope", telescope_name(facts.telescope)
    yield "Filter → band", f"{facts.filter_name or UNKNOWN} → {facts.band or 'no band'}"
    yield "Exposure time", number(facts.exptime_s, 1, "s")
    yield "Airmass", number(facts.airmass, 2)
    yield "Pixel scale", f"{number(scale[0], 3)}″ × {number(scale[1], 3)}″"
    yield "Binning", f"{facts.binning[0]} × {facts.binning[1]}"
    yield "Field of view", f"{number(size[0], 1)}′ × {number(size[1], 1)}′"
    if facts.source != facts.frame:
        yield "Made from", facts.source


def _registration(frame: FrameState) -> Iterable[tuple[str, str]]:
    row = frame.registered
    if row is None:
        return
    yield "Catalog", row.catalog
    yield "Frame centre", f"{number(row.ra_deg, 5)}° {row.dec_deg:+.5f}°"
    yield "Contrast AS, XY", f"{number(row.as_contrast, 1)}, {number(row.xy_contrast, 1)}"
    yield "σ RA, Dec", f"{number(row.sigma_arcsec[0], 3)}″, {number(row.sigma_arcsec[1], 3)}″"
    yield "χ² reference, internal", f"{wording.short(row.chi2)}, {wording.short(row.chi2_internal)}"
    chance = number(row.expected, 1)
    yield (
        "Matched stars",
        f"{row.matched} (by chance: {chance}), rms {number(row.rms_arcsec, 3)}″",
    )
    yield "Pointing error", f"{number(row.offset_arcsec, 1)}″"
    yield "Pixel scale", f"{number(row.pixel_scale_arcsec, 4)}″ ({100 * row.scale_error:+.2f} %)"
    yield "Position angle of the y axis", number(row.rotation_deg, 2) + "°"
    yield "Found by, fitted by", f"{row.seed}, {row.fit}"


def _photometry(state: State, frame: FrameState) -> Iterable[tuple[str, str]]:
    row = frame.measured
    if row is None or state.photometry is None:
        return
    yield "Sources", str(row.sources)
    yield "Seeing (FWHM)", f"{number(row.fwhm_px, 2, 'px')}, {number(row.fwhm_arcsec, 2)}″"
    yield "Aperture radius", number(state.photometry.aperture_radius_px, 2, "px")
    if row.psf_stars:
        shape = f"FWHM {number(row.psf_fwhm_px, 2, 'px')}, exponent {number(row.psf_beta, 2)}"
        told = f"from {wording.many(row.psf_stars, 'star')}"
        found = wording.many(row.psf_found, "further source")
        yield "Point-spread function", f"{shape}, {told}; {found}"
    correction = with_error(row.aperture_correction_mag, row.aperture_correction_error_mag)
    yield "Aperture correction", f"{correction} mag"
    yield "Gain", f"{number(row.gain, 2)} e/ADU ({row.gain_from})"
    yield "Limit (5σ, instrumental)", number(row.limiting_mag, 2, "mag")
    if row.target:
        offset = row.target_offset_arcsec
        found = (
            f"{number(offset, 2)}″ from its prediction" if math.isfinite(offset) else "not found"
        )
        yield row.target, found


def _calibration(frame: FrameState) -> Iterable[tuple[str, str]]:
    row = frame.calibrated
    if row is None:
        return
    if row.is_calibrated:
        system = f" ({row.magnitude_system})" if row.magnitude_system else ""
        value = with_error(row.zeropoint_mag, row.zeropoint_sigma_mag, 4)
        yield "Zeropoint", f"{value} mag"
        yield "Band, catalog", f"{row.band}{system}, {row.catalog}"
        yield "Stars", f"{row.used} used, {row.usable} usable, {row.matched} found"
        yield "Scatter of one star", number(row.scatter_mag, 3, "mag")
        yield "Reduced χ²", number(row.reduced_chi2, 2)
    else:
        yield "Zeropoint", "none: the magnitudes are instrumental"
    yield "Limit (5σ)", number(row.limiting_mag, 2, "mag")
    for reason, count in row.rejected:
        yield f"Not used: {reason}", wording.many(count, "star")


# -- picture


def _image(state: State, frame: FrameState, assets: FrameAssets, links: Links) -> ImageView | None:
    picture = assets.picture
    if picture is None:
        return None
    width, height = picture.width_px, picture.height_px
    radius = max((each.point.aperture_radius_px for each in assets.spots), default=0.0)
    ring = max(width * SMALLEST_RING, 1.5 * radius if math.isfinite(radius) else 0.0)
    stars = wording.many(len(assets.matched), "catalog star")
    bar_px, bar_text = scale_bar(frame, width)
    arrow = max(0.06 * min(width, height), 1.5 * font_px(width))
    margin = 1.35 * arrow + font_px(width)
    return ImageView(
        src=links.file(picture.file),
        width=width,
        height=height,
        alt=f"Frame {frame.name}, {width} by {height} pixels, with {stars} marked",
        ring=f"{ring:.1f}",
        font=f"{font_px(width):.1f}",
        catalog=tuple(Ring(*pixel_in_image(x, y, height)) for x, y in assets.matched),
        stars=tuple(
            Ring(*pixel_in_image(star.x, star.y, height), str(star.number), star.is_used)
            for star in assets.stars
        ),
        targets=tuple(_target_mark(each, width, height) for each in assets.spots),
        compass=compass(frame, arrow),
        compass_at=(f"{width - margin:.1f}", f"{margin:.1f}"),
        bar_px=bar_px,
        bar_text=bar_text,
        viewer=links.script(assets.viewer),
        listed=links.script(FRAMES),
        slug=frame.slug,
    )


def pixel_in_image(x: float, y: float, height: int) -> tuple[str, str]:
    """FITS pixel (1, 1 is the middle of the first one) in the picture, y down."""
    return f"{x - 0.5:.1f}", f"{height - y + 0.5:.1f}"


def _target_mark(spot: Spot, width: int, height: int) -> TargetMark:
    radius = spot.point.aperture_radius_px
    circle = None
    if spot.measured and math.isfinite(radius):
        circle = (*pixel_in_image(*spot.measured, height), f"{radius:.1f}")
    arm = width / 90
    cross = ""
    if spot.predicted:
        x, y = pixel_in_image(*spot.predicted, height)
        cross = f"M{x} {y}m{-arm:.1f} 0h{2 * arm:.1f}m{-arm:.1f} {-arm:.1f}v{2 * arm:.1f}"
    place = spot.measured or spot.predicted or (math.nan, math.nan)
    name = spot.name
    is_left = place[0] + len(name) * LETTER * font_px(width) > width
    side = -1 if is_left else 1
    label = pixel_in_image(place[0] + side * 1.3 * arm, place[1] + 1.3 * arm, height)
    return TargetMark(name, circle, cross, label, is_left)


def font_px(width: int) -> float:
    """Size of the letters on a picture, in pixels of the frame."""
    return width / 45


def compass(frame: FrameState, length: float) -> tuple[Arrow, ...]:
    """Arrows to the north and east; none if the frame is not registered."""
    row = frame.registered
    if row is None or not math.isfinite(row.rotation_deg):
        return ()
    angle, turn = math.radians(row.rotation_deg), -1.0 if row.mirrored else 1.0
    north = (turn * math.sin(angle), -math.cos(angle))
    east = (-turn * math.cos(angle), -math.sin(angle))
    return tuple(
        Arrow(
            letter,
            *(f"{length * each:.1f}" for each in direction),
            *(f"{1.35 * length * each:.1f}" for each in direction),
        )
        for letter, direction in (("N", north), ("E", east))
    )


def scale_bar(frame: FrameState, width: int) -> tuple[str, str]:
    """Length in pixels and words of a bar that is a round number of arc seconds or minutes."""
    scale = frame.facts.pixel_scale_arcsec[0] if frame.facts else math.nan
    if not scale > 0:
        return "", ""
    arcsec, text = _round_angle(_BAR_SHARE * width * scale)
    return f"{arcsec / scale:.1f}", text


def _round_angle(most_arcsec: float) -> tuple[float, str]:
    """Largest round angle of at most so many arcsec, in numbers and words."""
    unit, sign = (60.0, "′") if most_arcsec >= 60 else (1.0, "″")
    power = 10.0 ** math.floor(math.log10(most_arcsec / unit))
    value = max(each * power for each in (1, 2, 5) if each * power <= most_arcsec / unit)
    return value * unit, f"{value:g}{sign}"


# -- stars


STARS: tuple[Column[ReferenceStar], ...] = (
    Column("#", lambda star: star.number),
    Column("Star", lambda star: star.ident, TEXT),
    Column("RA (°)", lambda star: number(star.ra_deg, 5)),
    Column("Dec (°)", lambda star: f"{star.dec_deg:+.5f}"),
    Column("Catalog (mag)", lambda star: number(star.mag, 3)),
    Column("±", lambda star: number(star.e_mag, 3)),
    Column("Instrumental", lambda star: number(star.instrumental_mag, 3)),
    Column("±", lambda star: number(star.instrumental_error_mag, 3)),
    Column("Residual", lambda star: number(star.residual_mag, 3)),
    Column("Separation (″)", lambda star: number(star.separation_arcsec, 2)),
    Column("Colour", lambda star: number(star.colour, 2)),
    Column("Flags", lambda star: star.flags),
    Column("Verdict", lambda star: star.verdict, TEXT),
)


def _stars_note(assets: FrameAssets) -> str:
    if not assets.stars_left_out:
        return ""
    return (
        f"The faintest {wording.many(assets.stars_left_out, 'star')} are listed only in the file."
    )


def _plots(
    row: CalibratedFrame | None, stars: Sequence[ReferenceStar], colour: str
) -> Iterable[Plot]:
    """Zeropoint and χ² against the number of stars; residuals against what may cause them."""
    if row is None:
        return
    count = [float(each.n_stars) for each in row.steps]
    chosen = (Mark("x", float(row.used), "chosen"),)
    values = rounded([each.zeropoint_mag for each in row.steps], 4)
    errors = rounded([each.error_mag for each in row.steps], 4)
    steps = rounded(count, 0)
    yield Plot(
        "Zeropoint against stars kept",
        "stars kept",
        "zeropoint (mag)",
        "Magnitude zeropoint as the worst stars are removed one by one",
        (Series("zeropoint", "line", steps, values, errors),),
        chosen,
    )
    chi2 = rounded([each.reduced_chi2 for each in row.steps], 3)
    yield Plot(
        "Reduced χ² against stars kept",
        "stars kept",
        "reduced χ²",
        "Reduced chi-squared as the worst stars are removed one by one",
        (Series("χ²", "line", steps, chi2),),
        (*chosen, Mark("y", 1.0, "1")),
    )
    causes: tuple[tuple[str, str, list[float]], ...] = (
        ("magnitude", f"{row.band} (mag)", [each.mag for each in stars]),
        ("colour", f"{colour or 'colour'} (mag)", [each.colour for each in stars]),
        ("x", "x (px)", [each.x for each in stars]),
        ("y", "y (px)", [each.y for each in stars]),
    )
    for name, label, places in causes:
        yield Plot(
            f"Residual against {name}",
            label,
            "catalog − measured (mag)",
            f"Residuals of the reference stars against {name}",
            tuple(_residuals(stars, places)),
            (Mark("y", 0.0, ""),),
            has_edge=True,
        )


def _residuals(stars: Sequence[ReferenceStar], places: Sequence[float]) -> Iterable[Series]:
    """Residuals of the stars that were used, and of the others."""
    for name, style, used in (("used", "used", True), ("not used", "rejected", False)):
        rows = [
            (place, star)
            for place, star in zip(places, stars, strict=True)
            if star.is_used == used and math.isfinite(place) and math.isfinite(star.residual_mag)
        ]
        if not rows:
            continue
        chosen = [star for _, star in rows]
        errors = [math.hypot(each.e_mag, each.instrumental_error_mag) for each in chosen]
        yield Series(
            name,
            style,
            rounded([place for place, _ in rows], 3),
            rounded([each.residual_mag for each in chosen], 4),
            rounded(errors, 4),
            keys=tuple(str(each.number) for each in chosen),
        )


# -- targets


def spot_view(spot: Spot, links: Links) -> SpotView:
    """A target on a frame, in words and with its cut-out."""
    point = spot.point
    return SpotView(
        Link(spot.name, links.target(spot.slug)),
        magnitude(point),
        f"rejected: {point.rejected}" if point.rejected else point.contamination,
        cutout_view(spot, links),
    )


def magnitude(point: TargetPoint) -> str:
    """Magnitude of a point in words."""
    if point.method == "limit":
        return f"{point.band} > {number(point.mag, 2)} (5σ)".strip()
    return f"{point.band} {with_error(point.mag, point.sig)}".strip()


def cutout_view(spot: Spot, links: Links) -> CutoutView | None:
    """Cut-out of a target."""
    cutout = spot.cutout
    if cutout is None:
        return None
    bar_px, bar_text = _cutout_bar(cutout, spot.point)
    name, frame = spot.name, spot.point.frame
    return CutoutView(
        src=links.file(cutout.file),
        side=cutout.side_px,
        alt=f"Surroundings of {name} on {frame}",
        cross=_cross(cutout),
        circle=_circle(cutout),
        bar=bar_px,
        bar_text=bar_text,
    )


def _circle(cutout: Cutout) -> tuple[str, str, str] | None:
    if cutout.measured is None or not cutout.radius_px > 0:
        return None
    return f"{cutout.measured[0]:.1f}", f"{cutout.measured[1]:.1f}", f"{cutout.radius_px:.1f}"


def _cross(cutout: Cutout) -> str:
    if cutout.predicted is None:
        return ""
    x, y, arm = *cutout.predicted, cutout.side_px / 18
    return f"M{x:.1f} {y:.1f}m{-arm:.1f} 0h{2 * arm:.1f}m{-arm:.1f} {-arm:.1f}v{2 * arm:.1f}"


def _cutout_bar(cutout: Cutout, point: TargetPoint) -> tuple[str, str]:
    scale = (
        point.aperture_radius_arcsec / point.aperture_radius_px if cutout.radius_px else math.nan
    )
    if not scale > 0:
        return "", ""
    arcsec, text = _round_angle(cutout.side_px * scale / 3)
    return f"{arcsec / scale:.1f}", text
