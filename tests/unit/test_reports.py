"""Reports, judged by the reference software of the ADES standard and by published examples."""

import dataclasses
import math
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import pptool_aavso
import pptool_alcdef
import pptool_mpcreport
from photpipe.exports import lightcurves, mpc
from photpipe.exports.identification import identified
from photpipe.ground.designations import pack_number
from photpipe.ground.errors import ConfigError
from photpipe.run import photometry_file
from photpipe.run.photometry_file import FORCED, LIMIT, TargetPoint
from photpipe.run.results import ClockResult, DistillResult
from photpipe.run.workspace import Workspace
from tests.points import point

SETTINGS = """[observer]
submitter = "V. Rubin"
institution = "An Observatory | with a bar"
observers = ["V. Rubin", "H. Leavitt"]
contact = "see the archive"
aavso_code = "XYZ"
telescope_design = "Gregorian"
telescope_aperture_m = 1.83
"""
REPORTED = {
    "frame": "a b.fits",
    "band": "V",
    "astrometric_catalog": "GAIA",
    "filter": "TOP 2 BOT 1",
    "midtime_jd": 2457786.9566,
    "mag": 17.2345,
    "sig": 0.0213,
    "source_ra_deg": 179.28012345,
    "source_dec_deg": -0.00412345,
    "sigma_east_arcsec": 0.083,
    "sigma_north_arcsec": 0.071,
    "zeropoint": 24.5,
    "instrumental_mag": -7.27,
    "snr": 51.0,
    "airmass": 1.2,
}


def reported(**changes: object) -> TargetPoint:
    """A good point, with what a test wants to be different."""
    return point(**(REPORTED | changes))


POINTS = [
    reported(),
    reported(frame="b.fits", midtime_jd=2457786.9999999, source_dec_deg=-12.9999999, mag=17.999),
    reported(frame="c.fits", band="r", zeropoint=math.nan),
    reported(frame="d.fits", rejected="pos: 12.1 arcsec"),
    reported(frame="e.fits", method=LIMIT),
    reported(frame="f.fits", method=FORCED),
]


@pytest.fixture
def photometry(tmp_path: Path) -> Path:
    (tmp_path / "photpipe.toml").write_text(SETTINGS)
    return photometry_file.write(tmp_path, "3552", POINTS)


