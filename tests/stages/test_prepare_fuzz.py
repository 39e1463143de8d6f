"""Mutated headers of ten telescopes: prepared, or refused with a name; never a traceback.

`prepared` needs no file, so that thousands of headers are a matter of seconds. What comes out
has to be readable by everybody, and to come out once more when it is prepared again.
"""

import io
import logging
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photpipe.fits.cards import joined, parse_cards, to_header
from photpipe.fits.fitsfile import read_hdu
from photpipe.ground.errors import PhotPipeError
from photpipe.instruments.cameras.reader import Told
from photpipe.instruments.telescopes import by_keyword
from photpipe.prepare.preparation import Overrides, facts, prepared
from photpipe.prepare.recognition import Recognition
from tests.framefiles import camera_header, camera_wcs

TELESCOPES = (
    *("VATT4K", "GMOSN", "UKIRTWFCAM", "MAGIMACSL", "KMTNETS", "TNGDOLORES"),
    *("SOARGOODMAN", "ZTFMOSAIC", "VLTFORS2", "LCOSINFA15"),
)
CARD = 80
PIXELS = np.random.default_rng(1).normal(1000.0, 10.0, (40, 50)).astype(np.float32)
RUBBISH = (
    *(
        b"",
        b"''",
        b"'        '",
        b"NaN",
        b"'NaN'",
        b"Inf",
        b"-Inf",
        b"1E400",
        b"-1E308",
        b"0",
        b"-0",
    ),
    *(b"-1", b"1E-300", b"'1.0'", b"'1,5'", b"T", b"F", b"(1.0, 2.0)", b"99999999999999999999"),
    *(
        b"'12:34:56.7'",
        b"'-00:00:00'",
        b"'24:00:00'",
        b"'-90:00:60'",
        b"'12 34'",
        b"'::'",
        b"'91:0:0'",
    ),
    *(b"'2017-02-30'", b"'0000-00-00T00:00:00'", b"'2017-02-01T23:59:60.999'", b"'01/02/97'"),
    *(
        b"'2 2'",
        b"'2x2'",
        b"'2 2 2'",
        b"'-2 -2'",
        b"'0'",
        b"'1e9'",
        b"J2000",
        b"'B1950.0'",
        b"'FK4'",
    ),
    *(
        b"'DATE'",
        b"1950.0",
        b"1858.0",
        b"'../../x'",
        b"'\xe9\xff'",
        b"'unclosed",
        b"no quotes",
        b"'a''b'",
    ),
    *(
        b"'RA---TAN'",
        b"'DEC--TAN'",
        b"'RA---TPV'",
        b"'RA---TAN-SIP'",
        b"'RA---TNX'",
        b"'GLON-CAR'",
        b"'TT'",
    ),
    b"'" + b"long" * 30,
)
WCS_NAMES = (
    *(
        b"CTYPE1",
        b"CTYPE2",
        b"CRVAL1",
        b"CRVAL2",
        b"CRPIX1",
        b"CRPIX2",
        b"CD1_1",
        b"CD2_2",
        b"CDELT1",
    ),
    *(
        b"CDELT2",
        b"CROTA2",
        b"PC1_1",
        b"PC2_1",
        b"PV1_1",
        b"PV1_5",
        b"PV2_1",
        b"PV2_39",
        b"A_ORDER",
    ),
    *(b"B_ORDER", b"A_2_0", b"B_1_1", b"AP_ORDER", b"LONPOLE", b"LATPOLE", b"EQUINOX", b"EPOCH"),
    *(
        b"RADESYS",
        b"RADECSYS",
        b"PPEQUINX",
        b"PPPRIST",
        b"MIDTIMJD",
        b"TEL_KEYW",
        b"TIMESYS",
        b"PPTRIM",
    ),
)


@cache
def header_lines(keyword: str) -> tuple[bytes, ...]:
    """Cards of a frame of a telescope, with a WCS to be kept or removed."""
    header = fits.Header({"SIMPLE": True, "BITPIX": 16, "NAXIS": 2, "NAXIS1": 50, "NAXIS2": 40})
    header.update(camera_header(keyword))
    header.update(camera_wcs(keyword, (40, 50)).to_header())
    text = header.tostring(padding=False, endcard=False).encode()
    return tuple(text[at : at + CARD] for at in range(0, len(text), CARD))


