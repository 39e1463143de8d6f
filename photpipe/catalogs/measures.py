"""Which columns of a catalog hold what was measured of its sources: in apertures, or with the PSF.

Where stars crowd, pp_photometry adds columns of a fit of the PSF. Fluxes of both are in the same
unit, the light in the aperture, so that zeropoints, limits and apertures on targets hold for both.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.table import Table

    from photpipe.catalogs.columns import SourceColumns

PSF_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "FLUX_APER": "FLUX_PSF",
        "FLUXERR_APER": "FLUXERR_PSF",
        "MAG_APER": "MAG_PSF",
        "MAGERR_APER": "MAGERR_PSF",
        "XWIN_IMAGE": "XPSF_IMAGE",
        "YWIN_IMAGE": "YPSF_IMAGE",
        "ERRAWIN_IMAGE": "ERRPSF_IMAGE",
        "ERRBWIN_IMAGE": "ERRPSF_IMAGE",
    }
)
"""Columns of the fit that stand for those of apertures and windows."""
CHI2 = "CHI2_PSF"


def has_psf(table: "Table | SourceColumns") -> bool:
    """Whether the sources of a catalog were measured with the PSF."""
    return CHI2 in table.colnames


def adopted(table: "Table | SourceColumns", name: str) -> str:
    """Column of a catalog that is to be used for one of `PSF_COLUMNS`; others are their own."""
    return PSF_COLUMNS.get(name, name) if has_psf(table) else name
