"""Facts of frames: golden headers of all telescopes, fallbacks, and headers gone wrong."""

import math
import random
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from astropy.io import fits

from photpipe.fits.cards import parse_cards, to_header
from photpipe.ground.errors import ConfigError, HeaderError, PhotPipeError
from photpipe.instruments import generic, telescopes
from photpipe.instruments.frames import Frame
from photpipe.instruments.telescopes import Telescope
from photpipe.science.wcs_seed import Orientation, seed_wcs
from tests.headers import expectations, frame_of, golden_block, golden_header

EXPECTED = expectations()
FACTS = (
    *("shape", "exptime_s", "object_name", "filter_name", "band", "binning"),
    *("pixel_scale_arcsec", "midtime_jd", "airmass", "gain", "saturation", "orientation"),
    *("distortion", "is_prepared"),
)

NORTH_UP = Orientation(True, False, 0.0)


def golden_frame(keyword: str) -> Frame:
    header = golden_header(keyword)
    if keyword == "GENERIC":
        return frame_of(header, generic.generic(header, {"secpix": 1.32}))
    if keyword == "STRUVECQUEAN":
        header["INSTRUME"] = "CQUEAN"  # an unknown INSTRUME must not hide TELESCOP
    return frame_of(header)


def number(keyword: str, *columns: str) -> tuple[float, ...]:
    return tuple(float(EXPECTED[keyword][column]) for column in columns)


@pytest.mark.parametrize("keyword", EXPECTED)
def test_golden_header(keyword: str) -> None:
    frame, expected = golden_frame(keyword), EXPECTED[keyword]
    assert frame.telescope.keyword == keyword
    assert frame.telescope.observatory_code == expected["observatory"]
    assert frame.midtime_jd == pytest.approx(float(expected["midtime_jd"]), abs=1e-8, rel=0)
    assert frame.pointing() == pytest.approx(number(keyword, "ra_deg", "dec_deg"), abs=2e-7)
    assert frame.exptime_s == float(expected["exptime_s"])
    assert frame.airmass == float(expected["airmass"])
    assert (frame.object_name, frame.filter_name) == (expected["object"], expected["filter"])
    assert frame.band == (expected["band"] or None)
    assert frame.binning == number(keyword, "binning_x", "binning_y")
    assert frame.pixel_scale_arcsec == pytest.approx(number(keyword, "scale_x", "scale_y"))
    assert frame.orientation.mirrored == (expected["mirrored"] == "yes")
    assert frame.notes == []


@pytest.mark.parametrize("keyword", EXPECTED)
def test_golden_starting_wcs(keyword: str) -> None:
    frame = golden_frame(keyword)
    seed = seed_wcs(frame.shape, frame.pointing(), frame.pixel_scale_arcsec, frame.orientation)
    assert seed.crval_deg == pytest.approx(number(keyword, "crval1", "crval2"), abs=2e-7)
    assert seed.crpix == number(keyword, "crpix1", "crpix2")
    cd = number(keyword, "cd1_1", "cd1_2", "cd2_1", "cd2_2")
    assert (*seed.cd[0], *seed.cd[1]) == pytest.approx(cd, abs=1e-13)


def test_all_published_telescopes_have_a_golden_header() -> None:
    assert len(EXPECTED) == 62


def test_kmtnet_starts_with_the_distortion_of_its_detector() -> None:
    frame = golden_frame("KMTNETS")
    assert len(frame.distortion) == 20
    assert frame.distortion["PV1_1"] == 1.00171981124
    header = golden_header("KMTNETS")
    header["CCD_NAME"] = "X"
    assert frame_of(header).distortion == {}
    assert golden_frame("VATT4K").distortion == {}


# -- fallbacks


def without(keyword: str, *cards: str) -> fits.Header:
    header = golden_header(keyword)
    for card in cards:
        del header[card]
    return header


def test_missing_airmass_is_computed() -> None:
    # astropy's AltAz for the WIYN observatory gives sec z = 1.05476
    header = without("WIYN09HDI", "AIRMASS")
    frame = frame_of(header)
    assert frame.airmass == pytest.approx(1.0548, abs=0.0005)
    assert "is computed" in frame.notes[0]


