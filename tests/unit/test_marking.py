"""Marks on frames: snapping, paths, undoing, and the positions file that pp_distill reads."""

from pathlib import Path

import numpy as np
import pytest
from astropy.wcs import WCS

from photpipe.distill.targets import read_positions
from photpipe.ground import sky
from photpipe.ground.errors import HeaderError
from photpipe.manident.marking import MarkableFrame, Marks

JD = 2457786.95


def sight(
    number: int, name: str | None = None, place: tuple[float, float] = (0.0, 20.0)
) -> MarkableFrame:
    """Frames around RA 0h, each a little shifted."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [(place[0] + 0.001 * number) % 360, place[1]]
    wcs.wcs.crpix = [100.0 + number, 120.0]
    wcs.wcs.cd = [[-1e-4, 0.0], [0.0, 1e-4]]
    path = Path(name or f"image {number}.fits")
    x, y = np.array([50.2, 60.0, 150.0]), np.array([70.3, 70.0, 20.0])
    return MarkableFrame(path, (200, 180), JD + number / 1440, wcs, True, x, y)


@pytest.fixture
def marks() -> Marks:
    return Marks([sight(number) for number in (3, 0, 2, 1, 4)])  # in any order


def test_clicks_snap_to_sources_within_reach() -> None:
    frame = sight(0)
    assert frame.snapped(52.0, 71.0, 5.0) == (50.2, 70.3)
    assert frame.snapped(56.0, 70.0, 5.0) == (60.0, 70.0)
    assert frame.snapped(100.0, 100.0, 5.0) == (100.0, 100.0)
    assert frame.snapped(52.0, 71.0, 0.0) == (52.0, 71.0)


def test_from_the_second_mark_on_there_is_a_path(marks: Marks) -> None:
    assert [each.name for each in marks.sights] == [f"image {n}.fits" for n in range(5)]
    assert marks.position(2) is None
    marks.mark(0, 50.2, 70.3)
    assert marks.is_marked(0)
    assert marks.pixel(0) == pytest.approx((50.2, 70.3))
    assert marks.position(2) is None
    marks.mark(4, 60.0, 90.0)
    first, last = marks.position(0), marks.position(4)
    middle = sky.shifted(*first, *np.divide(sky.offsets_arcsec(*first, *last), 2))
    assert float(sky.separation_deg(*marks.position(2), *middle)) * 3600 < 1e-3
    assert not marks.is_marked(2)


def test_every_change_can_be_undone(marks: Marks) -> None:
    assert marks.undo() is None
    marks.mark(1, 10.0, 10.0)
    marks.mark(3, 20.0, 20.0)
    marks.mark(1, 30.0, 30.0)
    marks.remove(3)
    marks.remove(0)  # there is none
    assert len(marks) == 1
    assert marks.undo() == 3
    assert marks.pixel(3) == pytest.approx((20.0, 20.0))
    assert marks.undo() == 1
    assert marks.pixel(1) == pytest.approx((10.0, 10.0))
    assert marks.undo() == 3
    assert marks.undo() == 1
    assert len(marks) == 0
    assert marks.undo() is None


def test_the_file_is_read_by_pp_distill(marks: Marks, tmp_path: Path) -> None:
    path = tmp_path / "positions.dat"
    marks.mark(0, 50.2, 70.3)
    assert marks.write(path) == 1
    marks.mark(3, 80.0, 60.0)
    assert marks.write(path) == 5
    lines = path.read_text().splitlines()
    assert lines[0] == "# filename RA(deg) Dec(deg) midtime(JD)"
    assert [line.endswith("# marked") for line in lines[1:]] == [True, False, False, True, False]
    name, ra, dec, jd = (word.strip() for word in lines[2].partition("#")[0].split(","))
    assert (name, len(ra.split(".")[1]), len(dec.split(".")[1])) == ("image 1.fits", 8, 8)
    assert float(jd) == pytest.approx(JD + 1 / 1440, abs=1e-8)
    names = [each.name for each in marks.sights]
    (target,) = read_positions(path, names, "nameless")
    for number in range(5):
        true = marks.position(number)
        apart = sky.separation_deg(target.ra_deg[number], target.dec_deg[number], *true)
        assert float(apart) * 3600 < 1e-4


def test_a_session_goes_on_where_the_last_one_ended(marks: Marks, tmp_path: Path) -> None:
    path = tmp_path / "positions.dat"
    assert marks.restore(path) == 0
    marks.mark(0, 50.0, 70.0)
    marks.mark(2, 70.0, 70.0)
    marks.write(path)
    others = [sight(number) for number in (1, 2, 3)]
    again = Marks([*others, sight(9, "plain.fits")])
    assert again.restore(path) == 1  # only frame 2 of the two is here
    assert again.is_marked(1)
    again.mark(3, 90.0, 60.0)
    again.write(path)
    lines = path.read_text().splitlines()
    # what was found on frames that are not here is kept
    assert sum("image 0.fits" in line for line in lines) == 1
    assert sum("image 4.fits" in line for line in lines) == 1
    assert sum("image 2.fits" in line for line in lines) == 1
    assert lines[-1].startswith("plain.fits ")
    assert len(lines) == 1 + 5 + 1


def test_a_file_of_somebody_else_is_set_aside(marks: Marks, tmp_path: Path) -> None:
    path = tmp_path / "positions.dat"
    path.write_text("image_7.fits 12.0 13.0 2457786.9\nnonsense\n")
    assert marks.restore(path) == 0
    marks.mark(0, 50.0, 70.0)
    marks.write(path)
    assert (tmp_path / "positions.dat.bak").read_text().startswith("image_7.fits 12.0")
    assert path.read_text().splitlines()[1] == "image_7.fits 12.0 13.0 2457786.9"
    path.write_bytes(b"\xff\xfe\x00")
    assert Marks([sight(0)]).restore(path) == 0


def test_a_frame_without_solution_cannot_be_marked(tmp_path: Path) -> None:
    from astropy.io import fits

    path = tmp_path / "a.fits"
    header = fits.Header({"TEL_KEYW": "VATT4K", "MIDTIMJD": JD, "SECPIXX": 0.4, "INSTRUME": "x"})
    fits.PrimaryHDU(np.zeros((10, 10), np.int16), header).writeto(path)
    with pytest.raises(HeaderError, match="no celestial WCS"):
        MarkableFrame.read(path, None)
