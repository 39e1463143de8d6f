"""What a header tells of a frame: each fact with where it came from and what speaks against it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from photpipe.ground.files import slug
from photpipe.instruments.observatories import Site

T = TypeVar("T")

SOLUTIONS = "the plate solutions of earlier frames"
"""Origin of what a camera is remembered by."""

KEYWORD_PREFIX = "CAM_"
"""What the keywords of cameras without an entry begin with."""


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One thing known of a frame.

    Parameters
    ----------
    value
        In the unit that the name of its field says.
    origin : str
        The cards, or whatever else it was taken from.
    doubt : str
        What contradicts it or was assumed; empty if nothing.
    """

    value: T
    origin: str
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a camera is known by: none of these alone is a name.

    Parameters
    ----------
    instrument, telescope : str
        INSTRUME and TELESCOP; possibly a driver's name, a mount, a serial number.
    focal_length_mm, pixel_um : float
        As the header has them; 0 if it has none.
    shape : (ny, nx)
        Size of the image.
    binning : (x, y)
        Binning.
    plane : str
        Colour of a plane of a colour camera; empty for others.
    """

    instrument: str
    telescope: str
    focal_length_mm: float
    pixel_um: float
    shape: tuple[int, int]
    binning: tuple[int, int]
    plane: str = ""

    @property
    def identity(self) -> str:
        """Short digest under which things are remembered."""
        text = repr(
            (
                *(self.instrument.casefold(), self.telescope.casefold()),
                *(f"{self.focal_length_mm:.1f}", f"{self.pixel_um:.2f}"),
                *(self.shape, self.binning, self.plane),
            )
        )
        return hashlib.sha256(text.encode()).hexdigest()[:6]

    @property
    def name(self) -> str:
        """Name for people: the camera, else the telescope."""
        return self.instrument or self.telescope or "camera without a name"

    @property
    def keyword(self) -> str:
        """Keyword of the telescope that the stages see."""
        words = slug(self.name.replace(" ", "_"), "camera").strip("_")[:28]
        return f"{KEYWORD_PREFIX}{words}_{self.identity}"


@dataclass(frozen=True, slots=True)
class Missing:
    """A fact that a run cannot do without.

    Parameters
    ----------
    name : str
        What is missing.
    advice : str
        The card or option that would tell.
    """

    name: str
    advice: str


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """All that a header tells of a frame; None: it does not.

    Parameters
    ----------
    bundle : Bundle
        What the camera is known by.
    program : Fact of str
        Who wrote the file; empty if it does not say.
    exptime_s, midtime_jd : Fact of float
        Exposure time; Julian date (UTC) of its middle.
    binning : Fact of (int, int)
        In x and y.
    scale_arcsec : Fact of (float, float)
        Of the binned pixels, in x and y: a hint.
    pointings : tuple of Fact of (float, float)
        RA, Dec (degrees, ICRS) where the frame may lie, the most trusted first.
    site : Fact of Site
        Place on Earth, geodetic.
    observatory_code : Fact of str
        MPC code that the user gives or that lies within 1 km.
    gain : Fact of float
        Electrons per ADU.
    saturation_adu, airmass : Fact of float
        Saturation level; airmass as the header has it.
    filter_name, object_name : Fact of str
        As the header has them; "none" for a frame without a filter.
    rows : Fact of str
        TOP-DOWN or BOTTOM-UP.
    mosaic : Fact of str
        Pattern of a colour camera, such as RGGB, of the first two rows of the file.
    planes : Fact of int
        Number of planes of a colour image.
    colour : Fact of str
        What a plane of a colour image shows: TG, TB or TR.
    stack : Fact of int
        Number of exposures, for a stack; 0 if nobody says how many.
    missing : tuple of Missing
        What a run would need.
    rejected : tuple of Fact of str
        What cards claim and is not believed, with the reason.
    """

    bundle: Bundle
    program: Fact[str]
    binning: Fact[tuple[int, int]]
    filter_name: Fact[str]
    exptime_s: Fact[float] | None = None
    midtime_jd: Fact[float] | None = None
    scale_arcsec: Fact[tuple[float, float]] | None = None
    pointings: tuple[Fact[tuple[float, float]], ...] = ()
    site: Fact[Site] | None = None
    observatory_code: Fact[str] | None = None
    gain: Fact[float] | None = None
    saturation_adu: Fact[float] | None = None
    airmass: Fact[float] | None = None
    object_name: Fact[str] | None = None
    rows: Fact[str] | None = None
    mosaic: Fact[str] | None = None
    planes: Fact[int] | None = None
    colour: Fact[str] | None = None
    stack: Fact[int] | None = None
    missing: tuple[Missing, ...] = ()
    rejected: tuple[Fact[str], ...] = ()


def told_missing(missing: Sequence[Missing]) -> str:
    """What is missing and what would tell, in one line."""
    return "; ".join(f"{each.name} ({each.advice})" for each in missing)