def test_airmass_without_a_site_is_one() -> None:
    header = without("GENERIC", "AIRMASS")
    frame = frame_of(header, generic.generic(header, {"secpix": 1.32}))
    assert frame.airmass == 1.0
    assert "airmass 1 is assumed" in frame.notes[0]


def test_airmass_below_the_horizon_is_not_believed() -> None:
    header = without("WIYN09HDI", "AIRMASS")
    header["DECSTRNG"] = "-80:00:00"
    assert frame_of(header).airmass == 1.0


def test_airmass_without_a_position_is_one() -> None:
    assert frame_of(without("WIYN09HDI", "AIRMASS", "RASTRNG")).airmass == 1.0


@pytest.mark.parametrize("value", ["", "n/a", 0.0, -1.0, 1e9, True])
def test_absurd_airmass_is_replaced_with_a_remark(value: object) -> None:
    header = golden_header("VATT4K")
    header["AIRMASS"] = value
    frame = frame_of(header)
    assert 1.0 <= frame.airmass < 40
    assert len(frame.notes) == 1
    assert "AIRMASS" in frame.notes[0]


def test_missing_binning_is_one_with_a_remark() -> None:
    frame = frame_of(without("DCTLMI", "CCDSUM"))
    assert frame.binning == (1, 1)
    assert frame.pixel_scale_arcsec == pytest.approx((0.12, 0.12))
    assert frame.notes == ["card CCDSUM is missing; binning 1 x 1 is assumed"]


def test_missing_target_is_empty_with_a_remark() -> None:
    frame = frame_of(without("DCTLMI", "OBJECT"))
    assert frame.object_name == ""
    assert "OBJECT" in frame.notes[0]


def test_remarks_are_made_once() -> None:
    frame = frame_of(without("DCTLMI", "CCDSUM"))
    assert frame.binning == frame.binning
    assert len(frame.notes) == 1


# -- what a frame cannot live without


@pytest.mark.parametrize(
    ("keyword", "card", "value"),
    [
        ("VATT4K", "EXPTIME", None),
        ("VATT4K", "EXPTIME", ""),
        ("VATT4K", "EXPTIME", "long"),
        ("VATT4K", "EXPTIME", "NaN"),
        ("VATT4K", "EXPTIME", -30.0),
        ("VATT4K", "EXPTIME", 0.0),
        ("VATT4K", "EXPTIME", 1e30),
        ("VATT4K", "EXPTIME", True),
        ("UKIRTWFCAM", "EXP_TIME", None),
    ],
)
def test_exposure_time_is_needed(keyword: str, card: str, value: object) -> None:
    header = without(keyword, card)
    if value is not None:
        header[card] = value
    with pytest.raises(HeaderError, match=rf"frame\.fits: header card {card}: "):
        _ = frame_of(header).exptime_s


def test_exposure_time_as_text() -> None:
    header = golden_header("VATT4K")
    header["EXPTIME"] = " 30.5 "
    assert frame_of(header).exptime_s == 30.5


@pytest.mark.parametrize("value", ["NaN", "12:xx:00", "", None, "inf", 1e5, "25:61:00", True])
def test_pointing_is_needed(value: object) -> None:
    header = without("VATT4K", "RA")
    if value is not None:
        header["RA"] = value
    with pytest.raises(HeaderError, match="header card RA"):
        frame_of(header).pointing()


@pytest.mark.parametrize("sizes", [(0, 10), (10, -1), ("a", 10)])
def test_image_size_is_needed(sizes: tuple[object, object]) -> None:
    header = golden_header("VATT4K")
    header["NAXIS1"], header["NAXIS2"] = sizes
    with pytest.raises(HeaderError, match="NAXIS1"):
        _ = frame_of(header).shape


