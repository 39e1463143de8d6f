# ruff: noqa: ANN001, ANN201, ANN202
# fmt: off
#
# How to read the frames of each telescope: data, no code.
#
# One paragraph per telescope and instrument, a dictionary called <keyword>_param. It takes the
# values of COMMON and states what differs; the comments of COMMON say what each key means.
# Do not change this file: put your own telescopes into setup/mytelescopes.py, for which
# setup/mytelescopes.example.py is the template. You may copy any paragraph of this file there.
#
# The values are those published with PHOTOMETRYPIPELINE (2022-07-20), corrected where they were
# wrong: the table CORRECTIONS at the end names every difference with its reason.

COMMON = {
    # -- camera on the sky
    'ext_coeff': 0.05,  # typical extinction, mag per airmass (not used in the calibration)
    'flipx': True,  # is the x axis flipped? flipx != flipy is the parity of the sky
    'flipy': False,  # is the y axis flipped? For several chips: {chip number: value}
    'rotate': 0,  # rotation of the image in degrees, east of north; {chip number: value}
    # 'secpix': (x, y) pixel scale in arcsec of an unbinned pixel
    # 'chip_id': card that holds the chip number, where a camera has several
    # 'chip_offset_fixed': {chip number: (east, north)} degrees from the pointing
    # 'distort': starting distortion as PV terms, or {'functionof': card, value: PV terms}
    # -- header cards
    'extent': ('NAXIS1', 'NAXIS2'),  # cards of the image size
    # 'binning': cards of the binning in x and y, or two numbers. 'KEY#blank0', 'KEY#blank1':
    #     one card, two numbers, separated by a blank; 'KEY#x1', 'KEY#x2': by an x;
    #     'KEY#_0', 'KEY#_1': by an underscore; '#CH#' inside a keyword stands for the channel,
    #     the digit of INSTRUME = 'C0' ... 'C3'
    'ra': 'RA',  # card of the right ascension of the telescope pointing
    'dec': 'DEC',  # card of the declination
    'radec_separator': ':',  # ':' or ' ' in hours and degrees; 'XXX' if both are in degrees
    'date_keyword': 'DATE-OBS',  # date and time of the exposure; 'DATE|TIME' if in two cards;
    #     a number is a Julian date or a modified Julian date
    'obsmidtime_jd': 'MIDTIMJD',  # card of the mid-time in prepared frames
    'object': 'OBJECT',  # card of the target's name
    'filter': 'FILTER',  # card of the filter
    # 'filter_translations': {filter in the header: band in the catalogs, or None}
    'exptime': 'EXPTIME',  # card of the exposure time in seconds
    'airmass': 'AIRMASS',  # card of the airmass
    # -- source extraction
    'source_minarea': 12,  # smallest number of pixels of a source
    'source_snr': 3,  # smallest signal-to-noise ratio of a source
    'aprad_default': 5,  # aperture radius in pixels
    'aprad_range': (2, 10),  # smallest and largest radius of the curve of growth in pixels
    'mask_file': {},  # {'2,2': weight mask for binning 2 x 2}
    'sex-config-file': None,  # your own Source Extractor settings, read on top of base.sex
    # -- registration
    'scamp-config-file': None,  # your own SCAMP settings, read on top of base.scamp
    'reg_max_mag': 19,  # faint limit of the reference stars
    'reg_search_radius': 0.5,  # margin around the field in degrees
    'source_tolerance': 'high',  # flagged sources that may be used: none, low, medium, high
    'astrometry_catalogs': ('GAIA',),  # tried in this order
    # -- combination and calibration
    'swarp-config-file': None,  # your own SWarp settings, read on top of base.swarp
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,RA,DEC,SECPIX,AIRMASS,TEL_KEYW,'
        'MIDTIMJD'
    ),  # cards carried into a combined image
    'photometry_catalogs': ('PANSTARRS', 'SDSS-R9', 'APASS9'),  # tried in this order
    # -- further keys, all optional
    # 'sex-settings', 'scamp-settings', 'swarp-settings': {parameter: value} that differ from the
    #     base configuration of the tool
    # 'identified_by': values of PPINSTRU, LCAMMOD, FPA, CAM_NAME, INSTRUME or TELESCOP; of values
    #     that no entry has, such a pattern as 'fa[0-9][0-9]' may match
    # 'distinguished_by': for identifiers that several instruments use: {card: patterns, one of
    #     which its value matches}; 'site': MPC code of the place the header's latitude agrees with
    # 'observatory_code_by': (cards, {their values: MPC code}) where cameras move between domes
    # 'date_marks': what the date is: 'start' (default), 'middle' or 'end' of the exposure, or
    #     {'card': KEY, value of KEY: 'start', ...}. Keywords with MID or AVG are the middle
    # 'radec_unit': 'hours' if the right ascension is in decimal hours, with 'XXX'
    # 'radec_jitter': cards of offsets in arcsec to subtract from the pointing (east, north)
    # 'gain': card of the gain in electrons per ADU (default GAIN), a number, or None
    # 'trim_px': {'left': ..., 'right': ..., 'bottom': ..., 'top': ...} pixels to cut off
    # 'drop_cards': cards that break the FITS rules and are removed
    # 'trust_wcs': True if the WCS of the files is better than a registration would be
}

# -- values that several telescopes share


def bands(letters):
    return {letter: letter for letter in letters}


CCDSUM = ('CCDSUM#blank0', 'CCDSUM#blank1')
CCDSUM_12 = ('CCDSUM#blank1', 'CCDSUM#blank2')
SDSS_FIRST = ('SDSS-R9', 'APASS9', 'PANSTARRS', '2MASS')
WITHIN_5_ARCMIN = {'PIXSCALE_MAXERR': '1.2', 'POSITION_MAXERR': '5.0'}

LCO_FILTERS = {
    'gp': 'g', 'rp': 'r', 'ip': 'i', 'zp': 'z', 'zs': 'z', 'up': 'u',
    'U': 'U', 'B': 'B', 'V': 'V', 'R': 'R', 'I': 'I', 'w': None,
    'clear': None,
}

# The place of a Las Cumbres telescope: SITEID, ENCID, TELID -> MPC code (neoexchange)
LCO_PLACES = {
    ('elp', 'doma', '1m0a'): 'V37', ('elp', 'domb', '1m0a'): 'V39',
    ('lsc', 'doma', '1m0a'): 'W85', ('lsc', 'domb', '1m0a'): 'W86',
    ('lsc', 'domc', '1m0a'): 'W87', ('cpt', 'doma', '1m0a'): 'K91',
    ('cpt', 'domb', '1m0a'): 'K92', ('cpt', 'domc', '1m0a'): 'K93',
    ('coj', 'doma', '1m0a'): 'Q63', ('coj', 'domb', '1m0a'): 'Q64',
    ('ogg', 'clma', '2m0a'): 'F65', ('coj', 'clma', '2m0a'): 'E10',
    ('tfn', 'doma', '1m0a'): 'Z31', ('tfn', 'domb', '1m0a'): 'Z24',
    ('tfn', 'aqwa', '0m4a'): 'Z21', ('tfn', 'aqwa', '0m4b'): 'Z17',
    ('coj', 'clma', '0m4a'): 'Q58', ('coj', 'clma', '0m4b'): 'Q59',
    ('ogg', 'clma', '0m4b'): 'T04', ('ogg', 'clma', '0m4c'): 'T03',
    ('lsc', 'aqwa', '0m4a'): 'W89', ('lsc', 'aqwb', '0m4a'): 'W79',
    ('elp', 'aqwa', '0m4a'): 'V38', ('cpt', 'aqwa', '0m4a'): 'L09',
}

LCO = {
    **COMMON,
    'binning': CCDSUM,
    'filter_translations': LCO_FILTERS,
    'source_minarea': 9,
    'reg_max_mag': 18,
    'observatory_code_by': (('SITEID', 'ENCID', 'TELID'), LCO_PLACES),
}
LCO_SINISTRO = {**LCO, 'secpix': (0.389, 0.389), 'flipx': False, 'flipy': True}

# KMTNet, third-order distortion of each of the four detectors
def _third_order(pv1, pv2):
    terms = (0, 1, 2, 4, 5, 6, 7, 8, 9, 10)
    names = [f'PV{axis}_{term}' for axis in (1, 2) for term in terms]
    return dict(zip(names, (*pv1, *pv2), strict=True))


KMTNET_DISTORTION = {
    'functionof': 'CCD_NAME',
    'K': _third_order(
        (
            -0.000711762135419, 1.00171981124, -0.000228317298275, 0.0160316513101,
            -0.0113636730644, 0.00549290221274, -0.010384662223, 0.00081137447258,
            -0.0104005033165, 0.000396116525231,
        ),
        (
            0.00319659825814, 1.00057217492, 0.0116970617468, -0.0165165992945,
            0.0108419617955, -0.00548712635243, -0.0103126090939, 0.000686169735533,
            -0.0103739930263, 0.000240139308823,
        ),
    ),
    'M': _third_order(
        (
            0.000460033317474, 1.00141889978, -0.000430380594516, -0.015400655054,
            -0.0115995667827, -0.00518535937805, -0.0101118044677, -3.19250493138e-05,
            -0.0106737708283, -0.000431356736006,
        ),
        (
            0.00198339122013, 0.999670425747, -0.011005193782, -0.0167779694087,
            -0.0106335253045, -0.00526313446543, -0.0101955642118, -0.000255088245494,
            -0.0094035107269, -0.000292075883415,
        ),
    ),
    'T': _third_order(
        (
            -0.00127421419519, 1.00104160823, -0.000660886473555, 0.0158990914667,
            0.01169760742, 0.00543678807381, -0.0103261215423, -0.000794914727406,
            -0.0103649052751, -0.000279241301327,
        ),
        (
            -0.00392674586144, 0.999343102486, -0.0111411751205, 0.017084775899,
            0.010790771213, 0.00566154555136, -0.0102149292801, -0.000623538149787,
            -0.0102808588946, -0.000162027267646,
        ),
    ),
    'N': _third_order(
        (
            0.000594262478073, 0.998957324393, 0.00141244617639, -0.015924297871,
            0.0114088931271, -0.00544474906971, -0.010256940745, 0.000789499342505,
            -0.0101626175866, 0.000179932486564,
        ),
        (
            -0.00166315601111, 0.997680853652, 0.0102233336556, 0.0166335481995,
            -0.0107970324189, 0.00556273542573, -0.0103304464752, 0.00070600868855,
            -0.0102590932248, 0.000205537467251,
        ),
    ),
}

