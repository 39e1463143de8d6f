"""A small sky at RA 0h with everything that moves, and the services about it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from photpipe.run.settings import Settings
from simsky import Field, Mover, Sky, SkyServer

RA_DEG, DEC_DEG, RADIUS_DEG = 359.99, -3.0, 0.12
JD = 2457786.9566


def _mover(name: str, east: float = 0.0, **more: object) -> Mover:
    return Mover(name, (RA_DEG + east) % 360, DEC_DEG, epoch_jd=JD, **more)  # type: ignore[arg-type]


MOVERS = (
    _mover("Don Quixote", 0.02, number=3552, designation="1983 SA", rate_ra_arcsec_min=2.5),
    _mover("", -0.02, designation="2010 AB12", v_mag=19.5, curve_ra_arcsec_min2=0.01),
    _mover("Io", 0.03, number=85),
    _mover("Schwassmann-Wachmann 3", 0.01, designation="73P", kind="comet", apparitions=3,
           fragments=("B", "C")),
    _mover("Schwassmann-Wachmann 3", 0.01, designation="73P-B", kind="comet"),
    _mover("Lemmon", 0.01, designation="C/2012 F6", kind="comet", apparitions=2),
    _mover("Halley", 0.01, number=2688),
    _mover("Halley", 0.01, designation="1P", kind="comet"),
    _mover("Mars Barycenter", kind="major", major_code=4),
    _mover("Mars", kind="major", major_code=499),
    _mover("Mars Odyssey (spacecraft)", kind="major", major_code=-53),
    _mover("Io (Jupiter I)", kind="major", major_code=501),
    _mover("", 0.01, number=100345),
    _mover("Shortlived", 0.01, number=7, valid_jd=(2457000.0, 2457700.0)),
)  # fmt: skip


def small_sky() -> Sky:
    """Some 400 stars and everything that moves."""
    kind = Field(stars_per_deg2=9000.0, r_range=(11.0, 19.5), variable_fraction=0.05)
    return Sky.make(11, RA_DEG, DEC_DEG, RADIUS_DEG, kind).with_movers(*MOVERS)


@pytest.fixture(scope="session")
def sky() -> Sky:
    return small_sky()


@pytest.fixture
def server(sky: Sky) -> Iterator[SkyServer]:
    with SkyServer(sky) as running:
        yield running


@pytest.fixture
def settings(server: SkyServer) -> Settings:
    return replace(Settings(), services=server.service_settings())
