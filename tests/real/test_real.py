"""The commands on real frames, as a user would type them.

The frames are not part of the repository: the tests run when PP_REAL_DATA names their folder
(marker ``real``; see CONTRIBUTING.md). What they show was measured before by other means.
"""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import catalog
import pp_calibrate
import pp_distill
import pp_movers
import pp_photometry
import pp_prepare
import pp_register
import pp_run
from photpipe.fits.cards import parse_cards, to_header
from photpipe.ground import sky
from photpipe.ground.errors import PhotPipeError
from photpipe.instruments.frames import Frame
from photpipe.run import photometry_file
from photpipe.run.results import CalibrateResult, MoversResult, RegisteredFrame, RegisterResult
from photpipe.run.workspace import Workspace
from tests.real.painted import paint

REAL = Path(os.environ["PP_REAL_DATA"])
pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTPIPE_OFFLINE", "1")


def rows_of(path: Path) -> list[dict[str, str]]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def run(command: object, *words: object) -> None:
    assert command.main([str(word) for word in words]) == 0  # type: ignore[attr-defined]


# (5945) by the Lowell 42-inch: headers that went through the original pipeline.

LOWELL_HOME = REAL / "lowell42_5945"
LOWELL_FRAMES = ("0126", "0144", "0156", "0172", "0192")


@pytest.fixture(scope="module")
def lowell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lowell")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOTPIPE_CACHE", str(folder / "kept"))
        patch.setenv("PHOTPIPE_OFFLINE", "1")
        for number in LOWELL_FRAMES:
            shutil.copy(LOWELL_HOME / "science" / f"20190326.{number}.fits.gz", folder)
        columns = ["Rmag=instmag", "e_ra_arcsec=mad_ra_arcsec", "e_dec_arcsec=mad_dec_arcsec"]
        table = LOWELL_HOME / "gaiatied_stars.csv"
        run(catalog, "import", "LOCAL", table, "-map", *columns)
        run(pp_prepare, *sorted(folder.glob("*.gz")))
        frames = sorted(folder.glob("*_trim.fits"))
        run(pp_register, "-cat", "LOCAL", *frames)
        run(pp_photometry, *frames)
        run(pp_calibrate, "-cat", "LOCAL", "-filter", "R", *frames)
        expected = rows_of(LOWELL_HOME / "expected_mover1_5945.csv")
        lines = []
        for path in frames:
            jd = Frame.read(path).midtime_jd
            row = min(expected, key=lambda each: abs(float(each["midtime_jd"]) - jd))
            lines.append(f"{path.name} {row['ra_deg']} {row['dec_deg']} {jd}")
        (folder / "positions_5945.dat").write_text("\n".join(lines))
        run(pp_distill, "-positions", "all", *frames)
    return folder


def test_times_are_those_of_the_original(lowell: Path) -> None:
    truth = {row["file"]: row for row in rows_of(LOWELL_HOME / "pp_header_truth.csv")}
    for path in lowell.glob("*_trim.fits"):
        expected = truth[path.name.replace("_trim", "")]
        frame = Frame.read(path)
        assert abs(frame.midtime_jd - float(expected["MIDTIMJD"])) * 86400 < 0.01
        assert frame.exptime_s == float(expected["EXPTIME"])


def test_registration_agrees_with_the_original(lowell: Path) -> None:
    """Centres within 0.2 arcsec, although SECPIX in the headers is 13 % wrong."""
    truth = {row["file"]: row for row in rows_of(LOWELL_HOME / "pp_header_truth.csv")}
    for path in lowell.glob("*_trim.fits"):
        expected = truth[path.name.replace("_trim", "")]
        # the original's reference pixel, 100 px trimmed from each edge
        pixel = float(expected["CRPIX1"]) - 100, float(expected["CRPIX2"]) - 100
        ra, dec = Frame.read(path).wcs().all_pix2world(*pixel, 1)
        there = float(expected["CRVAL1"]), float(expected["CRVAL2"])
        assert sky.separation_deg(ra, dec, *there) * 3600 < 0.2


def test_asteroid_varies_as_measured_before(lowell: Path) -> None:
    _, points = photometry_file.read(lowell / "photometry_5945.dat")
    assert len(points) == len(LOWELL_FRAMES)
    assert all(point.is_good for point in points)
    expected = rows_of(LOWELL_HOME / "expected_mover1_5945.csv")
    differences = []
    for point in points:
        row = min(expected, key=lambda e: abs(float(e["midtime_jd"]) - point.midtime_jd))
        differences.append(point.mag - float(row["rel_mag"]))
    assert np.std(differences) < 0.019  # 0.015; 0.0189 with the sums of Source Extractor


