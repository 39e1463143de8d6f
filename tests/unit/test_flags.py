"""The bits of FLAGS, their words, and the masks of ``source_tolerance``."""

from photpipe.science.flags import ALL_FLAGS, TOLERANCE_MASKS, WORDS, SourceFlag, describe


def test_every_bit_has_its_words_and_no_two_are_alike():
    assert list(WORDS) == list(SourceFlag)
    assert sum(SourceFlag) == ALL_FLAGS
    assert len(set(WORDS.values())) == len(WORDS)


def test_words_of_a_value():
    assert describe(0) == ()
    assert describe(4) == ("at least one pixel saturated",)
    assert describe(3) == ("bright neighbours or many bad pixels", "blended with another source")
    assert len(describe(ALL_FLAGS)) == 8
    assert describe(256) == ()


def test_tolerance_is_cumulative_as_the_manual_says():
    assert TOLERANCE_MASKS == {"none": 0xFF, "low": 0xFE, "medium": 0xFC, "high": 0xF8}
