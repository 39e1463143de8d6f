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

import catalog
import pp_calibrate
import pp_distill
import pp_photometry
import pp_prepare
import pp_register
from photpipe import photometry_file, sky
from photpipe.cards import parse_cards, to_header
from photpipe.errors import PhotPipeError
from photpipe.frames import Frame

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
    assert np.std(differences) < 0.05


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
        for path in sorted((MICRO_HOME / "science").glob("*.gz"))[::5]:
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