def ades(script: str, *arguments: Path, folder: Path) -> str:
    """Run a script of the reference software; its exit status tells nothing."""
    program = Path(sys.executable).with_name(script)
    words = [sys.executable, str(program), *map(str, arguments)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_psv_and_xml_are_valid_and_say_the_same(photometry: Path) -> None:
    folder = photometry.parent
    assert pptool_mpcreport.main(["-format", "xml", str(photometry)]) == 0
    assert pptool_mpcreport.main([str(photometry)]) == 0
    own = folder / "mpcreport_3552.xml"
    assert "submit is OK" in ades("valsubmit.py", own, folder=folder)
    ades("psvtoxml.py", folder / "mpcreport_3552.psv", folder / "from.xml", folder=folder)
    assert "submit is OK" in ades("valsubmit.py", folder / "from.xml", folder=folder)
    texts = [
        [
            (each.tag, each.text.strip())
            for each in ET.parse(file).iter()
            if (each.text or "").strip()
        ]
        for file in (own, folder / "from.xml")
    ]
    assert texts[0] == texts[1]


def test_error_of_the_times_is_reported_where_it_is_asked_for(
    photometry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = photometry.parent / "mpcreport_3552.xml"
    words = ["-format", "xml", str(photometry)]
    assert pptool_mpcreport.main(["-rmstime", "0.25", *words]) == 0
    assert "<rmsTime>0.25</rmsTime>" in own.read_text()
    assert "submit is OK" in ades("valsubmit.py", own, folder=photometry.parent)
    assert pptool_mpcreport.main(["-rmstime", "clock", *words]) == 1
    assert "pp_distill saw no known asteroid move" in capsys.readouterr().out
    clock = ClockResult(3.0, 0.4, 2, 30, True, ())
    workspace = Workspace(photometry.parent)
    workspace.save(DistillResult((), (), (), clock))
    assert pptool_mpcreport.main(["-rmstime", "clock", *words]) == 0
    assert "<rmsTime>3.0</rmsTime>" in own.read_text()
    workspace.save(DistillResult((), (), (), dataclasses.replace(clock, is_off=False)))
    assert pptool_mpcreport.main(["-rmstime", "clock", *words]) == 0
    assert "<rmsTime>0.40</rmsTime>" in own.read_text()


def test_the_validator_would_notice(photometry: Path) -> None:
    folder = photometry.parent
    pptool_mpcreport.main(["-format", "xml", str(photometry)])
    own = folder / "mpcreport_3552.xml"
    own.write_text(own.read_text().replace("<band>Vj</band>", ""))
    assert "submit is OK" not in ades("valsubmit.py", own, folder=folder)


def test_what_is_not_reported(photometry: Path) -> None:
    pptool_mpcreport.main([str(photometry)])
    rows = photometry.with_name("mpcreport_3552.psv").read_text().split("permID", 1)[1].split("\n")
    assert len([row for row in rows[1:] if row]) == 3  # neither rejected, limit nor forced
    fields = rows[3].split("|")
    assert "17.23" in rows[1]
    assert "17.23" not in rows[3]  # instrumental: a position without a magnitude
    assert all("with a bar" not in field for field in fields)


def test_digits_follow_the_errors() -> None:
    row = mpc.optical(POINTS[0], identified("3552"), _header())
    # 0.083" = 2.3e-5 deg: ceil(1 + 4.64) = 6 decimals
    assert row["ra"] == "179.280123"
    assert row["dec"] == "-0.004123"
    assert (row["rmsRA"], row["rmsMag"]) == ("0.083", "0.021")
    assert row["obsTime"] == "2017-02-02T10:57:30.2Z"
    assert (row["band"], row["astCat"], row["photCat"]) == ("Vj", "Gaia3", "PS1_DR1")


def _header() -> mpc.Header:
    return mpc.Header("290", "V. Rubin", (), (), "Gregorian", 1.83, "CCD")


def test_80_columns_agree_with_the_reference_converter(photometry: Path) -> None:
    folder = photometry.parent
    pptool_mpcreport.main(["-format", "xml", str(photometry)])
    pptool_mpcreport.main(["-format", "80col", str(photometry)])
    own, reference = folder / "mpcreport_3552.xml", folder / "reference.obs"
    ades("xmltompc80col.py", own, reference, folder=folder)
    records = [row for row in reference.read_text().splitlines() if row.startswith("03552")]
    ours = (folder / "mpcreport_3552.obs").read_text().splitlines()[-3:]
    assert all(len(row) == 80 for row in ours)
    assert [row[:32] for row in ours] == [row[:32] for row in records]
    for mine, theirs in zip(ours, records, strict=True):
        assert mine[69:80] == theirs[69:80]
        for columns in (slice(33, 44), slice(45, 56)):
            difference = [float(row[columns].split()[-1]) for row in (mine, theirs)]
            assert difference[0] == pytest.approx(difference[1], abs=0.02)
    assert ours[0][44:56] == "-00 00 14.84"  # the sign of -0 degrees survives
    assert ours[1][15:32] == "2017 02 02.500000"
    assert ours[1][44:56] == "-13 00 00.00"  # 59.9996 seconds carry


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        # examples of the Minor Planet Center's page on packed designations
        ("3202", "03202       "),
        ("50000", "50000       "),
        ("100345", "A0345       "),
        ("360017", "a0017       "),
        ("203289", "K3289       "),
        ("620000", "~0000       "),
        ("620061", "~000z       "),
        ("3140113", "~AZaz       "),
        ("15396335", "~zzzz       "),
        ("15396336", None),
        ("A899_CA", "     I99C00A"),
        ("K23X07X", "     K23X07X"),
        ("A3552", "A3552       "),
        ("73P/Schwassmann-Wachmann 3-B", "0073P      b"),
        ("433 Eros (A898 PA)", "00433       "),
        ("1898 DQ", None),
        ("2017 K2", None),
        ("1995 XA", "     J95X00A"),
        ("1995_XL1", "     J95X01L"),
        ("1995 FB13", "     J95F13B"),
        ("1998 SQ108", "     J98SA8Q"),
        ("1998 SV127", "     J98SC7V"),
        ("2007 TA418", "     K07Tf8A"),
        ("2040 P-L", "     PLS2040"),
        ("3138 T-1", "     T1S3138"),
        ("C/1995 A1", "    CJ95A010"),
        ("P/1994 P1-B", "    PJ94P01b"),
        ("C/1994 P1", "    CJ94P010"),
        ("73P-B", "0073P      b"),
        ("29P", "0029P       "),
        ("(433) Eros", "00433       "),
        ("NEW1", "     NEW1   "),
    ],
)
def test_packed_designations(name: str, packed: str | None) -> None:
    if packed is None:
        with pytest.raises(ConfigError, match=r"not a number or designation|give its number"):
            identified(name)
    else:
        assert identified(name).packed == packed


