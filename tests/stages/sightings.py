"""Simulated frames on their way through pp_register, and how far off they come out."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from photpipe.ground import sky as sphere
from photpipe.instruments.frames import Frame
from photpipe.run.results import RegisterResult
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from pp_prepare import PrepareOptions, prepare
from pp_register import RegisterOptions, register
from simsky import (
    Exposure,
    Sky,
    SkyServer,
    camera,
    night,
    observe,
    read_truth,
    sky_for,
    truth_wcs,
)

START_JD = 2457786.95


@dataclass(frozen=True, slots=True)
class Sighting:
    """Prepared frames, and the sky they show."""

    frames: list[Path]
    sky: Sky

    @property
    def directory(self) -> Path:
        return self.frames[0].parent


def sight(
    directory: Path,
    ra: float,
    dec: float,
    *,
    keyword: str = "VATT4K",
    seed: int = 1,
    count: int = 2,
    shape: tuple[int, int] = (512, 512),
    stars: float = 80,
    margin_deg: float = 0.45,
    exposures: list[Exposure] | None = None,
    options: PrepareOptions | None = None,
    **every: Any,
) -> Sighting:
    """Observe a field and prepare the frames."""
    cam = camera(keyword, shape=shape)
    sky = sky_for(cam, seed, ra, dec, stars_per_frame=stars, margin_deg=margin_deg)
    plan = exposures or night(cam, ra, dec, count=count, start_jd=START_JD, seed=seed, **every)
    frames = observe(sky, cam, plan, directory, seed=seed)
    done = prepare(frames, options or PrepareOptions(), Workspace(directory, quiet=True))
    assert not done.failed
    return Sighting(frames, sky)


def workspace(sighting: Sighting, server: SkyServer) -> Workspace:
    services = server.service_settings(read_timeout_s=60.0, deadline_s=120.0)
    return Workspace(sighting.directory, replace(Settings(), services=services), quiet=True)


def registered(sighting: Sighting, **options: Any) -> RegisterResult:
    """Run pp_register with the services about the sky of the frames."""
    with SkyServer(sighting.sky) as server:
        return register(sighting.frames, RegisterOptions(**options), workspace(sighting, server))


def errors_arcsec(path: Path) -> np.ndarray:
    """Distances between the WCS of a frame and the truth, over the whole frame."""
    ny, nx = Frame.read(path).shape
    x, y = (each.ravel() for each in np.meshgrid(np.linspace(1, nx, 9), np.linspace(1, ny, 9)))
    found = Frame.read(path).wcs().all_pix2world(x, y, 1)
    true = truth_wcs(read_truth(path)).all_pix2world(x, y, 1)
    return sphere.separation_deg(*found, *true) * 3600
