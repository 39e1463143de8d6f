"""A simulated sky: stars, galaxies and moving objects, frames of them, and services about them.

Nothing in the product knows of this package. It gives three things, all from one seed:

* **a sky** with known positions, motions and magnitudes in every photometric system;
* **frames** of it by any telescope of the registry, in that telescope's own header dialect,
  with the truth beside them;
* **a server** on the loopback interface that speaks VizieR, Horizons, SkyBoT, SDSS, MAST and
  VSX out of that sky, with faults on request.

Typical use::

    from simsky import Field, Mover, Sky, camera, night, observe, read_truth

    cam = camera("VATT4K", shape=(1024, 1024))      # entry of setup/telescopes.py, 2 x 2 binned
    asteroid = Mover("Don Quixote", 179.28, 0.428, epoch_jd=2457786.9566, number=3552,
                     designation="1983 SA", rate_ra_arcsec_min=0.6, v_mag=17.5)
    sky = sky_for(cam, seed=1, ra_deg=179.28, dec_deg=0.428).with_movers(asteroid)
    exposures = night(cam, 179.28, 0.428, count=10, start_jd=2457786.9, seed=1,
                      object_name="3552", exptime_s=60, pointing_error_arcsec=60)
    paths = observe(sky, cam, exposures, directory)  # mscience0001.fits ..., truth/*.ecsv
    truth = read_truth(paths[0])                     # x, y, ra_deg, dec_deg, flux_adu, mag ...
    truth.meta["zeropoint_mag"]                      # mag = zp - 2.5 log10(total ADU of the star)
    truth_wcs(truth)                                 # the true astropy WCS
    aperture_fraction(radius_px, truth.meta["fwhm_px"], truth.meta["moffat_beta"])
                                                     # light of a star in an aperture: the zeropoint
                                                     # in it is zp + 2.5 log10(fraction)

Single frames: ``render(sky, cam, Exposure(midtime_jd, ra_deg, dec_deg, ...), seed)`` returns a
`Frame` (pixels, header, truth, wcs) with ``write(path)``. Everything that can go wrong is a
field of `Exposure`: clouds, pointing, rotation, parity, scale, distortion, trailing, cosmic rays,
satellites (`Crossing`), charge on a place of one's own (`Hit`), vignetting, NaN, header cards.

The services, and what may go wrong with them::

    with SkyServer(sky) as server:
        settings = Settings(services=server.service_settings())
        ...                                          # run the product
        server.requests, server.count("horizons")    # what was asked
        server.fail(replace(faults.ERROR_503, service="vizier", times=2))   # the next two
        server.fail(replace(faults.TRUNCATED, server="vizier", first=3))    # not the mirror
        server.stop("mast")                          # connection refused
        server.heal()                                # forget faults and requests

`faults.ALL_FAULTS` lists them for a fault matrix; ``catalog_noise=0`` makes exact catalogs.
Comets with ``apparitions`` or ``fragments`` are ambiguous; ``kind="major"`` makes planets;
``ephemeris_error_arcsec`` lets predictions be off.

Magnitude systems: which of the mutually contradicting published relations is exact is set by
``Field(anchors=Anchors(johnson=..., sloan=...))``; by default B V R I and g r i z follow from
Pan-STARRS (Tonry et al. 2012), so catalog PANSTARRS gives exact zeropoints in those bands.
"""

from simsky import faults
from simsky.cameras import Camera, camera, entries
from simsky.detector import Hit
from simsky.faults import Fault
from simsky.frames import Exposure, Frame, read_truth, render, truth_path, truth_wcs
from simsky.locus import Anchors, magnitudes
from simsky.movers import Mover
from simsky.night import night, observe, sky_for
from simsky.psf import Crossing, aperture_fraction
from simsky.server import SkyServer
from simsky.stars import Field, Sky

__all__ = [
    "Anchors",
    "Camera",
    "Crossing",
    "Exposure",
    "Fault",
    "Field",
    "Frame",
    "Hit",
    "Mover",
    "Sky",
    "SkyServer",
    "aperture_fraction",
    "camera",
    "entries",
    "faults",
    "magnitudes",
    "night",
    "observe",
    "read_truth",
    "render",
    "sky_for",
    "truth_path",
    "truth_wcs",
]