@st.composite
def mutated_headers(draw: st.DrawFn) -> tuple[str, bytes]:
    """A telescope and the cards of a frame of it, one to six of them mutilated."""
    keyword = draw(st.sampled_from(TELESCOPES))
    lines = list(header_lines(keyword))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(5, len(lines) - 1))
        kind = draw(
            st.sampled_from(("value", "value", "value", "wcs", "drop", "double", "bytes", "swap"))
        )
        if kind == "value":
            lines[at] = lines[at][:10] + draw(st.sampled_from(RUBBISH)) + b" / mutated"
        elif kind == "wcs":
            name, value = draw(st.sampled_from(WCS_NAMES)), draw(st.sampled_from(RUBBISH))
            lines.append(b"%-8s= %s" % (name, value))
        elif kind == "drop":
            del lines[at]
        elif kind == "double":
            lines.append(lines[at][:10] + draw(st.sampled_from(RUBBISH)))
        elif kind == "bytes":
            start = draw(st.integers(0, CARD - 1))
            lines[at] = lines[at][:start] + draw(st.binary(min_size=1, max_size=30))
        else:
            other = draw(st.integers(5, len(lines) - 1))
            lines[at] = lines[at][:10] + lines[other][10:]
    return keyword, b"".join(line.ljust(CARD)[:CARD] for line in lines)


WISHES = st.builds(
    Overrides,
    flipx=st.booleans(),
    rotate=st.sampled_from((0.0, -90.0, 12.3)),
    target=st.sampled_from((None, None, "Čapek\n", "../../x", "x" * 200)),
) | st.sampled_from(
    (
        Overrides(),
        Overrides(keep_wcs=True),
        Overrides(keep_wcs=True),
        Overrides(ra=359.9999, dec=-90.0),
    )
)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated_headers(), WISHES, st.booleans())
def test_no_header_ends_in_a_traceback(
    mutated: tuple[str, bytes], overrides: Overrides, named: bool
) -> None:
    logging.disable(logging.CRITICAL)  # thousands of warnings, all deserved
    keyword, text = mutated
    cards, _ = parse_cards(text)
    path = Path("a.fits")
    try:
        frame_facts = facts(cards, None)
        header = to_header(frame_facts)
        known = Recognition(by_keyword(keyword) if named else None, Told())
        telescope = known.of(cards, header, path.name, PIXELS).telescope
        new, outcome = prepared(path, path.name, frame_facts, header, telescope, overrides)
    except PhotPipeError as error:
        assert "\n" not in str(error)
        assert "a.fits" in str(error)
        return
    finally:
        logging.disable(logging.NOTSET)
    is_lost = math.isnan(outcome.ra_deg) and math.isnan(outcome.dec_deg)  # no pointing at all
    check_readable(joined(new), has_wcs=not is_lost)
    numbers = (outcome.midtime_jd, outcome.airmass, *outcome.pixel_scale_arcsec)
    assert all(math.isfinite(number) and number > 0 for number in numbers)
    assert is_lost or (0 <= outcome.ra_deg <= 360 and -90 <= outcome.dec_deg <= 90)
    # the header as it came is kept: the same comes out again
    logging.disable(logging.CRITICAL)
    frame_facts = facts(new, cards)
    again, _ = prepared(path, path.name, frame_facts, to_header(frame_facts), telescope, overrides)
    logging.disable(logging.NOTSET)
    assert joined(again) == joined(new)


def check_readable(header_bytes: bytes, *, has_wcs: bool) -> None:
    """Everybody else has to be able to read what was written."""
    header = fits.Header.fromstring(header_bytes)
    for card in header.cards:
        card.verify("exception")
        _ = card.value
    assert isinstance(header["MIDTIMJD"], float)
    if has_wcs:
        assert all(isinstance(header[f"CD{i}_{j}"], float) for i in (1, 2) for j in (1, 2))
        assert all(math.isfinite(header[f"CRVAL{axis}"]) for axis in (1, 2))
    again, mended = parse_cards(header_bytes[: header_bytes.index(b"END".ljust(CARD))])
    assert mended == 0
    assert len(to_header(again)) == len(again)


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(TELESCOPES), st.lists(st.tuples(st.integers(0, 5760), st.binary(max_size=9)))
)
def test_no_file_ends_in_a_traceback(keyword: str, changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(b"".join(header_lines(keyword)) + b"END".ljust(CARD))
    content += bytes(-len(content) % 2880) + bytes(4000)
    for at, piece in changes:
        content[at : at + len(piece)] = piece
    try:
        hdu = read_hdu(io.BytesIO(bytes(content)), 0, "a.fits")
    except PhotPipeError as error:
        assert str(error).startswith("a.fits: ")
        return
    assert hdu.data_start + hdu.data_bytes <= len(content)
