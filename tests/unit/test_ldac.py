"""FITS_LDAC: what Source Extractor writes is read, what is written SCAMP and astropy read."""

import shutil
import time

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photpipe.astromatic.tool import SCAMP, SOURCE_EXTRACTOR, run_tool
from photpipe.catalogs.ldac import parse_ldac, read_ldac, read_ldac_columns, write_ldac
from photpipe.ground.errors import FrameError

COLUMNS = """
NUMBER XWIN_IMAGE YWIN_IMAGE XWIN_WORLD YWIN_WORLD ERRAWIN_IMAGE ERRBWIN_IMAGE ERRTHETAWIN_IMAGE
FLUX_APER(3) FLUXERR_APER(3) FLUX_ISOCOR FLUXERR_ISOCOR FLAGS
"""


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """Catalog of forty stars on a noisy sky, as the real Source Extractor writes it."""
    folder = tmp_path_factory.mktemp("extracted")
    random = np.random.default_rng(20240229)
    image = random.normal(500.0, 5.0, (300, 320))
    y, x = np.mgrid[:300, :320]
    for _ in range(40):
        star = np.exp(
            -((x - random.uniform(15, 305)) ** 2 + (y - random.uniform(15, 285)) ** 2) / 6
        )
        image += random.uniform(200, 3000) * star
    header = fits.Header({"OBJECT": "field 7", "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    header.update({"CRVAL1": 40.0, "CRVAL2": -5.0, "CRPIX1": 160.0, "CRPIX2": 150.0})
    header.update({"CD1_1": -2e-4, "CD2_2": 2e-4})
    fits.writeto(folder / "frame.fits", image.astype("f4"), header)
    (folder / "columns").write_text("\n".join(COLUMNS.split()))
    (folder / "empty.sex").touch()
    words = "frame.fits -c empty.sex -PARAMETERS_NAME columns -FILTER N -CATALOG_TYPE FITS_LDAC "
    words += "-CATALOG_NAME out.ldac -PHOT_APERTURES 4,8,12"
    run_tool(SOURCE_EXTRACTOR, words.split(), folder, 60).check()
    return folder / "out.ldac"


def test_a_catalog_of_source_extractor_agrees_with_astropys_reading(extracted):
    table, header = read_ldac(extracted)
    with fits.open(extracted) as hdus:
        expected = hdus["LDAC_OBJECTS"].data
        assert table.colnames == list(expected.dtype.names)
        for name in table.colnames:
            np.testing.assert_array_equal(table[name], expected[name])
            assert table[name].dtype.isnative
    assert len(table) >= 35
    assert table["FLUX_APER"].shape == (len(table), 3)
    assert (header["OBJECT"], header["NAXIS1"], header["CRVAL2"]) == ("field 7", 320, -5.0)
    assert header["SEXNFIN"] == len(table)


def test_written_and_read_again_it_is_the_same(extracted, tmp_path):
    table, header = read_ldac(extracted)
    write_ldac(tmp_path / "again.ldac", table, header)
    again, header_again = read_ldac(tmp_path / "again.ldac")
    assert again.colnames == table.colnames
    for name in table.colnames:
        np.testing.assert_array_equal(again[name], table[name])
        assert again[name].dtype == table[name].dtype
    assert header_again.tostring() == header.tostring()
    assert [each.name for each in tmp_path.iterdir()] == ["again.ldac"]


def test_scamp_takes_what_we_write_as_catalog_and_as_reference(extracted, tmp_path):
    table, header = read_ldac(extracted)
    write_ldac(tmp_path / "frame.ldac", table, header)
    reference = Table({name: table[name] for name in ("XWIN_WORLD", "YWIN_WORLD")})
    reference["MAG"] = 20 - 2.5 * np.log10(table["FLUX_ISOCOR"])
    reference["ERRAWIN_WORLD"] = reference["ERRBWIN_WORLD"] = np.float32(1e-5)
    write_ldac(tmp_path / "reference.cat", reference)
    (tmp_path / "empty.scamp").touch()
    words = "frame.ldac -c empty.scamp -ASTREF_CATALOG FILE -ASTREFCAT_NAME reference.cat "
    words += "-ASTREFCENT_KEYS XWIN_WORLD,YWIN_WORLD -ASTREFMAG_KEY MAG -MATCH N -SOLVE_PHOTOM N "
    words += "-PHOTFLUX_KEY FLUX_ISOCOR -PHOTFLUXERR_KEY FLUXERR_ISOCOR "
    words += "-ASTREFERR_KEYS ERRAWIN_WORLD,ERRBWIN_WORLD -CHECKPLOT_DEV NULL -WRITE_XML N"
    finished = run_tool(SCAMP, words.split(), tmp_path, 60)
    finished.check()
    head = (tmp_path / "frame.head").read_text("latin-1").encode("ascii", "replace").decode()
    solved = fits.Header.fromstring(head, sep="\n")
    assert solved["CRVAL1"] == pytest.approx(40.0, abs=1e-4)
    assert solved["ASTRRMS1"] < 1e-5


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_every_type_of_column_survives(tmp_path, rows):
    numbers = np.arange(rows)
    table = Table(
        {
            "short": numbers.astype("i2"),
            "int": numbers.astype("i4"),
            "long": numbers.astype("i8"),
            "unsigned": numbers.astype("u2") + np.uint16(60000),
            "single": numbers.astype("f4"),
            "double": numbers / 3.0,
            "half": numbers.astype("f2"),
            "bool": numbers % 2 == 0,
            "text": np.array([f"star {i} é" for i in range(rows)], dtype=str),
            "vector": np.arange(rows * 4.0).reshape(rows, 4),
        }
    )
    table["masked"] = MaskedColumn(numbers.astype("f4"), mask=numbers > 0)
    table["masked int"] = MaskedColumn(numbers + 5, mask=numbers > 0)
    table["masked text"] = MaskedColumn(table["text"], mask=numbers > 0)
    write_ldac(tmp_path / "t.ldac", table)
    again, header = read_ldac(tmp_path / "t.ldac")
    assert len(header) == 0
    for name in ("short", "int", "long", "unsigned", "single", "double", "half", "bool", "vector"):
        np.testing.assert_array_equal(again[name], table[name])
    assert list(again["text"]) == [f"star {i} ?" for i in range(rows)]
    assert np.isfinite(again["masked"]).sum() == min(rows, 1)
    assert list(again["masked text"]) == ["star 0 ?", "", "", "", "", "", ""][:rows]
    assert list(again["masked int"]) == [5, 0, 0, 0, 0, 0, 0][:rows]


def test_the_header_may_hold_any_bytes(extracted, tmp_path):
    content = extracted.read_bytes().replace(b"'field 7 '", b"'caf\xe9 \x1b  '")
    table, header = parse_ldac(content, "x.ldac")
    assert header["OBJECT"] == "caf? ?"
    assert len(table) >= 35


def test_a_catalog_without_image_header_is_read(extracted):
    content = extracted.read_bytes().replace(b"LDAC_IMHEAD", b"SOMETHING  ")
    table, header = parse_ldac(content, "x.ldac")
    assert len(table) >= 35
    assert len(header) == 0


def _cut(content: bytes) -> bytes:
    return content[:-3000]


def _twice(content: bytes) -> bytes:
    return content + content[content.index(b"XTENSION") :]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: b"", "the file is empty"),
        (lambda content: b"# RA DEC\n1.0 2.0\n" * 500, "it is not FITS"),
        (_cut, "bytes are missing"),
        (lambda content: content[:4000], "truncated in a header"),
        (lambda content: content[:2880], "no table named LDAC_OBJECTS"),
        (_twice, "2 tables named LDAC_OBJECTS"),
        (lambda content: content.replace(b"TFORM9  = '3E", b"TFORM9  = '4E"), "differ in length"),
        (lambda content: content.replace(b"TFORM9  = '3E", b"TFORM9  = '3P"), "unexpected type 3P"),
        (lambda content: content.replace(b"TTYPE9  ", b"TTYPEX  "), "TTYPE9"),
        (
            lambda content: content.replace(
                b"GCOUNT  =                    1", b"GCOUNT  =                   -1"
            ),
            "FITS_LDAC",
        ),
    ],
)
@pytest.mark.parametrize("read", [read_ldac, read_ldac_columns])
def test_a_damaged_or_wrong_file_is_one_clear_line(extracted, tmp_path, change, words, read):
    path = tmp_path / "bad frame.ldac"
    path.write_bytes(change(extracted.read_bytes()))
    with pytest.raises(FrameError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith("bad frame.ldac: ")
    assert words in message
    assert "run pp_extract" in message
    assert "\n" not in message


def test_a_missing_file_and_a_folder_are_one_clear_line(tmp_path):
    for path in (tmp_path / "none.ldac", tmp_path):
        for read in (read_ldac, read_ldac_columns):
            with pytest.raises(FrameError, match=r"cannot be read: .*; run pp_extract"):
                read(path)


def test_the_table_alone_is_the_same(extracted):
    alone, (table, _) = read_ldac_columns(extracted), read_ldac(extracted)
    assert alone.colnames == table.colnames
    assert all(np.array_equal(alone[name], table[name]) for name in table.colnames)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_damage_ends_in_anything_but_a_named_failure(extracted, data):
    content = bytearray(extracted.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, min(len(content), 16000) - 1))
        content[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    try:
        table, header = parse_ldac(bytes(content), "x.ldac")
    except FrameError:
        return
    assert len(table.colnames) > 0
    assert isinstance(header, fits.Header)


def test_nothing_is_left_behind_when_writing_fails(tmp_path, extracted):
    table, _ = read_ldac(extracted)
    with pytest.raises(OSError, match="No such file"):
        write_ldac(tmp_path / "no directory" / "x.ldac", table)
    target = tmp_path / "x.ldac"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="ascii"):
        write_ldac(target, Table({"größe": [1.0]}))
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_reading_is_faster_than_astropys_tables(extracted, tmp_path):
    shutil.copy(extracted, tmp_path / "x.ldac")

    def seconds(read) -> float:
        best = np.inf
        for _ in range(5):
            began = time.perf_counter()
            read()
            best = min(best, time.perf_counter() - began)
        return best

    ours = seconds(lambda: read_ldac(tmp_path / "x.ldac"))
    assert ours < seconds(lambda: Table.read(tmp_path / "x.ldac", hdu="LDAC_OBJECTS"))
