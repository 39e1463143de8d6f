"""What the user reads is written as docs/style.md asks: no phrase that the field does not use."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

# pattern: what to write instead
BANNED = {
    r"sources (lack|have too much) light|lack light": "background over-subtracted by ...",
    r"stars that coincide|coincide with sources": "matched stars",
    r"(predicted|measured|catalog|fixed) places?\b": "position",
    r"\b(no|any) place known\b|at its place\b": "position",
    r"place on the (frame|sky)": "position",
    r"points? counts?\b": "measurements used",
    r"c[oa]me to (its|the|an) end\b": "completed",
    r"it is not looked for|looked for anywhere": "not known to JPL Horizons; check the spelling",
    r"in the way\b": "already exists",
    r"run it apart": "process it separately",
    r"ha(s|ve) to be told|without being told": "needs",
    r"(?<!there )is no (setting|section|file name|VOTable|position|declination|frame\b|date\b)": (
        "is not a ..."
    ),
    r"schemata|rejection schema|no schema": "criteria",
    r"part of the light|parts? of (its|their) light": "enclosed flux fraction",
    r"least that is asked for": "required minimum",
    r"header was off": "pointing error",
    r"all the same\b": "nevertheless",
    r"middle of the frame": "frame centre",
    r"\btold of\b|tell of\b": "reported",
    r"belongs? into": "belong in",
    r"no frame is left": "no usable frames left",
    r"\bfolders?\b": "directory",
    r"\bpictures?\b": "image",
    r"\bmend(s|ed)?\b": "correct, repair",
    r"\bnobody (knows|measured)": "is not known",
    r"\brubbish\b": "unreadable",
    r"\babsurd\b": "not plausible",
    r"would not do\b|will do as\b": "is not usable, is suitable as",
    r"\bas asked\b": "as requested",
    r"patch of sky": "field",
    r"\blessens?\b": "reduces",
    r"\bspoil(s|ed|t)?\b": "affected",
    r"in the order of time": "in chronological order",
    r"take (it|them)? ?back\b": "restore",
    r"[;,:] say -": "use -",
    r"no ephemeris at hand|catalog at hand": "available",
    r"\bLOG tells (more|what)|see what the LOG": "see LOG for details",
    r"and said nothing": "without a message",
    r"what was finished is kept": "completed work is kept",
    r"stands there twice": "is listed twice",
    r"; wanted are|; known are": "expected are, choose from",
    r"redirected in circles": "redirection loop",
    r"run before (this|did)": "the previous run",
    r"made with other versions": "the previous run used other versions",
    r"once more in": "retrying in",
    r"\bare told apart\b": "are distinguished",
    r"before there were": "before",
    r"before Christ": "BC",
    r"\bpiece of a comet": "fragment",
    r"old style": "old-style",
    r"said to be of": "the date is",
    r"counts to the (west|east)": "is positive to the west",
    r"worked on side by side": "processed in parallel",
    r"\b(distill|calibrate|register) (each|it)( filter)? (alone|by itself)": "separately",
    r"registered already|stacked already": "already registered",
    r"for later use of": "for",
    r"as (it|they) (was|were|is) before\b": "unchanged",
    r"to look into\b|look whether": "check that",
    r"not there; optional": "not found",
    r"seconds of arc|minutes of arc": "arcseconds, arcminutes",
    r"everything that is needed is here": "all required programs are installed",
    r"off by \(": "separation, offset",
    r"rests? on fewer": "is based on",
    r"\bwere picked up\b|been picked up": "were measured",
}
WORDS = {re.compile(pattern, re.IGNORECASE): instead for pattern, instead in BANNED.items()}


def strings(text: str) -> Iterator[str]:
    """String literals of a program, those that follow each other joined; no docstrings."""
    joined, is_statement = "", True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            continue
        is_string = token.type == tokenize.STRING
        if is_string and not (is_statement and token.string.endswith('"""')):
            joined += token.string.lstrip("rfbRFB").strip("\"'")
        elif joined and not is_string:
            yield joined
            joined = ""
        is_statement = token.type == tokenize.NEWLINE


def texts() -> Iterator[tuple[str, str]]:
    """All that the user reads, with the name of its file."""
    for path in sorted([*ROOT.glob("*.py"), *(ROOT / "photpipe").rglob("*.py")]):
        for each in strings(path.read_text("utf-8")):
            if " " in each.strip() and not each.startswith("tuple["):  # else a key or a type
                yield str(path.relative_to(ROOT)), each
    documents = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "setup/settings.toml"]
    templates = (ROOT / "photpipe/report/templates").glob("*.html")
    for path in sorted({*documents, *templates} - {ROOT / "docs/style.md"}):
        plain = re.sub(r"<[^>]*>|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text("utf-8"))
        yield str(path.relative_to(ROOT)), " ".join(plain.split())


def trespasses(text: str) -> list[str]:
    """Banned phrases in a text, each with what to write instead."""
    plain = re.sub(r"`[^`]*`|\{[^{}]*\}", "...", text)
    return [
        f"{found[0]!r}: write {instead!r}"
        for pattern, instead in WORDS.items()
        if (found := pattern.search(plain))
    ]


def test_no_phrase_that_the_field_does_not_use() -> None:
    found = [f"{name}: {each}" for name, text in texts() for each in trespasses(text)]
    assert not found, "see docs/style.md:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "program",
    [
        'log.info("the folder %s is full")',
        'message = (\n    "its predicted "\n    "place is unknown"\n)',
        'raise ConfigError(f"{name} is no setting")',
    ],
)
def test_phrases_are_noticed_wherever_a_string_is_broken(program: str) -> None:
    assert [each for text in strings(program) for each in trespasses(text)]


def test_docstrings_and_names_are_left_alone() -> None:
    program = (
        '"""A folder."""\n\n\ndef folder() -> str:\n    """A picture."""\n    return "folder"\n'
    )
    assert list(strings(program)) == ["folder"]


def test_style_is_ten_lines() -> None:
    lines = (ROOT / "docs/style.md").read_text("utf-8").splitlines()
    assert (
        sum(line.startswith(("* ", "1", "2", "3", "4", "5", "6", "7", "8", "9")) for line in lines)
        == 10
    )
