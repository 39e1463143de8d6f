"""Write a directory of simulated frames with their truth, for people and for benchmarks.

For example ``python -m simsky VATT4K night1 --frames 10 --clouds 0.5 --target 0.6``.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from simsky import Mover, SkyServer, camera, entries, night, observe, sky_for


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the words, write the frames, perhaps serve the services until interrupted."""
    words = _parser().parse_args(argv)
    cam = camera(words.telescope.upper(), shape=(words.size, words.size))
    sky = sky_for(cam, words.seed, words.ra, words.dec, stars_per_frame=words.stars)
    if words.target is not None:
        sky = sky.with_movers(
            Mover(
                "Simulated",
                words.ra,
                words.dec,
                words.jd,
                number=3552,
                rate_ra_arcsec_min=words.target,
                v_mag=words.mag,
            )
        )
    plan = night(
        cam,
        words.ra,
        words.dec,
        count=words.frames,
        start_jd=words.jd,
        seed=words.seed,
        cloud_mag=words.clouds,
        pointing_error_arcsec=words.pointing,
        object_name="field" if words.target is None else "3552",
        distortion_arcsec=words.distortion,
        cosmic_rays=words.cosmic_rays,
        chip=words.chip if "chip_id" in cam.parameters else None,
    )
    paths = observe(sky, cam, plan, words.directory, seed=words.seed)
    print(f"{len(paths)} frames of {cam.keyword} in {words.directory}; truth beside them")
    if words.serve:
        with SkyServer(sky) as server:
            print(f"services lead here: {server.write_settings(words.directory)}; Ctrl-C ends")
            print("your own settings.toml has to allow it: trust_directories = true, [services]")
            _wait()
    return 0


def _wait() -> None:
    """Until the user has enough."""
    try:
        while True:
            time.sleep(1.0)
    except KeyboardInterrupt:
        return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simsky", description=__doc__.splitlines()[0])
    telescopes = ", ".join(sorted(entries()))
    parser.add_argument("telescope", help=f"one of {telescopes}")
    parser.add_argument("directory", type=Path, help="where the frames go")
    parser.add_argument("--frames", type=int, default=10, help="number of frames")
    parser.add_argument("--size", type=int, default=1024, help="pixels on a side")
    parser.add_argument("--seed", type=int, default=1, help="seed of sky and noise")
    parser.add_argument("--stars", type=float, default=120, help="stars on a frame")
    parser.add_argument("--ra", type=float, default=179.280, help="deg")
    parser.add_argument("--dec", type=float, default=0.428, help="deg")
    parser.add_argument("--jd", type=float, default=2457786.95, help="JD (UTC) of the start")
    parser.add_argument("--clouds", type=float, default=0.0, help="largest extinction, mag")
    parser.add_argument("--pointing", type=float, default=30.0, help="rms pointing error, arcsec")
    parser.add_argument("--distortion", type=float, default=0.0, help="in the corners, arcsec")
    parser.add_argument("--cosmic-rays", type=int, default=10, help="hits per frame")
    parser.add_argument("--target", type=float, help="asteroid 3552 at this speed, arcsec/min")
    parser.add_argument("--mag", type=float, default=17.5, help="V of the asteroid")
    parser.add_argument("--chip", type=int, default=2, help="detector, of a mosaic by chips")
    parser.add_argument("--serve", action="store_true", help="serve the services until Ctrl-C")
    return parser


if __name__ == "__main__":
    sys.exit(main())
