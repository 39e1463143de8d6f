"""What the pixels say of the gain that a header claims, and of colours that it does not."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photpipe.instruments.cameras.facts import CameraFacts, Fact
from photpipe.science import mosaic

FloatArray = NDArray[np.float64]

CONTRADICTION = 2.0  # by judgement: noise tells a gain to some 20 %, wrong units are off by more
SAMPLE_PX = 512  # quarter of a million pixels tell noise to 0.2 %
MAD_TO_SIGMA = 1.4826022185056018  # of a normal distribution
UNIT_INTERVAL = 1.5  # pixels below are on a scale of their own
MIN_LEVEL_SIGMA = 5.0  # of a sky level: below, the sky was subtracted, or is lost in read noise


def checked(facts: CameraFacts, pixels: FloatArray, zero_level: float | None) -> CameraFacts:
    """Facts without a gain that the pixels contradict, in doubt where they are of several colours.

    Parameters
    ----------
    facts : CameraFacts
        Of the header.
    pixels : array, shape (ny, nx)
        The frame in ADU.
    zero_level : float or None
        ADU without light, where the header says that the bias was subtracted; else None.
    """
    facts = _doubted(facts, sample(pixels))
    claimed = facts.gain
    if claimed is None or claimed.origin.startswith("-"):
        return facts
    doubt = objection(claimed.value, sample(pixels), zero_level)
    if not doubt:
        return facts
    return replace(
        facts,
        gain=None,
        rejected=(*facts.rejected, Fact(f"gain {claimed.value:g}", claimed.origin, doubt)),
    )


def _doubted(facts: CameraFacts, pixels: FloatArray) -> CameraFacts:
    """Facts whose filter is in doubt where the pixels are a mosaic of which no card tells."""
    if facts.mosaic or facts.planes or facts.colour:
        return facts
    patterns = mosaic.suspected(pixels)
    if not patterns:
        return facts
    named = facts.filter_name
    doubt = (
        f"the pixels are those of a colour camera, and no card BAYERPAT gives the pattern; repeat "
        f"with -mosaic {patterns[0]} or {patterns[1]}"
    )
    return replace(facts, filter_name=Fact(named.value, named.origin, doubt))


def sample(pixels: FloatArray) -> FloatArray:
    """The middle of an image; it begins where a cell of a colour mosaic may begin."""
    ny, nx = pixels.shape[-2:]
    top, left = (max(0, (side - SAMPLE_PX) // 4 * 2) for side in (ny, nx))
    part = pixels[..., top : top + SAMPLE_PX, left : left + SAMPLE_PX]
    return np.asarray(part, float).reshape(-1, part.shape[-1])


def objection(gain: float, pixels: FloatArray, zero_level: float | None) -> str:
    """Why a gain cannot be that of an image; empty if it may be.

    The sky has the photon noise of its electrons at least: a variance below level / gain is
    impossible where the zero level is known, and one far above it where it is not known either,
    since a bias only makes the level too high. Noise is taken from the differences of pixels two
    apart, which sees no gradient and no colour mosaic.
    """
    finite = pixels[np.isfinite(pixels)]
    if finite.size < 1000:
        return ""
    level = float(np.median(finite))
    if float(np.max(finite)) <= UNIT_INTERVAL and level > 0:
        return "the pixel values lie between 0 and 1 and are not ADU"
    steps = pixels[:, 2:] - pixels[:, :-2]
    steps = steps[np.isfinite(steps)]
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(steps - np.median(steps)))) / np.sqrt(2.0)
    light = level - (zero_level or 0.0)
    if not (sigma > 0 and light > MIN_LEVEL_SIGMA * sigma):
        return ""
    largest = light / sigma**2
    if gain > CONTRADICTION * largest:
        return f"the sky noise implies {largest:.2g} e-/ADU at most"
    if zero_level is not None and gain * CONTRADICTION < largest:
        return f"the sky noise implies {largest:.2g} e-/ADU at least"
    return ""
