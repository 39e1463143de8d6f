"""Index files of Astrometry.net: kits made of catalog stars, and those of the whole sky.

A kit serves the surroundings of a place; it is written in the form that the `astrometry` wheel
and Astrometry.net's own programs read, so that none of these has to be installed to make one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.ground import files, paths, sky
from photpipe.science import astrometry, quads

if TYPE_CHECKING:
    from astropy.io.fits import Header

STEP = math.sqrt(2.0)  # between the sizes of quadrilaterals
# sizes of quads: from a field of some arcmin to the largest cone
SMALLEST_ARCMIN, LARGEST_ARCMIN = 2.0, 120.0
FEWEST_STARS_PER_CELL = 2.0
FEWEST_QUADS = 20  # by judgement: an index of fewer finds nothing
CODE_LOW, CODE_HIGH = (1 - math.sqrt(2)) / 2, (1 + math.sqrt(2)) / 2
CODE_UNITS = 65535 / (CODE_HIGH - CODE_LOW)
# format of Astrometry.net's index files: coordinates as 32 bit integers
STAR_UNITS = (2**32 - 1) / 2
BLOCK = 2880  # FITS standard 4.0, section 3.1
ENDIANNESS = "04:03:02:01"
HEALPIX_SIDE_DEG = 58.6  # of the cells of the coarsest division
SYSTEM_FOLDERS = (Path("/usr/share/astrometry"), Path("/usr/local/share/astrometry"))


@dataclass(frozen=True, slots=True)
class Block:
    """One table of an index file.

    Parameters
    ----------
    name : str
        Of its only column.
    data : array, shape (n, m)
        Rows of bytes to be.
    cards : mapping
        Further cards of its header.
    """

    name: str
    data: NDArray[np.generic]
    cards: Mapping[str, object]
    letter: str = "A"


def whole_sky_folders() -> list[Path]:
    """Where index files of the whole sky may be: the user's own folder first."""
    return [paths.cache_directory() / "index", *SYSTEM_FOLDERS]


def folder_name(catalog: str, cone: sky.Cone) -> str:
    """Name of the folder of a kit; it tells its region."""
    place = f"{cone.ra_deg:.1f}_{cone.dec_deg:+.1f}_{cone.radius_deg:.1f}"
    return f"{files.slug(catalog)}_{place}"


def kept(folder: Path) -> list[tuple[sky.Cone, list[Path]]]:
    """Regions and index files of the kits in a folder, the newest last."""
    result = []
    for each in sorted(folder.glob("*_*_*_*"), key=lambda path: path.stat().st_mtime):
        try:
            ra, dec, radius = (float(part) for part in each.name.split("_")[-3:])
        except ValueError:
            continue
        result.append((sky.Cone(ra, dec, radius), sorted(each.glob("index-*.fits"))))
    return result


def sizes_arcmin(
    cone: sky.Cone, plane_arcmin: astrometry.ComplexArray
) -> list[tuple[float, float]]:
    """Sizes of quadrilaterals that the stars in a cone can serve.

    Their density is that within their outline: a survey may end within the cone.
    """
    from scipy.spatial import ConvexHull, QhullError

    try:
        outline = ConvexHull(np.column_stack([plane_arcmin.real, plane_arcmin.imag]))
    except (QhullError, ValueError):  # fewer than three, or all on a line
        return []
    finest = math.sqrt(FEWEST_STARS_PER_CELL * outline.volume / plane_arcmin.size)
    low = SMALLEST_ARCMIN * STEP ** max(0, math.ceil(math.log(finest / SMALLEST_ARCMIN, STEP)))
    sizes = []
    while low * STEP <= min(LARGEST_ARCMIN, 60 * cone.radius_deg):
        sizes.append((low, low * STEP))
        low *= STEP
    return sizes


def write_kit(
    folder: Path, cone: sky.Cone, ra_deg: sky.FloatArray, dec_deg: sky.FloatArray
) -> list[Path]:
    """Write the index files of a cone; returns them.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    cone : Cone
        Region of the stars.
    ra_deg, dec_deg : array
        The stars, brightest first.
    """
    plane = astrometry.tangent_plane(cone.ra_deg, cone.dec_deg, ra_deg, dec_deg) / 60
    vectors = sky.unit_vectors(ra_deg, dec_deg)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, (low, high) in enumerate(sizes_arcmin(cone, plane)):
        found = quads.sky_quads(plane, low, high)
        if len(found.corners) >= FEWEST_QUADS:
            path = folder / f"index-{low:06.2f}.fits"
            files.write_bytes(path, _file_of(found, vectors, (low, high), number))
            written.append(path)
    return written


