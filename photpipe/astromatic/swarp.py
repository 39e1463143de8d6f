"""SWarp: frames resampled onto one grid and combined, in a folder of its own.

The frames take part as links; what the run changes about them (WCS, flux scale) stands in a
``.head`` file beside each link, never beside the user's frames.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.astromatic.frame_links import link_frame
from photpipe.astromatic.tool import SWARP, run_tool

log = logging.getLogger(__name__)

SETTINGS = "settings.swarp"
STACK = "stack.fits"
WEIGHT = "stack.weight.fits"
WEIGHT_SUFFIX = ".weight.fits"
METHODS = {"average": "AVERAGE", "median": "MEDIAN", "clipped": "CLIPPED"}


@dataclass(frozen=True, slots=True)
class Input:
    """One frame of a stack.

    Parameters
    ----------
    path : Path
        The frame.
    cards : mapping
        WCS cards that replace those of the frame, and FLXSCALE.
    background_adu : float
        Level to subtract before scaling.
    mask : Path, optional
        Weight map; pixels of weight 0 do not take part.
    """

    path: Path
    cards: Mapping[str, float | str]
    background_adu: float
    mask: Path | None = None


@dataclass(frozen=True, slots=True)
class Combination:
    """How frames are combined.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    subtract_background : bool
        Fit and subtract the background of each frame; otherwise its given level.
    clip_sigma, clip_ampfrac : float
        Threshold of the clipped mean: sigmas of the noise, plus a fraction of the flux that
        allows for seeing and resampling.
    keep_files : bool
        Leave the resampled frames in the folder.
    """

    method: str
    subtract_background: bool
    clip_sigma: float
    clip_ampfrac: float
    keep_files: bool = False


def arguments(inputs: Sequence[Input], combination: Combination) -> list[str]:
    """Arguments of SWarp for links named by `link_name`."""
    values = {
        "c": SETTINGS,
        "IMAGEOUT_NAME": STACK,
        "WEIGHTOUT_NAME": WEIGHT,
        "HEADER_SUFFIX": ".head",
        "COMBINE": "Y",
        "COMBINE_TYPE": METHODS[combination.method],
        "CLIP_SIGMA": f"{combination.clip_sigma:g}",
        "CLIP_AMPFRAC": f"{combination.clip_ampfrac:g}",
        "WEIGHT_TYPE": "MAP_WEIGHT" if any(each.mask for each in inputs) else "NONE",
        "WEIGHT_SUFFIX": WEIGHT_SUFFIX,
        "RESAMPLE_DIR": ".",
        "PROJECTION_TYPE": "TAN",
        "CENTER_TYPE": "ALL",
        "FSCALASTRO_TYPE": "FIXED",
        "FSCALE_KEYWORD": "FLXSCALE",
        "SUBTRACT_BACK": "Y",
        "BACK_TYPE": "AUTO" if combination.subtract_background else "MANUAL",
        "BACK_DEFAULT": ",".join(f"{each.background_adu:.8g}" for each in inputs),
        "DELETE_TMPFILES": "N" if combination.keep_files else "Y",
        "WRITE_XML": "N",
        "VERBOSE_TYPE": "NORMAL",
        "NTHREADS": "1",
    }
    options = [word for key, value in values.items() for word in (f"-{key}", value)]
    return [*(link_name(number) for number in range(len(inputs))), *options]


def link_name(number: int) -> str:
    """Name of a frame in the folder of the run; those of users may hold blanks and commas."""
    return f"frame{number:05d}.fits"


def head_text(cards: Mapping[str, float | str]) -> str:
    """Content of a ``.head`` file."""
    lines = [
        f"{key:8s}= {_quoted(value) if isinstance(value, str) else format(value, '.15G')}"
        for key, value in cards.items()
    ]
    return "\n".join([*lines, "END"]) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def run(
    inputs: Sequence[Input],
    combination: Combination,
    settings: Mapping[str, str],
    folder: Path,
    timeout_s: float,
) -> tuple[Path, Path]:
    """Combine frames.

    Parameters
    ----------
    settings : mapping
        Settings of the telescope; the arguments win over them.
    folder : Path
        Empty folder for links and intermediate files.

    Returns
    -------
    tuple of Path
        The stack and its weight map, in the folder.

    Raises
    ------
    ToolError
        If SWarp is missing, fails, hangs or writes nothing.
    """
    for number, each in enumerate(inputs):
        link = folder / link_name(number)
        link_frame(each.path, link)
        link.with_suffix(".head").write_text(head_text(each.cards), "ascii")
        if each.mask is not None:
            link.with_suffix(WEIGHT_SUFFIX).symlink_to(each.mask.absolute())
    lines = [f"{key} {value}" for key, value in settings.items() if value]
    (folder / SETTINGS).write_text("\n".join(lines) + "\n", "utf-8")
    finished = run_tool(SWARP, arguments(inputs, combination), folder, timeout_s)
    finished.check()
    stack, weight = folder / STACK, folder / WEIGHT
    for product in (stack, weight):
        if not product.is_file() or product.stat().st_size == 0:
            raise finished.error(f"ended without an error and without {product.name}")
    return stack, weight
