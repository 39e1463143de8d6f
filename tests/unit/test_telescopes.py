"""The registry against the published values, users' files, recognition, tool settings."""

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from photpipe.astromatic import tool
from photpipe.fits.cards import parse_cards, to_header
from photpipe.ground import paths
from photpipe.ground.errors import ConfigError, HeaderError
from photpipe.instruments import entries, observatories, telescopes
from photpipe.instruments.generic import GENERIC
from tests.headers import golden_header, header_of

FACTS = json.loads((Path(__file__).parents[1] / "data" / "telescope_facts.json").read_text())
PUBLISHED = FACTS["telescopes"]
NAMES = runpy.run_path(str(paths.home() / "setup" / "telescopes.py"))
ENTRIES = NAMES["telescope_parameters"]
CORRECTIONS = {(keyword, key): (old, new) for keyword, key, old, new, _ in NAMES["CORRECTIONS"]}
ADDED_KEYS = {
    *("identified_by", "distinguished_by", "observatory_code_by", "date_marks", "radec_unit"),
    *("radec_jitter", "gain", "trim_px", "drop_cards", "trust_wcs"),
    *("sex-settings", "scamp-settings", "swarp-settings"),
}


def as_python(value: Any) -> Any:
    """Value of the facts file as the registry writes it: tuples, chip numbers as numbers."""
    if isinstance(value, list):
        return tuple(as_python(each) for each in value)
    if isinstance(value, dict):
        return {int(k) if k.isdigit() else k: as_python(v) for k, v in value.items()}
    return value


# -- the registry


@pytest.mark.parametrize("keyword", PUBLISHED)
def test_registry_equals_the_published_values(keyword: str) -> None:
    published = {key: as_python(value) for key, value in PUBLISHED[keyword].items()}
    published["identified_by"] = published.pop("identifiers")
    entry = ENTRIES[keyword]
    for key in {*published, *entry} - ADDED_KEYS | {"identified_by"}:
        old, new = CORRECTIONS.get((keyword, key), CORRECTIONS.get(("*", key), (None, None)))
        if (keyword, key) in CORRECTIONS:
            assert (published.get(key), entry.get(key)) == (old, new), key
        elif ("*", key) in CORRECTIONS and key.endswith("config-file"):
            assert entry[key] is None
        elif ("*", key) in CORRECTIONS:
            assert entry[key] == published.get(key, new), key
        else:
            assert entry[key] == published[key], key


def test_every_correction_is_one() -> None:
    for keyword, key, old, new, reason in NAMES["CORRECTIONS"]:
        assert old != new
        assert len(reason) > 8
        assert keyword == "*" or keyword in PUBLISHED
        assert keyword == "*" or ENTRIES[keyword].get(key) == new


def test_the_three_names_of_the_manual() -> None:
    assert set(PUBLISHED) < set(NAMES["implemented_telescopes"]) == set(ENTRIES)
    assert len(NAMES["implemented_telescopes"]) == len(set(NAMES["implemented_telescopes"]))
    for keyword, published in PUBLISHED.items():
        for value in published["identifiers"]:
            assert NAMES["instrument_identifiers"][value] == keyword
    assert tuple(FACTS["instrument_keys"]) == telescopes.INSTRUMENT_KEYS


def test_every_key_is_explained_and_known() -> None:
    known = {*entries._REQUIRED_KEYS, *entries._OPTIONAL_KEYS}
    text = (paths.home() / "setup" / "telescopes.py").read_text()
    explained = text[: text.index("# -- values that several telescopes share")]
    for keyword, entry in ENTRIES.items():
        assert set(entry) <= known, keyword
        assert set(entries._REQUIRED_KEYS) <= set(entry), keyword
        for key in entry.keys() - {"telescope_instrument", "telescope_keyword"}:
            assert f"'{key}'" in explained or key == "observatory_code", key


def test_every_value_is_of_its_kind() -> None:
    for keyword, entry in ENTRIES.items():
        if keyword != GENERIC:
            entries._check_values(keyword, entry)
    for keyword, telescope in telescopes.registry().items():
        assert telescope.keyword == keyword
        assert telescope.aprad_range[0] <= telescope.aprad_default <= telescope.aprad_range[1]
        assert telescope.source_tolerance in {"none", "low", "medium", "high"}
        assert "" not in telescope.parameters["copy_keywords"].split(",")


