"""The verdict on top of the report: what is good, what needs a look, and what to try.

`RULES` is a table. Each rule looks at the numbers of a run and finds nothing, or one thing or
more to tell; its text and advice are filled with what was found.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from photpipe.report import causes, findings, origins, wording
from photpipe.report.findings import Finding
from photpipe.report.state import FrameState, State, TargetData
from photpipe.run.photometry_file import LIMIT


class Severity(enum.StrEnum):
    """How serious a verdict is."""

    BAD = "bad"
    LOOK = "look"
    NOTE = "note"
    GOOD = "good"

    @property
    def word(self) -> str:
        """What the pages call it."""
        return {"bad": "Problem", "look": "Needs a look", "note": "Note", "good": "Good"}[self]

    @property
    def rank(self) -> int:
        """Place in the list, most serious first."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    Parameters
    ----------
    name : str
        Short name; unique.
    severity : Severity
        How serious it is.
    section : str
        Part of the main page that shows more.
    find : callable
        Findings in a state.
    text, advice : str
        What it means, in plain words, and what to try; ``{...}`` are values of the finding.
    """

    name: str
    severity: Severity
    section: str
    find: Callable[[State], Iterable[Finding]]
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule that applies."""

    rule: str
    severity: Severity
    section: str
    text: str
    advice: str
    frames: tuple[FrameState, ...]
    target: TargetData | None


def judge(state: State) -> list[Verdict]:
    """All rules that apply, the most serious first."""
    verdicts = [
        Verdict(
            rule.name,
            rule.severity,
            rule.section,
            wording.sentence(rule.text.format(**found.values)),
            _advice(rule, found, state),
            found.frames,
            found.target,
        )
        for rule in RULES
        for found in rule.find(state)
    ]
    return sorted(verdicts, key=lambda verdict: verdict.severity.rank)


def _advice(rule: Rule, found: Finding, state: State) -> str:
    """What to try: the remedy for the cause where the cause is known, else that of the rule."""
    given = " ".join(str(found.values[name]) for name in _REASONS if name in found.values)
    return causes.remedy(given, state) or rule.advice.format(**found.values)


_REASONS = ("reason", "reasons", "note")

B, L, N, G = Severity.BAD, Severity.LOOK, Severity.NOTE, Severity.GOOD