# Apache Point ARC 3.5m, AGILE
arc35agile_param = {
    **COMMON,
    'telescope_instrument': 'ARC35m/AGILE',
    'telescope_keyword': 'ARC35AGILE',
    'observatory_code': '705',
    'secpix': (0.13, 0.13),
    'binning': ('BINX', 'BINY'),
    'object': 'OBJNAME',
    'filter_translations': {
        'SDSS u': 'u', 'SDSS g': 'g', 'SDSS r': 'r', 'SDSS i': 'i', 'SDSS z': 'z',
    },
    'source_minarea': 7,
    'aprad_default': 4,
    'copy_keywords': (
        'OBSERVAT,INSTRUME,FILTER,EXPTIME,OBJNAME,DATE-OBS,RA,DEC,AIRMASS,SECPIX,TEL_KEYW'
    ),
    'scamp-settings': WITHIN_5_ARCMIN,
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('agile',),
}

# Apache Point ARC 3.5m, ARCTIC
arc35arctic_param = {
    **COMMON,
    'telescope_instrument': 'ARC35m/ARCTIC',
    'telescope_keyword': 'ARC35ARCTIC',
    'observatory_code': '705',
    'secpix': (0.115, 0.115),
    'binning': ('CCDBIN1', 'CCDBIN2'),
    'object': 'OBJNAME',
    'filter_translations': {
        'SDSS U': 'u', 'SDSS G': 'g', 'SDSS R': 'r', 'SDSS I': 'i', 'SDSS Z': 'z', 'clear': None,
    },
    'aprad_default': 4,
    'copy_keywords': (
        'OBSERVAT,INSTRUME,FILTER,EXPTIME,OBJNAME,DATE-OBS,RA,DEC,AIRMASS,SECPIX,TEL_KEYW'
    ),
    'scamp-settings': {'PIXSCALE_MAXERR': '1.2', 'POSITION_MAXERR': '5.0', 'DISTORT_DEGREES': '3'},
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('arctic',),
}

# Apache Point ARC 3.5m, SPICAM
arc35spicam_param = {
    **COMMON,
    'telescope_instrument': 'ARC35/SPICAM',
    'telescope_keyword': 'ARC35SPICAM',
    'observatory_code': '705',
    'secpix': (0.141, 0.141),
    'binning': CCDSUM,
    'filter_translations': {'SDSS g': 'g', 'SDSS r': 'r', 'SDSS i': 'i', 'SDSS z': 'z'},
    'source_minarea': 15,
    'aprad_range': (3, 15),
    'reg_max_mag': 18,
    'identified_by': ('spicam',),
}

# Calar Alto 1.23m, DLR-MkIII
ca123dlrmkiii_param = {
    **COMMON,
    'telescope_instrument': 'Calar Alto 1.23m/DLR-MKIII',
    'telescope_keyword': 'CA123DLRMKIII',
    'observatory_code': '493',
    'secpix': (0.3132, 0.3132),
    'flipy': True,
    'binning': ('CCDBINX', 'CCDBINY'),
    'radec_separator': 'XXX',
    'filter_translations': {'V_Johnson': 'V', 'R_Johnson': 'R', 'free': None},
    'source_minarea': 15,
    'aprad_default': 4,
    'aprad_range': (2, 15),
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,RA,DEC,AIRMASS,SECPIX,TEL_KEYW'
    ),
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('DLR-MKIII',),
}

# CFHT, Megaprime
cfhtmegaprime_param = {
    **COMMON,
    'telescope_instrument': 'CFHT/MegaPrime',
    'telescope_keyword': 'CFHTMEGAPRIME',
    'observatory_code': 'T14',
    'secpix': (0.185, 0.185),
    'binning': CCDSUM,
    'date_keyword': 'DATE-OBS|UTC-OBS',
    'filter_translations': {
        'u.MP9301': 'u', 'u.MP9302': 'u', 'g.MP9401': 'g', 'g.MP9402': 'g', 'r.MP9601': 'r',
        'r.MP9602': 'r', 'i.MP9701': 'i', 'i.MP9702': 'i', 'i.MP9703': 'i', 'z.MP9801': 'z',
        'z.MP9901': 'z',
    },
    'source_minarea': 9,
    'aprad_default': 4,
    'copy_keywords': (
        'OBSERVAT,INSTRUME,EXPTIME,OBJECT,DATE-OBS,RA,DEC,AIRMASS,TEL_KEYW,CCDSUM,FILTER2,'
        'MIDTIMJD'
    ),
    'scamp-settings': WITHIN_5_ARCMIN,
    'identified_by': ('MegaPrime',),
}

# CTIO 0.9m, CFCCD
ctio09_param = {
    **COMMON,
    'telescope_instrument': 'CTIO09/CFCCD',
    'telescope_keyword': 'CTIO09',
    'observatory_code': '807',
    'secpix': (0.396, 0.396),
    'flipx': False,
    'rotate': 180,
    'binning': CCDSUM_12,
    'filter': 'FILTERS',
    'filter_translations': {'dia v': 'V', 'dia ov': 'V', 'dia i': 'I', 'dia r': 'R'},
    'source_minarea': 15,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTERS,EXPTIME,OBJECT,DATE-OBS,RA,DEC,CCDSUM,AIRMASS,TEL_KEYW'
    ),
    'scamp-settings': {'POSITION_MAXERR': '20.0'},
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('cfccd',),
}

# CTIO 1.0m, Y4KCam
ctio10_param = {
    **COMMON,
    'telescope_instrument': 'CTIO10/Y4KCAM',
    'telescope_keyword': 'CTIO10',
    'observatory_code': '807',
    'secpix': (0.289, 0.289),
    'rotate': 180,
    'binning': CCDSUM_12,
    'date_keyword': 'DATE-OBS|TIME-OBS',
    'filter': 'FILTERID',
    'filter_translations': bands('VI'),
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTERID,EXPTIME,OBJECT,DATE-OBS,TIME-OBS,RA,DEC,CCDSUM,AIRMASS,'
        'TEL_KEYW'
    ),
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('Y4KCam',),
}

# CTIO 1.3m, ANDICAM (CCD)
ctio13ccd_param = {
    **COMMON,
    'telescope_instrument': 'CTIO/ANDICAM_CCD',
    'telescope_keyword': 'CTIO13CCD',
    'observatory_code': '807',
    'secpix': (0.185, 0.185),
    'binning': ('CCDXBIN', 'CCDYBIN'),
    'date_keyword': 'DATE-OBS|TIME-OBS',
    'filter': 'CCDFLTID',
    'filter_translations': bands('VRB'),
    'airmass': 'SECZ',
    'source_minarea': 15,
    'aprad_default': 4,
    'mask_file': {'2,2': 'mask_andicam_2x2.fits'},
    'copy_keywords': (
        'OBSERVAT,INSTRUME,CCDFLTID,EXPTIME,OBJECT,DATE-OBS,TIME-OBS,RA,DEC,SECPIX,SECZ,TEL_KEYW'
    ),
    'scamp-settings': WITHIN_5_ARCMIN,
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('ANDICAM-CCD',),
}

# Danish 1.54m, DFOSC (imaging)
dfosc_param = {
    **COMMON,
    'telescope_instrument': 'Danish/DFOSC',
    'telescope_keyword': 'DFOSC',
    'observatory_code': 'W74',
    'secpix': (0.4, 0.4),
    'rotate': 180,
    'binning': ('BINX', 'BINY'),
    'ra': 'OBJRA',
    'dec': 'OBJDEC',
    'filter': 'FILTB',
    'filter_translations': bands('VRIB'),
    'source_minarea': 9,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTB,EXPTIME,OBJECT,DATE-OBS,OBJRA,OBJDEC,SECPIX,AIRMASS,TEL_KEYW,'
        'BINX,BINY,MIDTIMJD'
    ),
    'identified_by': ('DFOSC_FASU',),
}

# Discovery Channel Telescope, Large Monolithic Imager
dctlmi_param = {
    **COMMON,
    'telescope_instrument': 'DCT/LMI',
    'telescope_keyword': 'DCTLMI',
    'observatory_code': 'G37',
    'secpix': (0.12, 0.12),
    'binning': CCDSUM,
    'filter': 'FILTERS',
    'filter_translations': {
        'V': 'V', 'R': 'R', 'B': 'B', 'VR': None, 'I': 'I', 'SDSS-U': 'u', 'SDSS-G': 'g',
        'SDSS-R': 'r', 'SDSS-I': 'i', 'SDSS-Z': 'z', 'OH': None, 'CN': None, 'UC': None,
        'NH': None, 'BC': None, 'C2': None, 'C3': None, 'CO+': None, 'H2O+': None, 'GC': None,
        'RC': None,
    },
    'source_minarea': 9,
    'aprad_default': 4,
    'copy_keywords': (
        'OBSERVAT,INSTRUME,EXPTIME,OBJECT,DATE-OBS,RA,DEC,AIRMASS,TEL_KEYW,CCDSUM,FILTERS,'
        'MIDTIMJD'
    ),
    'scamp-settings': WITHIN_5_ARCMIN,
    'identified_by': ('LMI', 'lmi'),
}

