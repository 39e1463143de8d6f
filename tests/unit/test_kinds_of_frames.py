"""Darks, biases and flats are told by their cards; frames of all telescopes are none."""

from pathlib import Path

import pytest
from astropy.io import fits

from photpipe.fits.fitsfile import read_primary
from photpipe.instruments.kinds_of_frames import CARDS, calibration_kind
from photpipe.instruments.telescopes import registry
from tests.headers import golden_header


def kind(path: Path, cards: dict[str, object]) -> str:
    fits.PrimaryHDU(header=fits.Header(cards)).writeto(path, overwrite=True)
    return calibration_kind(read_primary(path).cards)


@pytest.mark.parametrize(
    ("cards", "wanted"),
    [
        ({"IMAGETYP": "DARK"}, "dark"),
        ({"IMAGETYP": "Master Bias"}, "bias"),
        ({"IMAGETYP": "zero"}, "bias"),
        ({"IMAGETYP": "Flat Field"}, "flat"),
        ({"OBSTYPE": "SKYFLAT"}, "flat"),
        ({"IMAGETYP": "DARKFLAT"}, "dark flat"),
        ({"FRAME": "Flat"}, "flat"),
        ({"PICTTYPE": 3}, "dark"),
        ({"PICTTYPE": 1}, ""),
        ({"IMAGETYP": "Light Frame"}, ""),
        ({"IMAGETYP": "OBJECT", "OBSTYPE": "EXPOSE"}, ""),
        ({"OBJECT": "dark nebula"}, ""),
        ({}, ""),
    ],
)
def test_kind_of_a_frame(tmp_path: Path, cards: dict[str, object], wanted: str) -> None:
    assert kind(tmp_path / "a.fits", cards) == wanted


@pytest.mark.parametrize("keyword", sorted(registry()))
def test_frames_of_telescopes_are_of_the_sky(tmp_path: Path, keyword: str) -> None:
    try:
        header = golden_header(keyword)
    except FileNotFoundError:
        return
    told = {card: header[card] for card in CARDS if card in header}
    assert kind(tmp_path / "a.fits", told) == ""