def test_every_observatory_has_a_place() -> None:
    codes = {telescope.observatory_code for telescope in telescopes.registry().values()}
    codes |= set(NAMES["LCO_PLACES"].values())
    assert {code for code in codes if observatories.site(code) is None} == {"500"}


def test_every_band_and_catalog_is_one() -> None:
    from photpipe.catalogs.surveys import CATALOGS
    from photpipe.science.published import TRANSFORMATIONS

    bands = {band.name for spec in CATALOGS.values() for band in spec.bands}
    bands |= {transformation.band for transformation in TRANSFORMATIONS}
    for telescope in telescopes.registry().values():
        assert {*telescope.filter_translations.values()} <= {None, *bands}, telescope.keyword
        assert {*telescope.astrometry_catalogs, *telescope.photometry_catalogs} <= {*CATALOGS}


def test_the_manual_names_all_that_the_original_did() -> None:
    page = (Path(__file__).parents[2] / "docs" / "telescopes.md").read_text("utf-8")
    assert all(f"| `{keyword}` |" in page for keyword in FACTS["documented_keywords"])


def test_parameters_are_read_only() -> None:
    with pytest.raises(TypeError):
        telescopes.by_keyword("VATT4K").parameters["secpix"] = (1, 1)  # type: ignore[index]


def test_typed_view() -> None:
    vatt = telescopes.by_keyword("VATT4K")
    assert vatt.name == "VATT/VATT4k"
    assert vatt.observatory_code == "290"
    assert vatt.secpix_arcsec == (0.1875, 0.1875)
    assert (vatt.source_minarea, vatt.source_snr, vatt.aprad_default) == (12, 3.0, 5.0)
    assert vatt.aprad_range == (2, 10)
    assert vatt.astrometry_catalogs == ("GAIA",)
    assert vatt.photometry_catalogs == ("PANSTARRS", "SDSS-R9", "APASS9")
    assert vatt.filter_translations["TOP 1 BOT 1"] is None
    assert not vatt.trust_wcs
    assert vatt.trim_px == {}
    assert telescopes.by_keyword("ZTFMOSAIC").trust_wcs
    assert telescopes.by_keyword("LOWELL42").trim_px["left"] == 100
    assert "PARAM0" in telescopes.by_keyword("SOARGOODMAN").drop_cards
    assert telescopes.by_keyword(GENERIC).secpix_arcsec is None


def test_by_keyword_forgives_case_and_suggests() -> None:
    assert telescopes.by_keyword(" vatt4k ").keyword == "VATT4K"
    with pytest.raises(ConfigError, match="did you mean VATT4K"):
        telescopes.by_keyword("VATT4")
    with pytest.raises(ConfigError, match=r"docs/telescopes\.md lists all"):
        telescopes.by_keyword("???")


def test_the_other_cameras_of_lco() -> None:
    expected = {"fa01": "K92", "fa20": "Z31", "kb24": "Q58", "kb95": "W89", "ep03": "F65"}
    for camera, code in expected.items():
        found = telescopes.identify(header_of(instrume=camera), "x")
        assert (found.observatory_code, found.parameters["binning"][0]) == (code, "CCDSUM#blank0")
    assert telescopes.identify(header_of(instrume="kb27"), "x").secpix_arcsec == (0.571, 0.571)
    assert telescopes.identify(header_of(instrume="sq34"), "x").keyword == "LCOQHY600"
    assert telescopes.identify(header_of(instrume="kb76"), "x").keyword == "LCOSBIGKB78"
    assert telescopes.identify(header_of(instrume="fl08"), "x").keyword == "LCOSINISTRO"


def test_place_of_an_lco_camera_comes_from_the_header() -> None:
    header = header_of(instrume="fa15", siteid="cpt", encid="DOMC", telid="1m0a")
    assert telescopes.identify(header, "x").observatory_code == "K93"
    header["ENCID"] = "domx"
    assert telescopes.identify(header, "x").observatory_code == "W85"