# Gemini North 8.2m, GMOS
gmosn_param = {
    **COMMON,
    'telescope_instrument': 'Gemini-N/GMOS',
    'telescope_keyword': 'GMOSN',
    'observatory_code': 'T15',
    'secpix': (0.081, 0.081),
    'flipx': False,
    'rotate': 90,
    'binning': CCDSUM,
    'ra': 'CRVAL1',
    'dec': 'CRVAL2',
    'radec_separator': 'XXX',
    'date_keyword': 'DATE-OBS|UTSTART',
    'filter': 'FILTER2',
    'filter_translations': {'r_G0303': 'r', 'i_G0302': 'i', 'clear': None},
    'source_minarea': 9,
    'source_snr': 10,
    'aprad_default': 6,
    'aprad_range': (2, 15),
    'reg_max_mag': 23,
    'reg_search_radius': 0.3,
    'copy_keywords': (
        'OBSERVAT,INSTRUME,EXPTIME,OBJECT,DATE-OBS,UTSTART,RA,DEC,AIRMASS,TEL_KEYW,CCDSUM,'
        'FILTER2,MIDTIMJD'
    ),
    'scamp-settings': {'POSITION_MAXERR': '5.0', 'DISTORT_DEGREES': '3'},
    'photometry_catalogs': ('SDSS-R9', 'PANSTARRS', 'APASS9'),
    'identified_by': ('GMOS-N',),
}

# Gran Canaria 1.5m, MUSCAT2
tcs15muscat2_param = {
    **COMMON,
    'telescope_instrument': 'TCS1.5m/MUSCAT2',
    'telescope_keyword': 'TCS15MUSCAT2',
    'observatory_code': '954',
    'secpix': (0.44, 0.44),
    'binning': ('BINX', 'BINY'),
    'date_keyword': 'DATE-OBS|EXP-STRT',
    'filter_translations': {'g': 'g', 'r': 'r', 'i': 'i', 'z': 'z', 'clear': None},
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,EXP-STRT,RA,DEC,SECPIX,AIRMASS,'
        'TEL_KEYW,BINX,BINY,MIDTIMJD'
    ),
    'identified_by': ('MuSCAT2',),
}

# GTC, OSIRIS
gtcosiris_param = {
    **COMMON,
    'telescope_instrument': 'GTC/OSIRIS',
    'telescope_keyword': 'GTCOSIRIS',
    'observatory_code': 'Z18',
    'secpix': (0.127, 0.127),
    'binning': CCDSUM,
    'filter': 'FILTER2',
    'filter_translations': {'Sloan_r': 'r'},
    'source_minarea': 9,
    'aprad_default': 4,
    'copy_keywords': (
        'OBSERVAT,INSTRUME,EXPTIME,OBJECT,DATE-OBS,RA,DEC,AIRMASS,TEL_KEYW,CCDSUM,FILTER2,'
        'MIDTIMJD'
    ),
    'scamp-settings': WITHIN_5_ARCMIN,
    'identified_by': ('OSIRIS',),
    'distinguished_by': {'TELESCOP': ('GTC*',)},
}

# INT, WFC
intwfc_param = {
    **COMMON,
    'telescope_instrument': 'INT/WFC',
    'telescope_keyword': 'INTWFC',
    'observatory_code': '950',
    'secpix': (0.333, 0.333),
    'rotate': 90,
    'binning': ('CCDXBIN', 'CCDYBIN'),
    'date_keyword': 'DATE-OBS|UT',
    'filter': 'WFFBAND',
    'filter_translations': bands('V'),
    'aprad_range': (2, 12),
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,UT,RA,DEC,SECPIX,AIRMASS,TEL_KEYW,'
        'CCDXBIN,CCDYBIN,MIDTIMJD'
    ),
    'identified_by': ('WFC',),
    'distinguished_by': {'TELESCOP': ('INT*', '*Isaac Newton*')},
}

# IRSF 1.4m, SIRIUS
irsfsirius_param = {
    **COMMON,
    'telescope_instrument': 'IRSF/SIRIUS',
    'telescope_keyword': 'IRSFSIRIUS',
    'observatory_code': 'K94',
    'secpix': (0.453, 0.453),
    'binning': (1, 1),
    'date_keyword': 'DATE_UTC|TIME_UTC',
    'filter_translations': {'J': 'J', 'H': 'H', 'Ks': 'Ks'},
    'exptime': 'EXPOS',
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,TIME-OBS,RA,DEC,SECPIX,AIRMASS,'
        'TEL_KEYW'
    ),
    'photometry_catalogs': ('2MASS',),
    'identified_by': ('SIRIUS',),
    'distinguished_by': {'TELESCOP': ('IRSF*',)},
}

# KMTnet SAAO, (*)
kmtnets_param = {
    **COMMON,
    'telescope_instrument': 'KMTNET-S',
    'telescope_keyword': 'KMTNETS',
    'observatory_code': 'K94',
    'secpix': (0.398, 0.398),
    'binning': ('CCDXBIN', 'CCDYBIN'),
    'ra': 'CCD_RA',
    'dec': 'CCD_DEC',
    'radec_separator': 'XXX',
    'distort': KMTNET_DISTORTION,
    'filter_translations': bands('VRI'),
    'airmass': 'SECZ',
    'source_minarea': 10,
    'source_snr': 20,
    'reg_max_mag': 18,
    'source_tolerance': 'none',
    'scamp-settings': {
        'POSANGLE_MAXERR': '5.0', 'POSITION_MAXERR': '80.0', 'MATCH_FLIPPED': 'N',
        'CROSSID_RADIUS': '2.0', 'PROJECTION_TYPE': 'TPV', 'ASTRINSTRU_KEY': 'FILTER,CCD_NAME',
        'DISTORT_DEGREES': '3', 'ASTRCLIP_NSIGMA': '2', 'INCLUDE_ASTREFCATALOG': 'N',
        'SN_THRESHOLDS': '30.0,50.0', 'WEIGHTFLAGS_MASK': '0x00fc',
    },
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('KMTS',),
}

# KPNO 4m, Mosaic 1
kpno4mos1_param = {
    **COMMON,
    'telescope_instrument': 'KPNO4m/MOSAIC',
    'telescope_keyword': 'KPNO4MOS1',
    'observatory_code': '695',
    'secpix': (0.2666, 0.2666),
    'binning': (1, 1),
    'filter_translations': {
        'g SDSS k1017': 'g', 'r SDSS k1018': 'r', 'i SDSS k1019': 'i', 'z SDSS c6020': 'z',
        'z SDSS k1020': 'z', 'KXs': 'K', 'none': None,
    },
    'source_minarea': 5,
    'source_snr': 1.5,
    'source_tolerance': 'low',
    'scamp-settings': WITHIN_5_ARCMIN,
    'photometry_catalogs': ('SDSS-R13', 'PANSTARRS', 'APASS9', '2MASS'),
    'identified_by': ('mosaic_1_1', 'mosaic_1'),
}

# KPNO 4m, Mosaic 3
kpno4mos3_param = {
    **COMMON,
    'telescope_instrument': 'KPNO4m/MOSAIC',
    'telescope_keyword': 'KPNO4MOS3',
    'observatory_code': '695',
    'secpix': (0.25, 0.25),
    'binning': (1, 1),
    'filter_translations': {
        'g SDSS k1017': 'g', 'r SDSS k1018': 'r', 'i SDSS k1019': 'i', 'z SDSS c6020': 'z',
        'B Harris k1002': 'B', 'KXs': 'K', 'none': None,
    },
    'source_minarea': 9,
    'aprad_range': (3, 15),
    'reg_max_mag': 21,
    'source_tolerance': 'low',
    'scamp-settings': WITHIN_5_ARCMIN,
    'photometry_catalogs': ('SDSS-R13', 'PANSTARRS', 'APASS9', '2MASS'),
    'identified_by': ('Mosaic3',),
}

# KPNO 4m, NEWFIRM
kpno4newf_param = {
    **COMMON,
    'telescope_instrument': 'KPNO4m/NEWFIRM',
    'telescope_keyword': 'KPNO4NEWF',
    'observatory_code': '695',
    'secpix': (0.4, 0.4),
    'binning': (1, 1),
    'filter_translations': {'KXs': 'K', 'JX': 'J', 'none': None},
    'source_minarea': 5,
    'source_snr': 1.5,
    'aprad_default': 10,
    'aprad_range': (5, 20),
    'source_tolerance': 'low',
    'scamp-settings': WITHIN_5_ARCMIN,
    'photometry_catalogs': ('2MASS',),
    'identified_by': ('newfirm',),
}

# LCOGT 1m (LSC), SBIG (kb78); kb76 at CPT is its sister, by the header of an archive frame
lcosbigkb78_param = {
    **LCO,
    'telescope_instrument': 'LCOGT(LSC)/SBIG',
    'telescope_keyword': 'LCOSBIGKB78',
    'observatory_code': 'W85',
    'secpix': (0.234, 0.234),
    'flipy': True,
    'identified_by': ('kb78', 'kb76'),
}

# LCOGT 1m (LSC), Sinistro (fl03)
lcosinfl03_param = {
    **LCO,
    'telescope_instrument': 'LCOGT(LSC)/SINISTRO',
    'telescope_keyword': 'LCOSINFL03',
    'observatory_code': 'W86',
    'secpix': (0.389, 0.389),
    'flipy': True,
    'identified_by': ('fl03',),
}

# LCOGT 1m (CPT), Sinistro (fl06)
lcosinfl06_param = {
    **LCO_SINISTRO,
    'telescope_instrument': 'LCOGT(SAAO)/SINISTRO',
    'telescope_keyword': 'LCOSINFL06',
    'observatory_code': 'K92',
    'identified_by': ('fl06',),
}

# LCOGT 1m (LSC), Sinistro (fa03)
lcosinfa03_param = {
    **LCO_SINISTRO,
    'telescope_instrument': 'LCOGT(CTIO)/SINISTRO',
    'telescope_keyword': 'LCOSINFA03',
    'observatory_code': 'W87',
    'identified_by': ('fa03',),
}

# LCOGT 1m (LSC), Sinistro (fa15)
lcosinfa15_param = {
    **LCO_SINISTRO,
    'telescope_instrument': 'LCOGT(CTIO)/SINISTRO',
    'telescope_keyword': 'LCOSINFA15',
    'observatory_code': 'W85',
    'identified_by': ('fa15',),
}

