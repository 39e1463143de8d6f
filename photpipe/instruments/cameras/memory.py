"""What solved frames taught about cameras, kept in the user's data folder under their bundles."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from photpipe.ground import files, paths
from photpipe.ground.errors import ConfigError
from photpipe.science.wcs_seed import Orientation

log = logging.getLogger(__name__)

FILE = "cameras.json"
# by judgement: focus moves a scale by per mille, another reducer by tens of per cent
SCALE_AGREEMENT = 0.02
# by judgement: a camera that was taken off does not come back so exactly
ROTATION_AGREEMENT_DEG = 5.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known of a camera from its solved frames.

    Parameters
    ----------
    identity, name : str
        Digest of its bundle; name for people.
    scale_arcsec : float
        Of the binned pixels.
    rotation_deg : float
        East of north, between 0 and 360.
    mirrored : bool
        Whether the image is mirrored.
    gain, saturation_adu : float or None
        As they were found; None if unknown.
    frames : int
        Solved frames that agree.
    seen : str
        Date of the last of them.
    """

    identity: str
    name: str
    scale_arcsec: float
    rotation_deg: float
    mirrored: bool
    gain: float | None = None
    saturation_adu: float | None = None
    frames: int = 1
    seen: str = ""

    @property
    def orientation(self) -> Orientation:
        """As a starting WCS wants it."""
        return Orientation(not self.mirrored, False, self.rotation_deg)

    def contradiction(self, other: "Learned") -> str:
        """What a newer finding says against this one; empty if they agree."""
        if abs(other.scale_arcsec / self.scale_arcsec - 1) > SCALE_AGREEMENT:
            return f"the scale is {other.scale_arcsec:.4f}, not {self.scale_arcsec:.4f} arcsec"
        if other.mirrored != self.mirrored:
            return f"the image is {'' if other.mirrored else 'not '}mirrored"
        return ""


def store() -> Path:
    """File in which cameras are remembered."""
    return paths.data_directory() / FILE


def known() -> dict[str, Learned]:
    """All cameras by identity; none if the file is missing or not readable."""
    try:
        rows = json.loads(store().read_text("utf-8"))
        return {row["identity"]: Learned(**row) for row in rows}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError) as problem:
        log.warning("%s cannot be read (%s): no camera is remembered", store(), problem)
        return {}


def recall(identity: str) -> Learned | None:
    """What is known of a camera."""
    return known().get(identity)


def learn(found: Learned) -> str:
    """Remember a camera; a contradicted memory is replaced. Returns what to tell, or nothing."""
    with _changing() as cameras:
        before = cameras.get(found.identity)
        if before is None:
            cameras[found.identity] = found
            return f"{found.name}: its scale and orientation are remembered"
        why = before.contradiction(found)
        if why:
            cameras[found.identity] = found
            return f"{found.name}: what was remembered of it is dropped: {why}"
        count = before.frames + found.frames
        cameras[found.identity] = replace(found, frames=count)
        return ""


def forget(identity: str) -> list[Learned]:
    """Forget the cameras of an identity or name, or ``all``; those that were known."""
    with _changing() as cameras:
        wanted = identity.strip().casefold()
        gone = [
            camera
            for camera in cameras.values()
            if wanted in {"all", camera.identity.casefold(), camera.name.casefold()}
        ]
        for camera in gone:
            del cameras[camera.identity]
        return gone


@contextmanager
def _changing() -> Iterator[dict[str, Learned]]:
    """Cameras to be changed and written back.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    cameras = known()
    before = dict(cameras)
    yield cameras
    if cameras == before:
        return
    rows = [asdict(each) for each in cameras.values()]
    try:
        store().parent.mkdir(parents=True, exist_ok=True)
        files.write_text(store(), json.dumps(rows, indent=1) + "\n")
    except OSError as problem:
        message = f"{store()} cannot be written: {problem.strerror or problem}"
        raise ConfigError(message) from None
