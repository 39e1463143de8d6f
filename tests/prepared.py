"""Simulated frames as they are after a perfect pp_prepare and pp_register: true time and WCS."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from photpipe.fits.fitsfile import update_header
from simsky import Camera, read_truth


def make_prepared(paths: list[Path], camera: Camera, error_arcsec: float = 0.0) -> list[Path]:
    """Write what the earlier stages would have written; WCS off by `error_arcsec` per axis."""
    rng = np.random.default_rng(len(paths))
    for path in paths:
        truth = read_truth(path)
        wcs = fits.Header.fromstring(truth.meta["wcs"], sep="\n")
        for axis in (1, 2):
            wcs[f"CRVAL{axis}"] += rng.normal(0.0, error_arcsec / 3600)
        cards = {card.keyword: card.value for card in wcs.cards if card.keyword}
        cards |= {
            "TEL_KEYW": camera.keyword,
            "MIDTIMJD": truth.meta["midtime_jd"],
            "SECPIX": float(np.sqrt(np.prod(camera.scale_arcsec))),
            "SECPIXX": camera.scale_arcsec[0],
            "SECPIXY": camera.scale_arcsec[1],
        }
        update_header(path, cards)
    return paths
