"""Prepare images: read who took them, where and when, and write a starting WCS."""

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground import files
from photpipe.ground.errors import ConfigError, FrameError
from photpipe.ground.log import FRAME
from photpipe.instruments.cameras.table import PATTERNS
from photpipe.run import kinds
from photpipe.run.options import FILTER, TARGET, TELESCOPE, Option
from photpipe.run.results import FrameFailure, PreparedFrame, PrepareResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.fits.cards import Card
    from photpipe.fits.fitsfile import Hdu
    from photpipe.prepare.preparation import Overrides
    from photpipe.prepare.recognition import Recognition

log = logging.getLogger("pp_prepare")

SAMPLED_ROW = 64  # one in so many rows tells of nearly every frame that its pixels differ


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """What the user may say."""

    ra: float | str | None = Option(
        "right ascension of the frame centre: degrees, hours as hh:mm:ss, or a card",
        kinds.right_ascension,
        "DEG",
    ).field(None)
    dec: float | str | None = Option(
        "declination of the frame centre: degrees, or a card", kinds.declination, "DEG"
    ).field(None)
    flipx: bool = Option("flip the x axis relative to the telescope's entry").field(False)
    flipy: bool = Option("flip the y axis relative to the telescope's entry").field(False)
    rotate: float = Option(
        "angle (east of north) added to that of the telescope's entry", kinds.finite, "DEG"
    ).field(0.0)
    target: str | None = TARGET.field(None)
    keep_wcs: bool = Option("keep the WCS of the header").field(False)
    secpix: str | None = Option(
        "scale of the unbinned pixels of a camera without an entry, in arcsec; two for x and y, "
        "or a card",
        kinds.text,
        "ARCSEC",
    ).field(None)
    binning: str | None = Option(
        "binning of a camera without an entry: 2, or 2,2, or a card", kinds.text, "N"
    ).field(None)
    filter: str | None = FILTER.field(None)
    date_keyword: str | None = Option(
        "cards of date and time of a camera without an entry", kinds.text, "CARD[|CARD]"
    ).field(None)
    exptime: float | str | None = Option(
        "exposure time of a camera without an entry, or its card", kinds.positive_or_card, "S"
    ).field(None)
    site: str | None = Option(
        "position of the telescope: longitude (east) and latitude in degrees, elevation in metres",
        kinds.text,
        "LON,LAT,ALT",
    ).field(None)
    observatory: str | None = Option("MPC code of the observatory", kinds.text, "CODE").field(None)
    mosaic: str | None = Option(
        "colours of the first two rows of a colour camera whose header does not give them",
        kinds.text,
        choices=PATTERNS,
    ).field(None)
    restore: bool = Option("restore the original headers, byte for byte").field(False, in_run=None)
    dry_run: bool = Option("print what would change without changing anything").field(
        False, in_run=None
    )
    telescope: str | None = TELESCOPE.field(None)


def prepare(
    paths: Sequence[Path],
    options: PrepareOptions,
    workspace: Workspace,
    *,
    needs_bands: bool = True,
) -> PrepareResult:
    """Prepare frames for the stages that follow.

    **Reads** the images. **Writes** their headers, in place and never half; the header that a
    frame came with is kept in ``.diagnostics/pristine``. Compressed files, files with several
    detectors and frames whose edges have to be cut off stay as they are: plain frames are
    written beside them; so are the planes of colour images. Pixels are never changed.

    Parameters
    ----------
    paths : sequence of Path
        Images; compressed or with extensions if need be.
    options : PrepareOptions
        What the user says.
    workspace : Workspace
        How many frames are worked on side by side.
    needs_bands : bool
        Whether to say of filters that nobody knows.

    Raises
    ------
    ConfigError
        If the options contradict each other or the telescope is unknown.
    """
    from photpipe.fits import fitsfile
    from photpipe.instruments import telescopes
    from photpipe.instruments.cameras.reader import Told
    from photpipe.prepare.recognition import Recognition

    _check(options)
    named = telescopes.by_keyword(options.telescope) if options.telescope else None
    if not options.dry_run:
        kept = workspace.directory / fitsfile.PRISTINE_FOLDER
        for folder in (workspace.directory, kept, workspace.state_directory):
            files.sweep(folder)
    unique = list(dict.fromkeys(paths))
    if options.restore:
        result = _restored(unique, options, workspace)
    else:
        told = Told(**{each.name: getattr(options, each.name) for each in fields(Told)})
        result = _prepared(unique, options, Recognition(named, told), workspace)
        if needs_bands:
            _tell_filters(result.frames)
    if not options.dry_run:
        workspace.save(result)
    return result


