"""Facts of a frame in its database: by name and type, whatever the database lacks."""

import dataclasses
import math
from pathlib import Path

import pytest
from astropy.table import Table

from photpipe.catalogs.database import write_database
from photpipe.catalogs.frame_facts import FrameFacts, read_facts
from photpipe.ground.errors import ReductionError


def test_what_was_written_is_read(tmp_path: Path) -> None:
    facts = FrameFacts(frame="a.fits", band="R", zeropoint_mag=27.5, matched=12, calibrated=True)
    write_database(tmp_path / "a.ldac.db", facts.as_row(), Table({"ra_deg": [1.0], "b": [2.0]}))
    found, stars = read_facts(tmp_path / "a.ldac.db", ["ra_deg", "lacking"])
    assert str(found) == str(facts)  # NaN is not equal to itself
    assert (stars.colnames, list(stars["ra_deg"])) == (["ra_deg"], [1.0])
    assert read_facts(tmp_path / "a.ldac.db", ())[1].colnames == []


def test_every_fact_may_be_lacking() -> None:
    assert str(FrameFacts.of({"name": "of the original"})) == str(FrameFacts())
    for field in dataclasses.fields(FrameFacts):
        assert isinstance(field.default, field.type)
    assert math.isnan(FrameFacts.of({}).zeropoint_mag)


def test_a_misspelt_fact_is_an_error() -> None:
    with pytest.raises(TypeError):
        FrameFacts(zeropoint=27.5)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        FrameFacts().zeropiont_mag  # type: ignore[attr-defined]  # noqa: B018


def test_a_text_is_no_number() -> None:
    with pytest.raises(ReductionError, match="zeropoint_mag of a database is 'bright'"):
        FrameFacts.of({"zeropoint_mag": "bright"})
