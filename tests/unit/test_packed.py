"""Compressed frames of every kind and name, and archives that are meant to fill a disk."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from photpipe.fits import packed
from photpipe.fits.cards import formatted, text_value
from photpipe.fits.fitsfile import read_primary
from photpipe.fits.unpack import SOURCE_KEYWORD, plain_frames, source_name
from photpipe.ground.errors import FrameError

LINES = (
    *("SIMPLE  =                    T", "BITPIX  =                   16"),
    *("NAXIS   =                    2", "NAXIS1  =                   40"),
    "NAXIS2  =                   30",
)
PIXELS = bytes(range(240)) * 10
FRAME = b"".join(line.encode().ljust(80) for line in [*LINES, "END"]).ljust(2880) + PIXELS
FRAME += bytes(-len(FRAME) % 2880)


def zipped(content: bytes, path: Path, names: tuple[str, ...] = ("a.fits",)) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def pack(path: Path, content: bytes = FRAME) -> Path:
    if path.suffix == ".zip":
        zipped(content, path)
    else:
        path.write_bytes(PACKERS[path.suffix](content))
    return path


@pytest.mark.parametrize("suffix", [*PACKERS, ".zip"])
def test_packed_frames_are_unpacked_and_known_again(suffix: str, tmp_path: Path) -> None:
    path = pack(tmp_path / f"a.fits{suffix}")
    for _ in range(2):
        assert plain_frames(path) == (tmp_path / "a.fits",)
    hdu = read_primary(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    assert content[hdu.data_start : hdu.data_start + len(PIXELS)] == PIXELS
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.fits", path.name]


@pytest.mark.parametrize("suffix", [*PACKERS, ".zip"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_damaged_archives_are_refused(suffix: str, part: float, tmp_path: Path) -> None:
    path = pack(tmp_path / f"a.fits{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(FrameError, match=r"a\.fits.*(damaged|truncated|no END|empty)"):
        plain_frames(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("magic", "word"),
    [(b"\x1f\x9d\x90", "gunzip"), (b"\x28\xb5\x2f\xfd", "unzstd"), (b"Rar!\x1a\x07", "unrar")],
)
def test_others_are_told(magic: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / "a.fits.Z"
    path.write_bytes(magic + bytes(5000))
    with pytest.raises(FrameError, match=word):
        plain_frames(path)


def test_archive_of_several_files(tmp_path: Path) -> None:
    path = tmp_path / "night.zip"
    zipped(FRAME, path, ("a.fits", "b.fits"))
    with pytest.raises(FrameError, match="an archive of 2 files"):
        plain_frames(path)


def test_no_more_is_unpacked_than_the_header_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / "a.fits.gz", FRAME + bytes(60_000_000))
    written = []
    read_packed = gzip.GzipFile.read

    def counted(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        piece = read_packed(self, size)
        written.append(len(piece))
        return piece

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    (plain,) = plain_frames(path)
    assert sum(written) < len(FRAME) + 2880
    assert plain.stat().st_size == len(FRAME)


def test_more_than_the_disk_takes_is_refused(tmp_path: Path) -> None:
    axis = b"NAXIS2  =                   30"
    path = pack(tmp_path / "a.fits.gz", FRAME.replace(axis, b"NAXIS2  =         900000000000"))
    with pytest.raises(FrameError, match=r"unpacked it needs 72000\.0 GB"):
        plain_frames(path)


def test_endless_extensions_are_refused(tmp_path: Path) -> None:
    cards = ["XTENSION= 'IMAGE   '", *LINES[1:2], "NAXIS   =                    0", "END"]
    extension = b"".join(line.encode().ljust(80) for line in cards).ljust(2880)
    path = pack(tmp_path / "a.fits.gz", FRAME + extension * 1100)
    with pytest.raises(FrameError, match="more than 1000 extensions"):
        plain_frames(path)


NAMES = (
    *("Barnard's star.fits", "''.fits", "aufnahme_\udcfc.fits", "Nächte/é".replace("/", "_")),
    *("100%41.fits", "a&.fits", "x" * 66 + "'&'" + "y" * 100 + ".fits", "  b.fits", "Ж" * 60),
)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_known_again(name: str, tmp_path: Path) -> None:
    path = pack(tmp_path / f"{name}.gz")
    first = plain_frames(path)
    assert plain_frames(path) == first
    assert source_name(read_primary(first[0]).cards) == path.name


@pytest.mark.parametrize("text", ["", "../../x", "..", "/etc/passwd", "a%00b", "a%2Fb", "n" * 900])
def test_what_is_no_file_name_is_no_source(text: str) -> None:
    assert source_name([formatted(SOURCE_KEYWORD, text)]) == ""


def test_long_texts_are_read_whole() -> None:
    text = "it is %20 " * 60 + "&"
    assert text_value([formatted("KEY", text)], "KEY") == text


def test_plain_files_are_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(FRAME)
    with packed.opened(path) as (file, is_packed):
        assert not is_packed
        assert file.read() == FRAME