@pytest.mark.parametrize(("card", "value"), [("CHIP", 9), ("CHIP", None), ("CHIP", "two")])
def test_chip_number_is_needed(card: str, value: object) -> None:
    header = without("MAGIMACSL", card)
    if value is not None:
        header[card] = value
    with pytest.raises(HeaderError, match="header card CHIP"):
        _ = frame_of(header).orientation


def test_unknown_filter_names_the_known_ones() -> None:
    header = golden_header("VATT4K")
    header["FILTER"] = "TOP 9 BOT 9"
    frame = frame_of(header)
    assert frame.filter_name == "TOP 9 BOT 9"
    with pytest.raises(ConfigError, match=r"'TOP 3 BOT 1'.*-filter"):
        _ = frame.band


def test_filter_names_forgive_case_unless_case_matters() -> None:
    header = golden_header("VATT4K")
    header["FILTER"] = "top 3  bot 1"
    assert frame_of(header).band == "R"
    generic_header = golden_header("GENERIC")
    for name, band in {"r": "r", "R": "R", "CLEAR": None}.items():
        generic_header["FILTER"] = name
        telescope = generic.generic(generic_header, {"secpix": 1.0})
        assert frame_of(generic_header, telescope).band == band


@pytest.mark.parametrize("telescope", telescopes.registry().values(), ids=lambda each: each.keyword)
def test_case_never_takes_one_filter_for_another(telescope: Telescope) -> None:
    table = telescope.filter_translations
    for name in "UBVRIJHKugrizyGbvY":
        is_there = name in table
        card = str(telescope.parameters["filter"])
        header = fits.Header({f"HIERARCH {card}" if " " in card else card: name})
        frame = Frame(Path("a.fits"), header, telescope)
        if is_there:
            assert frame.band == table[name]
        else:
            with pytest.raises(ConfigError, match="name the band with -filter"):
                _ = frame.band


@pytest.mark.parametrize(
    ("keyword", "name", "band"),
    [
        *(("ARC35AGILE", "SDSS U", "u"), ("ARC35ARCTIC", "SDSS u", "u"), ("CTIO09", "dia V", "V")),
        *(("LCOSINISTRO", "GP", "g"), ("LOWELL42", "OPEN", None), ("MAGIMACSL", "SLOAN_R", "r")),
        ("OHP120", "h-alpha", None),
    ],
)
def test_case_is_forgiven_where_it_means_nothing(keyword: str, name: str, band: str | None) -> None:
    telescope = telescopes.by_keyword(keyword)
    header = fits.Header({str(telescope.parameters["filter"]): name})
    assert Frame(Path("a.fits"), header, telescope).band == band


@pytest.mark.parametrize(
    ("keyword", "name", "said"),
    [
        ("GMOSN", "R_G0303", "the case of letters counts, 'r_G0303' is another filter"),
        ("DCTLMI", "r", "the case of letters counts, 'R' is another filter; name the band with "),
        ("GENERIC", "G", "-filter, such as -filter TG, or add it"),
        ("SOARGOODMAN", "RC", "'Rc' is another filter"),
    ],
)
def test_filters_of_another_case_are_told(keyword: str, name: str, said: str) -> None:
    telescope = telescopes.by_keyword(keyword)
    header = fits.Header({str(telescope.parameters["filter"]): name})
    with pytest.raises(ConfigError, match=said):
        _ = Frame(Path("a.fits"), header, telescope).band


def test_generic_without_scale_asks_for_it() -> None:
    frame = frame_of(golden_header("GENERIC"))
    with pytest.raises(HeaderError, match="-secpix"):
        _ = frame.pixel_scale_arcsec


@pytest.mark.parametrize("value", ["x", "0", "1 2 3", "-1 1", "1.5 1.5", "99 99", "nan"])
def test_absurd_binning(value: str) -> None:
    header = golden_header("DCTLMI")
    header["CCDSUM"] = value
    with pytest.raises(HeaderError, match="CCDSUM"):
        _ = frame_of(header).binning


# -- gain, saturation, names