# LCOGT 1m (COJ), Sinistro (fl11)
lcosinfl11_param = {
    **LCO_SINISTRO,
    'telescope_instrument': 'LCOGT(SSO)/SINISTRO',
    'telescope_keyword': 'LCOSINFL11',
    'observatory_code': 'Q63',
    'identified_by': ('fl11',),
}

# LCOGT 1m (CPT), Sinistro (fl16)
lcosinfl16_param = {
    **LCO_SINISTRO,
    'telescope_instrument': 'LCOGT(SAAO)/SINISTRO',
    'telescope_keyword': 'LCOSINFL16',
    'observatory_code': 'K91',
    'identified_by': ('fl16',),
}

# LCOGT 2m (COJ), Spectral (fs01)
lcospecfs01_param = {
    **LCO,
    'telescope_instrument': 'LCOGT(COJ)/SPECTRAL',
    'telescope_keyword': 'LCOSPECFS01',
    'observatory_code': 'E10',
    'secpix': (0.15, 0.15),
    'identified_by': ('fs01',),
}

# Lowell 31”, NASACAM
lowell31_param = {
    **COMMON,
    'telescope_instrument': 'Lowell31/NASACAM',
    'telescope_keyword': 'LOWELL31',
    'observatory_code': '688',
    'secpix': (0.456, 0.456),
    'rotate': 270,
    'binning': (1, 1),
    'ra': 'TELRA',
    'dec': 'TELDEC',
    'date_keyword': 'DATE-OBS|UT',
    'filter': 'FILTER2',
    'filter_translations': {'V': 'V', 'I': 'I', 'R': 'R', 'clear': None},
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER1,FILTER2,EXPTIME,OBJECT,DATE-OBS,UT,TELRA,TELDEC,SCALE,AIRMASS,'
        'TEL_KEYW'
    ),
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('NASAcam',),
}

# Lowell 42”, NASA42
lowell42_param = {
    **COMMON,
    'telescope_instrument': 'Lowell42/NASA42',
    'telescope_keyword': 'LOWELL42',
    'observatory_code': '688',
    'secpix': (0.327, 0.327),
    'rotate': 90,
    'binning': CCDSUM_12,
    'ra': 'TELRA',
    'dec': 'TELDEC',
    'date_keyword': 'DATE-OBS|UTC-OBS',
    'filter': 'FILTNAME',
    'filter_translations': {
        'V': 'V', 'I': 'I', 'VR': None, 'R': 'R', 'clear': None, 'CN': None, 'open': None,
        'Open': None,
    },
    'copy_keywords': (
        'TELESCOP,INSTRUME,CCDSUM,FILTNAME,EXPTIME,OBJECT,DATE-OBS,UTC-OBS,TELRA,TELDEC,PIXSCAL,'
        'AIRMASS,TEL_KEYW'
    ),
    'sex-settings': {'SATUR_LEVEL': '40000.0'},
    'scamp-settings': {
        'PIXSCALE_MAXERR': '1.2', 'POSITION_MAXERR': '5.0', 'DISTORT_DEGREES': '3',
        'SN_THRESHOLDS': '5.0,50.0',
    },
    'photometry_catalogs': ('PANSTARRS', 'SDSS-R9', 'APASS9', '2MASS'),
    'trim_px': {'left': 100, 'right': 100, 'bottom': 100, 'top': 100},
    'identified_by': ('nasa42', 'E2V CCD-231 4096x4112'),
}

# Lowell 42”, SITE
lowell42site_param = {
    **COMMON,
    'telescope_instrument': 'Lowell42/SITE',
    'telescope_keyword': 'LOWELL42SITE',
    'observatory_code': '688',
    'secpix': (0.6, 0.6),
    'flipy': True,
    'binning': CCDSUM_12,
    'date_keyword': 'DATE-OBS|UT',
    'filter': 'FILTNAME',
    'filter_translations': bands('RIV'),
    'copy_keywords': (
        'TELESCOP,INSTRUME,CCDSUM,FILTNAME,EXPTIME,OBJECT,DATE-OBS,UT,RA,DEC,PIXSCAL,AIRMASS,'
        'TEL_KEYW'
    ),
    'sex-settings': {'SATUR_LEVEL': '40000.0'},
    'scamp-settings': {
        'PIXSCALE_MAXERR': '1.2', 'POSITION_MAXERR': '5.0', 'DISTORT_DEGREES': '3',
        'SN_THRESHOLDS': '5.0,50.0',
    },
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('2:1 f/17 direct',),
}

# Lowell 24”, LONEOS
loneos_param = {
    **COMMON,
    'telescope_instrument': 'LONEOS',
    'telescope_keyword': 'LONEOS',
    'observatory_code': '699',
    'secpix': (2.53, 2.53),
    'flipx': False,
    'binning': (1, 1),
    'ra': 'TELRA',
    'dec': 'TELDEC',
    'filter_translations': {'open': None},
    'source_minarea': 5,
    'aprad_default': 3,
    'aprad_range': (1, 8),
    'mask_file': {'1,1': 'mask_loneos.fits'},
    'reg_max_mag': 18,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,TIME-OBS,TELRA,TELDEC,SECPIX,AIRMASS,'
        'TEL_KEYW'
    ),
    'scamp-settings': {'POSITION_MAXERR': '300.0'},
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('loneos',),
}

# Magellan, IMACS long camera
magimacsl_param = {
    **COMMON,
    'telescope_instrument': 'Magellan/IMACS long',
    'telescope_keyword': 'MAGIMACSL',
    'observatory_code': '269',
    'secpix': (0.11, 0.11),
    'flipx': {1: True, 2: True, 3: True, 4: True, 5: True, 6: True, 7: True, 8: True},
    'flipy': {1: False, 2: False, 3: False, 4: False, 5: False, 6: False, 7: False, 8: False},
    'rotate': {1: 270, 2: 270, 3: 270, 4: 270, 5: 90, 6: 90, 7: 90, 8: 90},
    'chip_id': 'CHIP',
    'chip_offset_fixed': {
        1: (-0.033, -0.099), 2: (-0.033, -0.033), 3: (-0.033, 0.033), 4: (-0.033, 0.099),
        5: (0.033, -0.033), 6: (0.033, -0.099), 7: (0.033, 0.099), 8: (0.033, 0.033),
    },
    'binning': ('BINNING#x1', 'BINNING#x2'),
    'date_keyword': 'DATE-OBS|UT-TIME',
    'filter_translations': {
        'Sloan_u': 'u', 'Sloan_g': 'g', 'Sloan_r': 'r', 'Sloan_i': 'i', 'Sloan_z': 'z',
        'Bessell_V1': 'V', 'WB4800-7800': None,
    },
    'source_minarea': 10,
    'aprad_default': 8,
    'aprad_range': (3, 15),
    'reg_max_mag': 21,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,CHIP,EXPTYPE,DATE-OBS,UT-TIME,BINNING,RA,DEC,'
        'AIRMASS,SECPIX,TEL_KEYW'
    ),
    'scamp-settings': {'PIXSCALE_MAXERR': '1.05', 'POSITION_MAXERR': '4.0'},
    'photometry_catalogs': ('SDSS-R9', 'PANSTARRS', 'SkyMapper', 'APASS9', '2MASS'),
    'identified_by': ('IMACS Long-Camera',),
}

# Magellan, IMACS short camera
magimacss_param = {
    **magimacsl_param,
    'telescope_instrument': 'Magellan/IMACS short',
    'telescope_keyword': 'MAGIMACSS',
    'secpix': (0.2, 0.2),
    'flipx': {1: True, 2: False, 3: True, 4: True, 5: True, 6: True, 7: True, 8: True},
    'chip_offset_fixed': {
        1: (None, None), 2: (-0.11, 0.06), 3: (None, None), 4: (None, None), 5: (None, None),
        6: (None, None), 7: (None, None), 8: (None, None),
    },
    'identified_by': ('IMACS Short-Camera',),
}

# McDonald Struve 2.1m, CQUEAN
struvecquean_param = {
    **COMMON,
    'telescope_instrument': 'Struve/CQUEAN',
    'telescope_keyword': 'STRUVECQUEAN',
    'observatory_code': '711',
    'secpix': (0.276, 0.276),
    'binning': (1, 1),
    'ra': 'TEL_RA',
    'dec': 'TEL_DEC',
    'date_keyword': 'DATE-OBS|TIME-OBS',
    'filter_translations': bands('BVRI'),
    'copy_keywords': (
        'TELESCOP,FILTER,EXPTIME,OBJECT,DATE-OBS,TIME-OBS,TEL_RA,TEL_DEC,SECPIX,AIRMASS,TEL_KEYW,'
        'MIDTIMJD'
    ),
    'identified_by': ('2.1m Otto Struve',),
}

# MMT, MMTCAM
mmtcam_param = {
    **COMMON,
    'telescope_instrument': 'MMT/MMTCam',
    'telescope_keyword': 'MMTCAM',
    'observatory_code': '696',
    'secpix': (0.082, 0.082),
    'flipy': True,
    'binning': ('XBINNING', 'YBINNING'),
    'ra': 'OBJCTRA',
    'dec': 'OBJCTDEC',
    'radec_separator': ' ',
    'filter_translations': bands('gri'),
    'source_minarea': 25,
    'aprad_default': 7,
    'aprad_range': (3, 20),
    'reg_max_mag': 25,
    'reg_search_radius': 0.1,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,OBJCTRA,OBJCTDEC,SECPIX,AIRMASS,'
        'TEL_KEYW,XBINNING,YBINNING,MIDTIMJD'
    ),
    'scamp-settings': {'DISTORT_DEGREES': '3'},
    'identified_by': ('MMT Rapid Imager',),
}

