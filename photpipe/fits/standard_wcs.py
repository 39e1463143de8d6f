"""The WCS cards of a header: recognising all of them, and one standard form for those kept.

Source Extractor and SWarp ignore SIP; SCAMP before 2010 and the programs after it wrote
polynomials on plain TAN; numbers arrive as strings. What `standard_wcs` returns is read
alike by all of them and by astropy: TAN or TPV, a CD matrix, ICRS, numbers.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photpipe.fits.cards import CardValue
from photpipe.ground.errors import HeaderError

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

    from photpipe.ground.sky import FloatArray

TOLERANCE_ARCSEC = 0.001  # by judgement: a hundredth of the rms of a good registration
_WORST_ARCSEC = 0.1  # the rms of a poor registration: a solution that is worse is not converted
_NO_WCS = "holds no usable WCS; run without -keep_wcs"
_TERMS = (
    r"(?:CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CNAME|CRDER|CSYER)[1-9][A-Z]?",
    r"CROTA[1-9]",
    r"(?:CD|PC)[1-9]_[1-9][A-Z]?",
    r"PC00[1-9]00[1-9]",
    r"(?:PV|PS)[1-9]_\d{1,2}[A-Z]?",
    r"(?:A|B|AP|BP)_(?:\d{1,2}_\d{1,2}|ORDER|DMAX)",  # SIP
    r"(?:CPDIS|CQDIS|D2IMDIS)[1-9][A-Z]?",  # look-up tables; their DPi cards mean nothing alone
    r"TR[1-9]_\d{1,2}|AMD[XY]\d{1,2}|PPO\d",  # plate solutions
    r"WAT\d_\d{3}|WAXMAP\d\d|WCSDIM|[LAD]T[MVD][1-9](?:_[1-9])?",  # IRAF: TNX, ZPX, sections
    r"PROJP\d|(?:LON|LAT)POLE[A-Z]?|WCSAXES[A-Z]?|WCSNAME[A-Z]?",
    r"(?:EQUINOX|RADESYS)[A-Z]?|RADECSYS|EPOCH",
    r"FGROUPNO|AST[IR]RMS[12]|ASTINST",  # what SCAMP says about the solution
)
_WCS_KEYWORD = re.compile("|".join(_TERMS))
_OLD_NAMES = {"RADECSYS": "RADESYS", "EPOCH": "EQUINOX"}
_NUMERIC = re.compile(r"(?:CRVAL|CRPIX|CDELT|CROTA|CD|PC|PV|A|B|PROJP|LONPOLE|LATPOLE|EQUINOX).*")
_SIP_ORDERS = range(10)
_LATITUDE = re.compile(r"DEC|.LAT")
# degrees per pixel: 0.04 mas to a degree; beyond, a matrix is nonsense
_SMALLEST_STEP_DEG, _LARGEST_STEP_DEG = 1e-8, 1.0
# the WCS as `cards` of `_System` writes it, with the copies of `with_old_names`
_PLAIN_TEXTS: Mapping[str, tuple[str, ...]] = {
    "CTYPE1": ("RA---TAN", "RA---TPV"),
    "CTYPE2": ("DEC--TAN", "DEC--TPV"),
    **dict.fromkeys(("CUNIT1", "CUNIT2"), ("deg",)),
    **dict.fromkeys(("RADESYS", "RADECSYS"), ("ICRS",)),
}
_AXIS_TERMS = ("CRVAL", "CRPIX")
_PLAIN_NUMBERS = frozenset(
    {*(f"{n}{axis}" for n in _AXIS_TERMS for axis in (1, 2)), "EQUINOX"}
    | {f"CD{row}_{column}" for row in (1, 2) for column in (1, 2)}
)
_PLAIN_TERM = re.compile(
    r"CRVAL[12]|CRPIX[12]|CD[12]_[12]|PV[12]_\d{1,2}|EQUINOX|EPOCH|FGROUPNO|AST[IR]RMS[12]"
)
_UNREADABLE = {"TNX": "IRAF's TNX", "ZPX": "IRAF's ZPX"}


def is_wcs_keyword(keyword: str) -> bool:
    """Whether a card belongs to a world coordinate system, its distortion or its equinox."""
    return _WCS_KEYWORD.fullmatch(keyword) is not None


def plain_wcs(header: "fits.Header") -> "WCS | None":
    """WCS of a header whose terms are those that this package writes; None of any other header.

    The numbers are given to wcslib themselves, which takes a fifth of the time that astropy needs
    for the cards; what comes out is the same.
    """
    from astropy.wcs import WCS

    cards = [card for card in header.cards if is_wcs_keyword(card.keyword)]
    terms = {card.keyword: card.value for card in cards}
    numbers = {name: value for name, value in terms.items() if name not in _PLAIN_TEXTS}
    # which of two cards counts is for wcslib to say
    if len(terms) < len(cards) or header.get("NAXIS") != 2 or not _is_plain(terms, numbers):
        return None
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [terms["CTYPE1"], terms["CTYPE2"]]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval, wcs.wcs.crpix = ([terms[f"{n}{axis}"] for axis in (1, 2)] for n in _AXIS_TERMS)
    wcs.wcs.cd = [[terms[f"CD{row}_{column}"] for column in (1, 2)] for row in (1, 2)]
    powers = [(int(n[2]), int(n[4:]), value) for n, value in numbers.items() if n[:2] == "PV"]
    wcs.wcs.set_pv(powers)
    wcs.wcs.radesys, wcs.wcs.equinox = "ICRS", 2000.0
    try:
        wcs.wcs.set()
    except ValueError:  # a matrix or a term that is none
        return None
    wcs.pixel_shape = header["NAXIS1"], header["NAXIS2"]
    return wcs


def _is_plain(terms: Mapping[str, CardValue], numbers: Mapping[str, CardValue]) -> bool:
    """Whether the terms of a WCS, and the numbers among them, are TAN or TPV and nothing else."""
    is_tan = terms.get("CTYPE1") == "RA---TAN"
    return (
        terms.keys() >= {"CTYPE1", "CTYPE2", "RADESYS"}
        and all(terms.get(name, known[0]) in known for name, known in _PLAIN_TEXTS.items())
        and is_tan == (terms.get("CTYPE2") == "DEC--TAN")
        and numbers.keys() >= _PLAIN_NUMBERS
        and all(_PLAIN_TERM.fullmatch(name) for name in numbers)
        and all(type(value) in {int, float} for value in numbers.values())
        and all(numbers.get(name, 2000.0) == 2000.0 for name in ("EQUINOX", "EPOCH"))
        and not (is_tan and any(name.startswith("PV") for name in numbers))
    )


def with_old_names(wcs: Mapping[str, CardValue]) -> dict[str, CardValue]:
    """Cards of a WCS, and beside RADESYS and EQUINOX what scripts of old look for."""
    copies = {old: wcs[new] for old, new in _OLD_NAMES.items() if new in wcs}
    return {**wcs, **copies}


def standard_wcs(header: "fits.Header", shape: tuple[int, int], frame: str) -> dict[str, CardValue]:
    """WCS of a header in the one form that all tools read alike.

    Parameters
    ----------
    header : astropy header
        May hold numbers as strings, SIP, PV terms on TAN, CDELT and CROTA, any equinox.
    shape : (ny, nx)
        Size of the image.
    frame : str
        Name of the frame, for messages.

    Returns
    -------
    dict
        CTYPEi, CUNITi, CRVALi, CRPIXi, CDi_j, PVi_m, RADESYS, EQUINOX.

    Raises
    ------
    HeaderError
        If there is no celestial WCS, or none that can be expressed so.
    """
    system = _System.read(header, frame)
    if system.is_standard:
        return system.cards()
    return _refitted(system, shape)


@dataclass(frozen=True, slots=True)
class _System:
    """WCS terms of a header, cleaned: numbers are numbers, the matrix is CD."""

    frame: str
    projection: str
    terms: dict[str, CardValue]

    @classmethod
    def read(cls, header: "fits.Header", frame: str) -> "_System":
        """Collect and clean the terms of the primary description.

        Raises
        ------
        HeaderError
            If a term is missing or unusable.
        """
        terms = _terms(header, frame)
        if terms.get("EQUINOX", 2000.0) == 2000.0:
            terms.setdefault("RADESYS", "ICRS")  # what solvers mean when they do not say it
        axes = [str(terms.get(f"CTYPE{axis}", "")).upper().ljust(8) for axis in (1, 2)]
        projection = axes[0][5:8]
        if not axes[0].strip() or projection != axes[1][5:8] or axes[0][4] != "-":
            raise HeaderError(frame, "CTYPE1", _NO_WCS)
        if projection in _UNREADABLE:
            advice = "cannot be read here; run without -keep_wcs, pp_register finds its own"
            raise HeaderError(frame, "CTYPE1", f"{_UNREADABLE[projection]} {advice}")
        terms |= _matrix(terms, frame)
        _check_sizes(terms, axes[0], frame)
        sip = any(re.match(r"[AB]_ORDER", name) for name in terms)
        numbered = [name for name in terms if re.match(r"PV\d_", name)]
        if projection == "TAN" and _tell_the_pole(terms, numbered):
            terms = {name: value for name, value in terms.items() if name not in numbered}
        elif projection == "TAN" and numbered:
            projection = _polynomial_projection(numbered, frame)
        if projection == "TPV" and sip:
            raise HeaderError(frame, "A_ORDER", f"SIP and PV terms together: {_NO_WCS}")
        if projection == "TPV":  # some readers take a missing first term for zero
            terms = {"PV1_1": 1.0, "PV2_1": 1.0, **terms}
        suffix = "-SIP" if sip else ""
        for axis in (1, 2):
            terms[f"CTYPE{axis}"] = f"{axes[axis - 1][:5]}{projection}{suffix}"
        return cls(frame, projection, terms)

    @property
    def is_standard(self) -> bool:
        """Whether the terms are a TAN or TPV system of ICRS, RA first, with nothing else."""
        return (
            self.terms["CTYPE1"] in {"RA---TAN", "RA---TPV"}
            and self.terms.get("RADESYS") == "ICRS"
            and float(self.terms.get("LONPOLE", 180.0)) == 180.0
        )

    def cards(self) -> dict[str, CardValue]:
        """The terms that are written, with the conventional units and system."""
        written = re.compile(r"CTYPE[12]|CRVAL[12]|CRPIX[12]|CD[12]_[12]|PV[12]_\d+")
        kept = {name: each for name, each in self.terms.items() if written.fullmatch(name)}
        units: dict[str, CardValue] = {"CUNIT1": "deg", "CUNIT2": "deg"}
        return kept | units | {"RADESYS": "ICRS", "EQUINOX": 2000.0}

    def sky(self, pixels: "FloatArray") -> "tuple[FloatArray, FloatArray]":
        """RA and Dec (degrees, ICRS) of pixels of shape (n, 2), as astropy evaluates them.

        Raises
        ------
        HeaderError
            If the terms contradict each other.
        """
        from astropy.coordinates import SkyCoord
        from astropy.io import fits
        from astropy.wcs import WCS
        from astropy.wcs.utils import wcs_to_celestial_frame

        header = fits.Header()
        for name, value in self.terms.items():
            header[name] = value
        try:
            wcs = WCS(header, fix=False, naxis=2)
            system = wcs_to_celestial_frame(wcs)
            longitude, latitude = (wcs.all_pix2world(pixels, 1)[:, axis] for axis in self._axes)
            position = SkyCoord(longitude, latitude, unit="deg", frame=system).icrs
        except ValueError as error:
            reason = str(error).strip().splitlines()[-1]
            raise HeaderError(self.frame, "CTYPE1", f"{reason}: {_NO_WCS}") from error
        return position.ra.deg, position.dec.deg

    @property
    def _axes(self) -> tuple[int, int]:
        """Which pixel axis is longitude, which is latitude."""
        return (1, 0) if _LATITUDE.match(str(self.terms["CTYPE1"])) else (0, 1)


def _check_sizes(terms: dict[str, CardValue], first_axis: str, frame: str) -> None:
    """Refuse a reference point or a scale that no camera has; bring the longitude into range.

    Raises
    ------
    HeaderError
        Which card.
    """
    longitude, latitude = ("CRVAL1", "CRVAL2")
    if _LATITUDE.match(first_axis):
        longitude, latitude = latitude, longitude
    for name, limit in ((latitude, 90.0), (longitude, 360.0), ("CRPIX1", 1e6), ("CRPIX2", 1e6)):
        if abs(float(terms[name])) > limit:
            raise HeaderError(frame, name, f"{terms[name]} is out of range: {_NO_WCS}")
    terms[longitude] = float(terms[longitude]) % 360.0
    for axis in (1, 2):
        step_deg = math.hypot(float(terms[f"CD1_{axis}"]), float(terms[f"CD2_{axis}"]))
        if not _SMALLEST_STEP_DEG < step_deg < _LARGEST_STEP_DEG:
            raise HeaderError(frame, "CD1_1", f"{step_deg:g} degrees per pixel: {_NO_WCS}")


def _terms(header: "fits.Header", frame: str) -> dict[str, CardValue]:
    """WCS cards of two axes, strings stripped, numbers as floats.

    Raises
    ------
    HeaderError
        If a numeric card holds no finite number.
    """
    terms: dict[str, CardValue] = {}
    for card in header.cards:
        name = "RADESYS" if card.keyword == "RADECSYS" else card.keyword
        used = re.fullmatch(
            r"(?:CTYPE|CRVAL|CRPIX|CDELT|CROTA)[12]|(?:CD|PC)[12]_[12]|PV[12]_\d+|[AB]_\d+_\d+"
            r"|[AB]_ORDER|LONPOLE|LATPOLE|EQUINOX|RADESYS",
            name,
        )
        if not used or name in terms:
            continue
        value = card.value
        if _NUMERIC.fullmatch(name):
            terms[name] = _number(value, name, frame)
        elif str(value).strip():
            terms[name] = str(value).strip().upper()
    for name in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"):
        if name not in terms:
            raise HeaderError(frame, name, _NO_WCS)
    return terms


def _number(value: object, name: str, frame: str) -> float | int:
    """Finite number of a card, also one written as text; orders of SIP as integers."""
    text = str(value).strip().upper().replace("D", "E").removeprefix("J")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    is_order = name.endswith("_ORDER")
    if not math.isfinite(number) or (is_order and number not in _SIP_ORDERS):
        raise HeaderError(frame, name, f"{str(value)!r} is not such a number: {_NO_WCS}")
    return int(number) if is_order else number


def _tell_the_pole(terms: Mapping[str, CardValue], names: Sequence[str]) -> bool:
    """Whether PV1 terms on TAN say no more than that its native pole is where it always is.

    PixInsight writes PV1_1 and PV1_2 as 0. As a polynomial they would make x vanish.
    """
    usual = {"PV1_0": {0.0}, "PV1_1": {0.0}, "PV1_2": {0.0, 90.0}, "PV1_3": {180.0}}
    return "PV1_1" in names and all(terms[name] in usual.get(name, ()) for name in names)


def _polynomial_projection(names: Iterable[str], frame: str) -> str:
    """TPV for PV terms on TAN, as SCAMP wrote them before the convention was registered.

    Raises
    ------
    HeaderError
        If the terms may as well be the native pole of the FITS standard.
    """
    if any(name.startswith("PV2_") or int(name[4:]) > 4 for name in names):
        return "TPV"
    raise HeaderError(frame, "PV1_1", f"PV1 terms on a TAN projection are ambiguous: {_NO_WCS}")


def _matrix(terms: dict[str, CardValue], frame: str) -> dict[str, CardValue]:
    """CD matrix of CD, PC and CDELT, or CDELT and CROTA2; the other forms are taken out.

    Raises
    ------
    HeaderError
        If there is none, or it is singular.
    """
    if any(name.startswith("CD1_") or name.startswith("CD2_") for name in terms):
        matrix = {key: float(terms.get(f"CD{key}", 0.0)) for key in ("1_1", "1_2", "2_1", "2_2")}
    else:
        step = [float(terms.get(f"CDELT{axis}", 0.0)) for axis in (1, 2)]
        angle = math.radians(float(terms.get("CROTA2", terms.get("CROTA1", 0.0))))
        ratio = step[1] / step[0] if step[0] else 0.0
        turned = {
            "1_1": math.cos(angle),
            "1_2": -math.sin(angle) * ratio,
            "2_1": math.sin(angle) / ratio if ratio else 0.0,
            "2_2": math.cos(angle),
        }
        if any(name.startswith("PC") for name in terms):
            default = {"1_1": 1.0, "1_2": 0.0, "2_1": 0.0, "2_2": 1.0}
            turned = {key: float(terms.get(f"PC{key}", default[key])) for key in default}
        matrix = {key: step[int(key[0]) - 1] * value for key, value in turned.items()}
    determinant = matrix["1_1"] * matrix["2_2"] - matrix["1_2"] * matrix["2_1"]
    if abs(determinant) < 1e-20:
        raise HeaderError(frame, "CD1_1", f"the scale matrix is missing or singular: {_NO_WCS}")
    for name in [each for each in terms if re.match(r"PC|CDELT|CROTA|CD[12]_", each)]:
        del terms[name]
    return {f"CD{key}": value for key, value in matrix.items()}


def _refitted(system: _System, shape: tuple[int, int]) -> dict[str, CardValue]:
    """TAN or TPV terms that reproduce any other celestial system over the image.

    Raises
    ------
    HeaderError
        If no polynomial of degree seven does so within 0.1 arcsec.
    """
    import numpy as np

    from photpipe.ground import sky
    from photpipe.science import astrometry, tpv

    crpix = np.array([system.terms["CRPIX1"], system.terms["CRPIX2"]], float)
    edges = [np.linspace(1, length, 25) for length in shape[::-1]]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*edges)], axis=1)
    ra0, dec0 = (float(each[0]) for each in system.sky(crpix[None, :]))
    with np.errstate(invalid="ignore"):  # pixels beyond the sky are NaN
        plane = astrometry.tangent_plane(ra0, dec0, *system.sky(grid)) / sky.ARCSEC_PER_DEG
    true = plane.real, plane.imag
    if not np.isfinite(true).all():
        raise HeaderError(system.frame, "CRPIX1", f"parts of the image have no sky: {_NO_WCS}")
    dx, dy = (grid - crpix).T
    linear, _ = tpv.fit(dx, dy, *true, 3)
    cd = np.array([[linear["PV1_1"], linear["PV1_2"]], [linear["PV2_2"], linear["PV2_1"]]])
    xi, eta = cd @ np.array([dx, dy])
    coefficients: dict[str, float] = {}
    worst = float(np.hypot(xi - true[0], eta - true[1]).max() * 3600.0)
    for degree in range(1, tpv.MAX_DEGREE + 1):
        if worst <= TOLERANCE_ARCSEC:
            break
        coefficients, worst = tpv.fit(xi, eta, *true, degree)
    if worst > _WORST_ARCSEC:
        reason = f"{system.projection} cannot be written as TPV ({worst:.3g} arcsec off)"
        raise HeaderError(system.frame, "CTYPE1", f"{reason}; run without -keep_wcs")
    name = "TPV" if coefficients else "TAN"
    terms: dict[str, CardValue] = {"CTYPE1": f"RA---{name}", "CTYPE2": f"DEC--{name}"}
    terms |= {"CRVAL1": ra0, "CRVAL2": dec0, "CRPIX1": float(crpix[0]), "CRPIX2": float(crpix[1])}
    terms |= {f"CD{i + 1}_{j + 1}": float(cd[i, j]) for i in (0, 1) for j in (0, 1)}
    _check_sizes(terms, "RA---", system.frame)
    return _System(system.frame, name, {**terms, **coefficients}).cards()