def test_gain_and_saturation() -> None:
    assert golden_frame("LCOSINFA15").gain == 1.0
    assert golden_frame("LCOSINFA15").saturation == 128000.0
    assert golden_frame("LOWELL42").gain == 2.67
    assert golden_frame("LOWELL42").saturation == 40000.0
    assert golden_frame("VATT4K").gain is None
    assert golden_frame("VATT4K").saturation is None
    header = golden_header("UKIRTWFCAM")
    header["GAIN"] = 4.5  # this card is always wrong there
    assert frame_of(header).gain is None
    header["PP_GAIN"] = 45.0  # of a combined image
    assert frame_of(header).gain == 45.0


def test_names_of_files() -> None:
    frame = Frame(Path("/d/a b.fits"), golden_header("VATT4K"), telescopes.by_keyword("VATT4K"))
    assert (frame.name, frame.stem) == ("a b.fits", "a b")
    assert frame.ldac_path == Path("/d/a b.ldac")
    assert frame.database_path == Path("/d/a b.ldac.db")


# -- prepared frames


@pytest.fixture
def prepared() -> Frame:
    header = golden_header("MAGIMACSS")
    raw = frame_of(header)
    seed = seed_wcs(raw.shape, raw.pointing(), raw.pixel_scale_arcsec, raw.orientation)
    header.update(seed.cards())
    header["MIDTIMJD"], header["TEL_KEYW"] = raw.midtime_jd, "MAGIMACSS"
    header["SECPIXX"], header["SECPIXY"] = 0.39, 0.41
    header["INSTRUME"] = "something else"
    return frame_of(header)


def test_prepared_frames_are_believed(prepared: Frame) -> None:
    assert prepared.is_prepared
    assert prepared.telescope.keyword == "MAGIMACSS"
    assert prepared.pixel_scale_arcsec == (0.39, 0.41)
    assert prepared.midtime_jd == pytest.approx(*number("MAGIMACSS", "midtime_jd"), abs=1e-8, rel=0)
    assert prepared.pointing() == pytest.approx(number("MAGIMACSS", "crval1", "crval2"), abs=2e-7)
    assert prepared.wcs().pixel_to_world_values(511.0, 1023.0) == pytest.approx(
        prepared.pointing(), abs=1e-9
    )
    raw = Frame(prepared.path, prepared.header, prepared.telescope, raw=True)
    assert raw.pointing() == pytest.approx(number("MAGIMACSS", "ra_deg", "dec_deg"), abs=2e-7)
    assert raw.pixel_scale_arcsec == (0.4, 0.4)


@pytest.mark.parametrize(
    ("card", "value", "fact"),
    [
        ("MIDTIMJD", "never", "midtime_jd"),
        ("MIDTIMJD", 57000.0, "midtime_jd"),
        ("SECPIXX", -1.0, "pixel_scale_arcsec"),
        ("SECPIXY", "x", "pixel_scale_arcsec"),
    ],
)
def test_spoilt_preparation(prepared: Frame, card: str, value: object, fact: str) -> None:
    prepared.header[card] = value
    with pytest.raises(HeaderError, match=card):
        getattr(prepared, fact)


def test_spoilt_wcs(prepared: Frame) -> None:
    prepared.header["CRVAL2"] = 123.0
    with pytest.raises(HeaderError, match="CRVAL2"):
        prepared.pointing()
    prepared.header["CTYPE1"] = "RA---XYZ"
    with pytest.raises(HeaderError, match="CTYPE1"):
        prepared.wcs()
    with pytest.raises(HeaderError, match="pp_prepare"):
        golden_frame("VATT4K").wcs()


# -- GENERIC


def test_generic_lists_what_is_missing() -> None:
    with pytest.raises(ConfigError) as problem:
        generic.generic(fits.Header(), {"ra": 10.0})
    for option in ("-secpix", "-binning", "-dec", "-filter", "-date_keyword", "-exptime"):
        assert option in str(problem.value)
    assert "-ra " not in str(problem.value)


