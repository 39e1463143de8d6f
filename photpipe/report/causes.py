"""Causes behind the reasons that stages give, and the remedy for each.

A verdict names what is wrong; what helps depends on why. `CAUSES` is a table: the first row whose
pattern is found in a reason, and which applies to the run, gives the advice of the verdict instead
of the rule's own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from photpipe.report.state import State


def _always(_state: State) -> bool:
    return True


def _telescope_was_named(state: State) -> bool:
    """Whether the user named the telescope instead of having it recognised."""
    return any("-telescope" in each.arguments.split() for each in state.history.records)


@dataclass(frozen=True, slots=True)
class Cause:
    """One row of the table.

    Parameters
    ----------
    name : str
        Short name; unique.
    pattern : str
        Regular expression that is found in the reasons of this cause, whatever the case.
    remedy : str
        What to do.
    applies : callable
        Whether the row applies to a run.
    """

    name: str
    pattern: str
    remedy: str
    applies: Callable[[State], bool] = _always


CAUSES: tuple[Cause, ...] = (
    Cause(
        "not cached",
        r"not in the cache|-offline is set",
        "Run it again without -offline, or fill the cache with catalog.py prefetch while online.",
    ),
    Cause(
        "no network",
        r"host unknown|network unreachable|is this computer online|no connection within|"
        r"no secure connection|network is unreachable",
        "No service could be reached. Check the network connection and run the same command again; "
        "for a night without network fill the cache with catalog.py prefetch.",
    ),
    Cause(
        "service down",
        r"no response for|no complete answer|HTTP 5\d\d|reset by peer|try again later|truncated: "
        r"answer|answer cut off|a web page instead of data",
        "The service did not answer properly. Run the same command again later; what was fetched "
        "is kept.",
    ),
    Cause(
        "unknown target",
        r"not a known Solar System object|not known to JPL Horizons|ambiguous name",
        "Correct the name with -target NAME; for a star give a list with -fixedtargets FILE.",
    ),
    Cause(
        "target outside",
        r"it lies on none of the frames|arcmin \w+ of their middle",
        "The frames do not cover its predicted position: check target name, observatory code, the "
        "times and the pointing in the headers.",
    ),
    Cause(
        "no target named",
        r"no header names a target|no target$",
        "Name the target with -target NAME, a list with -positions, or fixed positions with "
        "-fixedtargets.",
    ),
    Cause(
        "no such band",
        r"there is no such band",
        "Give a band that catalog.py -list shows, for example -filter R, V, g or clear.",
    ),
    Cause(
        "no band",
        r"filter has no band in any catalog|headers name no filter|is not among the filters",
        "Name the band with -filter BAND; catalog.py -list shows which catalogs have which bands.",
    ),
    Cause(
        "wrong telescope",
        r"^(?!.*(damaged|truncated|same value|NaN)).*(missing|is not a|not known to PP|not a )",
        "The frames may not come from the telescope given with -telescope: leave out -telescope, "
        "or check the keyword; toolbox.py shows how a header is read.",
        lambda state: (
            _telescope_was_named(state) and state.prepare is not None and not state.prepare.frames
        ),
    ),
    Cause(
        "no time",
        r"no card with a time of day|date of the exposure|has no time of day|DATE-OBS|date_keyword",
        "Name the card of date and time: date_keyword in the telescope's entry, or -date_keyword "
        "for a camera without an entry.",
    ),
    Cause(
        "unknown telescope",
        r"name it with -telescope|there is no telescope",
        "Name the telescope with -telescope KEYWORD (docs/telescopes.md), or add an entry to "
        "setup/mytelescopes.py.",
    ),
    Cause(
        "other kind",
        r"process it separately, or use -split|kinds \(",
        "Use -split to process each instrument, filter and field separately.",
    ),
    Cause(
        "damaged",
        r"damaged|truncated: \d|not a FITS file|is truncated|the file is empty",
        "Copy or download the frame again.",
    ),
    Cause(
        "no signal",
        r"all pixels (are NaN|have the (same )?value)",
        "Exclude the frame: there is nothing on it.",
    ),
    Cause(
        "disk full",
        r"disk is full|quota is used up|no space left|mounted read-only|not permitted|"
        r"permission denied",
        "Make room on the disk, or copy the frames to a directory of your own, and run it again.",
    ),
    Cause(
        "little memory",
        r"too little memory|ended by signal|out of memory",
        "Run it again with -jobs 1, which needs less memory.",
    ),
    Cause(
        "missing program",
        r"on PATH; install it",
        "Install the missing program; pp_doctor shows how.",
    ),
    Cause(
        "too slow",
        r"did not finish within",
        "Raise timeout_s in the section [tools] of the settings, or use fewer -jobs.",
    ),
    Cause(
        "not prepared",
        r"run pp_prepare",
        "Run pp_prepare on the frame, then the later steps again.",
    ),
    Cause(
        "stage missing",
        r"run pp_register|not registered: run",
        "Run pp_register, then pp_photometry and pp_calibrate.",
    ),
    Cause(
        "no pointing",
        r"no pointing|give the frame centre",
        "Give the frame centre with pp_prepare -ra -dec.",
    ),
    Cause(
        "trailed stars",
        r"the stars are trailed",
        "Try pp_register -nodeblending -source_tolerance high.",
    ),
    Cause(
        "saturated stars",
        r"more are flagged|has flags of",
        "Sources are flagged, mostly as saturated: check the card SATURATE, or use "
        "-ignore_saturation or -source_tolerance high.",
    ),
    Cause(
        "few sources",
        r"only \d+ sources|no source has|sources, too few",
        "Lower -snr or -minarea; exclude frames taken through clouds.",
    ),
    Cause(
        "few catalog stars",
        r"has \d+ stars in .*; \d+ are needed",
        "Take a deeper catalog with -cat, for example GAIA.",
    ),
    Cause(
        "few reference stars",
        r"usable of \d+ matched stars|stars, \d+ are needed|at least \d+ usable stars",
        "Take a deeper catalog with pp_calibrate -cat, lower -minstars, or raise -maxflag.",
    ),
    Cause(
        "band not in catalog",
        r"gives no magnitudes in|has no magnitudes in|no catalog calibrates it",
        "Take a catalog that has the band with -cat (catalog.py -list), or another band with "
        "-filter.",
    ),
    Cause(
        "wrong orientation",
        r"no common pattern|at best \d+ (of them )?match|SCAMP's contrasts are",
        "Check pointing and orientation: pp_prepare -ra -dec, -flipx, -flipy, -rotate; or take "
        "more sources with pp_register -snr 2.",
    ),
)


def remedy(reason: str, state: State) -> str:
    """What to do about a reason; empty if its cause is in no row."""
    for cause in CAUSES:
        if re.search(cause.pattern, reason, re.IGNORECASE) and cause.applies(state):
            return cause.remedy
    return ""
