"""Which cards hold which fact, in the order in which they are believed: data, no code.

Seen in frames of N.I.N.A., Sequence Generator Pro, MaxIm DL, APT, SharpCap, ASIAIR, Seestar,
DWARF, Ekos/INDI, TheSkyX, PRISM, PixInsight, Astro Pixel Processor and Siril; programs that are
not among them write the same cards in other mixtures.
"""

import re
from dataclasses import dataclass
from typing import Literal

Mark = Literal["start", "middle", "end"]

PROGRAM = ("SWCREATE", "CREATOR", "SOFTWARE", "ORIGIN", "PROGRAM")

EXPOSURE_S = {
    "EXPTIME": 1.0,
    "EXPOSURE": 1.0,
    "EXP": 1.0,
    "EXP_TIME": 1.0,
    "EXP-TIME": 1.0,
    "EXPOSTIM": 1.0,
    "EXPT": 1.0,
    "ITIME": 1.0,
    "SHUTTER": 1.0,
    "EXPOINUS": 1e-6,
}
"""Cards of the exposure time and their unit in seconds."""

TOTAL_EXPOSURE = ("TOTALEXP", "LIVETIME", "STACKEXP")
STACK_COUNT = ("STACKCNT", "SNAPSHOT", "NCOMBINE", "NUMFRAME", "NIMAGES", "SUBCOUNT", "LIGH_CNT")
STACK_MARK = ("INTEGRAT",)
STACK_HISTORY = re.compile(r"ImageIntegration|integration of \d+|stacked \d+ (?:frames|images)")

EXPOSURE_UNITS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "min": 60.0}
"""Units behind numbers in texts, or in square brackets, as comments of cards begin, in seconds."""


@dataclass(frozen=True, slots=True)
class TimeCards:
    """Cards of a moment, as the telescopes' entries write them, and which moment it is."""

    cards: str
    mark: Mark


_CLOCKS = ("TIME-OBS", "UT", "UTC", "UTSTART", "UT-START", "UTC-OBS", "UT-TIME", "TIME")

TIMES = (
    TimeCards("DATE-AVG", "middle"),
    TimeCards("MJD-AVG", "middle"),
    TimeCards("DATE-MID", "middle"),
    TimeCards("MJD-MID", "middle"),
    TimeCards("JD-AVG", "middle"),
    TimeCards("DATE-BEG", "start"),
    TimeCards("MJD-BEG", "start"),
    TimeCards("DATE-OBS", "start"),
    *(TimeCards(f"DATE-OBS|{clock}", "start") for clock in _CLOCKS),
    TimeCards("MJD-OBS", "start"),
    TimeCards("JD", "start"),
    TimeCards("DATE_OBS", "start"),
    TimeCards("EXPSTART", "start"),
)
ENDS = ("DATE-END", "MJD-END", "EXPEND")
FINER_STARTS = ("DATE-HP", "MJD-OBS", "MJD-BEG", "JD")
"""Cards that give the fraction of a second where DATE-OBS has none."""
FINER_MIDDLES = ("MJD-AVG",)

BINNING = (
    ("XBINNING", "YBINNING"),
    ("CCDXBIN", "CCDYBIN"),
    ("BINX", "BINY"),
    ("XBIN", "YBIN"),
    ("BINNING", "BINNING"),
    ("BIN", "BIN"),
    ("CCDSUM", "CCDSUM"),
    ("CCD-BIN1", "CCD-BIN2"),
)

PIXEL_UM = (("XPIXSZ", "YPIXSZ"), ("XPIXELSZ", "YPIXELSZ"), ("PIXSIZE", "PIXSIZE"))
"""Cards of the pixel size in micrometres that include the binning."""
UNBINNED_PIXEL_UM = (("PIXSIZE1", "PIXSIZE2"), ("PIXSZX", "PIXSZY"))
FOCAL_LENGTH_MM = ("FOCALLEN", "FOCAL", "FOCALLNG", "TELFOCUS")
FOCAL_RATIO, APERTURE_MM = ("FOCRATIO", "FOCALRAT"), ("APTDIA", "APERTUR")
SCALE_ARCSEC = (
    ("SCALE", "SCALE"),
    ("PIXSCALE", "PIXSCALE"),
    ("PIXSCAL1", "PIXSCAL2"),
    ("SECPIX1", "SECPIX2"),
    ("SECPIX", "SECPIX"),
    ("PIXSCALX", "PIXSCALY"),
    ("IM_SCALE", "IM_SCALE"),
    ("IMSCALE", "IMSCALE"),
    ("PLTSCALE", "PLTSCALE"),
    ("PLATESCL", "PLATESCL"),
    ("ITELESCOPEPLATESCALEH", "ITELESCOPEPLATESCALEV"),
)
PLAUSIBLE_SCALE_ARCSEC = (0.02, 120.0)  # arcsec per pixel: from lucky imaging to an all-sky lens

