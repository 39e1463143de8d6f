"""Finding frames anywhere on the sky by the patterns of their stars.

Astrometry.net's engine (Lang et al. 2010AJ....139.1782L; the `astrometry` wheel) is given index
files that are on this machine: those of Tycho-2 for the whole sky where fields are wide, and
kits of catalog stars around the places where a frame may lie. It only proposes; what it finds
is refined and judged like every other seed.
"""

import logging
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from photpipe.ground import sky
from photpipe.ground.errors import PhotPipeError
from photpipe.register import kits
from photpipe.register.plates import Cards, Plate
from photpipe.run.settings import Settings
from photpipe.science.astrometry import ComplexArray, PlateMap, middle_of, wcs_cards
from photpipe.services import horizons, reference
from photpipe.services.cache import cache_folder

if TYPE_CHECKING:
    from photpipe.instruments.frames import Frame

log = logging.getLogger("pp_register")

TRIED_FRAMES = 3  # of a field whose first frames are not found
TRIED_STARS = (15, 25, 40)  # of one frame, in kits; failing takes 0.1 s
TRIED_STARS_WHOLE_SKY = (15, 20)  # failing takes 10 s
LISTED_STARS = 60  # by judgement: the engine tries the first 15 to 40, and checks with all
FEWEST_SOURCES = 6  # a quad has four stars, and a fifth and sixth confirm it
SURE_LOGODDS = math.log(1e7)  # of a proposal; all stars judge it afterwards
# by judgement: smaller fields have too few of the stars of whole-sky files (Tycho-2)
WHOLE_SKY_FIELD_DEG = 0.7
STARS_PER_FIELD = 25.0
MOST_KIT_STARS = 50_000  # by judgement: rows of a download
# by judgement: a kit that serves neighbouring nights; the largest cone of a download
SMALLEST_KIT_DEG, LARGEST_KIT_DEG = 1.0, 6.0
MOST_KITS = 8  # by judgement: every kit costs a try of 0.1 s and more
KIT_REACH = 15.0  # ratio of the sizes of fields that one kit serves
# Debian's packages (index-tycho2-09.littleendian.fits), data.astrometry.net (index-4109.fits)
WHOLE_SKY_FILE = re.compile(r"index-(?:tycho2-|41)(\d\d)(?:\.littleendian)?\.fits")
# Astrometry.net: index 4107 begins with quads of 22 arcmin
FIRST_NUMBER, FIRST_SIZE_DEG = 7, 22 / 60
KIT_CATALOG = "GAIA"
Refused = tuple[str, sky.Cone]
"""A catalog, and a region of which it could not be had."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame may lie.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Position.
    origin : str
        Who says so, e.g. ``the header``.
    """

    ra_deg: float
    dec_deg: float
    origin: str


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of a frame before it is looked for anywhere.

    Parameters
    ----------
    places : tuple of Place
        Where it may lie, the most trusted first.
    scale_arcsec : (float, float)
        Least and largest pixel scale.
    mirrored : bool or None
        Whether east is on the wrong side of north; None: unknown.
    """

    places: tuple[Place, ...]
    scale_arcsec: tuple[float, float]
    mirrored: bool | None = None

    @classmethod
    def of(cls, plate: Plate, factor: float, places: Sequence[Place] = ()) -> "Hints":
        """Hints of a plate: its own place if it has one, its scale within a factor."""
        own = () if plate.is_lost else (Place(plate.cone.ra_deg, plate.cone.dec_deg, "the header"),)
        scale = plate.scale_arcsec
        return cls((*own, *places), (scale / factor, scale * factor))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A place that the engine proposes for a frame.

    Parameters
    ----------
    wcs : mapping
        Cards (TAN).
    scale_arcsec : float
        Its pixel scale.
    logodds : float
        How sure the engine is.
    """

    wcs: Cards
    scale_arcsec: float
    logodds: float