# -- recognition


@pytest.mark.parametrize(
    "value", ['= "Vatt4k"', "Vatt4k", " VATT4K ", '"vatt4k"', "'Vatt4k'", "=Vatt4k", "vatt4k  "]
)
def test_identifiers_forgive_blanks_case_and_quotes(value: str) -> None:
    assert telescopes.identify(header_of(instrume=value), "x").keyword == "VATT4K"


def test_malformed_card_of_vatt() -> None:
    block = b'INSTRUME= = "Vatt4k"'.ljust(80) + b"EXPTIME = 3.0".ljust(80)
    assert telescopes.identify(to_header(parse_cards(block)[0]), "x").keyword == "VATT4K"
    assert telescopes.identify(fits.Header.fromstring(block), "x").keyword == "VATT4K"


def test_order_of_the_cards() -> None:
    header = fits.Header()
    for card in reversed(telescopes.INSTRUMENT_KEYS):
        header[card] = {"TELESCOP": "P60", "INSTRUME": "LMI", "CAM_NAME": "hdi"}.get(card, "agile")
        header["UTSHUT"] = "2012-01-01T00:00:00"
        expected = {"TELESCOP": "P60OPT", "INSTRUME": "DCTLMI", "CAM_NAME": "WIYN09HDI"}
        assert telescopes.identify(header, "x").keyword == expected.get(card, "ARC35AGILE")


def test_later_cards_are_tried() -> None:
    header = header_of(instrume="CCD no. 7", telescop="2.1m Otto Struve", fpa="")
    assert telescopes.identify(header, "x").keyword == "STRUVECQUEAN"


def test_prepared_frames_name_their_telescope() -> None:
    header = header_of(instrume="Vatt4k")
    assert telescopes.identify(header, "x").keyword == "VATT4K"
    header["TEL_KEYW"] = "DCTLMI"
    assert telescopes.identify(header, "x").keyword == "DCTLMI"
    header["TEL_KEYW"] = "nobody"
    assert telescopes.identify(header, "x").keyword == "VATT4K"


def test_longer_name_is_not_the_shorter_one() -> None:
    for value, keyword in {
        "Goodman Spectro": "SOARGOODMAN",
        "Goodman Spectrograph": "SOARGOODMANOLD",
    }.items():
        assert telescopes.identify(header_of(instrume=value), "x").keyword == keyword


def test_unknown_instrument_says_what_was_seen_and_what_to_do() -> None:
    header = header_of(instrume="Main", telescop="Cecilia")
    with pytest.raises(HeaderError) as problem:
        telescopes.identify(header, "img.fits")
    text = str(problem.value)
    for part in ("img.fits", "INSTRUME = 'Main'", "TELESCOP = 'Cecilia'", "-telescope"):
        assert part in text
    assert "mytelescopes.example.py" in text
    with pytest.raises(HeaderError, match="none of these cards"):
        telescopes.identify(fits.Header(), "img.fits")


@pytest.mark.parametrize(
    ("cards", "keyword"),
    [
        ({"instrume": "FLI"}, "NEXT"),
        ({"instrume": "FLI", "sitelat": 43.47}, "NEXT"),
        ({"instrume": "FLI", "sitelat": "+35 05 48"}, "PWFLINPOI"),
        ({"instrume": "FLI", "sitelat": "unknown", "latitude": 35.1}, "PWFLINPOI"),
        ({"instrume": "FLI", "sitelat": -30.0}, None),
        ({"instrume": "FLI", "sitelat": "north"}, "NEXT"),
        ({"instrume": "Andor Tech"}, "OHP120"),
        ({"instrume": "Andor Tech", "sitelat": 43.93}, "OHP120"),
        ({"instrume": "Andor Tech", "sitelat": 19.8}, None),
        ({"instrume": "OSIRIS"}, "GTCOSIRIS"),
        ({"instrume": "OSIRIS", "telescop": "GTC"}, "GTCOSIRIS"),
        ({"instrume": "OSIRIS", "telescop": "Keck I"}, None),
        ({"instrume": "OSIRIS", "telescop": "SOAR 4.1m"}, None),
        ({"instrume": "WFC", "telescop": "INT"}, "INTWFC"),
        ({"instrume": "WFC", "telescop": "HST"}, None),
        ({"instrume": "SIRIUS", "telescop": "IRSF 1.4m"}, "IRSFSIRIUS"),
        ({"instrume": "SIRIUS", "telescop": "Dome C"}, None),
        ({"instrume": "C2", "ssht": "2013-01-01T00:00:00"}, "RATIR"),
        ({"instrume": "C2"}, None),
        ({"telescop": "P60", "utshut": "2012-01-01T00:00:00"}, "P60OPT"),
        ({"telescop": "P60"}, None),
    ],
)
def test_common_identifiers_are_told_apart(cards: dict[str, object], keyword: str | None) -> None:
    if keyword is None:
        with pytest.raises(HeaderError, match="other cards contradict"):
            telescopes.identify(header_of(**cards), "x")
    else:
        assert telescopes.identify(header_of(**cards), "x").keyword == keyword