def test_movers_are_found_on_five_frames(lowell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both that were measured before, at 0.15 and 0.25 arcsec/min, among frames of two to five
    times the noise of others; two fainter ones, which are on all thirteen frames, may be there."""
    monkeypatch.chdir(lowell)
    run(pp_movers, "-rates", "0.1", "0.3", *sorted(lowell.glob("*_trim.fits")))
    result = Workspace(lowell).load(MoversResult)
    assert result is not None
    assert 2 <= len(result.movers) <= 4
    for name in ("expected_mover1_5945.csv", "expected_mover2.csv"):
        rows = rows_of(LOWELL_HOME / name)
        columns = ("midtime_jd", "ra_deg", "dec_deg")
        jd, ra, dec = np.array([[float(row[each]) for each in columns] for row in rows]).T
        there = [np.interp(result.midtime_jd, jd, each) for each in (ra, dec)]
        apart = [sky.separation_deg(*there, m.ra_deg, m.dec_deg) * 3600 for m in result.movers]
        assert min(apart) < 1.0
        mover = result.movers[int(np.argmin(apart))]
        minutes = (jd[-1] - jd[0]) * 1440
        east, north = sky.offsets_arcsec(ra[0], dec[0], ra[-1], dec[-1])
        assert abs(mover.rate_east - east / minutes) < 0.01
        assert abs(mover.rate_north - north / minutes) < 0.01


def test_originals_come_back(lowell: Path) -> None:
    frames = sorted(lowell.glob("*_trim.fits"))
    before = [path.read_bytes() for path in frames]
    run(pp_prepare, "-restore", *frames)
    assert all(path.read_bytes() != old for path, old in zip(frames, before, strict=True))


# A transit of HAT-P-32 b through a 6-inch telescope that nobody supports: GENERIC.

MICRO_HOME = REAL / "exotic_hatp32"
MICRO_TOLD = (
    *("-telescope", "GENERIC", "-secpix", "5.164", "-binning", "1", "-exptime", "60"),
    *("-ra", "31.312", "-dec", "46.769", "-date_keyword", "UT-OBS", "-filter", "V"),
)


@pytest.fixture(scope="module")
def micro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hatp32")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOTPIPE_CACHE", str(folder / "kept"))
        patch.setenv("PHOTPIPE_OFFLINE", "1")
        for path in sorted((MICRO_HOME / "science").glob("*.gz"))[::8]:
            shutil.copy(path, folder)
        table = MICRO_HOME / "tycho2_field.csv"
        run(catalog, "import", "TYC", table, "-map", "Vmag=vtmag", "-epoch", "2000")
        run(pp_prepare, *MICRO_TOLD, *sorted(folder.glob("*.gz")))
        frames = sorted(folder.glob("*.FITS"))
        run(pp_register, "-cat", "TYC", *frames)
        run(pp_photometry, *frames)
        run(pp_calibrate, "-cat", "TYC", "-filter", "V", *frames)
        (folder / "star.txt").write_text("HAT-P-32 02:04:10.28 +46:41:16.2\n")
        run(pp_distill, "-fixedtargets", folder / "star.txt", *frames)
    return folder


def test_every_frame_is_registered(micro: Path) -> None:
    failed = (micro / "registration_failed.lst").read_text().split()
    assert failed == []


def test_star_is_measured_on_every_frame(micro: Path) -> None:
    _, points = photometry_file.read(micro / "photometry_HAT-P-32.dat")
    assert len(points) == len(list(micro.glob("*.FITS")))
    assert all(point.method == "detected" for point in points)
    offsets = [np.hypot(p.offset_east_arcsec, p.offset_north_arcsec) for p in points]
    assert np.median(offsets) < 1.5  # of pixels of 5.2 arcsec
    assert np.std([p.mag for p in points]) < 0.0137  # as with the sums of Source Extractor; 0.012


# A frame of LCO that came as a table: its own header, its sources painted where they were.

LCO_HOME = REAL / "lco_kb76_gaia"


def lco_frame(folder: Path) -> Path:
    with fits.open(LCO_HOME / "ldac_test_catalog.fits") as hdus:
        lines = "".join(str(line).ljust(80) for line in hdus[1].data[0][0])
        sources = Table(hdus[2].data)
    header = fits.Header.fromstring(lines)
    shape = header["NAXIS2"], header["NAXIS1"]
    place = sources["XWIN_IMAGE"] - 1, sources["YWIN_IMAGE"] - 1, sources["FLUX_AUTO"]
    fwhm, sky_adu = np.median(sources["FWHM_IMAGE"]), float(np.median(sources["BACKGROUND"]))
    return paint(folder / "lco.fits", header, shape, *place, fwhm, sky_adu, 12.0)


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
def test_lco_frame_is_registered_with_a_table_of_gaia(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SCAMP was seen to do before: 102 stars, 0.14 arcsec, contrasts 30.6 and 18.4."""
    monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "kept"))
    columns = ["ra_deg=XWIN_WORLD", "dec_deg=YWIN_WORLD", "Gmag=MAG", "e_Gmag=MAGERR"]
    table = LCO_HOME / "GAIA-DR2.cat"
    run(catalog, "import", "KBGAIA", table, "-epoch", "2015.5", "-map", *columns)
    frame = lco_frame(tmp_path)
    there = fits.getheader(frame)
    # Horizons is not asked: the target alone is missing
    assert pp_run.main(["-regcat", "KBGAIA", "-instrumental", str(frame)]) == 3
    (found,) = registered(tmp_path)
    assert found.matched >= 95
    assert found.rms_arcsec < 0.2
    assert min(found.as_contrast, found.xy_contrast) > 10
    ra, dec = Frame.read(frame).wcs().all_pix2world(there["CRPIX1"], there["CRPIX2"], 1)
    assert sky.separation_deg(ra, dec, there["CRVAL1"], there["CRVAL2"]) * 3600 < 2