def propose(
    plate: Plate, hints: Hints, settings: Settings, catalog: str, refused: list[Refused]
) -> Proposal | None:
    """Look for a frame in all index files that may show it; None if it is not found.

    Parameters
    ----------
    plate : Plate
        The frame.
    hints : Hints
        What is known of it.
    settings : Settings
        Where the kits are, and whether the network may be asked for stars.
    catalog : str
        Catalog that kits are made of.
    refused : list of (str, Cone)
        Catalogs and regions that no kit could be made of; more join it. They are not asked for
        again.
    """
    if plate.pixels.size < FEWEST_SOURCES:
        return None
    smallest_deg = min(plate.shape) * hints.scale_arcsec[0] / sky.ARCSEC_PER_DEG
    largest_deg = max(plate.shape) * hints.scale_arcsec[1] / sky.ARCSEC_PER_DEG
    tries: list[tuple[Callable[[], list[Path]], tuple[int, ...]]] = [
        (partial(_kept_kits, hints.places, settings), TRIED_STARS)
    ]
    if largest_deg >= WHOLE_SKY_FIELD_DEG:
        whole = partial(whole_sky_files, smallest_deg, largest_deg)
        tries.append((whole, TRIED_STARS_WHOLE_SKY))
    for place in hints.places:
        for size_deg in _kit_sizes_deg(smallest_deg, largest_deg):
            kit = partial(_kit_at, place, size_deg, settings, catalog, refused)
            tries.append((kit, TRIED_STARS))
    seen: set[Path] = set()
    for files_of, counts in tries:
        fresh = [path for path in files_of() if path not in seen]
        seen.update(fresh)
        found = ask(fresh, plate, hints, counts) if fresh else None
        if found is not None:
            return found
    return None


def _kit_sizes_deg(smallest_deg: float, largest_deg: float) -> list[float]:
    """Fields for which kits are made where the size of a frame is known within such limits."""
    count = 1 + int(math.log(largest_deg / smallest_deg) / math.log(KIT_REACH))
    return [smallest_deg * KIT_REACH**number for number in range(count)]


def not_found(hints: Hints) -> str:
    """What was tried in vain, and what else could be."""
    around = " and ".join(each.origin for each in hints.places)
    tried = (
        f"not identified anywhere around the position of {around}"
        if around
        else "no position known"
    )
    if any(whole_sky_files(1.0, 5.0)):
        return tried
    return f"{tried} (no index of the whole sky here; 'make install-blind' brings it)"


def whole_sky_files(smallest_deg: float, largest_deg: float) -> list[Path]:
    """Index files of Tycho-2 whose quadrilaterals fit into fields of such sizes.

    File 07 has those from 22 arcmin on; each further one is larger by the root of two.
    """
    found: dict[str, Path] = {}
    for folder in kits.whole_sky_folders():
        for path in sorted(folder.glob("index-*.fits")):
            number = WHOLE_SKY_FILE.fullmatch(path.name)
            if number is None:
                continue
            least_deg = FIRST_SIZE_DEG * kits.STEP ** (int(number[1]) - FIRST_NUMBER)
            if smallest_deg / 10 <= least_deg <= largest_deg:
                found.setdefault(path.name, path)
    return list(found.values())


def kit_cone(place: Place, field_deg: float) -> sky.Cone:
    """Region of a kit for fields of a size: as large as a bearable number of stars allows."""
    radius = math.sqrt(MOST_KIT_STARS / STARS_PER_FIELD / math.pi) * field_deg
    radius = min(max(radius, SMALLEST_KIT_DEG), LARGEST_KIT_DEG)
    return sky.Cone(round(place.ra_deg, 1) % 360.0, round(place.dec_deg, 1), round(radius, 1))


def make_kit(cone: sky.Cone, settings: Settings, catalog: str) -> list[Path]:
    """Index files of a cone, from the cache or from the catalog; none if it is too poor.

    Raises
    ------
    ServiceError
        If the catalog cannot be had.
    """
    folder = _kits_folder(settings) / kits.folder_name(catalog, cone)
    files = sorted(folder.glob("index-*.fits"))
    if files:
        return files
    stars = reference.fetch_catalog(catalog, cone, settings, row_limit=MOST_KIT_STARS)
    stars = stars.for_registration()
    return kits.write_kit(folder, cone, stars.ra_deg, stars.dec_deg)


def target_places(
    frames: Sequence["Frame"], settings: Settings, unknown: set[str]
) -> tuple[Place, ...]:
    """Where the targets of frames were, as far as JPL Horizons knows them.

    Names of which there is no position join `unknown`, and are not asked for again.
    """
    places: dict[str, Place] = {}
    for frame in frames:
        name = frame.object_name
        if not name or name in places or name in unknown:
            continue
        code = frame.telescope.observer
        try:
            seen = horizons.positions(name, [frame.midtime_jd], code, settings)
        except PhotPipeError as error:
            log.info("no position of %s: %s", name, error)
            unknown.add(name)
            continue
        places[name] = Place(float(seen.ra_deg[0]), float(seen.dec_deg[0]), seen.name)
    return tuple(places.values())


