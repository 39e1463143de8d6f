"""Copies of an exposure are told from its chips, planes and neighbours."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from photpipe.fits.copies import without_copies
from photpipe.fits.fitsfile import update_header
from tests.framefiles import noise, write_frame


def kept(folder: Path) -> tuple[list[str], str]:
    """Names of what is left of a folder's files, and what is told of the others."""
    paths, told = without_copies(sorted(path for path in folder.iterdir() if path.is_file()))
    return [path.name for path in paths], told


def test_a_copy_is_used_once(tmp_path: Path) -> None:
    content = write_frame(tmp_path / "a.fits")
    (tmp_path / "a (1).fits").write_bytes(content)
    (tmp_path / "A copy.fit").write_bytes(content)
    write_frame(tmp_path / "b.fits")
    names, told = kept(tmp_path)
    assert names == ["a.fits", "b.fits"]
    assert told == (
        "2 files are copies of an exposure, which is used once: "
        "A copy.fit (of a.fits), a (1).fits (of a.fits)"
    )


def test_one_copy_in_other_words(tmp_path: Path) -> None:
    content = write_frame(tmp_path / "a.fits")
    (tmp_path / "a (1).fits").write_bytes(content)
    told = "1 file is a copy of an exposure, which is used once: a (1).fits (of a.fits)"
    assert kept(tmp_path) == (["a.fits"], told)


def test_many_copies_in_one_line(tmp_path: Path) -> None:
    content = write_frame(tmp_path / "a.fits")
    for number in range(1, 7):
        (tmp_path / f"a ({number}).fits").write_bytes(content)
    assert kept(tmp_path)[1].endswith("a (3).fits (of a.fits), and 3 more")


def test_the_one_that_was_prepared_stays(tmp_path: Path) -> None:
    content = write_frame(tmp_path / "long name.fits")
    (tmp_path / "a.fits").write_bytes(content)
    update_header(tmp_path / "long name.fits", {"DATE-OBS": "2030-01-01", "FILTER": "other"})
    assert kept(tmp_path)[0] == ["long name.fits"]


def test_a_copy_that_another_program_wrote(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.fits", pixels=noise())
    write_frame(tmp_path / "a.fit", pixels=noise(kind=">f4").astype("u2").astype(">f4"))
    fits.setval(tmp_path / "a.fit", "EXPTIME", value=60, comment="seconds")
    fits.setval(tmp_path / "a.fit", "SWCREATE", value="Viewer 6")
    assert kept(tmp_path)[0] == ["a.fits"]


@pytest.mark.parametrize(
    "cards",
    [{"DATE-OBS": "2017-02-03"}, {"FILTER": "V"}, {"INSTRUME": "other"}, {"EXPTIME": 61.0}],
)
def test_what_the_header_tells_apart_is_no_copy(tmp_path: Path, cards: dict[str, object]) -> None:
    write_frame(tmp_path / "a.fits", pixels=noise())
    write_frame(tmp_path / "b.fits", pixels=noise(), cards=cards)
    assert kept(tmp_path) == (["a.fits", "b.fits"], "")


def test_without_a_time_nothing_is_a_copy(tmp_path: Path) -> None:
    for name in "ab":
        fits.writeto(tmp_path / f"{name}.fits", noise(), fits.Header({"OBJECT": "3552"}))
    assert kept(tmp_path)[0] == ["a.fits", "b.fits"]


def test_chips_of_one_exposure_are_no_copies(tmp_path: Path) -> None:
    """Their headers may be the same to the last card; one pixel of difference is enough."""
    pixels = noise((100, 100))
    write_frame(tmp_path / "a_1.fits", pixels=pixels)
    pixels[51, 3] += 1
    write_frame(tmp_path / "a_2.fits", pixels=pixels)
    write_frame(tmp_path / "a_3.fits", pixels=pixels[:, :60])
    assert kept(tmp_path)[0] == ["a_1.fits", "a_2.fits", "a_3.fits"]


def test_files_of_several_images_have_to_agree_in_all(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.fits", pixels=noise())
    for name, seed in (("b.fits", 1), ("c.fits", 2), ("d.fits", 1)):
        write_frame(tmp_path / name, pixels=noise())
        with fits.open(tmp_path / name, "append") as hdus:
            hdus.append(fits.ImageHDU(noise(seed=seed)))
    assert kept(tmp_path)[0] == ["a.fits", "b.fits", "c.fits"]


def test_packed_copies(tmp_path: Path) -> None:
    content = gzip.compress(write_frame(tmp_path / "x"), mtime=0)
    (tmp_path / "x").unlink()
    other = gzip.compress(write_frame(tmp_path / "y"), mtime=0)
    (tmp_path / "y").unlink()
    for name in ("a.fits.gz", "a (1).fits.gz"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "b.fits.gz").write_bytes(other)
    assert kept(tmp_path)[0] == ["a.fits.gz", "b.fits.gz"]


def test_files_that_cannot_be_read_are_left_to_the_stages(tmp_path: Path) -> None:
    content = write_frame(tmp_path / "a.fits", pixels=np.full((40, 50), np.nan, ">f4"))
    for name in "bc":
        (tmp_path / f"{name}.fits").write_bytes(content[:4000])
    names, told = kept(tmp_path)
    assert (names, told) == (["a.fits", "b.fits", "c.fits"], "")
    (tmp_path / "d.fits").write_bytes(content)
    assert kept(tmp_path)[0] == ["a.fits", "b.fits", "c.fits"]
