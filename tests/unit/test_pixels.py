"""The one reader of pixels against astropy, and headers that astropy stumbles over."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from photpipe.fits.cards import joined, parse_cards
from photpipe.fits.fitsfile import STORED_TYPES, read_primary
from photpipe.fits.pixels import open_plane, read_pixels
from photpipe.fits.structure import standardised
from photpipe.ground.errors import FrameError

SIMPLE = "SIMPLE  =                    T"
IMAGE = np.arange(12).reshape(3, 4) * 7 - 20


def written(path: Path, *lines: str, data: bytes, tail: bytes = b"") -> Path:
    head = b"".join(line.encode().ljust(80) for line in [*lines, "END"])
    data += bytes(-len(data) % 2880)
    path.write_bytes(head.ljust(-(-len(head) // 2880) * 2880) + data + tail)
    return path


def image(path: Path, *lines: str, kind: str = ">i2", axes: str = "", tail: bytes = b"") -> Path:
    """A file of IMAGE; `axes` replaces the cards of its size."""
    bits = {"u1": 8, ">i2": 16, ">f4": -32}[kind]
    size = axes.split("|") if axes else ["NAXIS   = 2", "NAXIS1  = 4", "NAXIS2  = 3"]
    start = [] if lines and lines[0].startswith("SIMPLE") else [SIMPLE]
    first = [*start, *lines[: 1 - len(start)], f"BITPIX  = {bits}", *size]
    rest = lines if start else lines[1:]
    return written(path, *first, *rest, data=IMAGE.astype(kind).tobytes(), tail=tail)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(STORED_TYPES)),
    st.sampled_from([(1.0, 0.0), (1.0, 32768.0), (0.5, 10.0), (1.0, -100.0), (1.236, 39500.0)]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_values_are_those_of_astropy(
    tmp_path_factory: pytest.TempPathFactory,
    bitpix: int,
    scaling: tuple[float, float],
    blank: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    stored = rng.integers(0, 200, (5, 7)).astype(STORED_TYPES[bitpix])
    cards = [f"BSCALE  = {scaling[0]}", f"BZERO   = {scaling[1]}"]
    cards += [f"BLANK   = {stored[2, 3]}"] if blank and bitpix > 0 else []
    size = ["NAXIS   = 2", "NAXIS1  = 7", "NAXIS2  = 5"]
    path = tmp_path_factory.mktemp("pixels") / "a.fits"
    written(path, SIMPLE, f"BITPIX  = {bitpix}", *size, *cards, data=stored.tobytes())
    expected = np.asarray(fits.getdata(path, memmap=False, uint=False), float)
    if blank and bitpix > 0:
        expected[stored == stored[2, 3]] = np.nan  # astropy overlooks BLANK = 0
    found = read_pixels(path)
    np.testing.assert_allclose(found, expected, rtol=3e-7)
    np.testing.assert_allclose(np.concatenate(list(open_plane(path).blocks())), found)
    np.testing.assert_allclose(open_plane(path).part(slice(1, 4), slice(2, 6)), found[1:4, 2:6])


HARMLESS = {
    "plain": {},
    "BZERO as text": {"lines": ("BZERO   = '0.0     '", "BSCALE  = '1.0'")},
    "BSCALE blank": {"lines": ("BSCALE  =", "BZERO   = '        '")},
    "BSCALE not a number": {"lines": ("BSCALE  = 'NaN'", "BZERO   = NaN")},
    "BSCALE zero": {"lines": ("BSCALE  = 0.0",)},
    "BLANK too large": {"lines": ("BLANK   = -9223372036854775808",)},
    "BLANK as text": {"lines": ("BLANK   = '-32768'",)},
    "BLANK of floats": {"lines": ("BLANK   = 1",), "kind": ">f4"},
    "axis of length one": {"axes": "NAXIS   = 3|NAXIS1  = 4|NAXIS2  = 3|NAXIS3  = 1"},
    "two axes of length one": {
        "axes": "NAXIS   = 4|NAXIS1  = 4|NAXIS2  = 3|NAXIS3  = 1|NAXIS4  = 1"
    },
    "left-over axes": {"axes": "NAXIS   = 2|NAXIS1  = 4|NAXIS2  = 3|NAXIS3  = 3|NAXIS4  = 1"},
    "sizes as texts": {"axes": "NAXIS   = 2.|NAXIS1  = '4'|NAXIS2  = 3.0"},
    "SIMPLE in free format": {"lines": ("SIMPLE  = T",)},
    "not simple": {"lines": ("SIMPLE  =                    F / not standard",)},
    "rubbish behind": {"tail": b"rubbish" * 300},
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_harmless_changes_nothing(case: str, tmp_path: Path) -> None:
    options = dict(HARMLESS[case])
    lines = options.pop("lines", ())
    path = image(tmp_path / "a.fits", *lines, **options)  # type: ignore[arg-type]
    assert np.array_equal(read_pixels(path), IMAGE)
    hdu = read_primary(path)
    cards = standardised(hdu.cards)
    raw = path.read_bytes()
    clean = tmp_path / "clean.fits"
    end = hdu.data_start + 2880
    clean.write_bytes(joined(cards) + raw[hdu.data_start : end])
    with fits.open(clean, memmap=False) as hdus:  # warnings are errors here
        assert np.array_equal(hdus[0].data, IMAGE)
        assert hdus[0].header["NAXIS"] == 2
        assert "NAXIS3" not in hdus[0].header
    assert standardised(parse_cards(joined(cards)[: len(cards) * 80])[0]) == cards


def test_ordinary_headers_keep_their_bytes(tmp_path: Path) -> None:
    path = image(tmp_path / "a.fits", "BZERO   =      32768", "BLANK   = -1", "OBJECT  = 'x'")
    cards = read_primary(path).cards
    kept = [card for card in cards if not card.keyword.startswith(("NAXIS", "BITPIX", "SIMPLE"))]
    assert [card for card in standardised(cards) if card in kept] == kept


def test_infinite_pixels_are_blank(tmp_path: Path) -> None:
    data = np.array([[1.0, np.inf], [np.nan, -np.inf]], ">f4").tobytes()
    size = ("NAXIS   = 2", "NAXIS1  = 2", "NAXIS2  = 2")
    path = written(tmp_path / "a.fits", SIMPLE, "BITPIX  = -32", *size, data=data)
    found = read_pixels(path)
    assert found[0, 0] == 1.0
    assert np.isnan(found).sum() == 3


@pytest.mark.parametrize(
    "axes",
    [
        "NAXIS   = 0",
        "NAXIS   = 1|NAXIS1  = 12",
        "NAXIS   = 2|NAXIS1  = 0|NAXIS2  = 3",
        "NAXIS   = 3|NAXIS1  = 2|NAXIS2  = 2|NAXIS3  = 3",
    ],
)
def test_what_is_no_plane_is_refused(axes: str, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="no two-dimensional image"):
        read_pixels(image(tmp_path / "a.fits", axes=axes))
