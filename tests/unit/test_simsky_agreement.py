"""Two independent readings of the published relations agree: the product's and the simulator's.

The simulated sky derives every band from Pan-STARRS; the product fetches a catalog of it through
its own services and calculates back. Catalogs are exact here, so only the equations are tested.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from photpipe.catalogs.calibrators import calibrators_for
from photpipe.catalogs.matching import mutual_matches
from photpipe.ground.sky import Cone
from photpipe.run.settings import Settings
from photpipe.services.reference import fetch_catalog
from simsky import Anchors, Field, Sky, SkyServer

CONE = Cone(359.98, -0.43, 0.15)
PS1_BASED = {"PANSTARRS": "griz", "REFCAT2": "grizBVRI", "PANSTARRS-DR2": "BVRI"}
NATIVE: Mapping[str, tuple[str, ...]] = {
    "GAIA": ("G", "BP", "RP", "V", "I"),
    "GAIA-SYNTH": ("B", "V", "R", "I", "g", "r", "i", "z"),
    "SDSS-R9": ("g", "r", "i"),
    "SDSS-R17": ("g", "r", "i"),
    "APASS9": ("B", "V", "g", "r"),
    "2MASS": ("J", "H", "Ks", "Z", "Y", "K"),
    "SkyMapper-DR4": ("gsm", "rsm", "g", "r", "i", "z"),
    "URAT-1": ("B", "V"),
}
CASES = [
    (Anchors(), {**{name: tuple(bands) for name, bands in PS1_BASED.items()}, **NATIVE}),
    (Anchors(johnson="SDSS"), {"SDSS-R9": tuple("BVRI"), "APASS9": ("R", "I")}),
    (Anchors(johnson="GAIA3", sloan="GAIA3"), {"GAIA3": tuple("BVRIgriz")}),
    (Anchors(johnson="GAIA2", sloan="GAIA2"), {"GAIA2": tuple("VRIgri")}),
]


@pytest.mark.parametrize(("anchors", "catalogs"), CASES, ids=lambda case: str(case)[:40])
def test_catalogs_give_the_magnitudes_of_the_sky(
    anchors: Anchors, catalogs: Mapping[str, tuple[str, ...]]
) -> None:
    kind = Field(
        stars_per_deg2=30000, r_range=(15.0, 19.0), min_separation_arcsec=8, anchors=anchors
    )
    sky = Sky.make(1, CONE.ra_deg, CONE.dec_deg, CONE.radius_deg, kind)
    true = sky.sources
    with SkyServer(sky, catalog_noise=0.0) as server:
        settings = replace(Settings(), services=server.service_settings())
        for name, bands in catalogs.items():
            table = fetch_catalog(name, CONE, settings)
            for band in bands:
                stars = calibrators_for(table, band).data
                ours, theirs, _ = mutual_matches(
                    stars["ra_deg"], stars["dec_deg"], true["ra_deg"], true["dec_deg"], 1.0
                )
                assert len(ours) > 10, (name, band)
                miss = np.asarray(stars["mag"])[ours] - np.asarray(true[band])[theirs]
                assert np.abs(miss).max() < 2e-3, (name, band)