# NEXT 0.6m, FLI
next_param = {
    **COMMON,
    'telescope_instrument': 'NEXT',
    'telescope_keyword': 'NEXT',
    'observatory_code': 'C42',
    'secpix': (0.64, 0.64),
    'flipx': False,
    'binning': ('XBINNING', 'YBINNING'),
    'radec_separator': ' ',
    'filter_translations': {'V': 'V', 'R': 'R', 'B': 'B', 'g2': 'g', 'r2': 'r', 'i2': 'i'},
    'copy_keywords': (
        'OBSERVAT,INSTRUME,EXPTIME,OBJECT,DATE-OBS,TEL_KEYW,XBINNING,YBINNING,FILTER,RA,DEC'
    ),
    'scamp-settings': {'PIXSCALE_MAXERR': '1.5', 'DISTORT_DEGREES': '3'},
    'photometry_catalogs': ('PANSTARRS',),
    'identified_by': ('FLI',),
    'distinguished_by': {'site': 'C42'},
}

# Nordic Optical Telescope, ALFOSC
notalfosc_param = {
    **COMMON,
    'telescope_instrument': 'NOT/ALFOSC',
    'telescope_keyword': 'NOTALFOSC',
    'observatory_code': 'Z23',
    'secpix': (0.2138, 0.2138),
    'binning': ('DETXBIN', 'DETYBIN'),
    'radec_separator': 'XXX',
    'filter': 'ALFLTNM',
    'filter_translations': {
        'Open': None, 'U_Bes 362_60': 'U', 'B_Bes 440_100': 'B', 'V_Bes 530_80': 'V',
        'R_Bes 650_130': 'R', 'i_int 797_157': 'I',
    },
    'copy_keywords': (
        'TELESCOP,INSTRUME,ALFLTNM,EXPTIME,OBJECT,DATE-OBS,RA,DEC,SECPIX,AIRMASS,TEL_KEYW,'
        'DETXBIN,DETYBIN,MIDTIMJD'
    ),
    'identified_by': ('ALFOSC_FASU',),
}

# Observatoire Haute- Provence 1.2m, CCD
ohp120_param = {
    **COMMON,
    'telescope_instrument': 'OHP120cm/CCD',
    'telescope_keyword': 'OHP120',
    'observatory_code': '511',
    'secpix': (0.385, 0.385),
    'flipy': True,
    'binning': ('XBINNING', 'YBINNING'),
    'radec_separator': 'XXX',
    'filter_translations': {
        'R_Cousins': 'R', 'V_Cousins': 'V', 'B_Cousins': 'B', 'H-alpha': None, 'i_Gunn': 'i',
    },
    'source_minarea': 15,
    'aprad_default': 8,
    'aprad_range': (2, 15),
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('Andor Tech',),
    'distinguished_by': {'site': '511'},
}

# Palomar 60-inch, optical facility camera
p60opt_param = {
    **COMMON,
    'telescope_instrument': 'Palomar60-inch/opticalfacility',
    'telescope_keyword': 'P60OPT',
    'observatory_code': '675',
    'secpix': (0.378, 0.378),
    'rotate': 270,
    'binning': CCDSUM,
    'date_keyword': 'UTSHUT',
    'filter_translations': bands('VR'),
    'source_minarea': 9,
    'mask_file': {'1,1': 'mask_p60opt_1x1.fits'},
    'reg_max_mag': 18,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,UTSHUT,RA,DEC,SECPIX,AIRMASS,TEL_KEYW,MIDTIMJD'
    ),
    'identified_by': ('P60',),
    'distinguished_by': {'UTSHUT': ('*',)},
}

# Palomar 60-inch, SED Machine
p60sedm_param = {
    **COMMON,
    'telescope_instrument': 'Palomar60-inch/SEDmachine',
    'telescope_keyword': 'P60SEDM',
    'observatory_code': '675',
    'secpix': (0.38, 0.38),
    'flipy': True,
    'binning': (1, 1),
    'date_keyword': 'OBSDATE|OBSTIME',
    'filter_translations': bands('griz'),
    'source_minarea': 7,
    'source_snr': 2,
    'reg_max_mag': 20,
    'reg_search_radius': 0.3,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,OBSDATE,OBSTIME,RA,DEC,SECPIX,AIRMASS,TEL_KEYW,'
        'MIDTIMJD'
    ),
    'scamp-settings': {'PIXSCALE_MAXERR': '1.2'},
    'identified_by': ('Rainbow Cam',),
}

# San Pedro Martir 84cm, Mexman (E2V CCD)
mexman_param = {
    **COMMON,
    'telescope_instrument': '0.84m/MEXMAN',
    'telescope_keyword': 'MEXMAN',
    'observatory_code': '679',
    'secpix': (0.22, 0.22),
    'flipx': False,
    'flipy': True,
    'rotate': 90,
    'binning': ('CCDXBIN', 'CCDYBIN'),
    'date_keyword': 'DATE-OBS|UT',
    'filter_translations': {'U': 'U', 'B': 'B', 'V': 'V', 'R': 'R', 'I': 'I'},
    'copy_keywords': 'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,RA,DEC,AIRMASS',
    'photometry_catalogs': ('SDSS-R9', 'APASS9', '2MASS'),
    'identified_by': ('Mexman',),
}

# Steward Observatory 90” Bok Telescope, Spacewatch Camera
steward90scc_param = {
    **COMMON,
    'telescope_instrument': 'Steward90/SCC',
    'telescope_keyword': 'STEWARD90SCC',
    'observatory_code': 'V00',
    'secpix': (0.1455, 0.1455),
    'flipy': True,
    'binning': ('XBINNING', 'YBINNING'),
    'filter_translations': {'r': 'r'},
    'source_minarea': 9,
    'aprad_default': 4,
    'copy_keywords': (
        'OBSERVAT,INSTRUME,EXPTIME,OBJECT,DATE-OBS,RA,DEC,AIRMASS,TEL_KEYW,XBINNING,YBINNING,'
        'FILTER,MIDTIMJD'
    ),
    'scamp-settings': WITHIN_5_ARCMIN,
    'identified_by': ('Finger Lakes Instr. ProLine Model PL23042, S/N PL0101015',),
}

# SOAR 4.1m, Goodman
soargoodman_param = {
    **COMMON,
    'telescope_instrument': 'SOAR/GOODMAN',
    'telescope_keyword': 'SOARGOODMAN',
    'observatory_code': 'I33',
    'secpix': (0.15, 0.15),
    'flipy': True,
    'binning': ('PG5_9', 'PG5_4'),
    'filter_translations': {
        'Rc': 'R', 'V': 'V', 'B': 'B', 'u': 'u', 'B-Bessel': 'B', 'V-Bessel': 'V', 'R-Bessel': 'R',
        'I-Bessel': 'I', 'g-SDSS': 'g', 'r-SDSS': 'r', 'i-SDSS': 'i', 'z-SDSS': 'z', 'VR': None,
        '<NO FILTER>': None,
    },
    'source_minarea': 15,
    'source_snr': 2,
    'aprad_default': 4,
    'mask_file': {'1,1': 'mask_soargoodman_1x1.fits', '2,2': 'mask_soargoodman_2x2.fits'},
    'reg_max_mag': 21,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,RA,DEC,SECPIX,AIRMASS,PG5_9,PG5_4,'
        'MIDTIMJD,TEL_KEYW'
    ),
    'scamp-settings': WITHIN_5_ARCMIN,
    'swarp-settings': {'SUBTRACT_BACK': 'Y'},
    'photometry_catalogs': ('PANSTARRS', 'SkyMapper', 'SDSS-R9'),
    'drop_cards': ('PARAM0', 'PARAM61', 'PARAM62', 'PARAM63'),
    'identified_by': ('Goodman Spectro',),
}

# Sutherland 40-inch, SHA
sl40in_param = {
    **COMMON,
    'telescope_instrument': 'Sutherland 40inch/SHOC',
    'telescope_keyword': 'SL40IN',
    'observatory_code': 'K94',
    'secpix': (0.167, 0.167),
    'flipx': False,
    'binning': ('HBIN', 'VBIN'),
    'ra': 'TELRA',
    'dec': 'TELDEC',
    'date_keyword': 'FRAME',
    'date_marks': {
        'card': 'TRIGGER', 'Internal': 'end', 'External': 'start', 'External Start': 'start',
    },
    'filter': 'FILTERB',
    'filter_translations': {"u'": 'u', "g'": 'g', "r'": 'r', "i'": 'i', "z'": 'z'},
    'exptime': 'EXPOSURE',
    'photometry_catalogs': ('SkyMapper', 'SDSS-R9', 'APASS9', 'PANSTARRS', '2MASS'),
    'identified_by': ('SHA',),
}

# Telescopio Nazionale Galileo, DOLORES
tngdolores_param = {
    **COMMON,
    'telescope_instrument': 'TNG/DOLORES',
    'telescope_keyword': 'TNGDOLORES',
    'observatory_code': 'Z19',
    'secpix': (0.252, 0.252),
    'flipy': True,
    'binning': ('CRDELT1', 'CRDELT2'),
    'radec_separator': 'XXX',
    'object': 'OBJCAT',
    'filter': 'FLT_ID',
    'filter_translations': {'B_JOHN_10': 'B', 'V_JOHN_11': 'V', 'R_JOHN_12': 'R', 'I_JOHN_13': 'I'},
    'source_minarea': 15,
    'aprad_default': 8,
    'aprad_range': (2, 15),
    'reg_max_mag': 17,
    'scamp-settings': WITHIN_5_ARCMIN,
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('LRS',),
}

