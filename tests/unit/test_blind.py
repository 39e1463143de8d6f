"""Looking for frames anywhere: what is asked of the network, and how often."""

import numpy as np
import pytest
from astropy.table import Table

from photpipe.catalogs.table import SourceTable
from photpipe.ground import sky
from photpipe.ground.errors import ServiceError
from photpipe.register import blind, kits
from photpipe.register.plates import Plate, cone_of
from photpipe.run.settings import Settings
from photpipe.science.astrometry import tangent_plane
from photpipe.services import reference
from tests.unit.plates import stars, tan, view

SHAPE = (1024, 1024)


def plate(number: int) -> Plate:
    """A frame near the others of its series."""
    wcs = tan(150.0 + 0.07 * number, 20.0, SHAPE, 1.2)
    pixels = view(number, stars(1, 150.0, 20.0, 0.5, 900.0), wcs, SHAPE).pixels
    sources = Table({"ERRAWIN_IMAGE": np.full(pixels.size, 0.1, "f4")})
    return Plate(
        *(f"n{number}.fits", SHAPE, 1.2, 1.0, 2457800.5, "camera", {}, sources, pixels, wcs),
        *(cone_of(wcs, SHAPE), 2.0, 0, (), False),
    )


def test_kits_that_cannot_be_had_are_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def unreachable(name: str, *_: object, **__: object) -> SourceTable:
        asked.append(name)
        raise ServiceError("VizieR", name, "no network")

    monkeypatch.setattr(reference, "fetch_catalog", unreachable)
    refused: list[blind.Refused] = []
    for number in range(3):
        frame = plate(number)
        hints = blind.Hints.of(frame, 3.0)
        assert blind.propose(frame, hints, Settings(), "GAIA", refused) is None
    assert asked == ["GAIA"]
    assert (
        blind.propose(plate(0), blind.Hints.of(plate(0), 3.0), Settings(), "TGAS", refused) is None
    )
    assert asked == ["GAIA", "TGAS"]


def test_kit_of_a_survey_that_ends_within_its_cone() -> None:
    """The stars there are decide on the sizes of quadrilaterals, not the empty rest."""
    seen = stars(1, 150.0, 20.0, 0.5, 900.0)
    plane = tangent_plane(150.0, 20.0, seen.ra, seen.dec) / 60
    served = kits.sizes_arcmin(sky.Cone(150.0, 20.0, 0.5), plane)
    assert served[0][0] == pytest.approx(2.0 * kits.STEP)  # two stars in 8 arcmin²
    assert kits.sizes_arcmin(sky.Cone(150.0, 20.0, 3.6), plane)[: len(served)] == served
    for few in (plane[:0], plane[:2], plane[:5].real + 0j):
        assert kits.sizes_arcmin(sky.Cone(150.0, 20.0, 0.5), few) == []
