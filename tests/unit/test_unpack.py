"""Plain frames out of compressed, multi-extension and untrimmed files; originals stay."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from photpipe.fits.fitsfile import read_header
from photpipe.fits.unpack import plain_frames, trimmed
from photpipe.ground.errors import FrameError
from tests.framefiles import camera_header, noise, temporary_files, with_raw_cards, write_frame


def primary() -> fits.PrimaryHDU:
    """Header of a mosaic: what its chips share."""
    header = camera_header("INTWFC", cards={"EXTNAME": None})
    header["DETECTOR"] = "mosaic"
    return fits.PrimaryHDU(header=header)


def chip(number: int, **cards: object) -> fits.ImageHDU:
    hdu = fits.ImageHDU(noise(seed=number), name=f"CHIP{number}")
    hdu.header.update({"DETECTOR": f"chip {number}", "INHERIT": True, **cards})
    return hdu


def write(path: Path, *hdus: object) -> bytes:
    fits.HDUList(list(hdus)).writeto(path, checksum=True)
    return path.read_bytes()


def test_plain_frame_stands_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path)
    assert plain_frames(path) == (path,)
    assert [each.name for each in tmp_path.iterdir()] == ["a.fits"]


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a.fits.gz", "a.fits"), ("b.FIT.GZ", "b.FIT"), ("c.fts.gz", "c.fts"), ("d.gz", "d.fits")],
)
def test_gzipped_frame(tmp_path: Path, name: str, plain: str) -> None:
    content = write_frame(tmp_path / "x")
    path = tmp_path / name
    path.write_bytes(gzip.compress(content))
    packed = path.read_bytes()
    (found,) = plain_frames(path)
    assert found.name == plain
    assert path.read_bytes() == packed
    assert found.read_bytes()[-5760:] == content[-5760:]
    header = read_header(found)
    assert header["PPSOURCE"] == name
    assert {card for card in fits.Header.fromstring(content) if card not in header} == set()
    assert plain_frames(path) == (found,)
    assert plain_frames(found) == (found,)


@pytest.mark.parametrize("kind", ["u2", ">i2", ">i4", ">f4"])
@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1"])
def test_tile_compressed_frame_has_the_pixels_of_the_original(
    tmp_path: Path, kind: str, compression: str
) -> None:
    pixels = noise(kind=kind)
    plain = fits.PrimaryHDU(pixels, camera_header("VATT4K"))
    level = {"quantize_level": 0} if kind == ">f4" else {}
    if kind == ">f4":
        compression = "GZIP_2"  # the only loss-free one for real numbers
    packed = fits.CompImageHDU(
        pixels, camera_header("VATT4K"), compression_type=compression, **level
    )
    path = tmp_path / "a.fits.fz"
    content = write(path, fits.PrimaryHDU(), packed)
    (found,) = plain_frames(path)
    assert found.name == "a.fits"
    assert path.read_bytes() == content
    with fits.open(found) as hdus:
        assert len(hdus) == 1
        np.testing.assert_array_equal(hdus[0].data, pixels)
        assert hdus[0].header["BITPIX"] == plain.header["BITPIX"]
        assert hdus[0].header.get("BZERO") == plain.header.get("BZERO")
        assert hdus[0].header["RA"] == plain.header["RA"]
        assert not [name for name in hdus[0].header if name.startswith(("Z", "TFORM", "CHECK"))]


def test_mosaic_becomes_one_frame_per_detector(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    mask = fits.ImageHDU(np.zeros((40, 50), "u1"), name="BPM")
    table = fits.BinTableHDU.from_columns([fits.Column("X", "D", array=np.arange(3.0))])
    content = write(path, primary(), chip(1), mask, table, chip(2, EXPTIME=99.0))
    found = plain_frames(path)
    assert [each.name for each in found] == ["m_1.fits", "m_2.fits"]
    assert path.read_bytes() == content
    for number, each in enumerate(found, 1):
        with fits.open(each) as hdus:
            assert len(hdus) == 1
            np.testing.assert_array_equal(hdus[0].data, noise(seed=number))
            header = hdus[0].header
        assert header["DETECTOR"] == f"chip {number}"
        assert header["EXPTIME"] == (60.0, 99.0)[number - 1]
        assert header["WFFBAND"] == "V"
        assert header["BZERO"] == 32768
        assert not {"XTENSION", "INHERIT", "PCOUNT", "CHECKSUM", "EXTEND"} & set(header)
    assert plain_frames(path) == found


def test_scaling_of_the_mosaic_is_not_that_of_a_chip(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    write(path, primary(), fits.ImageHDU(noise(kind=">i2")))
    with_raw_cards(path, b"BZERO   =                  7.0")
    with fits.open(plain_frames(path)[0]) as hdus:
        np.testing.assert_array_equal(hdus[0].data, noise(kind=">i2"))
        assert "BZERO" not in hdus[0].header


def test_image_with_a_table_and_gzipped_mosaic(tmp_path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("X", "D", array=np.arange(3.0))])
    path = tmp_path / "t.fits"
    write(path, fits.PrimaryHDU(noise(), camera_header("VATT4K")), table)
    assert [each.name for each in plain_frames(path)] == ["t_1.fits"]
    mosaic = tmp_path / "m.fits.gz"
    mosaic.write_bytes(gzip.compress(write(tmp_path / "x", primary(), chip(1), chip(2))))
    assert [each.name for each in plain_frames(mosaic)] == ["m_1.fits", "m_2.fits"]


def test_strangers_cards_survive_unpacking(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    write_frame(path)
    content = with_raw_cards(path, b"PARAM0  = 12 \xb0C", b"gain = 2")
    packed = tmp_path / "a.fits.gz"
    packed.write_bytes(gzip.compress(content))
    header = read_header(plain_frames(packed)[0])
    assert (header["PARAM0"], header["GAIN"]) == ("12 ?C", 2)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((4, 40, 50), "a cube of 4 images; split it"),
        ((50,), "no two-dimensional image"),
        (None, "no two-dimensional image"),
        ((2, 3, 4, 5), "a cube of 6 images"),
    ],
)
def test_what_is_no_picture_is_refused(
    tmp_path: Path, shape: tuple[int, ...] | None, reason: str
) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(None if shape is None else noise(shape)).writeto(path)
    content = path.read_bytes()
    with pytest.raises(FrameError, match=reason):
        plain_frames(path)
    extension = tmp_path / "b.fits"
    write(extension, fits.PrimaryHDU(), fits.ImageHDU(None if shape is None else noise(shape)))
    with pytest.raises(FrameError, match=reason.replace("two-dimensional ", ".*")):
        plain_frames(extension)
    assert path.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_one_plane_with_three_axes_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    fits.writeto(path, noise((1, 40, 50)))
    assert plain_frames(path) == (path,)
    packed = tmp_path / "b.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with fits.open(plain_frames(packed)[0]) as hdus:
        np.testing.assert_array_equal(hdus[0].data, noise((1, 40, 50))[0])


@pytest.mark.parametrize("cut", [5, 300, -9])
def test_damaged_gzip_is_named_and_leaves_nothing(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(write_frame(tmp_path / "x"))[:cut])
    (tmp_path / "x").unlink()
    with pytest.raises(FrameError, match="compressed file is damaged"):
        plain_frames(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.fits.gz"]


def test_damaged_tiles_are_named_and_leave_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.fits.fz"
    packed = fits.CompImageHDU(noise(), compression_type="GZIP_1")
    content = bytearray(write(path, fits.PrimaryHDU(), packed))
    content[-2880:-1000] = b"\xff" * 1880
    path.write_bytes(content)
    with pytest.raises(FrameError, match="compressed pixels are damaged"):
        plain_frames(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.fits.fz"]


def test_name_that_is_taken_is_an_error(tmp_path: Path) -> None:
    mine = write_frame(tmp_path / "a.fits")
    packed = tmp_path / "a.fits.gz"
    packed.write_bytes(gzip.compress(mine))
    with pytest.raises(FrameError, match=r"a\.fits already exists"):
        plain_frames(packed)
    assert (tmp_path / "a.fits").read_bytes() == mine
    (tmp_path / "a.fits").write_bytes(b"notes")
    with pytest.raises(FrameError, match=r"a\.fits already exists"):
        plain_frames(packed)
    assert (tmp_path / "a.fits").read_bytes() == b"notes"


def test_plain_frame_of_another_original_is_not_taken_for_this_one(tmp_path: Path) -> None:
    content = write_frame(tmp_path / "x")
    packed = tmp_path / "a.fits.gz"
    packed.write_bytes(gzip.compress(content))
    plain_frames(packed)
    packed.write_bytes(gzip.compress(content.replace(b"3552", b"4711")))
    with pytest.raises(FrameError, match="remove it and run again"):
        plain_frames(packed)


def test_dry_run_only_names(tmp_path: Path) -> None:
    packed = tmp_path / "a.fits.gz"
    packed.write_bytes(gzip.compress(write_frame(tmp_path / "x")))
    assert [each.name for each in plain_frames(packed, write=False)] == ["a.fits"]
    assert not (tmp_path / "a.fits").exists()


MARGINS = {"left": 10, "right": 4, "bottom": 8, "top": 2}


def test_trimming_goes_to_a_new_file_once(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    content = write_frame(path, cards={"CRPIX1": 25.5, "CRPIX2": "20.5"})
    new = trimmed(path, MARGINS)
    assert new.name == "a_trim.fits"
    assert path.read_bytes() == content
    with fits.open(new) as hdus:
        np.testing.assert_array_equal(hdus[0].data, fits.getdata(path)[8:-2, 10:-4])
        assert (hdus[0].header["CRPIX1"], hdus[0].header["CRPIX2"]) == (15.5, 12.5)
    first = new.read_bytes()
    assert trimmed(path, MARGINS) == new
    assert trimmed(new, MARGINS) == new
    assert new.read_bytes() == first
    shutil.copy(path, tmp_path / "b.fits")
    assert trimmed(tmp_path / "b.fits", MARGINS, write=False).name == "b_trim.fits"
    assert not (tmp_path / "b_trim.fits").exists()
    assert not temporary_files(tmp_path)


def test_frame_too_small_to_trim_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, pixels=noise((20, 20)))
    with pytest.raises(FrameError, match="too small"):
        trimmed(path, MARGINS)
