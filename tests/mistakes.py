"""A hundred mistakes that are made: what is typed, in which directory.

A row is told by three things: the exit status, the cause that the message names, and the remedy
that it offers. ``tests/test_mistakes.py`` makes each of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from tests.framefiles import noise, write_frame
from tests.report.nights import Maker, Night

RAW = ("n1.fits", "n2.fits", "n3.fits")


def raw(directory: Path) -> None:
    """Three frames as a camera writes them."""
    for name in RAW:
        write_frame(directory / name)


def night(directory: Path) -> None:
    """A night with the results of all stages."""
    Maker(directory, Night(shape=(60, 70), stars=6)).everything()


def empty(directory: Path) -> None:
    """Nothing."""


def file(name: str, content: bytes | str) -> Callable[[Path], None]:
    """The raw frames and another file."""

    def made(directory: Path) -> None:
        raw(directory)
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return made


def beside(name: str, content: str) -> Callable[[Path], None]:
    """The whole night and another file."""

    def made(directory: Path) -> None:
        night(directory)
        (directory / name).write_text(content)

    return made


def header(**cards: object) -> Callable[[Path], None]:
    """One raw frame with other cards; None removes one."""

    def made(directory: Path) -> None:
        write_frame(directory / "n1.fits", cards=cards)

    return made


def pixels(values: np.ndarray) -> Callable[[Path], None]:
    """One frame with such pixels."""

    def made(directory: Path) -> None:
        write_frame(directory / "n1.fits")
        with fits.open(directory / "n1.fits") as opened:
            head = opened[0].header
        fits.PrimaryHDU(values, head).writeto(directory / "n1.fits", overwrite=True)

    return made


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake.

    Parameters
    ----------
    words : str
        What is typed.
    scene : callable
        Makes the directory.
    status : int
        Exit status.
    cause, remedy : str
        Patterns of what the message names: what is wrong, and what to do now.
    """

    words: str
    scene: Callable[[Path], None]
    status: int
    cause: str
    remedy: str