def test_generic_takes_answers_cards_and_questions() -> None:
    header = fits.Header()
    header["NAXIS1"], header["NAXIS2"] = 100, 50
    header["SHUTTIME"], header["DATE"], header["UT"] = 12.0, "2020-02-03", "04:05:06"
    asked = []

    def ask(question: str) -> str:
        asked.append(question)
        return "clear"

    answers = {"secpix": "1.5,1.6", "binning": "2", "ra": "00 00 01.5", "dec": "-00 30"}
    answers |= {"date_keyword": "DATE|UT", "exptime": "shuttime"}
    telescope = generic.generic(header, answers, ask)
    frame = frame_of(header, telescope)
    assert len(asked) == 1
    assert "filter" in asked[0]
    assert frame.pixel_scale_arcsec == (3.0, 3.2)
    assert frame.pointing() == pytest.approx((0.00625, -0.5))
    assert frame.exptime_s == 12.0
    assert frame.midtime_jd == pytest.approx(2458882.67020833 + 6 / 86400, abs=1e-8)
    assert frame.band is None
    assert frame.supplied_cards() == {
        "INSTRUME": "GENERIC",
        "BINX": 2,
        "BINY": 2,
        "OBJCTRA": "00 00 01.5",
        "OBJCTDEC": "-00 30",
        "FILTER": "clear",
        "EXPTIME": 12.0,
    }


def test_generic_reads_a_named_card_of_every_frame() -> None:
    first, second = golden_header("GENERIC"), golden_header("GENERIC")
    for header, seconds in ((first, 10.0), (second, 20.0)):
        del header["EXPTIME"]
        header["SHUTTIME"] = seconds
    telescope = generic.generic(first, {"secpix": 1.0, "exptime": "SHUTTIME"})
    assert [frame_of(each, telescope).exptime_s for each in (first, second)] == [10.0, 20.0]
    del second["SHUTTIME"]
    with pytest.raises(HeaderError, match="EXPTIME: missing"):
        _ = frame_of(second, telescope).exptime_s


def test_generic_takes_the_scale_from_a_card() -> None:
    header = golden_header("GENERIC")
    header["IM_SCALE"] = 5.21
    telescope = generic.generic(header, {"secpix": "im_scale"})
    assert telescope.secpix_arcsec == (5.21, 5.21)


