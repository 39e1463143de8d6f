"""Make ``example_data/vatt4k``: a small simulated night of asteroid 3552, and its sky cache.

``python -m simsky.example`` renders the frames and lets the product's own services fill
the cache from the simulated sky, so that the example runs without a network.
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from astropy.table import Table

from photpipe.ground.sky import Cone
from photpipe.instruments.frames import Frame
from photpipe.run.settings import Settings
from photpipe.services import horizons, skybot, vsx
from photpipe.services.reference import fetch_catalog
from simsky import Camera, Mover, Sky, SkyServer, camera, night, observe, read_truth, sky_for

FOLDER = Path(__file__).resolve().parents[1] / "example_data" / "vatt4k"
RA_DEG, DEC_DEG, FIRST_MIDTIME_JD = 179.280, 0.428, 2457786.9566
FRAMES, SIDE_PX, EXPTIME_S, SEED = 10, 560, 60.0, 3552
CATALOGS = ("GAIA", "PANSTARRS", "SDSS-R9", "APASS9", "REFCAT2", "2MASS")
SEARCH_RADIUS_DEG = 1.2

_README = f"""# Example data: asteroid 3552 with VATT4K

**These frames are simulated.** The simulated sky of this repository made them
(`python -m simsky.example`), in the header dialect of the VATT4K camera, for the time and
place of the manual's example: JD {FIRST_MIDTIME_JD}, RA {RA_DEG:.3f}, Dec {DEC_DEG:+.3f}. The
stars, their catalogs and the brightness of the asteroid are invented, and there are more stars
than in that part of the sky. Every header says so (`ORIGIN = 'SIMULATED'`).

- `mscience*.fits`: {FRAMES} frames of {EXPTIME_S:.0f} s in R, {SIDE_PX} x {SIDE_PX} pixels of
  0.375 arcsec.
- `cache/`: what VizieR, JPL Horizons, SkyBoT and VSX would say about that sky, so that no network
  is needed. A folder called `cache` beside the frames is used by itself.
- `truth.ecsv`: where the asteroid is on each frame, how bright it is, and the zeropoint.

Copy the frames to a new directory, change there (the answers in `cache/` of the clone are found
by themselves, for frames that say `SIMULATED`), and run

    pp_run mscience*fits
"""


def asteroid() -> Mover:
    """Asteroid 3552 of the example, with its published period."""
    return Mover(
        "Don Quixote",
        RA_DEG,
        DEC_DEG,
        FIRST_MIDTIME_JD,
        number=3552,
        designation="1983 SA",
        rate_ra_arcsec_min=0.92,
        rate_dec_arcsec_min=-0.41,
        v_mag=17.4,
        amplitude_mag=0.2,
        period_h=6.67,
    )


def make_frames(folder: Path) -> tuple[Sky, Camera, list[Path]]:
    """Render the frames of the example into a folder, and what the asteroid did as a table."""
    cam = camera("VATT4K", shape=(SIDE_PX, SIDE_PX))
    sky = sky_for(
        cam,
        SEED,
        RA_DEG,
        DEC_DEG,
        stars_per_frame=110,
        variable_fraction=0.02,
        r_range=(13.0, 20.5),
    )
    sky = sky.with_movers(asteroid())
    plan = night(
        cam,
        RA_DEG,
        DEC_DEG,
        count=FRAMES,
        start_jd=FIRST_MIDTIME_JD - EXPTIME_S / 2 / 86400,
        seed=SEED,
        exptime_s=EXPTIME_S,
        seeing_arcsec=(1.4, 2.0),
        cloud_mag=0.15,
        cosmic_rays=8,
        object_name="3552",
    )
    paths = observe(sky, cam, plan, folder, seed=SEED)
    rows = []
    for path in paths:
        truth = read_truth(path)
        (target,) = truth[truth["name"] == asteroid().label]
        keys = ("x", "y", "ra_deg", "dec_deg", "mag")
        meta = (truth.meta["midtime_jd"], truth.meta["zeropoint_mag"], truth.meta["seeing_arcsec"])
        rows.append((path.name, *meta, *(round(float(target[key]), 6) for key in keys)))
    names = ("frame", "midtime_jd", "zeropoint_mag", "seeing_arcsec", "x", "y", "ra_deg", "dec_deg")
    Table(rows=rows, names=(*names, "R_mag")).write(
        folder / "truth.ecsv", format="ascii.ecsv", overwrite=True
    )
    shutil.rmtree(folder / "truth")
    return sky, cam, paths


def fill_cache(sky: Sky, paths: Sequence[Path], folder: Path) -> None:
    """Let the services keep all that a run of the example asks for.

    Parameters
    ----------
    sky : Sky
        What the services know.
    paths : sequence of Path
        The frames.
    folder : Path
        The cache.
    """
    midtimes_jd = [Frame.read(path).midtime_jd for path in paths]
    cone = Cone(RA_DEG, DEC_DEG, SEARCH_RADIUS_DEG)
    with SkyServer(sky) as server:
        services = server.service_settings(cache=str(folder))
        settings = replace(Settings(), services=services)
        for name in CATALOGS:
            fetch_catalog(name, cone, settings)
        horizons.positions("3552", midtimes_jd, "290", settings)
        skybot.asteroids(cone, sum(midtimes_jd) / len(midtimes_jd), "290", settings)
        vsx.variables(cone, settings)


def main() -> int:
    """Make the example anew."""
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "vatt4k"
        sky, _, paths = make_frames(made)
        fill_cache(sky, paths, made / "cache")
        (made / "README.md").write_text(_README, "utf-8")
        for lock in made.rglob("*.lock"):
            lock.unlink()
        FOLDER.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, FOLDER, dirs_exist_ok=True)
    size_mb = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) / 1e6
    print(f"{FOLDER}: {size_mb:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