# -- tool settings and masks


@pytest.mark.parametrize("name", ["sex", "scamp", "swarp"])
def test_settings_are_the_published_ones(name: str) -> None:
    facts = FACTS["settings"]
    overridden = {  # given by every run, without effect, or changed on purpose in the base
        "sex": {"CATALOG_NAME", "PARAMETERS_NAME", "PIXEL_SCALE", "BACKPHOTO_TYPE"},
        "scamp": {"ASTREF_CATALOG", "SAVE_REFCATALOG", "PROJECTION_TYPE", "FWHM_THRESHOLDS"}
        | {"ASTRACCURACY_TYPE", "ASTR_ACCURACY"},
        "swarp": {"WEIGHT_TYPE", "WRITE_XML", "COPY_KEYWORDS", "COMBINE_BUFSIZE"},
    }[name] | {"CHECKPLOT_DEV", "CHECKPLOT_TYPE", "VERBOSE_TYPE", "HEADER_SUFFIX"}
    for keyword in PUBLISHED:
        settings = telescopes.by_keyword(keyword).tool_settings(name)
        own = facts["effective_per_telescope"][name].get(keyword, {})
        published = {**facts["common"][name], **own}
        for key, value in settings.items():
            if key not in overridden and not (name == "scamp" and key == "ELLIPTICITY_MAX"):
                assert value == published[key], (keyword, key)
    ukirt = telescopes.by_keyword("UKIRTWFCAM").tool_settings("sex")
    assert ukirt.get("PIXEL_SCALE") == "0.4"


@pytest.mark.parametrize("name", ["sex", "scamp", "swarp"])
def test_the_tools_know_every_parameter(name: str) -> None:
    described = {"sex": tool.SOURCE_EXTRACTOR, "scamp": tool.SCAMP, "swarp": tool.SWARP}[name]
    listing = subprocess.run(
        [str(tool.find(described)), "-dd"], capture_output=True, text=True, check=True
    ).stdout
    known = set(re.findall(r"^[#*]*\s*([A-Z][A-Z0-9_]+)", listing, re.MULTILINE))
    for telescope in telescopes.registry().values():
        assert set(telescope.tool_settings(name)) <= known


def test_columns_are_the_published_ones() -> None:
    for name, columns in FACTS["columns"].items():
        text = paths.setup_file(f"{name}.sexparam").read_text()
        assert set(columns) <= set(text.split())


