"""Every service under every fault: what is asked, and what comes of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from photpipe.ground.errors import PhotPipeError
from photpipe.ground.sky import Cone
from photpipe.run.settings import Settings
from photpipe.services import horizons, skybot, vsx
from photpipe.services.reference import fetch_catalog
from simsky import Fault, SkyServer, faults
from tests.services.conftest import DEC_DEG, JD, RA_DEG

CONE = Cone(RA_DEG, DEC_DEG, 0.05)
REFUSED = Fault("connection refused")
FAULTS = (*faults.ALL_FAULTS, REFUSED)
PATIENCE_S = 1.0

QUESTIONS: Mapping[str, Callable[[Settings], Any]] = {
    "vizier": lambda settings: fetch_catalog("GAIA", CONE, settings, max_mag=18.0),
    "vsx": lambda settings: vsx.variables(Cone(RA_DEG, DEC_DEG, 0.1), settings),
    "sdss": lambda settings: fetch_catalog("SDSS-R13", CONE, settings, max_mag=18.0),
    "mast": lambda settings: fetch_catalog("PANSTARRS-DR2", CONE, settings, max_mag=18.0),
    "horizons": lambda settings: horizons.positions("3552", [JD, JD + 0.01], "290", settings),
    "skybot": lambda settings: skybot.asteroids(CONE, JD, "290", settings),
}


def impatient(server: SkyServer, patience_s: float = PATIENCE_S, **more: Any) -> Settings:
    """Settings that lead to a server and give it so long, all in all, to answer."""
    limits: dict[str, Any] = {
        "connect_timeout_s": 0.5 * patience_s,
        "read_timeout_s": 0.45 * patience_s,
        "deadline_s": patience_s,
        "longest_pause_s": 0.3 * patience_s,
    }
    return replace(Settings(), services=server.service_settings(**(limits | more)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question: rows, or the error in its words, and how long it took."""

    rows: int | None
    error: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.rows} rows" if self.rows is not None else self.error


def inflict(server: SkyServer, service: str, fault: Fault, *, mirror: bool = False) -> None:
    """Let a fault befall a service: all its servers, or only the first."""
    names = {"vizier": ["vizier", "vizier2"], "vsx": ["vizier", "vizier2"]}.get(service, [service])
    for name in names[:1] if mirror else names:
        if fault is REFUSED:
            server.stop(name)
        else:
            server.fail(replace(fault, service=service, server=name))


def outcome(service: str, settings: Settings) -> Outcome:
    """Ask the question of a service; anything but an answer or a named failure escapes."""
    began = time.monotonic()
    try:
        rows, error = len(QUESTIONS[service](settings)), ""
    except PhotPipeError as failure:
        rows, error = None, str(failure)
    return Outcome(rows, error, time.monotonic() - began)


def ask_like_a_run(settings: Settings, frames: int = 50) -> None:
    """Ask all that the stages ask for the frames of one target, in their order.

    The registration asks for its catalog twice, the calibration for another one, in a field that
    differs a little each time; calibration and distillation ask for the variable stars; the
    curve of growth, the distillation and a combination ask for the positions of the target.
    """
    times = JD + np.arange(frames) / 1440.0
    for offset_deg in (0.0, 0.001):
        cone = Cone(RA_DEG + offset_deg, DEC_DEG, 0.05)
        fetch_catalog("GAIA", cone, settings, max_mag=18.0, epoch_jd=JD)
    for radius_deg in (0.05, 0.049):
        fetch_catalog("PANSTARRS", Cone(RA_DEG, DEC_DEG + 0.001, radius_deg), settings)
    for radius_deg in (0.05, 0.049):
        vsx.variables(Cone(RA_DEG, DEC_DEG + 0.001, radius_deg), settings)
    for some in (times, times[::2], times[3:]):
        horizons.positions("3552", some, "290", settings)
