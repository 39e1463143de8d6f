"""The tables of the manual's page on catalogs."""

import pytest

from photpipe.catalogs import listing
from photpipe.catalogs.surveys import CATALOGS
from photpipe.science.published import TRANSFORMATIONS

TABLES = [
    listing.catalogs_markdown,
    listing.cuts_markdown,
    listing.transformations_markdown,
    listing.solar_markdown,
]


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_rectangular(table):
    lines = table().splitlines()
    assert len({line.count(" | ") for line in lines}) == 1
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines)


def test_every_row_of_the_data_is_in_the_manual():
    catalogs = listing.catalogs_markdown()
    assert all(f"`{name}`" in catalogs for name in CATALOGS)
    relations = listing.transformations_markdown()
    assert all(str(row) in relations for row in TRANSFORMATIONS)
    assert len(relations.splitlines()) == len(TRANSFORMATIONS) + 2


def test_references_are_links_that_work():
    assert "(https://ui.adsabs.harvard.edu/abs/2021A%26A...649A...3R)" in (
        listing.transformations_markdown()
    )
