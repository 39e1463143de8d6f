"""Small frames of any telescope, and files that break every rule."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from photpipe.ground import sky
from simsky import entries
from simsky.dialects import Facts, header_of, orientation
from simsky.wcs import cd_matrix, true_wcs

POINTING = (179.28, 0.428)
MIDTIME_JD = 2457786.9
EXPTIME_S = 60.0


def camera_header(
    keyword: str,
    pointing: tuple[float, float] = POINTING,
    *,
    chip: int | None = None,
    binning: tuple[int, int] = (2, 2),
    cards: Mapping[str, Any] | None = None,
) -> fits.Header:
    """Header as a telescope writes it; cards of value None are removed."""
    entry = entries()[keyword]
    if isinstance(entry["binning"][0], int):
        binning = entry["binning"]
    if "chip_id" in entry and chip is None:
        chip = next(iter(entry["rotate"]))
    east, north = (offset * 3600.0 for offset in orientation(entry, chip)[3])
    ra, dec = sky.shifted(*pointing, -east, -north)
    facts = Facts(
        ra_deg=float(ra),
        dec_deg=float(dec),
        midtime_jd=MIDTIME_JD,
        exptime_s=EXPTIME_S,
        filter_name=next(iter(entry["filter_translations"])),
        object_name="3552",
        airmass=1.2,
        binning=binning,
        chip=chip,
    )
    header = header_of(entry, facts)
    for name, value in (cards or {}).items():
        if value is None:
            header.remove(name, ignore_missing=True)
        else:
            header[name] = value
    return header


def camera_wcs(
    keyword: str,
    shape: tuple[int, int],
    pointing: tuple[float, float] = POINTING,
    *,
    chip: int | None = None,
    binning: tuple[int, int] = (2, 2),
) -> WCS:
    """True WCS of a frame with the header of `camera_header`, from the entry's numbers."""
    entry = entries()[keyword]
    if isinstance(entry["binning"][0], int):
        binning = entry["binning"]
    if "chip_id" in entry and chip is None:
        chip = next(iter(entry["rotate"]))
    flip_x, flip_y, rotate, _ = orientation(entry, chip)
    scale = (entry["secpix"][0] * binning[0], entry["secpix"][1] * binning[1])
    return true_wcs(shape, pointing, cd_matrix(scale, flip_x, flip_y, rotate))


def noise(shape: tuple[int, ...] = (40, 50), kind: str = "u2", seed: int = 0) -> np.ndarray:
    """Pixels of a dark sky."""
    return np.random.default_rng(seed).normal(1000, 30, shape).astype(kind)


def write_frame(
    path: Path, keyword: str = "VATT4K", pixels: np.ndarray | None = None, **how: Any
) -> bytes:
    """Write a frame of a telescope, each name with noise of its own; returns its bytes."""
    data = noise(seed=zlib.crc32(path.name.encode())) if pixels is None else pixels
    fits.writeto(path, data, camera_header(keyword, **how))
    return path.read_bytes()


def with_raw_cards(path: Path, *cards: bytes) -> bytes:
    """Put cards of 80 raw bytes before END, valid or not; returns the bytes of the file."""
    content = path.read_bytes()
    end = content.index(b"END".ljust(80))
    after = -(-(end + 80) // 2880) * 2880
    header = content[:end] + b"".join(card.ljust(80)[:80] for card in cards) + b"END".ljust(80)
    path.write_bytes(header.ljust(-(-len(header) // 2880) * 2880) + content[after:])
    return path.read_bytes()


def pixel_bytes(path: Path) -> bytes:
    """Everything behind the primary header."""
    content = path.read_bytes()
    at = 0
    while content[at : at + 8] != b"END     ":
        at += 80
    return content[(at // 2880 + 1) * 2880 :]


def temporary_files(folder: Path) -> list[str]:
    """What a process that was killed left behind."""
    return sorted(each.name for each in folder.rglob(".pp_tmp_*"))
