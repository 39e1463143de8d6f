"""Cameras: a telescope entry of the registry, with the numbers that rendering needs."""

import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_REGISTRY_FILE = Path(__file__).parents[1] / "setup" / "telescopes.py"

# Aperture (m) of the telescopes; 1.5 m where nothing is said. For the sensitivity only.
_APERTURES_M = {
    "VATT4K": 1.8,
    "DCTLMI": 4.3,
    "LOWELL31": 0.8,
    "LOWELL42": 1.1,
    "LOWELL72": 1.8,
    "LONEOS": 0.6,
    "FROST": 0.6,
    "CTIO09": 0.9,
    "CTIO10": 1.0,
    "WIYN09HDI": 0.9,
    "ARC35ARCTIC": 3.5,
    "ARC35AGILE": 3.5,
    "ARC35SPICAM": 3.5,
    "TNGDOLORES": 3.6,
    "MAGIMACSL": 6.5,
    "MAGIMACSS": 6.5,
    "MAGLDSS3": 6.5,
    "SOARGOODMAN": 4.1,
    "GMOSN": 8.1,
    "KPNO4MOS1": 4.0,
    "UKIRTWFCAM": 3.8,
    "NOTALFOSC": 2.5,
    "INTWFC": 2.5,
    "ZTFMOSAIC": 1.2,
    "LCOSINFA15": 1.0,
    "LCOSBIGKB78": 1.0,
    "NEXT": 0.6,
    "SL40IN": 1.0,
}
# A perfect 1 m telescope of ordinary efficiency collects 1 electron/s from a star of this mag.
_ZEROPOINT_1M_E = 24.0


@dataclass(frozen=True, slots=True)
class Camera:
    """A telescope with a detector of a chosen size.

    Parameters
    ----------
    keyword : str
        Keyword of the telescope entry.
    parameters : mapping
        The documented dictionary of the telescope.
    shape : tuple of int
        (ny, nx) in binned pixels.
    binning : tuple of int
        Binning in x and y.
    scale_arcsec : tuple of float
        Binned pixel scale in x and y.
    zeropoint_e : float
        Magnitude that gives 1 electron/s above the atmosphere, the same in every band.
    gain : float
        Electrons per ADU.
    read_noise_e : float
        Read noise (electrons).
    saturation_adu : float
        Level at which pixels saturate.
    extinction_mag : float
        Extinction per airmass.
    moffat_beta : float
        Shape of the seeing disk.
    """

    keyword: str
    parameters: Mapping[str, Any]
    shape: tuple[int, int]
    binning: tuple[int, int]
    scale_arcsec: tuple[float, float]
    zeropoint_e: float
    gain: float = 2.0
    read_noise_e: float = 6.0
    saturation_adu: float = 60000.0
    extinction_mag: float = 0.12
    moffat_beta: float = 3.0

    @property
    def half_diagonal_deg(self) -> float:
        """Distance from the centre of the frame to its corners."""
        ny, nx = self.shape
        return float(np.hypot(nx * self.scale_arcsec[0], ny * self.scale_arcsec[1]) / 7200)

    @property
    def area_deg2(self) -> float:
        """Area of the frame."""
        ny, nx = self.shape
        return nx * ny * self.scale_arcsec[0] * self.scale_arcsec[1] / 3600.0**2

    def band_of(self, filter_name: str) -> str | None:
        """Band of a filter name, None for filters without one."""
        band: str | None = self.parameters["filter_translations"][filter_name]
        return band

    def filter_for(self, band: str | None = None) -> str:
        """Filter name of a band; without a band: of R, V, r, or the first that has a band."""
        translations: Mapping[str, str | None] = self.parameters["filter_translations"]
        names = {value: name for name, value in reversed(list(translations.items()))}
        for wanted in (band,) if band else ("R", "r", "V", "g"):
            if wanted in names:
                return names[wanted]
        if band:
            message = f"{self.keyword} has no filter for {band}"
            raise KeyError(message)
        with_band = (name for name, value in translations.items() if value)
        return str(next(with_band, next(iter(translations))))


@cache
def entries() -> Mapping[str, Mapping[str, Any]]:
    """The documented dictionaries of all built-in telescopes, read without the product's help."""
    parameters: Mapping[str, Mapping[str, Any]]
    parameters = runpy.run_path(str(_REGISTRY_FILE))["telescope_parameters"]
    return parameters


def camera(
    keyword: str,
    shape: tuple[int, int] = (1024, 1024),
    binning: tuple[int, int] | None = None,
    **changes: Any,
) -> Camera:
    """Camera of a telescope entry.

    Parameters
    ----------
    keyword : str
        Keyword of the entry, e.g. ``"VATT4K"``.
    shape : tuple of int
        (ny, nx) in binned pixels.
    binning : tuple of int, optional
        Binning; by default what brings the pixels to about 0.35 arcsec, or the entry's fixed one.
    changes
        Any other field of `Camera`.
    """
    parameters = entries()[keyword]
    secpix = parameters["secpix"]
    if secpix[0] is None:
        secpix = (0.6, 0.6)
    forms = parameters["binning"]
    if not isinstance(forms[0], str):
        binning = (int(forms[0]), int(forms[1]))
    elif binning is None:
        side = max(1, round(0.35 / secpix[0]))
        binning = (side, side)
    aperture_m = _APERTURES_M.get(keyword, 1.5)
    values: dict[str, Any] = {"zeropoint_e": _ZEROPOINT_1M_E + 5 * np.log10(aperture_m)}
    values |= changes
    return Camera(
        keyword=keyword,
        parameters=parameters,
        shape=shape,
        binning=binning,
        scale_arcsec=(secpix[0] * binning[0], secpix[1] * binning[1]),
        **values,
    )
