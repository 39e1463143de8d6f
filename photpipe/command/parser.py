"""The parser of a command: its options, and those that all commands share.

An option is typed as the manual writes it (``-keep_wcs``) or as people type today
(``--keep-wcs``).
"""

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import photpipe
from photpipe.command import completion
from photpipe.command.streams import open_streams
from photpipe.ground.files import is_file, is_folder
from photpipe.run.options import CommonOptions, Option, options_of
from photpipe.run.results import Result
from photpipe.run.workspace import Workspace

ALIASES = {"catalog": "cat"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name and one-line summary, its stage and what the user may say.

    Parameters
    ----------
    stage : callable or None
        ``stage(paths, options, workspace) -> Result``; pp_run, which is many, has none.
    options_class : type
        Frozen dataclass whose fields declare options (`photpipe.run.options`).
    positional : str
        Name of the last arguments.
    ends_with_target : bool
        The last argument may be the name of the target, as the original's command has it.
    is_anywhere : bool
        The files may lie in several directories; results go into the current one.
    has_report : bool
        The pages of diagnostics.html show its result and are written anew behind it.
    leaves_out_copies : bool
        Of files that are one exposure it works on one alone.
    takes_turns : bool
        It changes files beside the frames, and waits for others that do.
    folders : tuple of str
        Folders of the data directory with results and pages of their own (those of stacks).
    offered : callable, optional
        What the command takes, where that is more than the class declares.
    examples : tuple of (str, str)
        Commands to be typed, each with what it does, for ``-h``.
    """

    name: str
    summary: str
    stage: Callable[[Sequence[Path], Any, Workspace], Result] | None
    options_class: type
    positional: str = "images"
    positional_help: str = "FITS frames, or lists of them (.lst)"
    ends_with_target: bool = False
    is_anywhere: bool = False
    has_report: bool = False
    leaves_out_copies: bool = False
    takes_turns: bool = False
    folders: tuple[str, ...] = ()
    offered: Callable[[], dict[str, tuple[Option, Any]]] | None = None
    examples: tuple[tuple[str, str], ...] = ()

    def options(self) -> dict[str, tuple[Option, Any]]:
        """What the command takes, with the defaults."""
        return self.offered() if self.offered else options_of(self.options_class)


def build_parser(command: Command) -> argparse.ArgumentParser:
    """Parser of a command, its options and those that all commands share."""
    parser = new_parser(command.name, command.summary, examples=command.examples)
    common = options_of(CommonOptions)
    groups = dict.fromkeys(option.group for option, _ in command.options().values())
    shown = {name: parser.add_argument_group(name) if name else parser for name in groups}
    for name, (option, default) in command.options().items():
        if name not in common:
            shown[option.group].add_argument(f"-{name}", **option.keywords(default))
    group = parser.add_argument_group("common options")
    for name, (option, default) in common.items():
        group.add_argument(f"-{name}", **option.keywords(default))
    parser.add_argument(command.positional, nargs="+", help=command.positional_help)
    return parser


class _Parser(argparse.ArgumentParser):
    """Parser without abbreviations: ``-sn`` is a mistake today and another option tomorrow.

    With `is_mixed`, options may stand between the words that are none.
    """

    is_mixed = False

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        # allow_abbrev=False spares only options with two dashes; ours have one
        return []

    def error(self, message: str) -> NoReturn:
        """End with one line, which a list of all options would hide."""
        self.exit(2, f"{self.prog}: error: {message}; {self.prog} -h lists all options\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Values of the options; of a word that is none it says which one may be meant."""
        parse = self.parse_known_intermixed_args if self.is_mixed else self.parse_known_args
        values, unknown = parse(args, namespace)
        if unknown:
            known = [name for action in self._actions for name in action.option_strings]
            near = difflib.get_close_matches(unknown[0], known, n=2, cutoff=0.6)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return values


class _Help(argparse.HelpFormatter):
    """Help in which a paragraph that is indented stays as it is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        parts = text.split("\n\n")
        kept = [each if each.startswith("  ") else fill(each, width, indent) for each in parts]
        return "\n".join(kept)


def _shown(examples: Sequence[tuple[str, str]]) -> str:
    """Examples as a paragraph of the help."""
    lines = [f"  {typed}\n      {about}" for typed, about in examples]
    return f"examples:\n\n{chr(10).join(lines)}\n\n" if lines else ""


class _Completion(argparse.Action):
    """``-completion SHELL``: print the script of the shell, and end."""

    def __call__(self, parser: Any, _namespace: Any, values: Any, _option: Any = None) -> None:
        """Print what makes the shell complete the options of the command."""
        sys.stdout.write(completion.script(values, parser.prog, completion.options_of(parser)))
        parser.exit()


def new_parser(
    name: str,
    summary: str,
    *,
    is_mixed: bool = False,
    examples: Sequence[tuple[str, str]] = (),
) -> argparse.ArgumentParser:
    """Parser as all commands have it: no abbreviations, -h, -version and -completion."""
    open_streams()
    parser = _Parser(
        prog=name,
        description=summary,
        allow_abbrev=False,
        add_help=False,
        formatter_class=_Help,
        epilog=_shown(examples) + "Options may be written -keep_wcs or --keep-wcs. "
        "Exit status: 0 done, 1 failed, 2 wrong usage, 3 some frames failed, 130 interrupted.",
    )
    parser.is_mixed = is_mixed
    parser.add_argument("-h", "-help", action="help", help="show this help and exit")
    version = f"%(prog)s (Photometry Pipeline) {photpipe.__version__}"
    parser.add_argument("-version", action="version", version=version, help="show the version")
    about = "print what completes options in a shell: bash, zsh or fish"
    parser.add_argument(
        "-completion", action=_Completion, choices=completion.SHELLS, metavar="SHELL", help=about
    )
    return parser


_ANGLES = ("ra", "dec", "site")
_ANGLE = re.compile(r"[-+]\d+(?:[:dh,]|\.\d*,)")


def normalised(argv: Sequence[str], names: Sequence[str]) -> list[str]:
    """Arguments with every spelling of a known option (``--keep-wcs``) as ``-keep_wcs``.

    What follows a lone ``--`` is left alone, as are values and file names. A file whose name
    begins with a dash, as a wildcard may bring it, is no option.
    """
    known = {*names, "help", "version", "completion"}
    result: list[str] = []
    for position, word in enumerate(argv):
        if word == "--":
            return [*result, *argv[position:]]
        head, equals, value = word.partition("=")
        name = head.lstrip("-").replace("-", "_")
        name = ALIASES.get(name, name)
        if head.startswith("-") and name in known:
            result += [f"-{name}", value] if equals else [f"-{name}"]
        elif result and result[-1].lstrip("-") in _ANGLES and _ANGLE.match(word):
            result[-1] = f"{result[-1]}={word}"  # argparse takes -05:30:00 for an option
        elif word.startswith("-") and is_file(Path(word)):
            result.append(f"./{word}")
        else:
            result.append(word)
    return result


def parsed(command: Command, words: Sequence[str]) -> argparse.Namespace:
    """Values of the options of a command.

    Raises
    ------
    SystemExit
        After a mistake, or when nothing but help was wanted.
    """
    names = [*command.options(), *options_of(CommonOptions)]
    values = build_parser(command).parse_args(normalised(words, names))
    if command.ends_with_target and values.target is None:
        _take_target(values, getattr(values, command.positional))
    return values


def _take_target(values: argparse.Namespace, given: list[str]) -> None:
    """Take the last of several arguments for the target if it is no file, nor called like one."""
    last = given[-1]
    is_there = is_file(Path(last)) or is_folder(Path(last))
    is_named_so = Path(last).suffix in {".dat", ".ecsv", ".csv", ".lst"}
    if len(given) > 1 and not (is_there or is_named_so) and not any(sign in last for sign in "*?["):
        values.target = given.pop()
