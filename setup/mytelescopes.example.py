# Template for your own telescopes.
#
# 1. Copy this file to setup/mytelescopes.py (updates of Photometry Pipeline never touch that one).
# 2. Duplicate the dictionary mytelescope_param, change MYTELESCOPE into a unique name, e.g.
#    42INCH_CCD, and replace the values by what you find in the header of one of your images.
#    `toolbox.py image.fits` shows what PP makes of the header.
# 3. Enter the name at the end of the file in the three places where MYTELESCOPE stands now.
# 4. Run pp_prepare on one of your images and compare it with the sky; if its orientation is not
#    right, change flipx, flipy and rotate.
#
# Everything that setup/telescopes.py defines can be used here: {**COMMON, ...} with the keys that
# differ is enough, and so is {**vatt4k_param, "secpix": (0.19, 0.19), ...}. `rootpath` is the
# folder that holds setup/.

mytelescope_param = {
    "telescope_instrument": "Telescope/Instrument",  # name of telescope and instrument
    "telescope_keyword": "MYTELESCOPE",  # keyword of this telescope in PP
    "observatory_code": "695",  # MPC observatory code
    "secpix": (0.1, 0.1),  # pixel scale in arcsec of unbinned pixels: x, y
    # image orientation preferences
    "flipx": True,
    "flipy": False,
    "rotate": 0,  # degrees, east of north
    # instrument-specific FITS header keywords
    "binning": ("CCDBIN1", "CCDBIN2"),  # binning in x and y; or "CCDSUM#blank0", "CCDSUM#blank1"
    "extent": ("NAXIS1", "NAXIS2"),  # number of pixels in x and y
    "ra": "RA",  # telescope pointing, right ascension
    "dec": "DEC",  # telescope pointing, declination
    "radec_separator": ":",  # ":" or " " in hours and degrees; "XXX" if both are in degrees
    # date and time of the start of the exposure; "DATE-OBS|TIME-OBS" if in two cards
    "date_keyword": "DATE-OBS",
    "obsmidtime_jd": "MIDTIMJD",  # card of the mid-time in prepared frames
    "object": "OBJECT",  # name of the target
    "filter": "FILTER",  # filter
    "filter_translations": {"V": "V", "R": "R", "clear": None},  # header value: band, or None
    "exptime": "EXPTIME",  # exposure time in seconds
    "airmass": "AIRMASS",  # airmass
    # source extractor settings
    "source_minarea": 12,  # smallest number of pixels of a source
    "source_snr": 3,  # smallest signal-to-noise ratio of a source
    "aprad_default": 5,  # aperture radius in pixels
    "aprad_range": (2, 10),  # range of aperture radii in pixels for the curve of growth
    "mask_file": {},  # {"2,2": rootpath + "/setup/mask_mytelescope_2x2.fits"}
    # your own settings on top of the base configuration: None, or a file such as
    # rootpath + "/setup/mytelescope.sex"
    "sex-config-file": None,
    # registration settings
    "scamp-config-file": None,
    # faint limit of the reference stars and margin around the field (degrees): both are accepted,
    # but not needed any more, because they follow from the sources and the pointings of the frames
    "reg_max_mag": 19,
    "reg_search_radius": 0.5,
    "source_tolerance": "high",  # flagged sources that may be used: none, low, medium, high
    # combination: cards to keep in the combined image; accepted, but all cards are kept today
    "copy_keywords": "TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,RA,DEC,SECPIX,AIRMASS,TEL_KEYW",
    "swarp-config-file": None,
    # default catalogs, tried in this order
    "astrometry_catalogs": ("GAIA",),
    "photometry_catalogs": ("PANSTARRS", "SDSS-R9", "APASS9"),
}

# -- enter your telescopes

implemented_telescopes.append("MYTELESCOPE")

# value of the header card INSTRUME (or PPINSTRU, LCAMMOD, FPA, CAM_NAME, TELESCOP): keyword
instrument_identifiers["my camera"] = "MYTELESCOPE"

telescope_parameters["MYTELESCOPE"] = mytelescope_param