@pytest.mark.parametrize(
    "answers",
    [
        {"secpix": "wide"},
        {"secpix": "-1"},
        {"secpix": "1,2,3"},
        {"secpix": 1.0, "binning": "0.5"},
        {"secpix": 1.0, "binning": "99"},
        {"secpix": 1.0, "date_keyword": "A|B|C"},
    ],
)
def test_generic_refuses_nonsense(answers: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        generic.generic(golden_header("GENERIC"), answers)


# -- mutated headers

FUZZED = (
    *("VATT4K", "DCTLMI", "UKIRTWFCAM", "RATIR", "MAGIMACSS"),
    *("VLTFORS2", "ZTFMOSAIC", "SL40IN", "KMTNETS", "LCOSINFA15"),
)
ABSURD_VALUES = (
    *("''", "'        '", "'NaN'", "NaN", "-1.0E+400", "'\u00b0'", "1 / 2", "'it''s", "T", "F"),
    *("-0.0", "0", "99999999999999999999999", "'2 2'", "'../../x'", "'00:00:00'", "-00 00 00.0"),
    *("'2020-13-45T99:99:99'", "'J2000.0'", "'B1950'", "2458000.5", "'C9'", "(1.0, 2.0)", "="),
)


def mutated(block: bytes, changes: list[tuple[int, int, str]]) -> bytes:
    """Header with cards replaced, blanked, doubled, cut, or with bytes changed."""
    cards = [block[i : i + 80] for i in range(0, len(block), 80)]
    for kind, position, text in changes:
        at = position % len(cards)
        card = cards[at]
        new = {
            0: card[:10] + text.encode("latin-1", "replace"),
            1: card[:8],
            2: card[: position % 80] + text.encode("latin-1", "replace") + card[position % 80 :],
            3: text.encode("latin-1", "replace") + card[8:],
            4: card[: position % 80],
            5: b"",
        }[kind]
        cards[at : at + 1] = [card, new.ljust(80)[:80]] if kind == 5 else [new.ljust(80)[:80]]
    return b"".join(cards)


LENGTHS = (0, 1, 2, 5, 12, 80, 200)


def random_changes(rng: random.Random) -> list[tuple[int, int, str]]:
    """One to four changes, as `mutated` takes them."""
    texts = (
        rng.choice(ABSURD_VALUES),
        "".join(map(chr, rng.choices(range(256), k=rng.choice(LENGTHS)))),
    )
    return [
        (rng.randrange(6), rng.randrange(10_000), rng.choice(texts))
        for _ in range(rng.randint(1, 4))
    ]


@pytest.mark.parametrize("keyword", FUZZED)
def test_mutated_headers_raise_named_errors_alone(keyword: str) -> None:
    block, telescope, seen = golden_block(keyword), telescopes.by_keyword(keyword), set()
    rng = random.Random(keyword)
    for number in range(760):
        changes = random_changes(rng)
        seen.add(mutated(block, changes))
        header = to_header(parse_cards(mutated(block, changes))[0])
        try:
            frame = frame_of(header, telescope if number % 2 else None)
        except PhotPipeError:
            continue
        for fact in (*FACTS, "pointing", "supplied_cards"):
            try:
                value = getattr(frame, fact)
                value = value() if callable(value) else value
            except PhotPipeError as problem:
                assert "\n" not in str(problem), changes
            except Exception as problem:
                raise AssertionError(f"{fact} of {changes}") from problem
            else:
                assert_finite(value)
    assert len(seen) >= 500


def assert_finite(value: object) -> None:
    numbers = value if isinstance(value, tuple) else (value,)
    assert all(math.isfinite(n) for n in numbers if isinstance(n, int | float))


def test_remarks_of_astropy_are_nobodys_business_in_any_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Filters of warnings are one for all threads: none of them is to see those of another."""
    header = golden_header("VATT4K")
    header.update(seed_wcs((40, 50), (10.0, 20.0), (0.4, 0.4), NORTH_UP).cards())
    header["RADECSYS"], header["EQUINOX"] = "FK5", 2000.0
    frames = [frame_of(header) for _ in range(8)]
    heard: list[str] = []
    monkeypatch.setattr("warnings.showwarning", lambda message, *_: heard.append(str(message)))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with warnings.catch_warnings(), ThreadPoolExecutor(4) as pool:
            warnings.simplefilter("always")
            list(pool.map(lambda number: frames[number % 8].wcs(), range(200)))
    finally:
        sys.setswitchinterval(before)
    assert heard == []


@pytest.mark.parametrize(("egain", "expected"), [(2.0, 2.0), (None, 139.0)])
def test_generic_believes_a_card_of_the_gain_before_a_setting(
    egain: float | None, expected: float
) -> None:
    header = golden_header("GENERIC")
    header["GAIN"] = 139
    if egain is not None:
        header["EGAIN"] = str(egain)
    frame = frame_of(header, generic.generic(header, {"secpix": 1.0}))
    assert frame.gain == expected


@pytest.mark.parametrize(
    ("value", "comment", "expected"),
    [
        ("60 s", "", 60.0),
        ("60,0 sec", "", 60.0),
        ("60000 ms", "", 60.0),
        (60000.0, "[ms] exposure", 60.0),
        ("1 min", "", 60.0),
    ],
)
def test_exposure_times_with_units(value: object, comment: str, expected: float) -> None:
    header = golden_header("VATT4K")
    header["EXPTIME"] = (value, comment)
    assert frame_of(header).exptime_s == pytest.approx(expected)


def test_cards_that_are_there_twice_are_told() -> None:
    header = golden_header("VATT4K")
    value = header["EXPTIME"]
    header.append(("EXPTIME", value))
    assert frame_of(header).time_remarks == ()
    header.append(("EXPTIME", 2 * value))
    frame = frame_of(header)
    assert frame.exptime_s == value
    assert frame.time_remarks == (f"card EXPTIME is there 3 times; the first, {value}, is used",)