# UKIRT, WFCAM
ukirtwfcam_param = {
    **COMMON,
    'telescope_instrument': 'UKIRT/WFCAM',
    'telescope_keyword': 'UKIRTWFCAM',
    'observatory_code': 'T11',
    'secpix': (0.402, 0.402),
    'flipx': {1: True, 2: True, 3: True, 4: True},
    'flipy': {1: True, 2: True, 3: True, 4: True},
    'rotate': {1: 270, 2: 0, 3: 90, 4: 180},
    'chip_id': 'CAMNUM',
    'chip_offset_fixed': {1: (-0.44, -0.44), 2: (0, -0.44), 3: (0, 0), 4: (-0.44, 0)},
    'binning': (1, 1),
    'ra': 'TELRA',
    'dec': 'TELDEC',
    'radec_separator': 'XXX',
    'radec_unit': 'hours',
    'radec_jitter': ('JITTER_X', 'JITTER_Y'),
    'filter_translations': {'Z': 'Z', 'Y': 'Y', 'J': 'J_UKIRT', 'H': 'H_UKIRT', 'K': 'K'},
    'exptime': 'EXP_TIME',
    'airmass': 'AMSTART',
    'gain': None,
    'aprad_range': (1, 8),
    'reg_search_radius': 0.3,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXP_TIME,PROJECT,AIRMASS,OBJECT,DATE-OBS,MJD-OBS,GAIN,READNOIS,'
        'TELRA,TELDEC,SECPIX1,SECPIX2,CAMNUM,MIDTIMJD,TEL_KEYW,AMSTART'
    ),
    'sex-settings': {
        'RESCALE_WEIGHTS': 'N', 'WEIGHT_GAIN': 'N', 'PIXEL_SCALE': '0.4', 'SEEING_FWHM': '3',
    },
    'scamp-settings': {
        'POSANGLE_MAXERR': '5.0', 'POSITION_MAXERR': '5.0', 'MATCH_FLIPPED': 'N',
        'CROSSID_RADIUS': '2.0', 'DISTORT_DEGREES': '3', 'SN_THRESHOLDS': '5.0,20.0',
    },
    'swarp-settings': {'CLIP_SIGMA': '3.0'},
    'photometry_catalogs': ('2MASS',),
    'identified_by': ('WFCAM',),
}

# Vatican Advanced Technology Telescope, VATT4k
vatt4k_param = {
    **COMMON,
    'telescope_instrument': 'VATT/VATT4k',
    'telescope_keyword': 'VATT4K',
    'observatory_code': '290',
    'secpix': (0.1875, 0.1875),
    'binning': ('CCDBIN1', 'CCDBIN2'),
    'date_keyword': 'DATE-OBS|TIME-OBS',
    'filter_translations': {
        'TOP 2 BOT 1': 'V', 'TOP 3 BOT 1': 'R', 'TOP 4 BOT 1': 'I', 'TOP 5 BOT 1': 'B',
        'TOP 1 BOT 1': None,
    },
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,TIME-OBS,RA,DEC,SECPIX,AIRMASS,'
        'TEL_KEYW,CCDBIN1,CCDBIN2,MIDTIMJD'
    ),
    'identified_by': ('= "Vatt4k"',),
}

# Very Large Telescope, FORS2
vltfors2_param = {
    **COMMON,
    'telescope_instrument': 'VLT/FORS2',
    'telescope_keyword': 'VLTFORS2',
    'observatory_code': '309',
    'secpix': (0.126, 0.126),
    'binning': ('ESO DET WIN1 BINX', 'ESO DET WIN1 BINY'),
    'radec_separator': 'XXX',
    'filter': 'ESO INS FILT1 NAME',
    'filter_translations': {'R_SPECIAL': 'r'},
    'source_minarea': 10,
    'source_snr': 5,
    'aprad_default': 4,
    'aprad_range': (2, 20),
    'reg_max_mag': 22,
    'reg_search_radius': 0.1,
    'copy_keywords': 'OBSERVAT,INSTRUME,EXPTIME,OBJECT,DATE-OBS,RA,DEC,SCALE,AIRMASS,TEL_KEYW',
    'scamp-settings': {
        'PIXSCALE_MAXERR': '1.2', 'POSANGLE_MAXERR': '10.0', 'POSITION_MAXERR': '5.0',
        'MATCH_FLIPPED': 'N',
    },
    'photometry_catalogs': ('SDSS-R9', 'PANSTARRS', 'APASS9'),
    'identified_by': ('FORS2',),
}

# WIYN 0.9m, Half Degree Imager
wiyn09hdi_param = {
    **COMMON,
    'telescope_instrument': 'WIYN09/HDI',
    'telescope_keyword': 'WIYN09HDI',
    'observatory_code': '695',
    'secpix': (0.43, 0.43),
    'flipx': False,
    'binning': ('CCDBIN1', 'CCDBIN2'),
    'ra': 'RASTRNG',
    'dec': 'DECSTRNG',
    'filter': 'FILTER1',
    'filter_translations': bands('ugriz'),
    'source_minarea': 9,
    'aprad_default': 3,
    'aprad_range': (2, 8),
    'copy_keywords': (
        'OBSERVAT,INSTRUME,FILTER1,EXPTIME,OBJECT,DATE-OBS,RASTRNG,DECSTRNG,SECPIX,AIRMASS,'
        'TEL_KEYW'
    ),
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('hdi',),
}

# ZTF, Mosaic
ztfmosaic_param = {
    **COMMON,
    'telescope_instrument': 'ZTF/MOSAIC',
    'telescope_keyword': 'ZTFMOSAIC',
    'observatory_code': 'I41',
    'secpix': (1.012, 1.012),
    'binning': CCDSUM,
    'ra': 'OBJRAD',
    'dec': 'OBJDECD',
    'radec_separator': 'XXX',
    'date_keyword': 'OBSJD',
    'date_marks': 'start',
    'filter_translations': {'ZTF_g': 'g', 'ZTF_r': 'r'},
    'reg_search_radius': 0.1,
    'photometry_catalogs': ('PANSTARRS', 'SDSS-R9'),
    'trust_wcs': True,
    'identified_by': ('ZTF/MOSAIC',),
}

# Lowell72, PRISM
lowell72_param = {
    **COMMON,
    'telescope_instrument': 'Lowell72/PRISM',
    'telescope_keyword': 'LOWELL72',
    'observatory_code': '688',
    'secpix': (0.39, 0.39),
    'binning': CCDSUM_12,
    'ra': 'TELRA',
    'dec': 'TELDEC',
    'filter': 'FILTNME3',
    'filter_translations': {'B': 'B', 'V': 'V', 'I': 'I', 'R': 'R', 'VR': None},
    'source_minarea': 5,
    'aprad_default': 2,
    'aprad_range': (1, 7),
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTNME3,EXPTIME,OBJECT,DATE-OBS,TELRA,TELDEC,PIXSCAL,AIRMASS,'
        'TEL_KEYW'
    ),
    'sex-settings': {'SATUR_LEVEL': '40000.0'},
    'scamp-settings': {
        'POSITION_MAXERR': '7.0', 'DISTORT_DEGREES': '3', 'SN_THRESHOLDS': '5.0,50.0',
    },
    'photometry_catalogs': ('PANSTARRS', 'SDSS-R9', 'APASS9', '2MASS'),
    'identified_by': ('PRISM Instrument', 'Prism 2048x2048 CCD', 'prism'),
}

# UH88, SNIFS
uh88snifs_param = {
    **COMMON,
    'telescope_instrument': 'UH88/SNIFS',
    'telescope_keyword': 'UH88SNIFS',
    'observatory_code': 'T12',
    'secpix': (0.1365, 0.1365),
    'flipy': True,
    'binning': ('CCDBIN1', 'CCDBIN2'),
    'filter_translations': {
        'SDSS u': 'u', 'SDSS g': 'g', 'SDSS r': 'r', 'SDSS i': 'i', 'SDSS z': 'z',
        'Bessell B': 'B', 'Bessell V': 'V', 'Bessell R': 'R', 'Bessell I': 'I',
    },
    'aprad_default': 3,
    'mask_file': {'2,2': 'mask_snifs_2x2.fits'},
    'copy_keywords': (
        'OBSERVAT,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,RA,DEC,SECPIX,AIRMASS,TEL_KEYW'
    ),
    'scamp-settings': {'PIXSCALE_MAXERR': '1.5', 'POSITION_MAXERR': '5.0', 'DISTORT_DEGREES': '3'},
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('SNIFS',),
}

# RATIR, RATIR
ratir_param = {
    **COMMON,
    'telescope_instrument': 'RATIR',
    'telescope_keyword': 'RATIR',
    'observatory_code': '679',
    'secpix': (0.15, 0.15),
    'binning': ('SC#CH#DTBN', 'SC#CH#DTBN'),
    'ra': 'STRSTRA',
    'dec': 'STRSTDE',
    'radec_separator': 'XXX',
    'date_keyword': 'SSHT',
    'filter_translations': {'g': 'g', 'r': 'r', 'i': 'i', 'z': 'z', 'J': 'J', 'H': 'H'},
    'airmass': 'STROBAM',
    'source_minarea': 18,
    'aprad_default': 4,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,SSHT,STRSTRA,STRSTDE,SECPIX,STROBAM,TEL_KEYW'
    ),
    'scamp-settings': {'PIXSCALE_MAXERR': '1.5', 'POSITION_MAXERR': '3.0'},
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('C0', 'C1', 'C2', 'C3', 'C4'),
    'distinguished_by': {'SSHT': ('*',)},
}

# SOAR, GOODMANOLD
soargoodmanold_param = {
    **COMMON,
    'telescope_instrument': 'SOAR/GOODMANOLD',
    'telescope_keyword': 'SOARGOODMANOLD',
    'observatory_code': 'I33',
    'secpix': (0.15, 0.15),
    'flipy': True,
    'binning': ('PARAM18', 'PARAM22'),
    'filter_translations': {
        'Rc': 'R', 'R-Bessel': 'R', 'V': 'V', 'B': 'B', 'u': 'u', 'g-SDSS': 'g', 'r-SDSS': 'r',
        'i-SDSS': 'i', 'z-SDSS': 'z', 'VR': None,
    },
    'source_minarea': 15,
    'aprad_default': 4,
    'mask_file': {'1,1': 'mask_soargoodman_1x1.fits', '2,2': 'mask_soargoodman_2x2.fits'},
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,RA,DEC,SECPIX,AIRMASS,TEL_KEYW'
    ),
    'scamp-settings': WITHIN_5_ARCMIN,
    'swarp-settings': {'SUBTRACT_BACK': 'Y'},
    'photometry_catalogs': ('PANSTARRS', 'SkyMapper', 'SDSS-R9'),
    'identified_by': ('Goodman Spectrograph',),
}