def _check(options: PrepareOptions) -> None:
    """Refuse options that contradict each other.

    Raises
    ------
    ConfigError
        Which ones, and what to do.
    """
    if (options.ra is None) != (options.dec is None):
        given, lacking = ("-ra", "-dec") if options.dec is None else ("-dec", "-ra")
        raise ConfigError(f"{given} without {lacking}: give both, or none")
    turned = options.flipx or options.flipy or options.rotate or options.ra is not None
    if options.keep_wcs and turned:
        raise ConfigError("-keep_wcs keeps pointing and orientation; leave out -ra -dec -flip...")
    if options.restore and (turned or options.keep_wcs or options.target):
        raise ConfigError("-restore puts back what was there before; it takes no other option")


def _restored(
    paths: Sequence[Path], options: PrepareOptions, workspace: Workspace
) -> PrepareResult:
    """Put headers back."""
    from photpipe.fits import fitsfile

    def one(path: Path) -> str:
        if options.dry_run:
            kept = fitsfile.pristine_cards(path, fitsfile.read_primary(path).cards)
            log.info("%s: %s", path.name, "would be restored" if kept else "nothing to restore")
        elif fitsfile.restore(path):
            log.info("%s: restored", path.name)
        else:
            log.info("%s: was never changed, nothing to restore", path.name)
        return path.name

    restored, failed = workspace.map_frames(one, paths, "restore")
    return PrepareResult((), tuple(failed), tuple(restored))


@dataclass(frozen=True, slots=True)
class _Job:
    """A plain frame and the file it was named by."""

    path: Path
    source: str

    @property
    def name(self) -> str:
        """File name of the frame."""
        return self.path.name


def _prepared(
    paths: Sequence[Path], options: PrepareOptions, known: "Recognition", workspace: Workspace
) -> PrepareResult:
    """Unpack what has to be unpacked, then prepare all frames side by side."""
    from photpipe.fits.copies import told_without_copies
    from photpipe.fits.unpack import plain_frames
    from photpipe.instruments.kinds_of_frames import sky_frames
    from photpipe.prepare import exposures, preparation

    unpacked, failed = workspace.map_frames(
        lambda path: (path, plain_frames(path, write=not options.dry_run)), paths, "unpack"
    )
    jobs: dict[Path, _Job] = {}
    for path, plain in unpacked:
        for each in plain:
            if each.exists():
                jobs.setdefault(each, _Job(each, path.name))
            else:  # a dry run
                log.info("%s: would be unpacked into %s", path.name, each.name)
    kept, left_out = sky_frames(list(jobs))
    if left_out:
        log.info("excluded according to their headers: %s", left_out)
    kept = told_without_copies(kept)
    jobs = {path: job for path, job in jobs.items() if path in kept and not _follows(job, jobs)}
    jobs, broken = _taken_apart(jobs, known, workspace, write=not options.dry_run)
    failed += broken
    owners = {path.with_suffix(".ldac"): path for path in reversed(jobs)}
    overrides = preparation.Overrides(
        flipx=options.flipx,
        flipy=options.flipy,
        rotate=options.rotate,
        target=options.target,
        keep_wcs=options.keep_wcs,
    )

    def one(job: _Job) -> PreparedFrame:
        owner = owners[job.path.with_suffix(".ldac")]
        if owner != job.path:
            reason = f"its catalog would replace that of {owner.name}; rename one of them"
            raise FrameError(job.name, reason)
        return _prepare_one(job, overrides, known, write=not options.dry_run)

    frames, unprepared = workspace.map_frames(one, list(jobs.values()), "prepare")
    frames = exposures.compared(frames)
    _tell((each.frame, remark) for each in frames for remark in each.notes)
    _tell((each.frame, remark) for each in frames for remark in each.time_remarks)
    return PrepareResult(tuple(frames), (*failed, *unprepared))