def _kits_folder(settings: Settings) -> Path:
    return cache_folder(settings.services) / "kits"


def _kept_kits(places: Sequence[Place], settings: Settings) -> list[Path]:
    """Index files of kits that cover one of the places; of all if there is no place."""
    kept = kits.kept(_kits_folder(settings))
    if places:
        kept = [
            (cone, files)
            for cone, files in kept
            if any(cone.contains(each.ra_deg, each.dec_deg) for each in places)
        ]
    return [path for _, files in kept[-MOST_KITS:] for path in files]


def _kit_at(
    place: Place, field_deg: float, settings: Settings, catalog: str, refused: list[Refused]
) -> list[Path]:
    """Index files of a kit around a place; none, with a line, if it cannot be made."""
    cone = kit_cone(place, field_deg)
    if any(name == catalog and each.contains(cone.ra_deg, cone.dec_deg) for name, each in refused):
        return []
    try:
        return make_kit(cone, settings, catalog)
    except (PhotPipeError, OSError) as error:
        log.info("no kit of %s around %s (%s): %s", catalog, cone, place.origin, error)
        refused.append((catalog, cone))
        return []


def ask(
    files: Sequence[Path], plate: Plate, hints: Hints, counts: Sequence[int]
) -> Proposal | None:
    """Proposal of the engine from index files, more stars of the frame each time."""
    import astrometry

    low, high = hints.scale_arcsec
    stars = _square(plate)[:LISTED_STARS]
    listed = [(each.real, each.imag) for each in stars]
    parity = {None: 2, False: 0, True: 1}[hints.mirrored]
    with astrometry.Solver(list(files)) as engine:
        for count in dict.fromkeys(min(each, len(listed)) for each in counts):
            parameters = astrometry.SolutionParameters(
                sip_order=0,
                tune_up_logodds_threshold=None,
                output_logodds_threshold=SURE_LOGODDS,
                positional_noise_pixels=plate.tolerance_px / 2,
                parity=astrometry.Parity(parity),
                slices_generator=partial(_one_slice, count),
                logodds_callback=lambda _: astrometry.Action.STOP,
            )
            found = engine.solve(listed, astrometry.SizeHint(low, high), None, parameters)
            if found.has_match():
                return _proposal(found.best_match().wcs_fields, plate, found.best_match().logodds)
    return None


def _one_slice(count: int, _listed: int) -> list[tuple[int, int]]:
    """The brightest stars, all at once."""
    return [(0, count)]


def _square(plate: Plate) -> ComplexArray:
    """Positions on a detector with square pixels."""
    return plate.pixels.real + 1j * plate.pixels.imag * plate.pixel_ratio


def _proposal(fields: dict[str, tuple[float, str]], plate: Plate, logodds: float) -> Proposal:
    """Proposal from the cards of the engine, written about the middle of the frame."""
    value = {key: each[0] for key, each in fields.items()}
    along_x = complex(value["CD1_1"], value["CD2_1"]) * sky.ARCSEC_PER_DEG
    along_y = complex(value["CD1_2"], value["CD2_2"]) * sky.ARCSEC_PER_DEG * plate.pixel_ratio
    start = complex(value["CRPIX1"], value["CRPIX2"] / plate.pixel_ratio)
    flat = PlateMap(start, 1.0, np.array([0j, along_x, along_y]))
    middle = middle_of(plate.shape)
    centred = PlateMap(middle, max(plate.shape) / 2, _about(flat, middle, max(plate.shape) / 2))
    scale = math.sqrt(abs((along_x.conjugate() * along_y).imag))
    return Proposal(wcs_cards(centred, value["CRVAL1"], value["CRVAL2"]), scale, logodds)


def _about(flat: PlateMap, middle: complex, unit: float) -> ComplexArray:
    """Coefficients of a linear map written about another point and unit."""
    along_x, along_y = flat.coefficients_arcsec[1:]
    return np.array([complex(flat(middle)), along_x * unit, along_y * unit])
