"""VOTables of VizieR are read as astropy reads them."""

import io

import numpy as np
import pytest
from astropy.io import votable as oracle

from photpipe.services import votable

HEAD = '<?xml version="1.0"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
FIELDS = """
<FIELD ID="RA" name="RA_ICRS" datatype="double" unit="deg"/>
<FIELD ID="pm" name="pmRA" datatype="float" unit="mas/yr"/>
<FIELD ID="source" name="Source" datatype="long"/>
<FIELD ID="n" name="Nobs" datatype="short"><VALUES null="-32768"/></FIELD>
<FIELD ID="id" name="objID" datatype="char" arraysize="*"/>
"""
ROWS = (
    ("179.123456789", "-3.25", "4611686018427387905", "7", "A &amp; B "),
    ("0.5", "", "1", "-32768", ""),
    ("1e-3", "NaN", "-2", "0", " μ Cep"),
)


def document(name: str = "I/355/gaiadr3", rows: tuple[tuple[str, ...], ...] = ROWS) -> str:
    cells = "".join(
        "<TR>" + "".join(f"<TD>{cell}</TD>" for cell in row) + "</TR>\n" for row in rows
    )
    return f"""<RESOURCE name="I/355"><TABLE name="{name}">{FIELDS}
<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE></RESOURCE>"""


def test_cells_are_those_of_astropy() -> None:
    content = f"{HEAD}{document()}</VOTABLE>".encode()
    (ours,) = votable.parse(content).values()
    theirs = oracle.parse_single_table(io.BytesIO(content)).to_table(use_names_over_ids=True)
    assert ours.colnames == theirs.colnames
    for name in ("RA_ICRS", "pmRA", "Source", "Nobs"):
        np.testing.assert_array_equal(ours[name].mask, theirs[name].mask)
        np.testing.assert_array_equal(ours[name].compressed(), theirs[name].compressed())
        assert ours[name].unit == theirs[name].unit
    assert ours["pmRA"].dtype == np.float32
    assert list(ours["objID"].filled("")) == ["A & B", "", "μ Cep"]


def test_tables_are_found_by_their_names_and_joined() -> None:
    parts = document("a"), document("b", ROWS[:1]), document("a"), document("empty", ())
    found = votable.parse(f"{HEAD}{''.join(parts)}</VOTABLE>".encode())
    assert {name: len(table) for name, table in found.items()} == {"a": 6, "b": 1}


def test_numbers_that_are_none_are_masked() -> None:
    odd = ("12 34 56", "...", "4e3", "x", "text")
    (found,) = votable.parse(f"{HEAD}{document(rows=(*ROWS, odd))}</VOTABLE>".encode()).values()
    assert [bool(found[name].mask[3]) for name in found.colnames] == [True] * 4 + [False]


def test_rows_without_a_cell_for_each_field_are_refused() -> None:
    for rows in ((ROWS[0][:4],), (ROWS[0], ROWS[1][:4]), ((*ROWS[0], "1"),)):
        with pytest.raises(ValueError, match="zip"):
            votable.parse(f"{HEAD}{document(rows=rows)}</VOTABLE>".encode())


def test_what_is_cut_off_is_refused() -> None:
    with pytest.raises(SyntaxError):
        votable.parse(f"{HEAD}{document()}".encode())