def _taken_apart(
    jobs: Mapping[Path, _Job], known: "Recognition", workspace: Workspace, *, write: bool
) -> tuple[dict[Path, _Job], list[FrameFailure]]:
    """Frames with the planes of colour images in the place of these, and those that failed."""

    def one(job: _Job) -> tuple[_Job, ...]:
        planes = _planes(job.path, known, write=write)
        missing = [each.name for each in planes if not each.exists()]
        if missing:  # a dry run
            log.info("%s: would be taken apart into %s", job.name, " ".join(missing))
        return tuple(_Job(each, job.source) for each in planes if each.exists())

    taken, failed = workspace.map_frames(one, list(jobs.values()), "colours")
    apart: dict[Path, _Job] = {}
    for each in itertools.chain.from_iterable(taken):
        apart.setdefault(each.path, each)
    return apart, failed


def _planes(path: Path, known: "Recognition", *, write: bool) -> tuple[Path, ...]:
    """Planes of a colour image; any other frame as it is.

    Raises
    ------
    FrameError
        If it is a cube of an instrument with an entry.
    """
    from photpipe.fits.cards import to_header
    from photpipe.fits.fitsfile import read_primary
    from photpipe.prepare import colours

    hdu = read_primary(path)
    if not known.may_have_several(hdu.cards):
        return (path,)
    header = to_header(hdu.cards)
    facts = known.colours(hdu.cards, header, path.name)
    if facts is not None:
        return colours.planes_of(path, hdu, facts, write=write)
    if len(hdu.shape) > 2 and known.has_entry(hdu.cards, header, path.name):
        reason = f"a cube of {hdu.shape[0]} images; split it into frames and prepare those"
        raise FrameError(path.name, reason)
    return (path,)


def _tell_filters(frames: Sequence[PreparedFrame]) -> None:
    """Say of filters that nobody knows, before any work."""
    _tell((each.frame, each.unknown_filter) for each in frames if each.unknown_filter)


def _tell(remarks: Iterable[tuple[str, str]]) -> None:
    """Say what is to say of frames, each cause in one line."""
    by_remark: dict[str, list[str]] = {}
    for name, remark in remarks:
        by_remark.setdefault(remark, []).append(name)
    for remark, names in by_remark.items():
        log.warning("%s: %s", names[0] if len(names) == 1 else f"{len(names)} frames", remark)


def _follows(job: _Job, jobs: Mapping[Path, _Job]) -> bool:
    """Whether a frame is the trimmed one of another that is prepared too, and comes with it."""
    from photpipe.fits.fitsfile import read_primary
    from photpipe.fits.unpack import TRIM_KEYWORD, source_name

    if not job.path.stem.endswith("_trim"):
        return False
    try:
        cards = read_primary(job.path).cards
    except FrameError:  # told when it is prepared
        return False
    is_trimmed, source = any(card.keyword == TRIM_KEYWORD for card in cards), source_name(cards)
    return is_trimmed and bool(source) and job.path.with_name(source) in jobs


