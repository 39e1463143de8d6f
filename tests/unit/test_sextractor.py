"""Arguments, columns and settings for Source Extractor; reading the seeing."""

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from photpipe.astromatic import sextractor
from photpipe.astromatic.extraction import (
    APERTURE_COLUMNS,
    COLUMNS,
    Detector,
    Extraction,
    arguments,
    parameter_lines,
)
from photpipe.astromatic.sextractor import detector_of, median_fwhm_px
from photpipe.ground.errors import ConfigError
from photpipe.instruments.frames import Frame
from tests.starfields import vatt_header

EXTRACTION = Extraction(snr=1.5, minarea=3, radii_px=(5.0,))
DETECTOR = Detector((1024, 1100), 0.375, 50000.0, 2.1)

GOLDEN = """
frame.fits -c settings.sex -PARAMETERS_NAME columns.sexparam
-CATALOG_NAME sources.ldac -CATALOG_TYPE FITS_LDAC -HEADER_SUFFIX .none
-DETECT_MINAREA 3 -DETECT_THRESH 1.5 -ANALYSIS_THRESH 1.5 -PHOT_APERTURES 10
-BACKPHOTO_TYPE LOCAL -SATUR_LEVEL 50000 -SATUR_KEY NONE -GAIN 2.1 -GAIN_KEY NONE
-PIXEL_SCALE 0.375 -MEMORY_PIXSTACK 300000 -CHECKIMAGE_TYPE NONE -WRITE_XML N
-VERBOSE_TYPE QUIET -NTHREADS 1
"""


def pairs(words: list[str]) -> dict[str, str]:
    assert words[0] == "frame.fits"
    return dict(zip(words[1::2], words[2::2], strict=True))


def test_arguments_as_they_were_agreed_on():
    assert arguments(EXTRACTION, DETECTOR) == GOLDEN.split()


@pytest.mark.parametrize(
    ("extraction", "detector", "changed"),
    [
        ({"radii_px": (2.0, 2.4211, 10.0)}, {}, {"-PHOT_APERTURES": "4,4.8422,20"}),
        ({"snr": 3, "minarea": 12}, {}, {"-DETECT_THRESH": "3", "-DETECT_MINAREA": "12"}),
        ({"ignore_saturation": True}, {}, {"-SATUR_LEVEL": "1e+20", "-SATUR_KEY": "NONE"}),
        ({"deblend": False}, {}, {"-DEBLEND_MINCONT": "1"}),
        ({}, {"has_mask": True}, {"-WEIGHT_TYPE": "MAP_WEIGHT", "-WEIGHT_IMAGE": "weight.fits"}),
        ({}, {"saturation_adu": 65535.0, "gain": 0.0}, {"-SATUR_LEVEL": "65535", "-GAIN": "0"}),
        ({}, {"shape": (4096, 8192)}, {"-MEMORY_PIXSTACK": "3355443"}),
        ({}, {"saturation_adu": 1234567.5}, {"-SATUR_LEVEL": "1234567.5"}),
    ],
)
def test_every_wish_has_its_argument(extraction, detector, changed):
    words = arguments(replace(EXTRACTION, **extraction), replace(DETECTOR, **detector))
    now, golden = pairs(words), pairs(GOLDEN.split())
    for key, value in changed.items():
        assert now[key] == value
    others = {"-ANALYSIS_THRESH"} if "snr" in extraction else set()
    assert {key for key in now if now[key] != golden.get(key)} <= {*changed, *others}


def test_columns_are_one_list_and_vectors_have_the_number_of_radii():
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert "ELONGATION" not in COLUMNS
    lines = parameter_lines(replace(EXTRACTION, radii_px=tuple(range(1, 21))))
    assert [each.replace("(20)", "") for each in lines] == list(COLUMNS)
    assert [each for each in lines if "(" in each] == [f"{name}(20)" for name in APERTURE_COLUMNS]
    more = replace(EXTRACTION, extra_columns=("NUMBER", "FLUX_APER(7)", "VIGNET(5,5)"))
    assert parameter_lines(more)[len(COLUMNS) :] == ["NUMBER", "VIGNET(5,5)"]


def test_a_parameter_file_is_read_without_comments_and_blanks(tmp_path):
    file = tmp_path / "x.param"
    file.write_bytes(b"# caf\xe9\n\nNUMBER\n  MAG_BEST  # old\nFLUX_APER(20)\n#X_IMAGE\n")
    assert sextractor.read_parameter_file(file) == ("NUMBER", "MAG_BEST", "FLUX_APER(20)")
    with pytest.raises(ConfigError, match="Is a directory"):
        sextractor.read_parameter_file(tmp_path)