def test_mask_files(
    user_setup: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert telescopes.by_keyword("VATT4K").mask_file((2, 2)) is None
    assert telescopes.by_keyword("CTIO13CCD").mask_file((2, 2)) is None  # named, but not there
    folder = user_setup("")
    (folder / "mask_andicam_2x2.fits").write_bytes(b"")
    assert telescopes.by_keyword("CTIO13CCD").mask_file((2, 2)) == folder / "mask_andicam_2x2.fits"
    assert telescopes.by_keyword("CTIO13CCD").mask_file((1, 1)) is None


# -- the user's file

EXAMPLE = (paths.home() / "setup" / "mytelescopes.example.py").read_text()


@pytest.fixture
def user_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write setup/mytelescopes.py of a user's own PHOTPIPEDIR; returns the folder setup/."""
    folder = tmp_path / "my home" / "setup"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PHOTPIPEDIR", str(folder.parent))

    def write(text: str) -> Path:
        if text:
            (folder / "mytelescopes.py").write_text(text)
        return folder

    return write


def problem_of(text: str, user_setup: Callable[[str], Path]) -> str:
    """What stops the frames of a wrong entry, or everything where the file cannot be run."""
    user_setup(text)
    with pytest.raises(ConfigError) as problem:
        telescopes.by_keyword(next(iter(telescopes.faults())))
    assert "\n" not in str(problem.value)
    assert "mytelescopes.py" in str(problem.value)
    return str(problem.value)


def test_the_template_works(user_setup: Callable[[str], Path]) -> None:
    user_setup(EXAMPLE)
    mine = telescopes.identify(header_of(instrume="MY CAMERA"), "x")
    assert mine.keyword == "MYTELESCOPE"
    assert mine.secpix_arcsec == (0.1, 0.1)
    assert len(telescopes.registry()) == len(ENTRIES) + 1


def test_without_a_users_file(user_setup: Callable[[str], Path]) -> None:
    user_setup("")
    assert set(telescopes.registry()) == set(ENTRIES)


def test_an_edit_is_noticed(user_setup: Callable[[str], Path]) -> None:
    file = user_setup(EXAMPLE) / "mytelescopes.py"
    assert telescopes.by_keyword("MYTELESCOPE").secpix_arcsec == (0.1, 0.1)
    file.write_text(EXAMPLE.replace("(0.1, 0.1)", "(0.2, 0.2)"))
    stat = file.stat()
    import os

    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert telescopes.by_keyword("MYTELESCOPE").secpix_arcsec == (0.2, 0.2)


def test_lists_may_be_rebound(user_setup: Callable[[str], Path]) -> None:
    user_setup(
        "mine = {**COMMON, **vatt4k_param, 'telescope_keyword': 'MINE'}\n"
        "implemented_telescopes = ['MINE']\n"
        "instrument_identifiers = {'LMI': 'MINE'}\n"
        "telescope_parameters = {'MINE': mine}\n"
    )
    assert telescopes.identify(header_of(instrume="LMI"), "x").keyword == "MINE"
    assert telescopes.identify(header_of(instrume="Vatt4k"), "x").keyword == "VATT4K"
    assert "DCTLMI" in telescopes.registry()


def test_users_identifiers_go_before_distinguished_ones(user_setup: Callable[[str], Path]) -> None:
    user_setup(
        "telescope_parameters['MINE'] = {**COMMON, **next_param, 'telescope_keyword': 'MINE',\n"
        "    'identified_by': ('FLI',), 'distinguished_by': {}}\n"
    )
    assert telescopes.identify(header_of(instrume="FLI", sitelat=43.47), "x").keyword == "MINE"


def test_a_built_in_entry_may_be_changed(user_setup: Callable[[str], Path]) -> None:
    user_setup("telescope_parameters['VATT4K']['secpix'] = (0.19, 0.19)\n")
    assert telescopes.by_keyword("VATT4K").secpix_arcsec == (0.19, 0.19)


def test_own_files_are_read_on_top(user_setup: Callable[[str], Path]) -> None:
    folder = user_setup(
        EXAMPLE.replace(
            '"sex-config-file": None', '"sex-config-file": rootpath + "/setup/mine.sex"'
        )
    )
    (folder / "mine.sex").write_text("# mine\ndeblend_nthresh   16  # fewer\nSATUR_LEVEL 60000\n\n")
    settings = telescopes.by_keyword("MYTELESCOPE").tool_settings("sex")
    assert (settings["DEBLEND_NTHRESH"], settings["SATUR_LEVEL"]) == ("16", "60000")
    assert settings["CATALOG_TYPE"] == "FITS_LDAC"
    (folder / "mine.sex").unlink()
    assert telescopes.by_keyword("MYTELESCOPE").tool_settings("sex").get("SATUR_LEVEL") is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"flipx"', '"fliqx"', r"line LINE: telescope MYTELESCOPE: unknown key 'fliqx'.*'flipx'"),
        ('"airmass": "AIRMASS",', "", r"missing 'airmass'"),
        ('"secpix": (0.1, 0.1)', '"secpix": 0.1', r"line LINE: .*secpix: 0.1 is not \(x, y\)"),
        ('"secpix": (0.1, 0.1)', '"secpix": (0.1, -1)', "secpix"),
        ('"aprad_range": (2, 10)', '"aprad_range": (10, 2)', "aprad_range"),
        ('"radec_separator": ":"', '"radec_separator": "/"', "radec_separator"),
        ('("CCDBIN1", "CCDBIN2")', '"CCDBIN1"', "binning"),
        ('("CCDBIN1", "CCDBIN2")', "(0, 0)", "binning"),
        ('"date_keyword": "DATE-OBS"', '"date_keyword": "A|B|C"', "date_keyword"),
        ('"date_keyword": "DATE-OBS"', '"date_keyword": 5', "date_keyword"),
        ('"rotate": 0', '"rotate": "west"', "rotate"),
        ('"flipx": True', '"flipx": {1: True}, "chip_id": "CHIP"', "chip_id"),
        ('"source_tolerance": "high"', '"source_tolerance": "some"', "low, medium or high"),
        ('"object": "OBJECT"', '"object": 7', "object: 7 is not a text"),
        ('"extent": ("NAXIS1", "NAXIS2")', '"extent": 5', "line LINE: .*extent: 5 is not a pair"),
        ('"aprad_default": 5', '"aprad_default": -3', "-3 is not a positive number"),
        ('"astrometry_catalogs": ("GAIA",)', '"astrometry_catalogs": "GAIA"', "list of names"),
        (
            "implemented_telescopes.append(",
            "implemented_telescope.append(",
            r"line LINE.*NameError",
        ),
        ('["my camera"] = "MYTELESCOPE"', '["my camera"] = "VAT4K"', "did you mean VATT4K"),
        ('telescope_keyword": "MYTEL', 'telescope_keyword": "YOURTEL', "has to be the same"),
        ("= mytelescope_param", "= 5", "not a dictionary"),
        ('"telescope_keyword":', '"telescope_keyword"', "line LINE"),
    ],
)
def test_mistakes_are_one_line(
    old: str, new: str, expected: str, user_setup: Callable[[str], Path]
) -> None:
    before, found, after = EXAMPLE.partition(old)
    assert found
    wanted = expected.replace("LINE", str(before.count("\n") + 1))
    assert re.search(wanted, problem_of(f"{before}{new}{after}", user_setup))