def _prepare_one(
    job: _Job, overrides: "Overrides", known: "Recognition", *, write: bool
) -> PreparedFrame:
    """Prepare one plain frame.

    Raises
    ------
    FrameError, HeaderError, ConfigError
        Why it cannot be prepared.
    """
    from photpipe.fits import fitsfile
    from photpipe.fits.cards import to_header
    from photpipe.fits.unpack import trimmed
    from photpipe.prepare import preparation

    path = job.path
    hdu, frame_facts = _read(path, overrides)
    header = to_header(frame_facts)
    recognised = known.of(hdu.cards, header, path.name, fitsfile.stored_pixels(path, hdu))
    telescope = recognised.telescope
    if telescope.trim_px:
        path = trimmed(path, telescope.trim_px, write=write)
        if not path.exists():  # a dry run
            log.info("%s: its edges would be cut off, in %s", job.name, path.name)
        elif path != job.path:
            hdu, frame_facts = _read(path, overrides)
            header = to_header(frame_facts)
    _check_pixels(path if path.exists() else job.path, hdu)
    centre = known.centre(header)
    if centre is not None:
        overrides = replace(overrides, ra=centre[0], dec=centre[1])
    cards, outcome = preparation.prepared(
        path, job.source, frame_facts, header, telescope, overrides
    )
    cards += [card for card in hdu.cards if card.keyword == fitsfile.PRISTINE_KEYWORD]
    if not write:
        _tell_changes(path.name, hdu.cards, cards)
        return replace(outcome, facts=recognised.facts)
    written = fitsfile.write_cards(path, hdu, cards)
    what = "prepared" if written else "was already prepared in the same way"
    log.info(
        "%s: %s for %s: %s, %s, %g s at JD %.5f, RA %.5f Dec %+.5f",
        *(path.name, what, outcome.telescope, outcome.object_name or "no object"),
        *(outcome.filter_name or "no filter", outcome.exptime_s, outcome.midtime_jd),
        *(outcome.ra_deg, outcome.dec_deg),
        extra=FRAME,
    )
    return replace(outcome, changed=written, facts=recognised.facts)


def _read(path: Path, overrides: "Overrides") -> "tuple[Hdu, list[Card]]":
    """Header of a frame as it is, and the cards to read it by."""
    from photpipe.fits import fitsfile
    from photpipe.prepare import preparation

    hdu = fitsfile.read_primary(path)
    pristine = fitsfile.pristine_cards(path, hdu.cards)
    return hdu, preparation.facts(hdu.cards, pristine, keep_wcs=overrides.keep_wcs)


def _check_pixels(path: Path, hdu: "Hdu") -> None:
    """Refuse an image that holds nothing.

    Raises
    ------
    FrameError
        If all pixels are NaN, or all are equal.
    """
    import numpy as np

    from photpipe.fits.pixels import plane_of

    plane, low, high = plane_of(path, hdu), np.inf, -np.inf
    few = plane.part(slice(None, None, SAMPLED_ROW), slice(None))
    few = few[np.isfinite(few)]
    if few.size and few.min() < few.max():
        return
    for block in plane.blocks():
        finite = block[np.isfinite(block)]
        if finite.size:
            low, high = min(low, finite.min()), max(high, finite.max())
        if low < high:
            return
    reason = "all pixels have the same value" if low == high else "all pixels are NaN"
    raise FrameError(path.name, f"{reason}: there is nothing to measure; leave it out")


def _tell_changes(name: str, old: "Sequence[Card]", new: "Sequence[Card]") -> None:
    """Say what preparing a frame would do to its header."""
    before, after = ({card.keyword: _value(card) for card in cards} for cards in (old, new))
    keywords = dict.fromkeys([*before, *after])
    changes = [each for each in keywords if before.get(each) != after.get(each)]
    for each in changes:
        was = before.get(each, "missing")
        log.info("%s: %s: %s -> %s", name, each, was, after.get(each, "removed"))
    if not changes:
        log.info("%s: nothing would change", name)


def _value(card: "Card") -> str:
    return card.image[10:80].decode().partition(" / ")[0].strip()