def vatt_frame(tmp_path, **cards: object) -> Frame:
    header = vatt_header(NAXIS=2, NAXIS1=300, NAXIS2=200, **cards)
    return Frame.of(tmp_path / "x.fits", header)


SETTINGS = {"SATUR_KEY": "SATURATE", "GAIN": "0.0", "GAIN_KEY": "GAIN"}


@pytest.mark.parametrize(
    ("cards", "settings", "saturation_adu", "gain"),
    [
        ({}, {}, math.inf, 2.0),
        ({"SATURATE": 41000}, {}, 41000.0, 2.0),
        ({"SATURATE": 0, "GAIN": -1}, {}, math.inf, 0.0),
        ({"SATURATE": "?", "GAIN": "?"}, {"SATUR_LEVEL": "30000", "GAIN": "1.5"}, 30000.0, 1.5),
        ({"FULLWELL": 61000, "EGAIN": 0.7}, {"SATUR_KEY": "FULLWELL", "GAIN_KEY": "EGAIN"},
         61000.0, 0.7),
        ({}, {"SATUR_LEVEL": "a lot", "GAIN": ""}, math.inf, 2.0),
        ({"FULLWELL": 0}, {"SATUR_KEY": "FULLWELL", "GAIN_KEY": "EGAIN"}, math.inf, 2.0),
    ],
)  # fmt: skip
def test_levels_come_from_the_header_then_from_the_settings(
    tmp_path, cards, settings, saturation_adu, gain
):
    detector = detector_of(vatt_frame(tmp_path, **cards), SETTINGS | settings)
    assert (detector.saturation_adu, detector.gain) == (saturation_adu, gain)
    assert detector.shape == (200, 300)
    assert detector.pixel_scale_arcsec == pytest.approx(0.375)
    assert not detector.has_mask


def test_files_of_a_users_settings_are_found_under_any_name(tmp_path, monkeypatch):
    setup = tmp_path / "my pipeline, new" / "setup"
    setup.mkdir(parents=True)
    monkeypatch.setenv("PHOTPIPEDIR", str(setup.parent))
    (setup / "gauss 2.conv").write_text("CONV NORM\n1\n")
    (setup / "w.fits").write_text("")
    folder = tmp_path / "work"
    folder.mkdir()
    given = {"FILTER_NAME": "$PHOTPIPEDIR/setup/gauss 2.conv", "WEIGHT_IMAGE": "w.fits"}
    given |= {"PSF_NAME": "nowhere.psf", "STARNNW_NAME": "", "FILTER": "Y"}
    linked = sextractor._with_links(given, folder)
    assert linked == given | {"FILTER_NAME": "FILTER_NAME", "WEIGHT_IMAGE": "WEIGHT_IMAGE"}
    assert (folder / "FILTER_NAME").read_text() == "CONV NORM\n1\n"
    assert {each.name for each in folder.iterdir()} == {"FILTER_NAME", "WEIGHT_IMAGE"}


def sources(fwhm_px, flags=0, snr=100.0) -> Table:
    count = len(fwhm_px)
    return Table(
        {
            "FWHM_IMAGE": np.asarray(fwhm_px, "f4"),
            "FLAGS": np.zeros(count, "i2") + np.asarray(flags, "i2"),
            "FLUX_ISOCOR": 100.0 * (np.zeros(count) + snr),
            "FLUXERR_ISOCOR": np.full(count, 100.0),
        }
    )


def test_the_seeing_is_that_of_bright_flawless_sources():
    bright = 3.0 + np.linspace(-0.1, 0.1, 21)[:20]
    widths = np.concatenate([bright, np.full(500, 9.0), np.full(50, 20.0)])
    flags = np.concatenate([np.zeros(520), np.full(50, 4)])
    snr = np.concatenate([np.full(20, 300.0), np.full(500, 4.0), np.full(50, 9000.0)])
    assert median_fwhm_px(sources(widths, flags, snr)) == pytest.approx(3.0, abs=0.01)


def test_with_few_bright_sources_the_seeing_is_that_of_all():
    assert median_fwhm_px(sources([2.0, 3.0, 4.0, 0.0, -1.0], snr=3.0)) == 3.0
    assert median_fwhm_px(sources([2.0, 3.0, 7.0], flags=3)) == 3.0
    assert math.isnan(median_fwhm_px(sources([0.0, 0.0])))
    assert math.isnan(median_fwhm_px(sources([])))