F = "n1.fits n2.fits n3.fits"
N = "n001.fits n002.fits n003.fits"
HELP = "-h lists all options"
CORRECT = "correct the header or exclude the frame"
NO_ENTRY = {"INSTRUME": None, "TELESCOP": None}
MISTAKES = (
    # -- options
    Mistake(f"pp_run -fliter R {F}", raw, 2, "-fliter", "did you mean -filter"),
    Mistake(f"pp_run -sn 3 {F}", raw, 2, "-sn", "did you mean -snr"),
    Mistake(f"pp_run --targt 3552 {F}", raw, 2, "--targt", HELP),
    Mistake(f"pp_run -snr three {F}", raw, 2, "-snr: 'three' is not a number", HELP),
    Mistake(f"pp_run -snr -2 {F}", raw, 2, "-snr: -2 is not a positive number", HELP),
    Mistake("pp_run -snr", raw, 2, "-snr: expected one argument", HELP),
    Mistake("pp_run", empty, 2, "required: images", HELP),
    Mistake(f"pp_run -jobs 0 {F}", raw, 2, "-jobs: 0 is not a whole number", "at least 1"),
    Mistake(f"pp_run -jobs many {F}", raw, 2, "-jobs: 'many' is not a number", HELP),
    Mistake(f"pp_run -offset 1 {F}", raw, 2, "-offset: 'n1.fits' is not a number", HELP),
    Mistake(f"pp_run -ra 12h {F}", raw, 2, "-ra: '12h' is not", HELP),
    Mistake(f"pp_run -ra 10 -dec 95 {F}", raw, 2, "-dec: 95 is not a declination", "in degrees"),
    Mistake(f"pp_prepare -ra 10 {F}", raw, 1, "-ra without -dec", "give both, or none"),
    Mistake(f"pp_prepare -secpix -1 {F}", raw, 1, "-secpix: only for cameras", "leave it out"),
    Mistake(f"pp_prepare -binning two {F}", raw, 1, "-binning: only for", "leave it out"),
    Mistake(f"pp_prepare -exptime soon {F}", raw, 1, "-exptime: only for", "leave it out"),
    Mistake(f"pp_prepare -date_keyword DATUM {F}", raw, 1, "-date_keyword: only", "leave it out"),
    Mistake(f"pp_run -rotate left {F}", raw, 2, "-rotate: 'left' is not a number", HELP),
    Mistake(f"pp_prepare -observatory ZZZZ {F}", raw, 1, "ZZZZ is not a code", "give -site"),
    Mistake(f"pp_run -filter Rc {F}", raw, 1, "no such band", "did you mean -filter R"),
    Mistake(f"pp_calibrate -filter johnson_V {N}", night, 1, "no such band", "-filter V"),
    Mistake(f"pp_prepare -telescope VATT {F}", raw, 1, "no telescope 'VATT'", "VATT4K"),
    Mistake(f"pp_run -cat PANSTARS {F}", raw, 1, "unknown catalog", "PANSTARRS"),
    Mistake(f"pp_register -cat GAYA {N}", night, 1, "unknown catalog 'GAYA'", "GAIA"),
    Mistake(f"pp_distill -reject poss {N}", night, 1, "no criterion 'poss'", "choose from"),
    Mistake(f"pp_run -positions nowhere.dat {F}", raw, 1, "no file nowhere.dat", "check its name"),
    Mistake(f"pp_run -fixedtargets nowhere.dat {F}", raw, 1, "no file nowhere", "check its name"),
    Mistake(f"pp_run -background_only -target_only {F}", raw, 1, "exclude each other", "give one"),
    Mistake(f"pp_prepare -keep_wcs -flipx {F}", raw, 1, "-keep_wcs keeps", "leave out -ra"),
    Mistake(f"pp_run -fixed_aprad 0 {F}", raw, 2, "-fixed_aprad: 0 is not a positive", HELP),
    Mistake(f"pp_run -magzp bright {F}", raw, 2, "-magzp: 'bright' is not a number", HELP),
    Mistake(
        f"pp_run -maxflag few {F}", raw, 2, "-maxflag: few is not a whole number", "at least 0"
    ),
    Mistake(f"pp_run -minstars some {F}", raw, 2, "-minstars: 'some' is not", HELP),
    Mistake(
        "pp_run -prefix x all", raw, 1, "no frames whose names start with 'x'", "nothing to do"
    ),
    Mistake("pp_run all", empty, 1, "no frames here or below", "nothing to do"),
    Mistake(f"pp_run -cluster nowhere:1 {F}", raw, 1, "-cluster shares out", "use it with 'all'"),
    Mistake(f"pp_run -completion tcsh {F}", raw, 2, "invalid choice: 'tcsh'", "bash"),
    Mistake("pp_prepare -restore -flipx n1.fits", raw, 1, "-restore", "takes no other option"),
    Mistake("pp_photometry -aprad 2,3 n001.fits", night, 1, "takes one radius", "pp_extract"),
    Mistake("pp_photometry -aprad wide n001.fits", night, 2, "'wide' is not a number", HELP),
    Mistake("pp_extract -paramfile none.param n1.fits", raw, 1, "none.param: No such", "check its"),
    Mistake("pp_combine -method mean n001.fits n002.fits", night, 2, "choice: 'mean'", "average"),
    Mistake(
        "pp_movers -rates 5 1 n001.fits", night, 1, "-rates 5 1", "a smaller and a larger rate"
    ),
    Mistake(
        "pptool_phasecurve -period -3 photometry_3552.dat", night, 2, "-3 is not a positive", HELP
    ),
    # -- files and directories
    Mistake("pp_run m*.fits", raw, 1, r"m\*.fits: there is no such file", "check name"),
    Mistake("pp_run n1.fit", raw, 1, "n1.fit: there is no such file", "check name and directory"),
    Mistake("pp_prepare sub", file("sub/x.txt", "x"), 1, "sub", "name the frames in it|no frame"),
    Mistake("pp_run sub", file("sub/x.txt", "x"), 1, "there is no frame", "nothing to do"),
    Mistake("pp_prepare a.txt", file("a.txt", "Dear diary,\n" * 400), 1, "not a FITS", "copy or"),
    Mistake("pp_prepare e.fits", file("e.fits", b""), 1, "the file is empty", "download it again"),
    Mistake(
        "pp_prepare w.fits", file("w.fits", "<html>404</html>" * 999), 1, "not a FITS", "again"
    ),
    Mistake(
        "pp_prepare p.jpg", file("p.jpg", b"\xff\xd8\xff\xe0" * 999), 1, "a JPEG", "convert it"
    ),
    Mistake(
        "pp_prepare r.CR2", file("r.CR2", b"II*\0\x10\0\0\0CR" * 999), 1, "raw file", "convert"
    ),
    Mistake(
        "pp_prepare n.zip", file("n.zip", b"PK\3\4" * 999), 1, "compressed|archive", "again|unpack"
    ),
    Mistake(f"pp_run '' {F}", raw, 1, "file names is empty", "is a variable not set"),
    Mistake("diagnostics.py", empty, 1, "no results are saved here", "run pp_run"),
    Mistake("diagnostics.py nowhere", empty, 1, "nowhere: no results", "run pp_run"),
    Mistake("diagnostics.py -card", empty, 1, "no results are saved here", "run pp_run"),
    Mistake("diagnostics.py -singel", night, 2, "-singel", "did you mean -single"),
    Mistake("pptool_alcdef nowhere.dat", empty, 1, "there is no such file", "check name"),
    Mistake(
        "pptool_mpcreport LOG", night, 1, "no photometry of a target", "give files photometry_"
    ),
    Mistake("catalog.py query", empty, 2, "usage: catalog.py", "NAME RA DEC RADIUS"),
    Mistake("catalog.py -lits", empty, 2, "-lits", "did you mean -list"),
    # -- headers and pixels
    Mistake(
        "pp_prepare -telescope GENERIC n1.fits", header(**NO_ENTRY), 1, "GENERIC needs", "-secpix"
    ),
    Mistake("pp_prepare n1.fits", header(**{"DATE-OBS": "yesterday"}), 1, "is not a date", CORRECT),
    Mistake("pp_prepare n1.fits", header(**{"DATE-OBS": None}), 1, "DATE-OBS: missing", CORRECT),
    Mistake("pp_prepare n1.fits", header(**{"DATE-OBS": "2017-13-45"}), 1, "2017-13-45", CORRECT),
    Mistake("pp_prepare n1.fits", header(**{"DATE-OBS": ""}), 1, "DATE-OBS", CORRECT),
    Mistake("pp_prepare n1.fits", header(EXPTIME=None), 1, "EXPTIME: missing", CORRECT),
    Mistake("pp_prepare n1.fits", header(EXPTIME=-5), 1, "-5 s is not an exposure", CORRECT),
    Mistake("pp_prepare n1.fits", header(EXPTIME=0), 1, "not a science frame", CORRECT),
    Mistake("pp_prepare n1.fits", header(EXPTIME="long"), 1, "EXPTIME", CORRECT),
    Mistake(
        "pp_prepare n1.fits", header(RA=None), 1, "RA: missing", "give the frame centre with -ra"
    ),
    Mistake("pp_prepare n1.fits", header(RA="somewhere"), 1, "'somewhere'", "with -ra and -dec"),
    Mistake("pp_prepare n1.fits", header(DEC=None), 1, "DEC: missing", "with -ra and -dec"),
    Mistake("pp_prepare n1.fits", header(DEC="+99:00:00"), 1, "is not on the sky", CORRECT),
    Mistake("pp_prepare n1.fits", header(FILTER="X99"), 0, "'X99'", "name the band with -filter"),
    Mistake("pp_prepare n1.fits", pixels(noise((4, 40, 50))), 1, "a cube of 4 images", "split it"),
    Mistake(
        "pp_prepare n1.fits", pixels(np.full((40, 50), np.nan, ">f4")), 1, "are NaN", "leave it out"
    ),
    Mistake(
        "pp_prepare n1.fits", pixels(np.zeros((40, 50), "i2")), 1, "same value", "leave it out"
    ),
    # -- order of the stages
    Mistake(f"pp_register {F}", raw, 1, "not prepared", "run pp_prepare"),
    Mistake(f"pp_photometry {F}", raw, 1, "not prepared", "run pp_prepare"),
    Mistake(f"pp_calibrate {F}", raw, 1, "not prepared", "run pp_prepare"),
    Mistake(f"pp_distill {F}", raw, 1, "not prepared", "run pp_prepare"),
    Mistake(f"pp_combine {F}", raw, 1, "not prepared", "run pp_prepare and pp_register first"),
    Mistake(f"pp_stackedphotometry {F}", raw, 1, "not prepared", "run pp_prepare and pp_register"),
    Mistake(f"pp_movers {F}", raw, 1, "not prepared", "run pp_prepare"),
    Mistake("pp_combine n1.fits", raw, 1, "two are needed", "run pp_prepare"),
    Mistake(f"pp_manident {F}", raw, 1, "no window can be opened", "log in with 'ssh -X'"),
    # -- files of targets, settings, rejections
    Mistake(
        f"pp_run {F}",
        file("photpipe.toml", "[distil]\nx = 1\n"),
        1,
        "distil",
        "did you mean distill",
    ),
    Mistake(
        f"pp_run {F}", file("photpipe.toml", "[report]\ncutoutpx = 1\n"), 1, "cutoutpx", "cutout_px"
    ),
    Mistake(
        f"pp_run {F}", file("photpipe.toml", "[report\n"), 1, "line 1", "repair or remove the file"
    ),
    Mistake(
        f"pp_run {F}",
        file("photpipe.toml", "[report]\ncutout_px = 'wide'\n"),
        1,
        "cutout_px = 'wide'",
        "of type int",
    ),
    # -- reports
    Mistake(
        "pptool_mpcreport photometry_3552.dat",
        night,
        1,
        "not registered against",
        "run pp_register",
    ),
    Mistake("pptool_aavso photometry_3552.dat", night, 1, "needs aavso_code", "write it into"),
    Mistake(
        "pptool_alcdef photometry_3552.dat", night, 1, "needs submitter and contact", "write them"
    ),
    Mistake(
        "pptool_lightcurve photometry_3552.dat", night, 1, "3 points in 1 session", "12 are needed"
    ),
    Mistake(
        "pptool_lightcurve -minperiod 9 -maxperiod 3 photometry_3552.dat",
        night,
        1,
        "-minperiod 9",
        "below",
    ),
    Mistake(
        "pptool_lightcurve photometry_3552.dat photometry_Control_Star.dat",
        night,
        1,
        "3552, Control Star",
        "use -target NAME",
    ),
    Mistake("pptool_phasecurve photometry_3552.dat", night, 1, "no phase angles", "-offline"),
)