def test_number_beyond_five_characters() -> None:
    with pytest.raises(ValueError, match="run from 1 to"):
        pack_number(620_000 + 62**4)


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = photometry_file.write(tmp_path, "3552", POINTS)
    assert pptool_mpcreport.main([str(path)]) == 1
    said = capsys.readouterr().out
    assert "submitter (-submitter)" in said
    assert "telescope_aperture_m (-aperture)" in said
    assert pptool_alcdef.main([str(path)]) == 1
    assert pptool_aavso.main([str(path)]) == 1
    assert "aavso_code" in capsys.readouterr().out
    lost = photometry_file.write(tmp_path, "3552", [reported(astrometric_catalog="")])
    words = ["-submitter", "V. Rubin", "-design", "Gregorian", "-aperture", "1.8"]
    assert pptool_mpcreport.main([*words, str(lost)]) == 1
    assert "not registered against a known catalog" in capsys.readouterr().out
    (tmp_path / "photometry_other.dat").touch()
    assert pptool_mpcreport.main([*words, str(tmp_path / "photometry_other.dat")]) == 1


def test_alcdef_blocks(photometry: Path) -> None:
    night_two = [dataclasses.replace(each, midtime_jd=each.midtime_jd + 1) for each in POINTS[:2]]
    photometry_file.write(photometry.parent, "3552", [*POINTS[:2], *night_two])
    assert pptool_alcdef.main([str(photometry)]) == 0
    text = photometry.with_name("ALCDEF_3552_3552.txt").read_text()
    blocks = text.split("STARTMETADATA\n")[1:]
    assert len(blocks) == 2
    required = {"CONTACTINFO", "CONTACTNAME", "DELIMITER", "FILTER", "OBJECTNAME", "OBJECTNUMBER"}
    for block in blocks:
        keys = [line.split("=")[0] for line in block.split("ENDMETADATA")[0].splitlines()]
        assert required | {"OBSERVERS", "SESSIONDATE", "SESSIONTIME"} <= set(keys)
        assert block.rstrip().endswith("ENDDATA")
        assert all(len(line) <= 255 for line in block.splitlines())
    assert "DATA=2457786.956600|17.235|0.021|1.200" in text
    assert "SESSIONDATE=2017-02-02" in blocks[0]
    assert "OBJECTRA=11:57" in text
    assert "OBJECTDEC=-13 00" in text


def test_aavso_lines(photometry: Path) -> None:
    photometry_file.write(photometry.parent, "Control Star", [reported(aperture_mag=-9.5)])
    assert pptool_aavso.main(["-target", "SS, Cyg", str(photometry)]) == 0
    lines = photometry.with_name("aavso_3552.txt").read_text().splitlines()
    assert lines[0] == "#TYPE=EXTENDED"
    assert "" not in lines
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    assert all(len(row) == 15 for row in rows)
    assert sum(row[2].startswith("<") for row in rows) == 1
    assert rows[0][0] == "SS  Cyg"
    assert rows[0][9:11] == ["CONTROL", "-9.500"]
    assert not [row for row in rows if "d.fits" in row]