@pytest.mark.parametrize(
    "entry",
    [
        "'identified_by': 'FLI'",
        "'identified_by': 5",
        "'distinguished_by': 5",
        "'observatory_code_by': 5",
        "'drop_cards': 5",
        "'trim_px': 5",
        "'trim_px': {'left': 1}",
        "'radec_jitter': 5",
        "'mask_file': 3",
        "'mask_file': {'1,1': 5}",
        "'sex-settings': 5",
        "'scamp-settings': {5: 5}",
        "'swarp-config-file': 5",
        "'gain': -1",
        "'distort': 5",
        "'filter_translations': {'R': 5}",
    ],
)
def test_optional_keys_of_another_kind_are_one_line(
    entry: str, user_setup: Callable[[str], Path]
) -> None:
    text = "telescope_parameters['MINE'] = {\n    **vatt4k_param, 'telescope_keyword': 'MINE',\n"
    key = entry.split("'")[1]
    problem = problem_of(f"{text}    {entry}}}\n", user_setup)
    assert re.search(f"line 3: telescope MINE: {key}: .* is not ", problem)


def test_a_chip_without_a_value_is_named(user_setup: Callable[[str], Path]) -> None:
    text = (
        "telescope_parameters['MINE'] = {**vatt4k_param, 'telescope_keyword': 'MINE',\n"
        "    'chip_id': 'CHIP', 'flipx': {1: True}, 'flipy': {}, 'rotate': {1: 0}}\n"
    )
    assert "rotate: one of them has no value for 1" in problem_of(text, user_setup)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("telescope_parameters = 3\n", "dictionaries"),
        ("\n\nraise SystemExit('bye')\n", "line 3: SystemExit"),
        ("import nowhere_at_all\n", "line 1: ModuleNotFoundError"),
        ("x = (\n", "line 1"),
        ("# \0\n", "null bytes"),
    ],
)
def test_broken_files_are_one_line(
    text: str, expected: str, user_setup: Callable[[str], Path]
) -> None:
    assert expected in problem_of(text, user_setup)