RULES: tuple[Rule, ...] = (
    # -- runs
    Rule(
        "stopped",
        B,
        "stages",
        findings.records("failed"),
        "{command} stopped: {reason}",
        "LOG lists what it did before. Results of this and later steps shown here are older.",
    ),
    Rule(
        "interrupted",
        L,
        "stages",
        findings.records("interrupted"),
        "{command} was interrupted.",
        "Run it again; completed work is kept.",
    ),
    Rule(
        "running",
        N,
        "stages",
        findings.records("running"),
        "{command} has been running since {started}, or was killed.",
        "Reload the page when it is done.",
    ),
    Rule(
        "outdated",
        L,
        "stages",
        findings.outdated,
        "The results of {command} are older than those of {newer}.",
        "Run {command} and the later steps again, or pp_run for all of them.",
    ),
    Rule(
        "unfinished",
        N,
        "stages",
        findings.run(findings.unfinished),
        "{missing} {have} not been run.",
        "The corresponding sections are empty; pp_run runs all steps.",
    ),
    Rule(
        "unreadable",
        L,
        "stages",
        findings.unreadable,
        "{remark}",
        "Repair or remove the file, or run the command that writes it again.",
    ),
    # -- preparation
    Rule(
        "nothing prepared",
        B,
        "frames",
        findings.failed("pp_prepare", "facts", everywhere=True),
        "no frame could be prepared: {reason}",
        "Run toolbox.py on a frame to see how its header is read.",
    ),
    Rule(
        "not prepared",
        L,
        "frames",
        findings.failed("pp_prepare", "facts", everywhere=False),
        "{which} {were} not prepared: {reason}",
        "Run toolbox.py on the frame to see how its header is read.",
    ),
    Rule(
        "several objects",
        N,
        "frames",
        findings.run(findings.several_objects),
        "the headers name several objects: {names}.",
        "Each target is measured on its own frames; -target sets one for all.",
    ),
    Rule(
        "doubtful time",
        L,
        "frames",
        findings.on_frames("facts", lambda each, *_: each.time_remarks, findings.time_remarks),
        "the time of {which} is doubtful: {remarks}.",
        "A wrong time affects ephemerides, light-time corrections and proper motions. "
        "Correct the header cards, or set date_keyword in setup/mytelescopes.py.",
    ),
    Rule(
        "header guessed",
        N,
        "origins",
        findings.run(origins.guessed),
        "guessed, or contradicted, in the headers: {facts}.",
        "The section 'Origin of the header values' lists each. An option of pp_run settles it: "
        "-filter, -site, -observatory, -ra -dec, -exptime, -secpix, -date_keyword.",
    ),
    Rule(
        "no site",
        L,
        "origins",
        findings.each(origins.without_site),
        "the observing site is not known: positions of {target} are predicted for the "
        "centre of the Earth, wrong by up to {parallax}″ at its distance of {distance} au.",
        "Give the place with -site LON,LAT,ALT, or its code with -observatory.",
    ),
    Rule(
        "high airmass",
        N,
        "frames",
        findings.on_frames("facts", lambda each, *_: each.airmass > findings.LARGEST_AIRMASS),
        "{which} {are} at an airmass above 2.5.",
        "Colour-dependent extinction matters there: a zeropoint from stars of solar colour "
        "(-solar) helps.",
    ),
    # -- registration
    Rule(
        "nothing registered",
        B,
        "registration",
        findings.failed("pp_register", "registered", everywhere=True),
        "no frame is registered: {reason}",
        "Without positions nothing can be calibrated. Check that the images show round stars; "
        "give the pointing with pp_prepare -ra -dec, the orientation with -flipx, -flipy, -rotate.",
    ),
    Rule(
        "not registered",
        B,
        "registration",
        findings.failed("pp_register", "registered", everywhere=False),
        "{which} {were} not registered: {reason}",
        "Clouds, trailed stars or a wrong pointing: look at the frames. pp_register -snr 2 finds "
        "more sources, -cat takes another catalog.",
    ),
    Rule(
        "low contrast",
        L,
        "registration",
        findings.on_frames("registered", findings.low_contrast),
        "SCAMP's contrasts are low on {which}.",
        "The match was confirmed star by star; check on the frame page that the circles coincide "
        "with stars.",
    ),
    Rule(
        "rough positions",
        L,
        "registration",
        findings.on_frames(
            "registered",
            lambda each, *_: (
                each.rms_arcsec
                > max(
                    findings.LARGEST_RMS_ARCSEC, findings.LARGEST_RMS_PX * each.pixel_scale_arcsec
                )
            ),
            findings.largest_rms,
        ),
        "positions on {which} are uncertain by up to {rms}″ (rms).",
        "Few stars, trailed images or strong distortion; the target may be missed. Try "
        "pp_register -snr 3 or -cat GAIA.",
    ),
    Rule(
        "few matched",
        L,
        "registration",
        findings.on_frames(
            "registered", lambda each, *_: 0 < each.matched < findings.FEWEST_MATCHED
        ),
        "fewer than 8 catalog stars support the solution of {which}.",
        "Check the circles on the frame pages; pp_register -snr 2 finds more sources.",
    ),
    Rule(
        "pixel scale",
        L,
        "registration",
        findings.on_frames("registered", findings.scale_is_wrong),
        "the pixel scale of {which} differs by more than 2 % from that of the telescope's entry.",
        "A wrong telescope or binning? Correct secpix in setup/mytelescopes.py.",
    ),
    Rule(
        "header off",
        N,
        "registration",
        findings.on_frames("registered", findings.header_far_off, findings.largest_offset),
        "the pointing in the headers of {which} was wrong by more than half a field (up to "
        "{offset}′).",
        "Solved nevertheless. Check the clock and the pointing model of the telescope.",
    ),
    Rule(
        "several catalogs",
        N,
        "registration",
        findings.run(findings.several_catalogs),
        "the frames are registered with different catalogs: {catalogs}.",
        "Positions may differ by some hundredths of an arcsecond; pp_register -cat GAIA makes "
        "them alike.",
    ),
    # -- photometry
    Rule(
        "nothing measured",
        B,
        "photometry",
        findings.failed("pp_photometry", "measured", everywhere=True),
        "no frame could be measured: {reason}",
        "LOG has the messages of Source Extractor.",
    ),
    Rule(
        "not measured",
        L,
        "photometry",
        findings.failed("pp_photometry", "measured", everywhere=False),
        "{which} {were} not measured: {reason}",
        "LOG has the messages of Source Extractor.",
    ),
    Rule(
        "narrow aperture",
        L,
        "photometry",
        findings.on_frames("measured", findings.narrow_aperture),
        "the aperture is narrower than the stars on {which}.",
        "Seeing or focus changed. Exclude these frames, or use a larger aperture with -aprad.",
    ),
    Rule(
        "seeing varies",
        L,
        "photometry",
        findings.run(findings.seeing_varies),
        "the seeing varies from {low}″ to {high}″.",
        "The zeropoints correct for this for stars; a trailed target or a comet loses more or less "
        "flux than the stars do. A larger aperture (-aprad) reduces this.",
    ),
    Rule(
        "no curve of growth",
        L,
        "photometry",
        findings.run(findings.no_curve),
        "{reason}.",
        "Too few isolated stars. Set the aperture with pp_photometry -aprad.",
    ),
    Rule(
        "trailed",
        L,
        "photometry",
        findings.run(findings.trailed),
        "target and stars differ by {difference} % in the flux that the aperture encloses.",
        "The target is trailed, active or has a neighbour; its magnitude is in error by as much. "
        "Try a larger aperture with -aprad.",
    ),
    Rule(
        "aperture at the end",
        N,
        "photometry",
        findings.run(findings.aperture_at_the_end),
        "the aperture is the {word} that was tried.",
        "Widen aprad_range in the telescope's entry, or give -aprad.",
    ),
    Rule(
        "no PSF",
        L,
        "photometry",
        findings.run(findings.no_psf),
        "the stars are crowded ({why}), but too few of them are isolated for a point-spread "
        "function on {which}: they are measured in apertures.",
        "Neighbours change magnitudes there; use better seeing, or give -aperture to hide this.",
    ),
    Rule(
        "uneven PSF",
        L,
        "photometry",
        findings.run(findings.uneven_psf),
        "the stars are crowded ({why}), but no point-spread function describes them ({lack}): they "
        "are measured in apertures, and neighbours change magnitudes.",
        "Trailed stars and bad guiding do this; -psf fits it anyway.",
    ),
    Rule(
        "crowded apertures",
        N,
        "photometry",
        findings.run(findings.crowded_apertures),
        "the stars are crowded ({density} per area of the aperture, the limit is {limit}) and are "
        "measured in apertures, as requested with -{wish}.",
        "Without -{wish}, the point-spread function is fitted to all stars at once.",
    ),
    Rule(
        "few curves",
        N,
        "photometry",
        findings.run(findings.few_curves),
        "the curve of growth is based on only {stars}.",
        "Check that it is smooth.",
    ),
    Rule(
        "no gain",
        L,
        "photometry",
        findings.on_frames("measured", lambda each, *_: each.gain_from == "none"),
        "the gain of {which} is unknown: errors of bright sources are too small.",
        "Add the gain to the telescope's entry in setup/mytelescopes.py.",
    ),
    Rule(
        "target missed",
        L,
        "photometry",
        findings.run(findings.target_missed),
        "{target} was not detected on {which} when the aperture was chosen.",
        "It is fainter than the detection limit, blended, or elsewhere; pp_photometry -snr 1.5 "
        "finds fainter sources. pp_distill measures at the predicted position.",
    ),
    # -- calibration
    Rule(
        "another band",
        L,
        "calibration",
        findings.each(findings.other_bands),
        "the stars behave like {nearest}, not like {band}: in {band} {slope} mag per mag of "
        "{colour} are left, in {nearest} {nearest_slope}.",
        "The header may name the wrong filter, or none was in the beam; clear frames behave like "
        "G. Name the band with -filter {nearest}, or take the colours into account with "
        "-colorterm.",
    ),
    Rule(
        "instrumental",
        N,
        "calibration",
        findings.run(findings.instrumental_by_wish),
        "the magnitudes are instrumental, as requested.",
        "They compare sources on one frame only. pp_calibrate without -instrumental finds "
        "zeropoints.",
    ),
    Rule(
        "calibration failed",
        B,
        "calibration",
        findings.failed("pp_calibrate", "calibrated", everywhere=True),
        "no frame has a database: {reason}",
        "See LOG for details.",
    ),
    Rule(
        "calibration failed on some",
        L,
        "calibration",
        findings.failed("pp_calibrate", "calibrated", everywhere=False),
        "{which} {were} not calibrated: {reason}",
        "See LOG for details.",
    ),
    Rule(
        "no zeropoint",
        B,
        "calibration",
        findings.uncalibrated(everywhere=True),
        "no frame has a zeropoint: {note}",
        "Try another catalog with pp_calibrate -cat, name the band with -filter, or lower "
        "-minstars.",
    ),
    Rule(
        "some without zeropoint",
        L,
        "calibration",
        findings.uncalibrated(everywhere=False),
        "{which} {have} no zeropoint: {note}",
        "Their magnitudes are instrumental; clouds, or too few stars: "
        "pp_calibrate -cat, -minstars.",
    ),
    Rule(
        "clouds",
        L,
        "calibration",
        findings.clouds,
        "the zeropoint of {which} is below the median by up to {drop} mag.",
        "Clouds, dew or a wrong exposure time. The calibration corrects for uniform clouds; patchy "
        "ones leave scatter.",
    ),
    Rule(
        "zeropoint varies",
        N,
        "calibration",
        findings.run(findings.zeropoint_varies),
        "the zeropoint varies by {range} mag ({cause}).",
        "Each frame is corrected by its own zeropoint; the control star shows whether that is "
        "enough.",
    ),
    Rule(
        "few stars",
        L,
        "calibration",
        findings.on_frames(
            "calibrated",
            lambda each, *_: each.is_calibrated and 0 < each.used < findings.FEWEST_STARS,
        ),
        "the zeropoint of {which} is based on fewer than 5 stars.",
        "A single variable star would bias it. A deeper catalog (pp_calibrate -cat PANSTARRS) may "
        "have more.",
    ),
    Rule(
        "uncertain zeropoint",
        L,
        "calibration",
        findings.on_frames(
            "calibrated",
            lambda each, *_: each.zeropoint_sigma_mag > findings.LARGEST_ZEROPOINT_ERROR_MAG,
        ),
        "the zeropoint of {which} is uncertain by more than 0.05 mag.",
        "It limits the magnitudes of the target; see the residuals on the frame pages.",
    ),
    Rule(
        "large chi2",
        L,
        "calibration",
        findings.on_frames(
            "calibrated", lambda each, *_: each.reduced_chi2 > findings.LARGEST_CHI2
        ),
        "the reference stars of {which} scatter more than their errors allow (reduced χ² above 3).",
        "Flat field, saturation, or a band that differs from the catalog's: look for a trend with "
        "position, magnitude or colour; try -colorterm or -spatial.",
    ),
    Rule(
        "other catalogs failed",
        N,
        "calibration",
        findings.earlier_catalogs,
        "{catalog} was used; other catalogs were not usable ({remarks}).",
    ),
    Rule(
        "repeatability",
        L,
        "calibration",
        findings.field_values(findings.repeatability),
        "constant stars scatter by {scatter} mag from frame to frame beyond their errors.",
        "Flat field, patchy clouds or an aperture that loses flux. This is part of the "
        "errors quoted.",
    ),
    Rule(
        "uneven field",
        L,
        "calibration",
        findings.field_values(findings.unevenness),
        "magnitudes differ by {scatter} mag (rms) across the field.",
        "Flat field, or stars that are wider in the corners: see the residuals against x and y; "
        "try -spatial, or a wider aperture. This is part of the errors quoted.",
    ),
    Rule(
        "variable stars",
        N,
        "calibration",
        findings.field_values(findings.variables),
        "{stars} left out as variable: {names}.",
    ),
    # -- results
    Rule(
        "no target",
        B,
        "results",
        findings.run(findings.nothing_measured),
        "no target was measured: {reasons}",
        "Give the name with -target, a list with -positions, or a fixed position with "
        "-fixedtargets.",
    ),
    Rule(
        "search failed",
        L,
        "results",
        findings.search_failed,
        "{what}: {reason}",
        "See LOG for details.",
    ),
    Rule(
        "never measured",
        B,
        "results",
        findings.on_targets(findings.never_measured),
        "{target} has no usable magnitude on {points}.",
        "Check the cut-outs: is it at the cross? Stack the frames with pp_stackedphotometry "
        "-comoving.",
    ),
    Rule(
        "limits",
        L,
        "results",
        findings.on_points(lambda each: each.method == LIMIT and not each.rejected),
        "{target} is not detected on {which}: these are upper limits.",
        "Clouds, a blended or fainter target; pp_stackedphotometry -comoving goes deeper.",
    ),
    Rule(
        "passes a star",
        L,
        "results",
        findings.on_points(findings.is_spoiled, findings.passes_a_star),
        "{target} passes {star} on frames {numbers}, which changes its magnitude {change}.",
        "Look at the cut-outs and click on affected points in the light curve to reject them.",
    ),
    Rule(
        "contaminated",
        L,
        "results",
        findings.on_points(findings.is_kept_out, findings.passes_a_star),
        "{target} passes {star} on frames {numbers}, which changes its magnitude {change}: these "
        "points are left out.",
        "Look at the cut-outs; pp_distill -keep_contaminated uses the points nevertheless.",
    ),
    Rule(
        "affected on a frame",
        L,
        "results",
        findings.on_points(findings.is_defective, findings.defects),
        "{target} is affected by {what} on frames {numbers}, by up to {change} mag: these points "
        "are left out.",
        "Satellites, airplanes, cosmic rays and bleeding stars do that; look at the cut-outs. "
        "pp_distill -keep_contaminated uses the points nevertheless.",
    ),
    Rule(
        "brighter",
        L,
        "results",
        findings.on_points(findings.is_brighter, findings.brightest),
        "{target} is brighter than its median by up to {excess} mag on frames {numbers}.",
        "A star that no catalog has, a cosmic ray, or the target itself: look at the cut-outs and "
        "click on affected points in the light curve to reject them.",
    ),
    Rule(
        "brighter than predicted",
        L,
        "results",
        findings.on_points(findings.is_unexpected, findings.brightest),
        "{target} is {excess} mag brighter than predicted on frames {numbers}, more than uncertain "
        "H magnitudes and rotation explain.",
        "A star that stands with it on all frames and is in no catalog may be in its aperture: "
        "look at the cut-outs, and at images of the place from another night.",
    ),
    Rule(
        "wider than stars",
        L,
        "results",
        findings.on_points(findings.is_wide, findings.width),
        "{target} is {wide} on frames {numbers}.",
        "A galaxy or star that no catalog lists may stand with it on all frames, and change its "
        "magnitude by some 0.1 mag, or it has a coma: look at the cut-outs, and at images of the "
        "place from another night.",
    ),
    Rule(
        "far from prediction",
        L,
        "results",
        findings.on_targets(findings.far_from_prediction),
        "{target} was measured {distance}″ from its predicted position.",
        "Is it the right source? Check the cut-outs, the clock and the observatory code; "
        "-offset shifts the prediction.",
    ),
    Rule(
        "elsewhere",
        L,
        "results",
        findings.on_targets(findings.elsewhere),
        "{target}: {where}.",
        "It should be visible. Check the clock, the observatory code and the name; look at the "
        "cut-outs. Astrometry of such a night helps to improve its orbit.",
    ),
    Rule(
        "clock",
        L,
        "results",
        findings.run(findings.clock_off),
        "the times of the frames are {seconds} ± {error} s too {early}, say {bodies}{causes}.",
        "Times in files and reports are those of the headers. Set the clock for nights to come; "
        "what a header means by its time, date_keyword in setup/mytelescopes.py can say.",
    ),
    Rule(
        "restless",
        L,
        "results",
        findings.on_targets(findings.restless),
        "the position of {target} scatters by {spread}″ about the prediction.",
        "Noise or neighbouring sources may have been measured; check the cut-outs.",
    ),
    Rule(
        "saturated",
        L,
        "results",
        findings.on_points(
            lambda each: not each.rejected and bool(each.flags & findings.SATURATED)
        ),
        "{target} is saturated on {which}.",
        "Its magnitude there is a lower limit of its brightness; expose shorter.",
    ),
    Rule(
        "truncated",
        L,
        "results",
        findings.on_points(
            lambda each: not each.rejected and bool(each.flags & findings.TRUNCATED)
        ),
        "{target} is truncated by the edge of the frame on {which}.",
        "Reject these points.",
    ),
    Rule(
        "wide",
        N,
        "results",
        findings.on_targets(findings.wide),
        "{target} is {ratio} times as wide as the stars.",
        "Trailed, a comet, or blended: the aperture encloses a smaller fraction of its flux than "
        "of the stars'.",
    ),
    Rule(
        "faint",
        N,
        "results",
        findings.on_targets(findings.faint),
        "{target} is faint: signal-to-noise ratio {snr}.",
        "pp_stackedphotometry -comoving goes deeper by stacking.",
    ),
    Rule(
        "rejected",
        N,
        "results",
        findings.on_points(findings.is_rejected, findings.rejected),
        "measurements of {target} are rejected on {which}: {reasons}.",
        "The light curve shows them as crosses.",
    ),
    Rule(
        "control star varies",
        L,
        "results",
        findings.control_star(varies=True),
        "the control star scatters by {scatter} mag, {times} times its errors.",
        "It should be constant. If the star itself is variable, nothing is wrong; otherwise the "
        "target is equally uncertain.",
    ),
    Rule(
        "no control star",
        N,
        "results",
        findings.run(findings.no_control_star),
        "no star in the field is suitable as a control star.",
        "The consistency of the calibration is not checked by an independent star.",
    ),
    # -- good news
    Rule(
        "registered",
        G,
        "registration",
        findings.run(findings.all_registered),
        "{which} {were} registered with {catalogs}; typical rms {rms}″.",
    ),
    Rule(
        "crowded",
        G,
        "photometry",
        findings.run(findings.crowded),
        "the stars are crowded ({why}): the point-spread function was fitted to all stars of "
        "{frames} at once, which found {found}.",
    ),
    Rule(
        "aperture",
        G,
        "photometry",
        findings.run(findings.good_aperture),
        "aperture radius {radius} px, from the curves of growth of {by} ({stars}).",
    ),
    Rule(
        "calibrated",
        G,
        "calibration",
        findings.run(findings.all_calibrated),
        "{which} {have} a zeropoint from {catalog}: {zeropoint} mag, typical error {error} mag "
        "from {stars} stars.",
    ),
    Rule(
        "control star constant",
        G,
        "results",
        findings.control_star(varies=False),
        "the control star is constant to within {scatter} mag on {points}.",
    ),
    Rule(
        "measured",
        G,
        "results",
        findings.on_targets(findings.measured),
        "{target}: {band} = {mag} mag{system}, typical error {error} mag, range {range} mag, on "
        "{points}.",
    ),
)