def _file_of(
    found: quads.SkyQuads, vectors: sky.FloatArray, size_arcmin: tuple[float, float], number: int
) -> bytes:
    """An index file."""
    star_units = np.round((vectors[found.stars] + 1) * STAR_UNITS).astype(np.int64)
    code_units = np.round((found.codes - CODE_LOW) * CODE_UNITS).clip(0, 65535).astype(np.int64)
    stars, codes = quads.search_tree(star_units), quads.search_tree(code_units)
    place = np.empty(len(stars.order), np.int64)
    place[stars.order] = np.arange(len(stars.order))
    corners = place[found.corners[codes.order]]
    rank = np.minimum(found.rank[stars.order], quads.LARGEST_RANK)
    low, high = (math.radians(size / 60) for size in size_arcmin)
    primary = {
        "ENDIAN": ENDIANNESS,
        "AN_FILE": "QUAD",
        "DIMQUADS": 4,
        "NQUADS": len(corners),
        "NSTARS": len(rank),
        "SCALE_U": high,
        "SCALE_L": low,
        "INDEXID": 90000 + number,
        "HEALPIX": -1,
        "HPNSIDE": 0,
        "CXDX": True,
        "CXDXLT1": True,
        "CIRCLE": True,
    }
    cut = {
        "HEALPIX": -1,
        "HPNSIDE": 1,
        "CUTNSIDE": round(HEALPIX_SIDE_DEG * 60 / size_arcmin[0]),
        "CUTMARG": 0,
        "CUTDEDUP": 1,
        "CUTNSWEP": quads.STARS_PER_CELL,
    }
    code_range = [CODE_LOW] * 4 + [CODE_HIGH] * 4 + [CODE_UNITS]
    star_range = [-1.0] * 3 + [1.0] * 3 + [STAR_UNITS]
    shape = {"CXDX": True, "CXDXLT1": True, "CIRCLE": True, "HEALPIX": -1, "HPNSIDE": 0}
    blocks = [
        Block("quads", corners.astype("<u4"), {}),
        *_tree("codes", codes, code_units, code_range, "u16", {"AN_FILE": "CKDT", **shape}),
        *_tree("stars", stars, star_units, star_range, "u32", {"AN_FILE": "SKDT", **cut}),
        Block("sweep", rank.astype("u1")[:, None], {}, "B"),
    ]
    return _header(primary) + b"".join(_table(each) for each in blocks)


def _tree(
    name: str,
    tree: quads.SearchTree,
    points: quads.IntArray,
    limits: Sequence[float],
    kind: str,
    cards: Mapping[str, object],
) -> list[Block]:
    """Tables of a search tree."""
    stored = "<u2" if kind == "u16" else "<u4"
    about = {
        **cards,
        "ENDIAN": ENDIANNESS,
        "KDT_NAME": name,
        "KDT_NDAT": len(points),
        "KDT_NDIM": points.shape[1],
        "KDT_NNOD": 2 * len(tree.ends) - 1,
        "KDT_VER": 1,
        "KDT_EXT": "double",
        "KDT_INT": kind,
        "KDT_DATA": kind,
        "KDT_LINL": False,
    }
    return [
        Block(f"kdtree_header_{name}", np.empty((0, 0), "u1"), about),
        Block(f"kdtree_lr_{name}", tree.ends.astype("<u4")[:, None], {}),
        Block(f"kdtree_split_{name}", tree.splits.astype(stored)[:, None], {}),
        Block(f"kdtree_range_{name}", np.array(limits, "<f8")[:, None], {}),
        Block(f"kdtree_data_{name}", points[tree.order].astype(stored), {}),
    ]


def _table(block: Block) -> bytes:
    """A binary table of one column of bytes."""
    width = block.data.shape[1] * block.data.dtype.itemsize
    cards = {
        "XTENSION": "BINTABLE",
        "BITPIX": 8,
        "NAXIS": 2,
        "NAXIS1": width,
        "NAXIS2": block.data.shape[0],
        "PCOUNT": 0,
        "GCOUNT": 1,
        "TFIELDS": 1,
        "TFORM1": f"{width}{block.letter}",
        "TTYPE1": block.name,
        **block.cards,
    }
    data = block.data.tobytes()
    return _padded_header(cards) + data + b"\0" * (-len(data) % BLOCK)


def _header(cards: Mapping[str, object]) -> bytes:
    """Header without data."""
    return _padded_header({"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True, **cards})


def _padded_header(cards: Mapping[str, object]) -> bytes:
    from astropy.io import fits

    header: Header = fits.Header()
    for key, value in cards.items():
        header[key] = value
    return str(header.tostring(padding=True)).encode("ascii")
