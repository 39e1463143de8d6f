"""Every number with a name tells where it comes from; tools/constants.py finds the others."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import constants  # noqa: E402

EXAMPLE = '''"""A module."""

BARE = 3.0
BEHIND = 3.0  # one in 370 lies beyond
# a paper
ABOVE = (1.0, -2.0)
NEXT = 2**4

BELOW = 5
"""By judgement."""
SECONDS_PER_DAY = 86400.0
ONE, TWO = 1.0, 2.0
NAMES = ("a", "b")
WORD = 3 * NEXT
_HIDDEN: int = 7
lower = 4
'''


def test_every_number_has_an_origin() -> None:
    found = [f"{each.path}:{each.line} {each.name}" for each in constants.unexplained(ROOT)]
    assert found == [], "say behind each where it comes from, or what it trades off"


def test_numbers_without_a_word_are_found(tmp_path: Path) -> None:
    (tmp_path / "photpipe").mkdir()
    (tmp_path / "photpipe" / "example.py").write_text(EXAMPLE)
    found = [each.name for each in constants.unexplained(tmp_path)]
    assert found == ["BARE", "NEXT", "ONE", "TWO", "_HIDDEN"]
    told = {each.name: each.words for each in constants.constants(tmp_path)}
    assert told["BEHIND"] == "one in 370 lies beyond"
    assert (told["ABOVE"], told["BELOW"]) == ("a paper", "By judgement.")