MAKERS = {
    "seestar s50": (2.9, 250.0, 1080),
    "seestar s30": (2.9, 150.0, 1080),
    "dwarfii": (1.45, 100.0, 2160),
    "dwarf ii": (1.45, 100.0, 2160),
    "dwarf 3": (2.0, 150.0, 2160),
    "dwarf3": (2.0, 150.0, 2160),
}
"""Telescope and camera in one: pixel size (µm), focal length (mm), and short side of the
detector in unbinned pixels, by the makers' data sheets."""


@dataclass(frozen=True, slots=True)
class PointingCards:
    """Cards of a position; `hours` if a plain number on the first is in hours."""

    ra: str
    dec: str
    hours: bool = False


POINTINGS = (
    PointingCards("RA", "DEC"),
    PointingCards("OBJCTRA", "OBJCTDEC", hours=True),
    PointingCards("TELRA", "TELDEC"),
    PointingCards("CRVAL1", "CRVAL2"),
    PointingCards("CENTRA", "CENTDEC"),
    PointingCards("MNTRA", "MNTDEC"),
    PointingCards("RA_OBJ", "DEC_OBJ"),
    PointingCards("OBJRA", "OBJDEC"),
    PointingCards("TARGRA", "TARGDEC"),
    PointingCards("RA_TARG", "DEC_TARG"),
    PointingCards("RA-TARG", "DEC-TARG"),
    PointingCards("CAT-RA", "CAT-DEC"),
    PointingCards("TELRASTR", "TELDECST"),
)

LATITUDE = ("OBSGEO-B", "SITELAT", "LAT-OBS", "LATITUDE", "OBS-LAT", "OBSLAT", "GEOLAT", "TELLAT")
LONGITUDE = (
    *("OBSGEO-L", "SITELONG", "LONG-OBS", "LONGITUD", "LON-OBS", "OBS-LONG", "OBSLONG"),
    *("GEOLON", "GEOLONG", "SITELON", "TELLONG", "OBS-LON"),
)
ELEVATION = ("OBSGEO-H", "SITEELEV", "ALT-OBS", "SITEALT", "ELEVATIO", "OBS-ELEV", "OBSALT")
GEOCENTRIC = ("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z")
CERTAINLY_EAST = ("OBSGEO-L",)
WEST_POSITIVE = re.compile(r"TheSky", re.IGNORECASE)
"""Programs that count longitudes to the west."""

SIDEREAL = ("ST", "LST", "LST-OBS")
ALTITUDE = ("CENTALT", "OBJCTALT", "ALT-TEL", "TELALT")
AIRMASS = ("AIRMASS", "SECZ", "AIRM")
LOCAL_TIME = ("DATE-LOC", "LOCALTIM", "DATELOC")

GAIN = ("EGAIN", "CVF", "E-GAIN", "GAIN")
"""GAIN may be the setting of a driver: see `GAIN_IS_A_SETTING`."""
GAIN_IS_A_SETTING = re.compile(
    r"N\.I\.N\.A|Sequence Generator|Astro Photography Tool|SharpCap|ASIAIR|ASIImg|ASICAP|Seestar"
    r"|DWARF|INDI|Ekos|KStars|FireCapture|ASTAP|Siril|Voyager|CCDCiel|ToupSky|EZCAP|Astro Pixel",
    re.IGNORECASE,
)
# electrons per count: from stacks scaled to 65535 to large wells in few bits
PLAUSIBLE_GAIN = (0.002, 500.0)
SATURATION = ("SATURATE", "SATLEVEL", "SATURATI", "MAXLIN", "CCDSAT")

FILTER = (
    *("FILTER", "FILTERS", "FILTNAME", "FILTNAM", "FILTERID", "FILT", "FILTER1", "INSFLNAM"),
    "CLRBAND",
)
OBJECT = ("OBJECT", "OBJNAME", "TARGET", "TARGNAME", "TARGNAM", "OBJCAT")
ROWS = "ROWORDER"
PEDESTAL = "PEDESTAL"

MOSAIC = ("BAYERPAT", "COLORTYP", "BAYRPAT", "CFAPAT")
MOSAIC_OFFSETS = (("XBAYROFF", "YBAYROFF"), ("BAYOFFX", "BAYOFFY"))
PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")

PLANE, PLANE_ORIGIN, GLASS = "PPPLANE", "PPMOSAIC", "PPGLASS"
"""Cards of a plane of a colour image: its colour, what told the pattern, the filter before it."""
CELL, MEAN_OF = "PPCELL", "PPMEANOF"
"""Pixels of the detector along a side of a pixel of the plane; how many it is the mean of."""
