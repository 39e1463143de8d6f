"""Completion of options in bash, zsh and fish, made from the parser of a command."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True)
class Completed:
    """An option as a shell completes it.

    Parameters
    ----------
    name : str
        As it is typed, with its dash.
    about : str
        What the help says.
    takes_value : bool
        Whether a word follows.
    choices : tuple of str
        What that word may be; empty if anything.
    """

    name: str
    about: str
    takes_value: bool
    choices: tuple[str, ...]


def options_of(parser: argparse.ArgumentParser) -> list[Completed]:
    """Options of a parser, in their order."""
    found = []
    for action in parser._actions:
        if not action.option_strings or action.help == argparse.SUPPRESS:
            continue
        choices = tuple(str(each) for each in action.choices or ())
        about = " ".join((action.help or "").replace("%(prog)s", parser.prog).split())
        for name in action.option_strings:
            found.append(Completed(name, about, action.nargs != 0, choices))
    return found


def script(shell: str, command: str, options: Iterable[Completed]) -> str:
    """What a shell has to read to complete the options of a command.

    Parameters
    ----------
    shell : str
        One of `SHELLS`.
    """
    return _SCRIPTS[shell](command, list(options))


def _bash(command: str, options: list[Completed]) -> str:
    names = " ".join(each.name for each in options)
    function = f"_{command.replace('.', '_').replace('-', '_')}"
    kinds = [(each.name, f"-W '{' '.join(each.choices)}'") for each in options if each.choices]
    free = [each.name for each in options if each.takes_value and not each.choices]
    kinds += [("|".join(free), "-f")] if free else []
    cases = [
        f'    {name}) COMPREPLY=($(compgen {kind} -- "$word")); return;;' for name, kind in kinds
    ]
    lines = [
        f"{function}() {{",
        '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
        '  case "$before" in',
        *cases,
        "  esac",
        '  if [[ "$word" == -* ]]; then',
        f"    COMPREPLY=($(compgen -W '{names}' -- \"$word\"))",
        "  else",
        '    COMPREPLY=($(compgen -f -- "$word"))',
        "  fi",
        "}",
        f"complete -o filenames -F {function} {command}",
    ]
    return "\n".join(lines) + "\n"


def _zsh(command: str, options: list[Completed]) -> str:
    lines = [f"compdef _{command.replace('.', '_')} {command}"]
    specs = []
    for option in options:
        about = _plain(option.about).replace("[", "(").replace("]", ")").replace(":", " -")
        value = ""
        if option.takes_value:
            value = f":value:({' '.join(option.choices)})" if option.choices else ":value:_files"
        specs.append(f"    '{option.name}[{about}]{value}'")
    lines = [
        f"#compdef {command}",
        f"_{command.replace('.', '_')}() {{",
        "  _arguments \\",
        *(f"{spec} \\" for spec in specs),
        "    '*:file:_files'",
        "}",
        *lines,
    ]
    return "\n".join(lines) + "\n"


def _fish(command: str, options: list[Completed]) -> str:
    lines = []
    for option in options:
        needs = " -r" if option.takes_value else ""
        values = f" -f -a '{' '.join(option.choices)}'" if option.choices else ""
        name = option.name.lstrip("-")
        lines.append(f"complete -c {command} -o {name}{needs}{values} -d '{_plain(option.about)}'")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text without what a shell would take for more than text."""
    return "".join(each for each in text if each not in "'`$\\")


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