def test_a_wrong_entry_stops_its_own_frames_alone(user_setup: Callable[[str], Path]) -> None:
    user_setup(
        EXAMPLE.replace('"secpix": (0.1, 0.1)', '"secpix": 0.1')
        + "telescope_parameters['DCTLMI'] = {}\n"
    )
    assert telescopes.identify(header_of(instrume="Vatt4k"), "x").keyword == "VATT4K"
    assert telescopes.by_keyword("VATT4K").keyword == "VATT4K"
    with pytest.raises(ConfigError, match=r"secpix: 0\.1 is not"):
        telescopes.identify(header_of(instrume="my camera"), "x")
    with pytest.raises(ConfigError, match=r"secpix: 0\.1 is not"):
        telescopes.by_keyword("mytelescope")
    with pytest.raises(ConfigError, match="DCTLMI: missing"):
        telescopes.identify(header_of(instrume="LMI"), "x")


def test_keywords_of_another_case_are_the_same(user_setup: Callable[[str], Path]) -> None:
    user_setup(
        EXAMPLE.replace('"telescope_keyword": "MYTELESCOPE"', '"telescope_keyword": "mytelescope"')
        .replace('append("MYTELESCOPE")', 'append("mytelescope")')
        .replace('["my camera"] = "MYTELESCOPE"', '["my camera"] = "myTelescope"')
    )
    mine = telescopes.identify(header_of(instrume="MY CAMERA"), "x")
    assert mine.keyword == "MYTELESCOPE"
    assert not telescopes.faults()


def test_a_telescope_that_is_listed_and_not_described_is_remarked(
    user_setup: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    user_setup(EXAMPLE.replace('append("MYTELESCOPE")', 'append("MYTELESCOPF")'))
    assert telescopes.by_keyword("MYTELESCOPE").keyword == "MYTELESCOPE"
    assert "names 'MYTELESCOPF'" in caplog.text
    assert "did you mean MYTELESCOPE?" in caplog.text


def test_forgotten_and_unknown_things_are_remarked(
    user_setup: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    user_setup(
        EXAMPLE.replace('"flipx"', '"my own notes": 1, "flipx"')
        + "\nspare = {**mytelescope_param}\n"
    )
    assert "MYTELESCOPE" in telescopes.registry()
    assert "'my own notes' is ignored" in caplog.text
    assert "spare is not used" in caplog.text


def test_an_unreadable_tool_file_is_named(user_setup: Callable[[str], Path]) -> None:
    folder = user_setup("")
    (folder / "base.sex").write_bytes(b"SATUR_LEVEL 1\n")
    assert telescopes.by_keyword("VATT4K").tool_settings("sex") == {"SATUR_LEVEL": "1"}
    with pytest.raises(ConfigError, match="nothing"):
        telescopes.by_keyword("VATT4K").tool_settings("nothing")


def test_broken_table_of_observatories(
    user_setup: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = user_setup("")
    shutil.copy(paths.home() / "setup" / "observatories.txt", folder)
    assert observatories.site("695") is not None
    (folder / "observatories.txt").write_text("# comment\n\n695 248.4 north\n")
    observatories._sites.cache_clear()
    with pytest.raises(ConfigError, match=r"observatories\.txt, line 3"):
        observatories.site("695")
    observatories._sites.cache_clear()
    monkeypatch.setattr(observatories, "TABLE", "nowhere.txt")
    with pytest.raises(ConfigError, match=r"nowhere\.txt"):
        observatories.site("695")


def test_golden_headers_of_shared_identifiers() -> None:
    assert telescopes.identify(golden_header("NEXT"), "x").keyword == "NEXT"
    assert telescopes.identify(golden_header("PWFLINPOI"), "x").keyword == "PWFLINPOI"