def test_sessions_split_by_night_band_and_telescope() -> None:
    many = [
        reported(),
        reported(midtime_jd=2457787.1),
        reported(midtime_jd=2457787.9),
        reported(band="R"),
        reported(telescope="x"),
    ]
    assert sorted(len(each) for each in lightcurves.sessions(many)) == [1, 1, 1, 2]


NUMBERS_THAT_ARE_NOT_KNOWN = ["sig", "sigma_east_arcsec", "sigma_north_arcsec", "snr", "exptime_s"]
NUMBERS_THAT_ARE_NOT_KNOWN += ["fwhm_arcsec", "aperture_radius_arcsec", "instrumental_mag"]


@pytest.mark.parametrize("number", NUMBERS_THAT_ARE_NOT_KNOWN)
@pytest.mark.parametrize("value", [0.0, math.nan])
def test_unknown_numbers_are_left_out(
    photometry: Path, number: str, value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photometry.parent
    photometry_file.write(folder, "3552", [reported(**{number: value}), POINTS[1]])
    for form in ("xml", "psv", "80col"):
        assert pptool_mpcreport.main(["-format", form, str(photometry)]) == 0
    assert pptool_aavso.main(["-target", "SS Cyg", str(photometry)]) == 0
    assert "submit is OK" in ades("valsubmit.py", folder / "mpcreport_3552.xml", folder=folder)
    names = ("mpcreport_3552.psv", "mpcreport_3552.obs", "aavso_3552.txt")
    texts = [(folder / name).read_text() for name in names]
    assert all("nan" not in text for text in texts)
    said = capsys.readouterr().out
    if number == "sig":
        assert "error of the magnitude is not known and is left out: a b.fits" in said
        assert [row.split(",")[3] for row in texts[2].splitlines()[-2:]] == ["na", "0.021"]


def test_points_without_time_or_place_are_told(
    photometry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = [reported(frame="x.fits", source_ra_deg=math.nan), *POINTS[:2]]
    photometry_file.write(photometry.parent, "3552", lost)
    assert pptool_mpcreport.main([str(photometry)]) == 0
    assert "1 point: left out, no time or position is known: x.fits" in capsys.readouterr().out


@pytest.mark.parametrize("sig", [0.9996, 1.0, 1.3])
def test_the_aavso_takes_no_errors_of_a_magnitude(
    photometry: Path, sig: float, capsys: pytest.CaptureFixture[str]
) -> None:
    photometry_file.write(photometry.parent, "3552", [reported(sig=sig), POINTS[1]])
    assert pptool_aavso.main([str(photometry)]) == 0
    text = photometry.with_name("aavso_3552.txt").read_text()
    assert len([row for row in text.splitlines() if not row.startswith("#")]) == 1
    assert "takes no errors of 1 mag and more: a b.fits" in capsys.readouterr().out


def test_bands_without_a_name_are_told(
    photometry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [reported(band=band, frame=f"{band}.fits") for band in ("Ks", "G", "Z", "TG")]
    for number, each in enumerate(points):
        points[number] = dataclasses.replace(each, midtime_jd=each.midtime_jd + number / 100)
    photometry_file.write(photometry.parent, "3552", points)
    assert pptool_aavso.main([str(photometry)]) == 0
    said = capsys.readouterr().out
    rows = photometry.with_name("aavso_3552.txt").read_text().splitlines()[-2:]
    assert [row.split(",")[4] for row in rows] == ["K", "TG"]
    assert "left out, G (Gaia G) has no name in AAVSO and cannot be reported there: G.fits" in said
    assert "Z (WFCAM Z) has no name in AAVSO" in said
    assert pptool_mpcreport.main([str(photometry)]) == 0
    assert "only the position, Z (WFCAM Z) has no name in ADES" in capsys.readouterr().out
    table = photometry.with_name("mpcreport_3552.psv").read_text().split("permID", 1)[1]
    band = table.splitlines()[0].split("|").index("band")
    rows = [row.split("|")[band].strip() for row in table.splitlines()[1:]]
    assert rows == ["K", "G", "", "Vj"]
    assert table.splitlines()[4].endswith("TG: green of a colour camera or LRGB set, as V")
    assert sum("TG:" in row for row in table.splitlines()) == 1
    assert pptool_alcdef.main([str(photometry)]) == 0
    assert "TG (green of a colour camera or LRGB set, as V) has no name" in capsys.readouterr().out
    text = photometry.with_name("ALCDEF_3552_3552.txt").read_text()
    assert "MAGBAND=K" in text
    assert "MAGBAND=GG" in text
    assert "FILTER=C" not in text


def test_instrumental_magnitudes_are_no_standard_ones(
    photometry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [reported(), reported(frame="c.fits", midtime_jd=2457787.0, zeropoint=math.nan)]
    photometry_file.write(photometry.parent, "3552", points)
    assert pptool_aavso.main([str(photometry)]) == 0
    assert "left out, the frame has no zeropoint: c.fits" in capsys.readouterr().out
    assert pptool_alcdef.main([str(photometry)]) == 0
    text = photometry.with_name("ALCDEF_3552_3552.txt").read_text()
    assert text.count("DIFFERMAGS=FALSE") == text.count("DIFFERMAGS=TRUE") == 1


def test_an_exposure_under_two_names_is_reported_once(
    photometry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = reported(frame="a b (1).fits")
    photometry_file.write(photometry.parent, "3552", [*POINTS[:2], twin])
    assert pptool_mpcreport.main([str(photometry)]) == 0
    rows = photometry.with_name("mpcreport_3552.psv").read_text().split("permID", 1)[1]
    assert len(rows.strip().splitlines()) == 3
    assert "the same exposure as another frame, used once: a b (1).fits" in capsys.readouterr().out
    other_chip = reported(frame="chip2.fits", source_ra_deg=179.3)
    photometry_file.write(photometry.parent, "3552", [*POINTS[:2], other_chip])
    assert pptool_mpcreport.main([str(photometry)]) == 0
    rows = photometry.with_name("mpcreport_3552.psv").read_text().split("permID", 1)[1]
    assert len(rows.strip().splitlines()) == 4


@pytest.mark.parametrize(
    ("name", "element"),
    {
        "A899_CA": ("provID", "A899 CA"),
        "K23X07X": ("provID", "2023 XX7"),
        "A3552": ("permID", "103552"),
        "73P/Schwassmann-Wachmann 3-B": ("permID", "73P-B"),
        "C/2019 Y4-B (ATLAS)": ("provID", "C/2019 Y4-B"),
        "1I/'Oumuamua (A/2017 U1)": ("permID", "1I"),
        "Jupiter XIII": ("permID", "Jupiter 13"),
        "S/2003 J 2": ("provID", "S/2003 J 2"),
        "2040 P-L": ("provID", "2040 P-L"),
        "NEW1": ("trkSub", "NEW1"),
    }.items(),
)
def test_designations_are_reported_as_the_standard_has_them(
    photometry: Path, name: str, element: tuple[str, str]
) -> None:
    folder = photometry.parent
    assert pptool_mpcreport.main(["-format", "xml", str(photometry), name]) == 0
    own = folder / "mpcreport_3552.xml"
    assert f"<{element[0]}>{element[1]}</{element[0]}>" in own.read_text()
    assert "submit is OK" in ades("valsubmit.py", own, folder=folder)


def test_the_target_may_stand_behind_the_file(
    photometry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photometry.parent)
    assert pptool_mpcreport.main([str(photometry), "2010_AB12"]) == 0
    assert "2010 AB12" in photometry.with_name("mpcreport_3552.psv").read_text()
    assert pptool_mpcreport.main([str(photometry), "photometry_other.dat"]) == 3
    assert pptool_mpcreport.main(["-target", "433", str(photometry), "434"]) == 3


def test_a_right_ascension_rounds_to_zero_and_not_to_a_circle() -> None:
    assert mpc._right_ascension(359.99999999, 6) == "0.000000"
    assert mpc._right_ascension(359.5, 3) == "359.500"
