"""SCAMP: its arguments, the real tool on star lists, and everything it may leave behind."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from photpipe.astromatic import scamp, tool
from photpipe.astromatic.scamp import ScampInput, Search, Solution
from photpipe.catalogs.columns import SourceColumns
from photpipe.catalogs.table import SourceTable
from photpipe.ground import sky
from photpipe.ground.errors import ToolError
from photpipe.run.settings import Settings
from photpipe.science.astrometry import sky_of
from tests.unit.plates import Stars, View, stars, tan, view

SHAPE = (1024, 1024)
JD = 2457786.9
SEARCH = Search(
    resolution_arcsec=1.0,
    position_error_arcmin=0.5,
    angle_error_deg=3.0,
    scale_error_factor=1.03,
    flipped=False,
    crossid_arcsec=1.2,
    degree=3,
    flags_mask=0xF8,
)


def reference(of: Stars) -> SourceTable:
    count = of.ra.size
    data = Table(
        {
            "ident": [str(number) for number in range(count)],
            "ra_deg": of.ra,
            "dec_deg": of.dec,
            "e_ra_arcsec": np.full(count, 0.001),
            "e_dec_arcsec": np.full(count, 0.001),
            "source_epoch_jd": np.full(count, JD),
            "mag": of.mag,
            "e_mag": np.full(count, 0.01),
        }
    )
    return SourceTable(data, "GAIA")


def sources(seen: View) -> SourceColumns:
    count = seen.pixels.size
    flux = 1e5 * 0.95 ** np.arange(count)
    return SourceColumns(
        {
            "XWIN_IMAGE": seen.pixels.real,
            "YWIN_IMAGE": seen.pixels.imag,
            "ERRAWIN_IMAGE": np.full(count, 0.05, "f4"),
            "ERRBWIN_IMAGE": np.full(count, 0.05, "f4"),
            "ERRTHETAWIN_IMAGE": np.zeros(count, "f4"),
            "FLUX_ISOCOR": flux.astype("f4"),
            "FLUXERR_ISOCOR": (flux / 50).astype("f4"),
            "FLAGS": np.zeros(count, "i2"),
            "FLUX_RADIUS": np.full(count, 1000.0, "f4"),
        }
    )


def exposures(field: Stars, ra: float, dec: float, corner_px: float = 0.0) -> list[ScampInput]:
    """Three frames whose starting WCS is off by 10 arcsec."""
    result = []
    for number in range(3):
        at = sky.shifted(ra, dec, 30.0 * number, -20.0 * number)
        true = tan(float(at[0]), float(at[1]), angle=0.3 * number)
        seen = view(number, field, true, corner_px=corner_px)
        off = sky.shifted(*at, 8.0, -6.0)
        start = {**true, "CRVAL1": float(off[0]), "CRVAL2": float(off[1])}
        result.append(ScampInput(f"a {number}.fits", sources(seen), start, SHAPE, JD, "T'X_r"))
    return result


def run(field: Stars, frames: list[ScampInput], **changes: object) -> list[Solution]:
    settings = {"POSITION_MAXERR": "15.0", "FGROUP_RADIUS": "1.0", "FWHM_THRESHOLDS": "50,100"}
    timeout_s = float(changes.pop("timeout_s", Settings().tools.timeout_s))
    search = SEARCH if not changes else Search(**{**vars_of(SEARCH), **changes})
    return scamp.run(frames, reference(field), search, settings, timeout_s=timeout_s)[0]


def vars_of(search: Search) -> dict[str, object]:
    return {name: getattr(search, name) for name in Search.__slots__}


@pytest.mark.parametrize(("ra", "dec"), [(150.0, 20.0), (0.001, -1.0), (40.0, 89.5)])
def test_real_scamp_solves_three_frames(ra: float, dec: float) -> None:
    field = stars(1, ra, dec, 0.4, 6000)
    frames = exposures(field, ra, dec, corner_px=1.7)
    found = run(field, frames)
    assert [each.frame for each in found] == ["a 0.fits", "a 1.fits", "a 2.fits"]
    for number, each in enumerate(found):
        assert min(each.as_contrast, each.xy_contrast) > 2.5
        assert each.stars > 30
        assert each.wcs["CTYPE1"] == "RA---TPV"
        assert each.wcs["RADESYS"] == "ICRS"
        true = sky.shifted(ra, dec, 30.0 * number, -20.0 * number)
        middle = sky_of(each.wcs)(np.array([512.5]), np.array([512.5]))
        assert sky.separation_deg(*middle, *true)[0] * 3600 < 0.02
        assert max(each.sigma_arcsec) < 0.06


def test_degree_one_is_a_plain_tan() -> None:
    field = stars(1, 150.0, 20.0, 0.4, 3000)
    for each in run(field, exposures(field, 150.0, 20.0), degree=1):
        assert (each.wcs["CTYPE1"], each.wcs["CTYPE2"]) == ("RA---TAN", "DEC--TAN")
        assert not [key for key in each.wcs if key.startswith("PV")]


def test_frames_of_another_sky_have_no_contrast() -> None:
    field = stars(1, 150.0, 20.0, 0.4, 6000)
    found = run(stars(2, 150.0, 20.0, 0.4, 6000), exposures(field, 150.0, 20.0))
    assert all(min(each.as_contrast, each.xy_contrast) < 2.5 for each in found)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    field = stars(1, 150.0, 20.0, 0.4, 3000)
    run(field, exposures(field, 150.0, 20.0))
    assert list(tmp_path.iterdir()) == []


def test_reports_of_several_runs_become_one() -> None:
    """With the frames of all in the tables, each under a name of its own."""
    field = stars(1, 150.0, 20.0, 0.4, 3000)
    frames = exposures(field, 150.0, 20.0)
    runs = [
        scamp.run(part, reference(field), SEARCH, {}, timeout_s=60.0, first=first)[1]
        for part, first in ((frames[:2], 0), (frames[2:], 2))
    ]
    rows = scamp.read_xml(scamp.joined(runs))
    assert [row["Catalog_Name"] for row in rows] == ["00000.ldac", "00001.ldac", "00002.ldac"]
    alone = [row for each in runs for row in scamp.read_xml(each)]
    assert [row["AS_Contrast"] for row in rows] == [row["AS_Contrast"] for row in alone]
    assert scamp.joined(runs[:1]) == runs[0]
    assert scamp.joined([]) == b""


def test_arguments_decide_what_matters() -> None:
    words = scamp.arguments(SEARCH, 2, 4)
    assert words[:2] == ["00000.ldac", "00001.ldac"]
    values = dict(zip(words[2::2], words[3::2], strict=True))
    assert values["-MATCH_RESOL"] == "1"
    assert values["-PROJECTION_TYPE"] == "TPV"
    assert values["-ASTRCLIP_NSIGMA"] == "3"
    assert values["-DISTORT_DEGREES"] == "3"
    assert values["-FLAGS_MASK"] == values["-ASTR_FLAGSMASK"] == "0x00f8"
    assert values["-CHECKPLOT_TYPE"] == "NONE"
    assert values["-NTHREADS"] == "4"
    assert "-MATCH_NMAX" not in values  # the telescope's settings decide
    limited = scamp.arguments(replace(SEARCH, most_stars=50), 2, 4)
    assert limited[limited.index("-MATCH_NMAX") + 1] == "50"
    assert not [value for value in values.values() if value.startswith("-")]


FAKES = {
    "crashes": ("kill -SEGV $$", "signal SIGSEGV"),
    "complains": ("echo '> *Error*: no source'; exit 1", "no source"),
    "hangs": ("sleep 60", "did not finish within"),
    "writes nothing": ("exit 0", "without a usable result"),
    "writes rubbish": ("echo rubbish > scamp.xml; echo x > 00000.head", "not a VOTable"),
    "writes half": ("head -c 900 $REAL > scamp.xml", "not a VOTable"),
    "forgets a frame": ("cp $REAL scamp.xml; cp $HEAD 00000.head", "reports on 1 of 3"),
}


@pytest.fixture
def report(tmp_path: Path) -> bytes:
    """Report of the real tool on one frame."""
    field = stars(1, 150.0, 20.0, 0.4, 3000)
    frames = exposures(field, 150.0, 20.0)[:1]
    return scamp.run(frames, reference(field), SEARCH, {}, timeout_s=60)[1]


@pytest.mark.parametrize("kind", FAKES)
def test_a_broken_scamp_is_a_named_failure(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: bytes
) -> None:
    script, said = FAKES[kind]
    (tmp_path / "real.xml").write_bytes(report)
    (tmp_path / "x.head").write_text("CTYPE1  = 'RA---TAN'\nEND\n")
    program = tmp_path / "bin" / "scamp"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nREAL={tmp_path}/real.xml HEAD={tmp_path}/x.head\n{script}\n")
    program.chmod(0o755)
    field = stars(1, 150.0, 20.0, 0.4, 3000)
    frames = exposures(field, 150.0, 20.0)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ToolError, match=said):
        run(field, frames, timeout_s=1.0)


def test_a_frame_without_a_solution_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "scamp"
    program.parent.mkdir()
    spoil = "sed -i 's/^CRVAL1 .*/CRVAL1  =                  nan/' 00001.head; rm -f 00002.head"
    program.write_text(f'#!/bin/sh\n{tool.find(tool.SCAMP)} "$@" || exit\n{spoil}\n')
    program.chmod(0o755)
    field = stars(1, 150.0, 20.0, 0.4, 3000)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    solutions = run(field, exposures(field, 150.0, 20.0))
    assert [each is None for each in solutions] == [False, True, True]


def test_missing_scamp_tells_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    field = stars(1, 150.0, 20.0, 0.4, 1000)
    frames = exposures(field, 150.0, 20.0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="install"):
        run(field, frames)


def test_report_without_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="no table Fields"):
        scamp.read_xml(
            b'<?xml version="1.0"?><VOTABLE version="1.4" '
            b'xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE/></VOTABLE>'
        )


HEAD = """HISTORY   Astrometric solution by SCAMP
COMMENT   (c) 2010-2018 Sorbonne Universit\u00e9
EQUINOX =        2000.00000000 / Mean equinox
RADESYS = 'ICRS    '           / Astrometric system
CTYPE1  = 'RA---TPV'           / WCS projection type for this axis
CTYPE2  = 'DEC--TPV'           / WCS projection type for this axis
CUNIT1  = 'deg     '           / Axis unit
CRVAL1  =   1.500076155968E+02 / World coordinate on this axis
CRVAL2  =   1.999322173514E+01 / World coordinate on this axis
CRPIX1  =   5.125000000000E+02 / Reference pixel on this axis
CRPIX2  =   5.125000000000E+02 / Reference pixel on this axis
CD1_1   =   1.666436945000E-04 / Linear projection matrix
CD2_2   =   1.666430383092E-04 / Linear projection matrix
PV1_0   =   7.304455129034E-06 / Projection distortion parameter
FLXSCALE=   0.000000000000E+00 / SCAMP relative flux scale
END
"""


def test_head_with_an_accent_gives_numbers() -> None:
    cards = scamp.read_head(HEAD.encode())
    assert cards["CRVAL1"] == 150.0076155968
    assert cards["PV1_0"] == 7.304455129034e-06
    assert "FLXSCALE" not in cards
    assert cards["EQUINOX"] == 2000.0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("CRVAL1  =   1.500076155968E+02", "CRVAL1  = 'nonsense'          "),
        ("CRVAL1  =   1.500076155968E+02", "CRVAL1  =                  nan"),
        ("CRVAL1  =   1.500076155968E+02", "CRVAL1  =              'NaN'   "),
        ("CRPIX2", "NOTHING"),
        ("RA---TPV", "RA---ZPN"),
        (HEAD, ""),
        (HEAD, "\x00\x01 rubbish"),
    ],
)
def test_head_that_is_incomplete_is_refused(old: str, new: str) -> None:
    with pytest.raises(ValueError, match=r"its (solution|projection)"):
        scamp.read_head(HEAD.replace(old, new).encode())