# EY UMa: magnitudes of 41 stars on 94 frames, and two catalogs of the field.

EY_HOME = REAL / "eyuma_apass_refcat2"
EY_TOLD = (
    *("-telescope", "GENERIC", "-secpix", "0.557", "-binning", "1"),
    *("-ra", "135.55", "-dec", "49.85", "-date_keyword", "DATE-OBS"),
)


def ey_frames(folder: Path, step: int) -> dict[str, Table]:
    """Every so many of the frames, painted; frame name to its table."""
    measured = Table.read(EY_HOME / "2014-12-29-ey-uma-9.fits")
    found = {}
    for name in sorted(set(measured["file"]))[::step]:
        stars = measured[measured["file"] == name]
        cards = {"DATE-OBS": stars["date-obs"][0], "EXPTIME": stars["exposure"][0]}
        header = fits.Header({**cards, "FILTER": "R", "OBJECT": "EY UMa"})
        place = stars["xcenter"], stars["ycenter"], stars["aperture_net_flux"]
        path = folder / f"{name.strip().removesuffix('.fit')}.fits"
        sky_adu = float(np.median(stars["sky_per_pix_med"]))
        paint(path, header, (2048, 3072), *place, 7.0, sky_adu, 3.0)
        found[path.name] = stars
    return found


def ey_zeropoint(stars: Table, reference: Table, names: tuple[str, str, str]) -> float:
    """Median difference of catalog and instrumental magnitudes, by hand."""
    ra, dec, mag = (np.ma.filled(reference[name].astype(float), np.nan) for name in names)
    apart = sky.separation_deg(
        np.asarray(stars["RA"])[:, None], np.asarray(stars["Dec"])[:, None], ra, dec
    )
    nearest = np.argmin(apart, axis=1)
    near = apart[np.arange(len(stars)), nearest] * 3600 < 2
    instrumental = -2.5 * np.log10(np.asarray(stars["aperture_net_flux"]))
    return float(np.nanmedian((mag[nearest] - instrumental)[near]))


@pytest.mark.parametrize(
    ("table", "columns", "names"),
    [
        ("all_refcat2_ey_uma.ecsv", [], ("RA_ICRS", "DE_ICRS", "rmag")),
        (
            "all_apass_ey_uma.ecsv",
            ["-map", "rmag=r'mag", "e_rmag=e_r'mag", "-system", "r=AB"],
            ("RAJ2000", "DEJ2000", "r'mag"),
        ),
    ],
)
def test_zeropoints_with_tables_of_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, columns: list[str],
    names: tuple[str, str, str],
) -> None:  # fmt: skip
    """The zeropoints that simple medians give, within what 25 stars of one colour allow."""
    monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "kept"))
    run(catalog, "import", "PLACES", EY_HOME / "all_refcat2_ey_uma.ecsv")
    run(catalog, "import", "MINE", EY_HOME / table, *columns)
    frames = ey_frames(tmp_path, 31)
    told = (*EY_TOLD, "-regcat", "PLACES", "-cat", "MINE", "-filter", "r")
    # in an aperture as large as that of the measurements
    assert pp_run.main([*told, "-fixed_aprad", "10", str(tmp_path)]) == 3
    assert len(registered(tmp_path)) == len(frames)
    result = Workspace(tmp_path).load(CalibrateResult)
    assert result is not None
    reference = Table.read(EY_HOME / table)
    for each in result.frames:
        expected = ey_zeropoint(frames[each.frame], reference, names)
        assert each.zeropoint_mag == pytest.approx(expected, abs=0.03)
        assert each.zeropoint_sigma_mag < 0.02


def registered(folder: Path) -> tuple[RegisteredFrame, ...]:
    result = Workspace(folder).load(RegisterResult)
    assert result is not None
    assert result.failed == ()
    return result.frames


def test_headers_of_real_telescopes_give_facts_or_one_line() -> None:
    """No header of the collection, however broken, ends in anything but facts or one line."""
    read = 0
    for path in sorted((REAL / "headers").glob("*.hdr")):
        text = path.read_text("latin-1")
        lines = (
            text.splitlines()
            if "\n" in text
            else [text[i : i + 80] for i in range(0, len(text), 80)]
        )
        block = b"".join(line[:80].ljust(80).encode("latin-1") for line in lines)
        header = to_header(parse_cards(block)[0])
        try:
            frame = Frame.of(path, header)
            facts = (frame.midtime_jd, frame.exptime_s, frame.pointing(), frame.binning)
        except PhotPipeError as error:
            assert "\n" not in str(error)
        else:
            assert all(np.isfinite(value) for value in (*facts[:2], *facts[2]))
            read += 1
    assert read >= 4
