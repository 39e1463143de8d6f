"""What the user may say to the whole chain: the options of its stages, and a few of its own."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photpipe.calibrate.stage import CalibrateOptions
from photpipe.distill.stage import DistillOptions
from photpipe.measure.stage import PhotometryOptions
from photpipe.prepare.stage import PrepareOptions
from photpipe.register.stage import RegisterOptions
from photpipe.run import kinds
from photpipe.run.options import Option, options_of

GENERIC = "GENERIC"
HOW_TO_RUN = "how to run"
EXAMPLES = (
    ("pp_run *.fits", "the frames of one field and filter, whoever took them"),
    ("pp_run -target 3552 -filter R -solar *.fits", "an asteroid, with stars of solar colour"),
    ("pp_run -watch .", "frames as they arrive, all night"),
)
HEADINGS = {
    "distill": "targets",
    "calibrate": "calibration",
    "photometry": "photometry",
    "register": "registration",
    "prepare": "headers",
}
"""Stages of the chain in the order of ``pp_run -h``, with their headings there."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user may say to pp_run: options of its own, and those of each stage."""

    prefix: str | None = Option(
        "only frames whose names start with this, with 'all'", kinds.text, "TEXT"
    ).field(None)
    rerun_registration: bool = Option("register a second time if not all frames succeeded").field(
        False
    )
    split: bool = Option(
        "run the groups of a mixed directory (instruments, filters, fields) one after the other, "
        "each in its own directory"
    ).field(False)
    force: bool = Option("start over instead of reusing earlier results").field(False)
    watch: bool = Option("watch for new frames and update results and pages, until Ctrl-C").field(
        False
    )
    verbose: bool = Option("show a line for every frame, as LOG has it").field(False)
    movers: bool = Option(
        "look for unknown movers, too (pp_movers); takes a minute or more a night"
    ).field(False)
    cluster: str | None = Option(
        "address of a Dask scheduler that shares out directories", kinds.text, "ADDRESS"
    ).field(None)
    prepare: PrepareOptions = field(default_factory=PrepareOptions)
    register: RegisterOptions = field(default_factory=RegisterOptions)
    photometry: PhotometryOptions = field(default_factory=PhotometryOptions)
    calibrate: CalibrateOptions = field(default_factory=CalibrateOptions)
    distill: DistillOptions = field(default_factory=DistillOptions)

    @classmethod
    def of(cls, **said: Any) -> "RunOptions":
        """Options from what the user said, under the names of pp_run; None and False are nothing.

        Raises
        ------
        TypeError
            If pp_run has no option of a name.
        """
        unknown = said.keys() - run_options()
        if unknown:
            raise TypeError(f"pp_run has no option {min(unknown)}")
        own = {name: said[name] for name in options_of(cls) if name in said}
        return cls(**own, **{stage: _for_stage(stage, said) for stage in HEADINGS})

    def said(self) -> dict[str, Any]:
        """What differs from the defaults, under the names of pp_run."""
        told_of = told(self)
        for stage in HEADINGS:
            told_of.pop(stage, None)
            options = getattr(self, stage)
            names = dict(_names_in_run(type(options)))
            told_of |= {names[n]: v for n, v in told(options).items() if n in names}
        return told_of


def run_options() -> dict[str, tuple[Option, Any]]:
    """All options of pp_run with their defaults: those of the stages say None until told."""
    found: dict[str, tuple[Option, Any]] = {}
    for stage, heading in HEADINGS.items():
        kind = _kind(stage)
        declared = options_of(kind)
        for name, shown in _names_in_run(kind):
            option, default = declared[name]
            otherwise = option.otherwise or ("" if default in (None, (), False) else str(default))
            shown_option = dataclasses.replace(option, group=heading, otherwise=otherwise)
            found.setdefault(shown, (shown_option, None if option.kind else False))
    own = {
        name: (dataclasses.replace(option, group=HOW_TO_RUN), default)
        for name, (option, default) in options_of(RunOptions).items()
    }
    return found | own


def told(options: object) -> dict[str, Any]:
    """Fields in which options differ from their defaults."""
    plain = type(options)()
    return {
        each.name: getattr(options, each.name)
        for each in dataclasses.fields(options)  # type: ignore[arg-type]
        if getattr(options, each.name) != getattr(plain, each.name)
    }


def _kind(stage: str) -> Any:
    return next(
        each.default_factory for each in dataclasses.fields(RunOptions) if each.name == stage
    )


def _names_in_run(kind: Any) -> Iterator[tuple[str, str]]:
    """Fields of a stage's options that pp_run takes too, each with its name there."""
    for name, (option, _) in options_of(kind).items():
        if option.in_run is not None:
            yield name, option.in_run or name


def _for_stage(stage: str, said: dict[str, Any]) -> Any:
    """Options of a stage, of what was said to the whole."""
    kind = _kind(stage)
    values = {
        name: said[shown]
        for name, shown in _names_in_run(kind)
        if said.get(shown) is not None and said[shown] is not False
    }
    is_generic = str(said.get("telescope") or "").upper() == GENERIC
    if stage == "prepare" and not is_generic:
        values.pop("filter", None)  # else -filter is a word to the calibration alone
    return kind(**values)


def with_card_of_filter(options: RunOptions, paths: Sequence[Path]) -> RunOptions:
    """Options in which a ``-filter`` that is a card of the frames is a word to pp_prepare."""
    from photpipe.fits.fitsfile import read_header
    from photpipe.fits.values import card_text
    from photpipe.ground import bands
    from photpipe.ground.errors import PhotPipeError

    name = options.calibrate.filter
    if not name or bands.named(name) or not paths:
        return options
    try:
        is_card = card_text(read_header(paths[0]), name) is not None
    except PhotPipeError:
        is_card = False
    if not is_card:
        return options
    return dataclasses.replace(
        options,
        prepare=dataclasses.replace(options.prepare, filter=name),
        calibrate=dataclasses.replace(options.calibrate, filter=None),
    )
