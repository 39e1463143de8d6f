"""Files of the user: read with patience, changed in the header alone, put back byte for byte."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from photpipe.fits.fitsfile import (
    PRISTINE_FOLDER,
    read_header,
    read_primary,
    restore,
    stored_pixels,
    update_header,
    write_cards,
)
from photpipe.fits.unpack import plain_frames
from photpipe.ground import files
from photpipe.ground.errors import FrameError
from tests.framefiles import noise, pixel_bytes, temporary_files, with_raw_cards, write_frame


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    path = tmp_path / "a.fits"
    write_frame(path)
    return path


def kept_headers(folder: Path) -> list[Path]:
    return sorted((folder / PRISTINE_FOLDER).glob("*.hdr"))


def test_update_changes_cards_and_nothing_else(frame: Path) -> None:
    before, pixels = fits.getheader(frame), pixel_bytes(frame)
    update_header(frame, {"OBJECT": ("Ceres", "new name"), "AIRMASS": None, "NEW": 1.5})
    after = fits.getheader(frame)
    assert (after["OBJECT"], after["NEW"], "AIRMASS" in after) == ("Ceres", 1.5, False)
    assert after.comments["OBJECT"] == "new name"
    assert pixel_bytes(frame) == pixels
    untouched = set(before) - {"OBJECT", "AIRMASS"}
    assert {name: str(before.cards[name]) for name in untouched} == {
        name: str(after.cards[name]) for name in untouched
    }


@pytest.mark.parametrize("kind", ["u1", ">i2", "u2", ">i4", "i8", ">f4", ">f8"])
def test_pixels_of_every_type_stay(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.fits"
    pixels = noise(kind=kind)
    before = write_frame(path, pixels=pixels)
    update_header(path, {f"CARD{number}": number for number in range(100)})
    assert pixel_bytes(path) in before
    with fits.open(path) as hdus:
        np.testing.assert_array_equal(hdus[0].data, pixels)
    raw = stored_pixels(path, read_primary(path))
    assert raw.tobytes() == pixel_bytes(path)[: raw.nbytes]


def test_restore_returns_the_original_bytes(frame: Path) -> None:
    original = frame.read_bytes()
    update_header(frame, {"OBJECT": "first"})
    update_header(frame, {"OBJECT": "second", "MORE": "x" * 60})
    assert frame.read_bytes() != original
    assert len(kept_headers(frame.parent)) == 1
    assert restore(frame)
    assert frame.read_bytes() == original
    assert not restore(frame)


def test_restore_of_a_header_that_was_mended(frame: Path) -> None:
    original = with_raw_cards(frame, b"PARAM0  = 12 \xb0C", b"gain = 2")
    original += b"left over"
    frame.write_bytes(original)
    update_header(frame, {"OBJECT": "x"})
    assert read_header(frame)["PARAM0"] == "12 ?C"
    restore(frame)
    assert frame.read_bytes() == original


def test_restore_finds_the_header_of_a_renamed_frame(frame: Path) -> None:
    original = frame.read_bytes()
    update_header(frame, {"OBJECT": "x"})
    renamed = frame.rename(frame.with_name("b.fits"))
    restore(renamed)
    assert renamed.read_bytes() == original


def test_restore_without_the_kept_header_says_so(frame: Path) -> None:
    update_header(frame, {"OBJECT": "x"})
    changed = frame.read_bytes()
    kept_headers(frame.parent)[0].unlink()
    with pytest.raises(FrameError, match="no original header"):
        restore(frame)
    assert frame.read_bytes() == changed


def test_damaged_kept_header_is_not_put_back(frame: Path, caplog: pytest.LogCaptureFixture) -> None:
    update_header(frame, {"OBJECT": "x"})
    kept = kept_headers(frame.parent)[0]
    kept.write_bytes(kept.read_bytes().replace(b"3552", b"3553"))
    with pytest.raises(FrameError, match="no original header"):
        restore(frame)
    assert "damaged" in caplog.text


def test_kept_header_of_another_frame_of_the_same_name_is_not_touched(frame: Path) -> None:
    first = frame.read_bytes()
    update_header(frame, {"OBJECT": "x"})
    second = write_other(frame)
    update_header(frame, {"OBJECT": "y"})
    assert len(kept_headers(frame.parent)) == 2
    restore(frame)
    assert frame.read_bytes() == second != first


def write_other(path: Path) -> bytes:
    path.unlink()
    return write_frame(path, cards={"OBJECT": "another night"})


def test_frame_that_would_not_change_is_not_written(frame: Path) -> None:
    update_header(frame, {"OBJECT": "x"})
    before = frame.stat()
    update_header(frame, {"OBJECT": "x"})
    assert frame.stat().st_mtime_ns == before.st_mtime_ns
    assert frame.stat().st_ino == before.st_ino


def test_permissions_stay_and_links_are_not_followed(frame: Path) -> None:
    frame.chmod(0o640)
    original = frame.read_bytes()
    link = frame.with_name("link.fits")
    link.symlink_to(frame)
    update_header(link, {"OBJECT": "x"})
    assert frame.read_bytes() == original
    assert not link.is_symlink()
    assert stat.S_IMODE(link.stat().st_mode) == 0o640


def test_stale_checksums_go(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(noise()).writeto(path, checksum=True)
    update_header(path, {"OBJECT": "x"})
    assert not {"CHECKSUM", "DATASUM"} & set(fits.getheader(path))


def test_long_texts_and_long_keywords_survive_an_update(frame: Path) -> None:
    update_header(frame, {"LONGTEXT": "word " * 40, "ESO DET WIN1 BINX": 2})
    update_header(frame, {"OBJECT": "x"})
    header = read_header(frame)
    assert header["LONGTEXT"] == ("word " * 40).strip()
    assert header["ESO DET WIN1 BINX"] == 2
    update_header(frame, {"LONGTEXT": "short"})
    assert fits.getheader(frame)["LONGTEXT"] == "short"
    assert "CONTINUE" not in fits.getheader(frame)


def damaged(content: bytes) -> dict[str, tuple[bytes, str]]:
    naxis1 = content.index(b"NAXIS1")
    bitpix = content.index(b"BITPIX")
    return {
        "empty": (b"", "empty"),
        "text": (b"hello world" * 999, "not a FITS file"),
        "header only": (content[:2880], "truncated: 0 of 4000 bytes"),
        "half": (content[: 2880 + 2000], "truncated: 2000 of 4000 bytes"),
        "half a header": (content[:1000], "no END card"),
        "no END": (content.replace(b"END".ljust(80), b" " * 80), "no END card"),
        "shifted cards": (content[:160] + b"x" * 7 + content[160:], "no END card|missing"),
        "no NAXIS1": (content[:naxis1] + b"XXXXXX" + content[naxis1 + 6 :], "NAXIS1 is missing"),
        "odd BITPIX": (content[: bitpix + 28] + b"17" + content[bitpix + 30 :], "BITPIX is 17"),
        "huge axis": (
            content[: naxis1 + 10] + b"%20d" % 10**9 + content[naxis1 + 30 :],
            "truncated",
        ),
        "negative axis": (
            content[: naxis1 + 10] + b"%20d" % -5 + content[naxis1 + 30 :],
            "negative",
        ),
        "text axis": (
            content[: naxis1 + 10] + b"'fifty'".rjust(20) + content[naxis1 + 30 :],
            "not a whole number",
        ),
        "zip": (b"PK\3\4" + bytes(9999), "not a FITS file"),
    }


@pytest.mark.parametrize("case", sorted(damaged(b"BITPIX NAXIS1 ")))
def test_damage_is_named_and_nothing_is_written(frame: Path, case: str) -> None:
    content, reason = damaged(frame.read_bytes())[case]
    frame.write_bytes(content)
    for attempt in (lambda: update_header(frame, {"OBJECT": "x"}), lambda: restore(frame)):
        with pytest.raises(FrameError, match=reason) as caught:
            attempt()
        assert str(caught.value).startswith("a.fits: ")
        assert "\n" not in str(caught.value)
    assert frame.read_bytes() == content
    assert not kept_headers(frame.parent)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="there is no such file"):
        read_header(tmp_path / "none.fits")
    with pytest.raises(FrameError, match=r"a directory, not a frame"):
        read_header(tmp_path)


@pytest.mark.timeout(30)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.fits"
    os.mkfifo(pipe)
    for read in (read_header, plain_frames):
        with pytest.raises(FrameError, match=r"pipe\.fits: a pipe or a device, not a frame"):
            read(pipe)


def test_data_without_padding_are_accepted_and_kept(frame: Path) -> None:
    content = frame.read_bytes()[: 2880 + 4000]
    frame.write_bytes(content)
    update_header(frame, {"OBJECT": "x"})
    assert pixel_bytes(frame) == content[2880:]
    restore(frame)
    assert frame.read_bytes() == content


def test_write_protected_frame_is_left_alone(frame: Path) -> None:
    original = frame.read_bytes()
    frame.chmod(0o444)
    with pytest.raises(FrameError, match="not permitted"):
        update_header(frame, {"OBJECT": "x"})
    assert frame.read_bytes() == original
    assert not kept_headers(frame.parent)


def test_failure_while_writing_leaves_the_old_frame(
    frame: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = frame.read_bytes()

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("photpipe.fits.fitsfile.shutil.copyfileobj", no_space)
    with pytest.raises(FrameError, match="the disk is full; make room"):
        update_header(frame, {"OBJECT": "x"})
    assert frame.read_bytes() == original
    assert not temporary_files(frame.parent)


def test_frame_that_changed_meanwhile_is_left_alone(frame: Path) -> None:
    read_earlier = read_primary(frame)
    update_header(frame, {f"CARD{number}": number for number in range(99)})
    now = frame.read_bytes()
    with pytest.raises(FrameError, match="another program changed it meanwhile"):
        write_cards(frame, read_earlier, read_earlier.cards)
    assert frame.read_bytes() == now
    assert not temporary_files(frame.parent)


def test_what_cannot_be_calculated_again_is_brought_to_the_disk(
    frame: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut after a change of a header leaves the pixels and the header as it came."""
    brought: list[str] = []

    def sync(handle: int) -> None:
        brought.append(str(Path(f"/proc/self/fd/{handle}").readlink()))

    monkeypatch.setattr(os, "fsync", sync)
    files.write_text(frame.parent / "photometry.dat", "1 2 3")
    assert brought == []
    update_header(frame, {"CARD": 1})
    assert [Path(each).parent for each in brought] == [
        frame.parent / PRISTINE_FOLDER,
        frame.parent,
    ]


def test_sweep_spares_what_is_being_written(tmp_path: Path) -> None:
    left = tmp_path / f"{files.TEMPORARY_PREFIX}0123.fits"
    left.write_bytes(b"half")
    with files.replacing(tmp_path / "b.fits") as file:
        file.write(b"all")
        assert files.sweep(tmp_path) == 1
    assert (tmp_path / "b.fits").read_bytes() == b"all"
    assert not temporary_files(tmp_path)
