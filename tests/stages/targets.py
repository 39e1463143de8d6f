"""Calibrated nights for pp_distill, and how to read what it writes."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from astropy.table import Table

import pp_calibrate
import pp_distill
import pp_photometry
from photpipe.fits.fitsfile import update_header
from photpipe.run import photometry_file
from photpipe.run.photometry_file import TargetPoint
from simsky import Camera, Mover, Sky, SkyServer, camera, night, observe, read_truth, sky_for
from tests.prepared import make_prepared

FIELD = (0.005, 30.0)  # across 0h
START_JD = 2457786.95
MIDDLE_JD = START_JD + 0.003
COUNT = 5
V_MAG = 16.5


def mover(
    name: str, number: int, east: float, north: float, rate: tuple[float, float], **more: object
) -> Mover:
    """Asteroid that is so many arcsec from the middle of the field in the middle of the night."""
    from photpipe.ground import sky

    ra, dec = sky.shifted(*FIELD, east, north)
    values: dict[str, object] = {"v_mag": V_MAG, "sigma3_arcsec": 0.2} | more
    return Mover(
        name,
        float(ra),
        float(dec),
        epoch_jd=MIDDLE_JD,
        number=number,
        rate_ra_arcsec_min=rate[0],
        rate_dec_arcsec_min=rate[1],
        **values,  # type: ignore[arg-type]
    )


PRIMARY = mover("Don Quixote", 3552, 10.0, 5.0, (1.2, -0.6), designation="1983 SA")
FAINT = mover("Nonesuch", 100002, -45.0, 30.0, (-1.0, 1.0), v_mag=20.5)
UNSEEN = mover("Nosuch", 100003, 40.0, -35.0, (1.0, 1.0), v_mag=25.0)
LOST = mover(
    "Errant",
    100004,
    -20.0,
    -55.0,
    (1.5, 0.4),
    ephemeris_error_arcsec=(6.0, -5.0),
    sigma3_arcsec=8.0,
)
LEAVING = mover("Runaway", 100005, 105.0, 60.0, (9.0, 0.0))
COMET = mover(
    "Schwassmann",
    0,
    -60.0,
    -20.0,
    (0.8, 0.8),
    designation="73P",
    kind="comet",
    fragments=("B", "C"),
    apparitions=3,
)
MOVERS = (PRIMARY, FAINT, UNSEEN, LOST, LEAVING, COMET)


@dataclass(frozen=True, slots=True)
class Night:
    """Calibrated frames of the targets above, in a folder of one's own."""

    directory: Path
    paths: tuple[Path, ...]
    sky: Sky
    camera: Camera

    @property
    def words(self) -> list[str]:
        """The frames as words of a command."""
        return [str(path) for path in self.paths]

    @property
    def truths(self) -> list[Table]:
        """Truth about each frame."""
        return [read_truth(path) for path in self.paths]

    def distill(self, *words: str) -> int:
        """Run pp_distill on all frames; returns the exit status."""
        return pp_distill.main([*words, *self.words])

    def points(self, target: str) -> list[TargetPoint]:
        """What was measured of a target."""
        return photometry_file.read(self.directory / photometry_file.file_name(target))[1]

    def log(self) -> str:
        """The LOG."""
        return (self.directory / "LOG").read_text("utf-8")

    def true_row(self, number: int, label: str) -> Table.Row | None:
        """Truth about a moving target on a frame; None where it is not near it."""
        truth = self.truths[number]
        here = truth[truth["name"] == label]
        return here[0] if len(here) else None

    def copied(self, directory: Path) -> "Night":
        """The same night in another folder."""
        shutil.copytree(self.directory, directory)
        paths = tuple(directory / path.name for path in self.paths)
        return Night(directory, paths, self.sky, self.camera)


def make_night(
    directory: Path,
    movers: Sequence[Mover] = MOVERS,
    count: int = COUNT,
    changes: Mapping[int, Mapping[str, object]] = MappingProxyType({}),
) -> Night:
    """Frames that went through everything but pp_distill.

    Parameters
    ----------
    changes : mapping
        Number of a frame and fields of its exposure.
    """
    cam = camera("VATT4K", shape=(560, 600))
    sky = sky_for(cam, 11, *FIELD, stars_per_frame=110, min_separation_arcsec=6.0)
    sky = sky.with_movers(*movers)
    plan = night(
        cam,
        *FIELD,
        count=count,
        start_jd=START_JD,
        seed=11,
        exptime_s=60.0,
        dither_arcsec=4.0,
        seeing_arcsec=(1.5, 1.9),
        object_name="3552",
    )
    for number, fields in changes.items():
        plan[number] = replace(plan[number], **fields)  # type: ignore[arg-type]
    paths = make_prepared(observe(sky, cam, plan, directory), cam)
    for path in paths:
        update_header(path, {"REGCAT": "GAIA", "REGSTAT": "registered"})
    words = ["-quiet", *map(str, paths)]
    cache = directory / "cache"  # read by all commands that run in the folder
    with SkyServer(sky) as server:
        path = server.write_settings(directory)
        path.write_text(f'{path.read_text()}cache = "{cache}"\n[report]\npages = false\n')
        assert pp_photometry.main(["-background_only", *words]) == 0
        assert pp_calibrate.main(["-cat", "PANSTARRS", *words]) == 0
    for kept in cache.glob("*/*"):
        if not kept.name.startswith("PANSTARRS"):
            kept.unlink()  # what pp_distill asks for, it shall ask for itself
    return Night(directory, tuple(paths), sky, cam)


def residuals(night: Night, label: str, points: Sequence[TargetPoint]) -> np.ndarray:
    """Measured minus true magnitudes of a moving target."""
    names = [path.name for path in night.paths]
    rows = [night.true_row(names.index(point.frame), label) for point in points]
    true = [row["mag"] for row in rows if row is not None]
    return np.array([point.mag for point in points]) - np.array(true)