# FRoST, FRoST
frost_param = {
    **COMMON,
    'telescope_instrument': 'FRoST',
    'telescope_keyword': 'FROST',
    'observatory_code': 'V04',
    'secpix': (2.81, 2.81),
    'binning': (1, 1),
    'radec_separator': 'XXX',
    'filter_translations': {'clear': 'V', 'Clear': 'V', 'CLEAR': 'V'},
    'source_minarea': 5,
    'aprad_default': 3,
    'aprad_range': (1, 8),
    'reg_max_mag': 17,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,TIME-OBS,RA,DEC,SECPIX,AIRMASS,'
        'TEL_KEYW'
    ),
    'scamp-settings': {'POSITION_MAXERR': '300.0'},
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('SI 600-277',),
}

# Pluto, plate
plutoplate_param = {
    **COMMON,
    'telescope_instrument': 'Pluto/plate',
    'telescope_keyword': 'PLUTOPLATE',
    'observatory_code': '690',
    'secpix': (0.9, 0.9),
    'flipx': False,
    'binning': (1, 1),
    'radec_separator': 'XXX',
    'filter_translations': {'plate': None},
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,TIME-OBS,RA,DEC,SECPIX,AIRMASS,'
        'TEL_KEYW,CCDBIN1,CCDBIN2,MIDTIMJD'
    ),
    'sex-settings': {'DETECT_TYPE': 'PHOTO'},
    'scamp-settings': {'DISTORT_DEGREES': '3'},
    'identified_by': ('Pluto plate',),
}

# PDO 25cm f6.3, SBIG ST-8
pdo25cmf63st8_param = {
    **COMMON,
    'telescope_instrument': 'PDO 25cm f6.3/SBIG ST-8',
    'telescope_keyword': 'PDO25CMF63ST8',
    'observatory_code': '716',
    'secpix': (1.18, 1.18),
    'binning': ('BINNING', 'BINNING'),
    'ra': 'OBJCTRA',
    'dec': 'OBJCTDEC',
    'radec_separator': ' ',
    'date_keyword': 'DATETIME',
    'filter_translations': {'clear': None},
    'exptime': 'EXPOSURE',
    'source_minarea': 10,
    'reg_max_mag': 16,
    'reg_search_radius': 0.2,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPOSURE,OBJECT,DATETIME,OBJCTRA,OBJCTDEC,SECPIX,TEL_KEYW,'
        'BINNING,MIDTIMJD'
    ),
    'astrometry_catalogs': ('TGAS',),
    'identified_by': ('25cm f/6.3 SCT_SBIG ST-8',),
}

# PDO 0.5m f8.1, FLI KAF1001E
pdo05f81kaf1001e_param = {
    **COMMON,
    'telescope_instrument': 'PDO 0.5m f8.1/FLI KAF1001E',
    'telescope_keyword': 'PDO05F81KAF1001E',
    'observatory_code': '716',
    'secpix': (1.2, 1.2),
    'flipy': True,
    'binning': ('BINNING', 'BINNING'),
    'ra': 'OBJCTRA',
    'dec': 'OBJCTDEC',
    'filter_translations': {'Clear': None},
    'exptime': 'EXPOSURE',
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPOSURE,OBJECT,DATE-OBS,OBJCTRA,OBJCTDEC,SECPIX,AIRMASS,'
        'TEL_KEYW,BINNING,MIDTIMJD'
    ),
    'identified_by': ('0.5m f/8.1 Ritchey-Chretien_FLI KAF1001E',),
}

# CS3-PDS-2-14N 35cm SCT, STL-1001E
pds35cmstl1001e_param = {
    **COMMON,
    'telescope_instrument': 'CS3-PDS-2-14N 35cm SCT/STL-1001E',
    'telescope_keyword': 'PDS35CMSTL1001E',
    'observatory_code': 'U82',
    'secpix': (1.48, 1.48),
    'flipx': False,
    'binning': ('XBINNING', 'YBINNING'),
    'ra': 'OBJCTRA',
    'dec': 'OBJCTDEC',
    'radec_separator': ' ',
    'filter_translations': {'NF': None},
    'exptime': 'EXPOSURE',
    'source_minarea': 10,
    'reg_max_mag': 16,
    'reg_search_radius': 0.2,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPOSURE,OBJECT,DATETIME,OBJCTRA,OBJCTDEC,SECPIX,TEL_KEYW,'
        'XBINNING,YBINNING,MIDTIMJD'
    ),
    'identified_by': ('0.35-m SCT_STL-1001E',),
}

# Magellan, LDSS3
magldss3_param = {
    **COMMON,
    'telescope_instrument': 'Magellan/LDSS3',
    'telescope_keyword': 'MAGLDSS3',
    'observatory_code': '268',
    'secpix': (0.189, 0.189),
    'flipy': True,
    'binning': ('BINNING#x1', 'BINNING#x2'),
    'date_keyword': 'DATE-OBS|TIME-OBS',
    'filter_translations': {'W4800_7800': None},
    'source_minarea': 10,
    'aprad_default': 3,
    'aprad_range': (3, 15),
    'reg_max_mag': 25,
    'reg_search_radius': 0.1,
    'copy_keywords': (
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,TIME-OBS,RA,DEC,SECPIX,AIRMASS,'
        'TEL_KEYW,BINNING,MIDTIMJD'
    ),
    'scamp-settings': {'PIXSCALE_MAXERR': '1.05', 'POSITION_MAXERR': '4.0'},
    'identified_by': ('LDSS3-C',),
}

# PW1mNPOI, FLI
pwflinpoi_param = {
    **COMMON,
    'telescope_instrument': 'PW1mNPOI/FLI',
    'telescope_keyword': 'PWFLINPOI',
    'observatory_code': '699',
    'secpix': (0.31, 0.31),
    'flipy': True,
    'binning': ('XBINNING', 'YBINNING'),
    'radec_separator': ' ',
    'filter_translations': {'clear': 'r', 'Sloan-r': 'r'},
    'source_minarea': 9,
    'aprad_default': 4,
    'copy_keywords': 'TELESCOP,INSTRUME,EXPTIME,OBJECTA,UTCSTART,RA,DEC,AIRMASS,FILTER,MIDTIMJD',
    'scamp-settings': WITHIN_5_ARCMIN,
    'identified_by': ('FLI',),
    'distinguished_by': {'site': '688'},
}

# Generic Telescope, any
generic_param = {
    **COMMON,
    'telescope_instrument': 'Generic',
    'telescope_keyword': 'GENERIC',
    'observatory_code': '500',
    'secpix': (None, None),
    'flipx': False,
    'binning': ('BINX', 'BINY'),
    'ra': 'OBJCTRA',
    'dec': 'OBJCTDEC',
    'radec_separator': ' ',
    'filter_translations': {
        'U': 'U', 'B': 'B', 'V': 'V', 'R': 'R', 'I': 'I', 'u': 'u', 'g': 'g', 'r': 'r', 'i': 'i',
        'z': 'z', 'J': 'J', 'H': 'H', 'Ks': 'Ks', 'K': 'K', 'clear': None, '': None,
    },
    'source_minarea': 8,
    'aprad_default': 3,
    'copy_keywords': 'OBSERVAT,INSTRUME,EXPTIME,OBJECT,DATE-OBS,TEL_KEYW',
    'scamp-settings': {'PIXSCALE_MAXERR': '1.5', 'DISTORT_DEGREES': '3'},
    'photometry_catalogs': SDSS_FIRST,
    'identified_by': ('ArtemisHSC', 'GENERIC'),
}

# -- the other cameras of Las Cumbres: camera, MPC code where the header tells none, flipy (values
#    of the observatory's own public fork of PHOTOMETRYPIPELINE, 2025)

_SINISTROS = (
    ('fa01', 'K92', True),
    ('fa04', 'W86', True),
    ('fa05', 'V37', False),
    ('fa06', 'K93', True),
    ('fa07', 'V39', False),
    ('fa11', 'Z24', False),
    ('fa12', 'Q63', True),
    ('fa14', 'K92', True),
    ('fa16', 'K91', True),
    ('fa19', 'Q64', True),
    ('fa20', 'Z31', False),
)
_SBIGS_04 = (
    ('kb24', 'Q58'),
    ('kb25', 'Z21'),
    ('kb26', 'W79'),
    ('kb27', 'T04'),
    ('kb28', 'Q58'),
    ('kb56', 'Q59'),
    ('kb82', 'T03'),
    ('kb84', 'L09'),
    ('kb88', 'V38'),
    ('kb95', 'W89'),
)

_lco_cameras = [
    *(
        {
            **LCO_SINISTRO,
            'telescope_instrument': f'LCOGT 1m/SINISTRO {camera}',
            'telescope_keyword': f'LCOSIN{camera.upper()}',
            'observatory_code': code,
            'flipy': flipy,
            'identified_by': (camera,),
        }
        for camera, code, flipy in _SINISTROS
    ),
    *(
        {
            **LCO,
            'telescope_instrument': f'LCOGT 0.4m/SBIG {camera}',
            'telescope_keyword': f'LCOSBIG{camera.upper()}',
            'observatory_code': code,
            'secpix': (0.571, 0.571),
            'rotate': 90,
            'identified_by': (camera,),
        }
        for camera, code in _SBIGS_04
    ),
]

# LCOGT 1m, any Sinistro that has no entry of its own
lcosinistro_param = {
    **LCO_SINISTRO,
    'telescope_instrument': 'LCOGT 1m/SINISTRO',
    'telescope_keyword': 'LCOSINISTRO',
    'observatory_code': '500',
    'identified_by': ('f[al][0-9][0-9]',),
}

# Faulkes Telescope North, MuSCAT3 (one camera per band). Unverified: the names of the cameras
# and their orientation; place and scale are those of lco.global
lcomuscat3_param = {
    **LCO,
    'telescope_instrument': 'LCOGT 2m/MUSCAT3',
    'telescope_keyword': 'LCOMUSCAT3',
    'observatory_code': 'F65',
    'secpix': (0.27, 0.27),
    'identified_by': ('ep02', 'ep03', 'ep04', 'ep05'),
}

