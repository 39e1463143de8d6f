"""What flows through the pipeline: the results of the stages, side by side.

All of them are frozen, hold plain values (str, float, int, bool, None, tuples and other
results) and can be saved and read again. NaN is written as null.
"""

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class FrameFailure:
    """One frame that a stage could not finish.

    Parameters
    ----------
    frame : str
        File name.
    reason : str
        One line: what happened and what to do now.
    """

    frame: str
    reason: str


class Result(Protocol):
    """What all results of stages have in common."""

    @property
    def failed(self) -> tuple[FrameFailure, ...]:
        """Frames that were not finished."""

    @property
    def done(self) -> int:
        """How many frames were finished."""


def to_json(result: object) -> str:
    """Result as JSON text; NaN and infinities become null."""
    return json.dumps(_plain(dataclasses.asdict(result)), indent=1)  # type: ignore[call-overload]


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def from_json(kind: type[ResultT], text: str) -> ResultT:
    """Result of the given class out of JSON text.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the text was written by something else.
    """
    return typing.cast("ResultT", _rebuilt(json.loads(text), kind))


def _rebuilt(value: Any, hint: Any) -> object:
    """Value in the shape of its type hint."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        if value is None and type(None) in arguments:
            return None
        return _rebuilt(value, next(each for each in arguments if each is not type(None)))
    if value is None and hint is float:
        return math.nan
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        known = {each.name for each in dataclasses.fields(hint)}
        return hint(**{k: _rebuilt(v, hints[k]) for k, v in value.items() if k in known})
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_rebuilt(each, arguments[0]) for each in value)
        return tuple(_rebuilt(each, kind) for each, kind in zip(value, arguments, strict=True))
    if origin is dict:
        return {key: _rebuilt(each, arguments[1]) for key, each in value.items()}
    return float(value) if hint is float else value


@dataclass(frozen=True, slots=True)
class ExtractedFrame:
    """Sources of one frame (pp_extract).

    Parameters
    ----------
    frame, catalog : str
        File names of the frame and of its catalog.
    sources : int
        Rows of the catalog.
    fwhm_px, fwhm_arcsec : float
        Median width of the well exposed sources, that is the seeing; NaN if none has a width.
    radii_px : tuple of float
        Aperture radii, in the order of the aperture columns.
    gain : float
        Electrons per ADU as used; 0 if unknown, when errors lack the sources' photon noise.
    """

    frame: str
    catalog: str
    sources: int
    fwhm_px: float
    fwhm_arcsec: float
    radii_px: tuple[float, ...]
    gain: float


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """Outcome of pp_extract."""

    frames: tuple[ExtractedFrame, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many frames were extracted."""
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class ReportResult:
    """Outcome of the commands that write reports: names of the files."""

    files: tuple[str, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many reports were written."""
        return len(self.files)
