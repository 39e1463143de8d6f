"""What an option is: told once, where the options of a stage are declared.

A field of a stage's options carries its words and its kind of value::

    colorterm: bool = Option("fit a colour term where the stars support one").field(False)

The parser, ``-h``, the manual and the options of pp_run follow from it.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from photpipe.run import kinds

_KEY = "option"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: what follows it (`kind`, `nargs`, `metavar`) and what it means.

    `otherwise` tells where the value comes from when the command has no default of its own.
    `in_run` is the name under which pp_run takes it: empty, the same; None, it does not.
    `group` is the heading in ``-h``.
    """

    help: str
    kind: Callable[[str], Any] | None = None
    metavar: str | tuple[str, ...] | None = None
    nargs: int | str | None = None
    choices: tuple[str, ...] | None = None
    otherwise: str = ""
    in_run: str | None = ""
    group: str = ""

    def field(self, default: Any, **changes: Any) -> Any:
        """Field of a dataclass of options; `changes` are words that differ there."""
        option = dataclasses.replace(self, **changes) if changes else self
        return dataclasses.field(default=default, metadata={_KEY: option})

    def keywords(self, default: object = None) -> dict[str, Any]:
        """Arguments for argparse; an option without a kind of value is a switch."""
        if self.kind is None:
            return {"action": "store_true", "help": self.help}
        told = self.otherwise if default in (None, (), "") else default
        about = f"{self.help} (default: {told})" if told else self.help
        keywords = {"type": self.kind, "help": about, "default": default}
        optional = {"metavar": self.metavar, "nargs": self.nargs, "choices": self.choices}
        return keywords | {name: value for name, value in optional.items() if value is not None}


def options_of(kind: Any) -> dict[str, tuple[Option, Any]]:
    """Options that a dataclass declares, with their defaults, in the order of its fields."""
    return {
        field.name: (field.metadata[_KEY], field.default)
        for field in dataclasses.fields(kind)
        if _KEY in field.metadata
    }


# -- words that several commands share

METHODS = ("average", "median", "clipped")

TARGET = Option("name of the target, instead of that of the header", kinds.text, "NAME")
FILTER = Option("filter band, instead of that of the header", kinds.text, "BAND")
REJECT = Option("rejection criteria, separated by commas", kinds.text, "NAMES")
SNR = Option(
    "smallest signal-to-noise ratio of a source",
    kinds.positive,
    "RATIO",
    otherwise="that of the stage or the telescope",
)
MINAREA = Option(
    "smallest number of connected pixels of a source",
    kinds.count,
    "PIXELS",
    otherwise="that of the telescope",
)
FIXED_APRAD = Option("aperture radius to use instead of a curve of growth", kinds.positive, "PX")
NODEBLENDING = Option("do not deblend sources")
CAT = Option("reference catalog to use instead of those of the telescope", kinds.text, "NAME")
SOLAR = Option("calibrate with stars of solar colours only")
COMOVING = Option("combine in the moving frame of the target")
COMET = Option(
    "measure the coma of the targets in apertures of fixed km at the comet: A(theta)f rho"
)
METHOD = Option("how frames are combined", kinds.text, choices=METHODS)
TELESCOPE = Option("telescope keyword, instead of recognising it", kinds.text, "KEYWORD")


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """What may be said to every command."""

    telescope: str | None = TELESCOPE.field(None)
    offline: bool = Option("use cached catalogs and ephemerides; never open a connection").field(
        False
    )
    jobs: int | None = Option(
        "frames processed in parallel (default: one per core)", kinds.count, "N"
    ).field(None)
    quiet: bool = Option("show only warnings and errors").field(False)
    debug: bool = Option("show everything, and the traceback of a failure").field(False)


COMMON = {name: option for name, (option, _) in options_of(CommonOptions).items()}
"""Words of the common options, for commands that take only some of them."""