# Faulkes Telescope South, MuSCAT4 (one camera per band). Unverified as those of MuSCAT3
lcomuscat4_param = {
    **LCO,
    'telescope_instrument': 'LCOGT 2m/MUSCAT4',
    'telescope_keyword': 'LCOMUSCAT4',
    'observatory_code': 'E10',
    'secpix': (0.27, 0.27),
    'identified_by': ('ep06', 'ep07', 'ep08', 'ep09'),
}

# LCOGT 0.4m, QHY600 (all of them; the header tells the place). Unverified: the names of the
# cameras and their orientation
lcoqhy600_param = {
    **LCO,
    'telescope_instrument': 'LCOGT 0.4m/QHY600',
    'telescope_keyword': 'LCOQHY600',
    'observatory_code': '500',
    'secpix': (0.74, 0.74),
    'identified_by': ('sq[0-9][0-9]',),
}

# -- the three names of the manual, derived from the paragraphs

telescope_parameters = {
    entry['telescope_keyword']: entry
    for entry in [
        *(value for name, value in list(globals().items()) if name.endswith('_param')),
        *_lco_cameras,
    ]
}
implemented_telescopes = list(telescope_parameters)
instrument_identifiers = {}
for _keyword, _entry in telescope_parameters.items():
    for _value in _entry['identified_by']:
        instrument_identifiers.setdefault(_value, _keyword)

# -- what was wrong in the published values: keyword ('*': all), key, published value, value
#    here, reason or source

_MPC_LIST = 'list of observatory codes of the Minor Planet Center, 2026-07-23'
_LCO_SITES = 'places of the cameras in the public configuration of LCO (banzai, neoexchange)'
_LCO_FILTERS = 'filters of the imagers (lco.global, neoexchange); z is called zs there'
_START = 'the card holds the start of the exposure, and a modified Julian date'
_LCO_PUBLISHED = {'gp': 'g', 'rp': 'r', 'ip': 'i', 'zp': 'z', 'w': None}
_BASE = 'one base configuration per tool, and what differs in sex-settings and so on'

CORRECTIONS = (
    ('*', 'sex-config-file', 'a file per camera', None, _BASE),
    ('*', 'scamp-config-file', 'a file per camera', None, _BASE),
    ('*', 'swarp-config-file', 'a file per camera, or none', None, _BASE),
    ('*', 'ext_coeff', 'absent in 12 entries', 0.05, 'the value of all others'),
    (
        '*', 'copy_keywords', 'absent in 8 entries', COMMON['copy_keywords'],
        'without it images could not be combined',
    ),
    ('KMTNETS', 'scamp', {'ASTRINSTRU_KEY': 'FILTER,CCD_NAME'}, None, 'now in scamp-settings'),
    ('KMTNETS', 'dont_remove', 'CCD_NAME', None, 'preparation removes no such card'),
    ('KMTNETS', 'astrometry_catalogs', ('GAIA', 'GAIA'), ('GAIA',), 'named twice'),
    # observatory codes
    ('TCS15MUSCAT2', 'observatory_code', 'J04', '954', 'J04 is the ESA station; ' + _MPC_LIST),
    ('STEWARD90SCC', 'observatory_code', '695', 'V00', _MPC_LIST),
    ('UKIRTWFCAM', 'observatory_code', '568', 'T11', _MPC_LIST),
    ('UH88SNIFS', 'observatory_code', '568', 'T12', _MPC_LIST),
    ('CFHTMEGAPRIME', 'observatory_code', '568', 'T14', _MPC_LIST),
    ('GMOSN', 'observatory_code', '568', 'T15', _MPC_LIST),
    ('DFOSC', 'observatory_code', '809', 'W74', _MPC_LIST),
    ('LCOSINFL03', 'observatory_code', 'W85', 'W86', _LCO_SITES),
    ('LCOSINFL16', 'observatory_code', 'K92', 'K91', _LCO_SITES),
    ('LCOSINFA03', 'observatory_code', 'W86', 'W87', _LCO_SITES),
    ('LCOSINFA15', 'observatory_code', 'W86', 'W85', _LCO_SITES),
    ('LCOSPECFS01', 'observatory_code', '413', 'E10', _LCO_SITES),
    # pixel scales
    ('TCS15MUSCAT2', 'secpix', (0.43, 0.43), (0.44, 0.44), '2019JATIS...5a5001N'),
    ('LCOSINFL03', 'secpix', (0.387, 0.387), (0.389, 0.389), 'lco.global, page on Sinistro'),
    (
        'PDO25CMF63ST8', 'secpix', (0.1875, 0.1875), (1.18, 1.18),
        'pixels of 9 micrometres at 1575 mm; the published value is that of VATT4K',
    ),
    # names
    (
        'PDO05F81KAF1001E', 'telescope_keyword', 'POD05MF81KAF1001E', 'PDO05F81KAF1001E',
        'has to be the name of the entry',
    ),
    (
        'STRUVECQUEAN', 'telescope_keyword', 'stuvezquean', 'STRUVECQUEAN',
        'has to be the name of the entry',
    ),
    ('MEXMAN', 'telescope_instrument', '0.84cm/MEXMAN', '0.84m/MEXMAN', 'slip of the unit'),
    # header cards
    (
        'CFHTMEGAPRIME', 'date_keyword', 'DATE-OBS', 'DATE-OBS|UTC-OBS',
        'date and time are in two cards (cfht.hawaii.edu, sample headers)',
    ),
    ('CFHTMEGAPRIME', 'filter', 'FILTER2', 'FILTER', 'cfht.hawaii.edu, sample headers'),
    (
        'SL40IN', 'date_marks', None, sl40in_param['date_marks'],
        'FRAME is the end of the exposure with the internal trigger (SAAO, page on SHOC)',
    ),
    (
        'ZTFMOSAIC', 'date_marks', 'middle', 'start',
        'Julian date at the start of the exposure (ZTF, schema of the alerts)',
    ),
    ('MEXMAN', 'obsmidtime_jd', 'JD', 'MIDTIMJD', 'the card holds the start of the exposure'),
    *(
        (keyword, 'obsmidtime_jd', 'MJD-OBS', 'MIDTIMJD', _START)
        for keyword in (
            'KMTNETS', 'KPNO4MOS1', 'KPNO4MOS3', 'KPNO4NEWF', 'LCOSINFA03', 'LCOSINFA15',
            'LCOSINFL06', 'LCOSINFL11', 'LCOSINFL16', 'NEXT', 'SL40IN',
        )
    ),
    (
        'NOTALFOSC', 'copy_keywords',
        'TELESCOP,INSTRUME,ALFTLNM,EXPTIME,OBJECT,DATE-OBS,RA,DEC,SECPIX,AIRMASS,TEL_KEYW,'
        'DETXBIN,DETYBIN,MIDTIMJD',
        notalfosc_param['copy_keywords'], 'the filter card is ALFLTNM',
    ),
    (
        'RATIR', 'copy_keywords',
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECTSSHT,STRSTRA,STRSTDE,SECPIX,STROBAM,TEL_KEYW',
        ratir_param['copy_keywords'], 'a comma was missing',
    ),
    (
        'CTIO10', 'copy_keywords',
        'TELESCOP,INSTRUME,FILTER,EXPTIME,OBJECT,DATE-OBS,TIME-OBS, RA,DEC,CCDSUM,AIRMASS,'
        'TEL_KEYW',
        ctio10_param['copy_keywords'], 'the filter card is FILTERID; stray blank',
    ),
    (
        'STEWARD90SCC', 'copy_keywords',
        'OBSERVAT,INSTRUME,EXPTIME,OBJECT,DATE-OBS,RA,DEC,AIRMASS,TEL_KEYW,CCDSUM,FILTERS,'
        'MIDTIMJD',
        steward90scc_param['copy_keywords'], 'binning and filter cards were those of DCTLMI',
    ),
    # filters
    (
        'CFHTMEGAPRIME', 'filter_translations', {'Sloan_r': 'r'},
        cfhtmegaprime_param['filter_translations'],
        'names of the filters of MegaPrime (LSST astro_metadata_translator)',
    ),
    (
        'UKIRTWFCAM', 'filter_translations', {'J': 'J', 'Z': 'Z', 'H': 'H', 'K': 'K'},
        ukirtwfcam_param['filter_translations'],
        'bands of WFCAM, transformed from those of 2MASS (2009MNRAS.394..675H); Y was missing',
    ),
    (
        'MAGLDSS3', 'filter_translations', {'W4800_7800': 'VR'}, {'W4800_7800': None},
        'no catalog has a band VR; at IMACS the same filter has no band either',
    ),
    (
        'GENERIC', 'filter_translations', {'V': 'V', 'R': 'R', 'clear': None, '': None},
        generic_param['filter_translations'], 'a telescope may have more filters than V and R',
    ),
    *(
        (keyword, 'filter_translations', _LCO_PUBLISHED, LCO_FILTERS, _LCO_FILTERS)
        for keyword in (
            'LCOSBIGKB78', 'LCOSINFL06', 'LCOSINFL11', 'LCOSINFL16', 'LCOSINFA03', 'LCOSINFA15',
        )
    ),
    (
        'LCOSINFL03', 'filter_translations', {'gp': 'g', 'rp': 'r', 'ip': 'i', 'zp': 'z'},
        LCO_FILTERS, _LCO_FILTERS,
    ),
    (
        'LCOSPECFS01', 'filter_translations',
        {'gp': 'g', 'rp': 'r', 'ip': 'i', 'zp': 'z', 'clear': None, 'V': 'V'},
        LCO_FILTERS, _LCO_FILTERS,
    ),
    # identifiers
    (
        'LCOSBIGKB78', 'identified_by', ('kb78',), ('kb78', 'kb76'),
        'another 1 m telescope has the same camera (header of an archive frame)',
    ),
    (
        'PWFLINPOI', 'identified_by', (), ('FLI',),
        'not a place of its own in the headers, but its latitude tells it from NEXT',
    ),
)
