"""What `pp_run *.fits` makes of raw nights of cameras that nobody described, in one step.

Simulated nights of an asteroid, each with the header of its program and nothing told:

* an SBIG camera: scale 7 % wrong, pointing 5 arcmin off, mirrored, clouds up to 0.8 mag;
* the same, binned by three, which no card tells;
* an Atik: 1.7 degrees at 4.6 arcsec per pixel, undersampled;
* a QSI camera in the dialect of Sequence Generator Pro;
* a window of OGLE: 2 arcmin, crowded, a header with little more than RA, Dec and UT.

Printed are frames measured, the offset of the light curve from the truth, its pulls, and steps.

Run: python benchmarks/strangers.py [name of a night ...]
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pp_run  # noqa: E402
from photpipe.ground.timescale import SECONDS_PER_DAY, iso  # noqa: E402
from photpipe.run import photometry_file  # noqa: E402
from simsky import SkyServer, camera, night, observe, read_truth, sky_for  # noqa: E402
from simsky.dialects import sexagesimal  # noqa: E402
from tests.conftest import FIELD, START_JD, TARGET  # noqa: E402

VATT_M = 1.8
KEPT = ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "BZERO", "BSCALE", "EXTEND")
SITE = {"SITELAT": "+32 42 04.7", "SITELONG": "-109 53 31.2"}
Header = Callable[[Mapping[str, Any], float], dict[str, Any]]


def _angles(north_arcmin: float = 0.0) -> dict[str, str]:
    ra, dec = FIELD
    return {
        "OBJCTRA": sexagesimal(ra / 15, " ", 1, signed=False),
        "OBJCTDEC": sexagesimal(dec + north_arcmin / 60, " ", 0, signed=True),
    }


def _optics(pixel_um: float, scale: float) -> dict[str, float]:
    return {"XPIXSZ": pixel_um, "FOCALLEN": round(206.264806 * pixel_um / scale, 1)}


def _start(truth: Mapping[str, Any]) -> str:
    return iso(truth["midtime_jd"] - truth["exptime_s"] / 2 / SECONDS_PER_DAY)


def sbig(truth: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """CCDSoft or MaxIm DL."""
    return {
        **{"INSTRUME": "SBIG ST-10XME", "SWCREATE": "MaxIm DL Version 5.24", "OBJECT": "3552"},
        **{"DATE-OBS": _start(truth), "EXPTIME": truth["exptime_s"], "FILTER": "R", "EGAIN": 2.0},
        **{**_optics(6.8, scale * 1.07), **_angles(5.0), **SITE},
    }


def untold_binning(truth: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """The same with pixels three times as large as told."""
    return {**sbig(truth, scale), **_optics(6.8, scale / 3)}


def atik(truth: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """A telephoto lens, by Artemis Capture."""
    return {
        **{"INSTRUME": "ATIK 383L+", "SWCREATE": "Artemis Capture", "OBJECT": "3552"},
        **{"DATE-OBS": _start(truth), "EXPOSURE": truth["exptime_s"], "FILTER": "R"},
        **{**_optics(5.4, scale), **_angles(), **SITE, "EGAIN": 2.0},
    }


def qsi(truth: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """Sequence Generator Pro."""
    return {
        **{"INSTRUME": "QSI 683", "CREATOR": "Sequence Generator Pro v3.1", "OBJECT": "3552"},
        **{"DATE-OBS": f"{_start(truth)}0000", "EXPOSURE": truth["exptime_s"], "FILTER": "Rc"},
        **{"SCALE": round(scale * 1.03, 4), "RA": FIELD[0], "DEC": FIELD[1], "EGAIN": 2.0, **SITE},
    }


def ogle(truth: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """A window of a chip."""
    date, clock = _start(truth).split("T")
    return {
        **{"TELESCOP": "OGLE 1.3m Warsaw", "OBJECT": "3552", "DATE-OBS": date, "UT": clock},
        **{"EXPTIME": truth["exptime_s"], "FILTER": "R", "SCALE": round(scale, 2)},
        **{"RA": sexagesimal(FIELD[0] / 15, ":", 1, signed=False), "EQUINOX": 2000.0},
        **{"DEC": sexagesimal(FIELD[1], ":", 0, signed=True), "LATITUDE": 32.7013},
        "LONGITUD": -109.892,
    }


@dataclass(frozen=True)
class Night:
    """Camera and header of a night, its stars, and the asteroid's brightness."""

    header: Header
    scale_arcsec: float
    shape: tuple[int, int]
    stars: float
    plan: Mapping[str, Any]
    changes: Mapping[str, Any]
    aperture_m: float = VATT_M
    v_mag: float = 17.0


NIGHTS = {
    "SBIG": Night(sbig, 1.5, (510, 765), 180, {"cloud_mag": 0.8}, {"mirrored": True}),
    "binned SBIG": Night(untold_binning, 1.5, (510, 765), 180, {}, {}),
    "Atik": Night(atik, 4.6, (900, 1330), 900, {"seeing_arcsec": (2.5, 3.0)}, {}, 0.1, 14.0),
    "QSI": Night(qsi, 0.8, (640, 480), 150, {}, {"rotation_error_deg": 37.0}),
    "OGLE": Night(ogle, 0.26, (500, 460), 220, {"seeing_arcsec": (1.0, 1.3)}, {}),
}


def run(name: str, directory: Path, count: int = 8) -> str:
    """Observe a night, run pp_run once, and compare with the truth."""
    # each night has a sky of its own: nothing of another one may be remembered
    os.environ |= {"PHOTPIPE_CACHE": str(directory / "cache"), "XDG_DATA_HOME": str(directory)}
    what = NIGHTS[name]
    cam = camera("VATT4K", shape=what.shape)
    cam = replace(
        cam,
        scale_arcsec=(what.scale_arcsec, what.scale_arcsec),
        zeropoint_e=cam.zeropoint_e + 5 * np.log10(what.aperture_m / VATT_M),
    )
    seen = sky_for(cam, 77, *FIELD, stars_per_frame=what.stars, margin_deg=0.4).with_movers(
        replace(TARGET, v_mag=what.v_mag)
    )
    plan = night(
        cam, *FIELD, count=count, start_jd=START_JD, seed=7, object_name="3552", **what.plan
    )
    frames = observe(seen, cam, [replace(each, **what.changes) for each in plan], directory)
    for path in frames:
        truth = read_truth(path).meta
        with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
            header = hdus[0].header
            for key in [key for key in header if key and key not in KEPT]:
                del header[key]
            header.update(what.header(truth, what.scale_arcsec))
    with SkyServer(seen) as server:
        server.write_settings(directory, read_timeout_s=60.0, deadline_s=120.0)
        with (directory / "photpipe.toml").open("a") as file:
            file.write("[report]\npages = false\n")
        status = pp_run.main([str(path) for path in frames])
    path = directory / "photometry_3552.dat"
    points = photometry_file.read(path)[1] if path.exists() else []
    off, pull, away = [], [], []
    for point in points:
        truth = read_truth(directory / point.frame)
        (row,) = truth[truth["kind"] == 1]
        off.append(point.mag - row["mag"])
        pull.append(off[-1] / point.sig)
        away.append(
            np.hypot(point.source_ra_deg - row["ra_deg"], point.source_dec_deg - row["dec_deg"])
        )
    measured = (
        f"offset {np.median(off):+.3f} mag, rms {np.std(off):.3f} mag, "
        f"rms pull {np.sqrt(np.mean(np.square(pull))):.2f}, "
        f"position off by at most {max(away) * 3600:.2f} arcsec"
        if points
        else "no light curve"
    )
    return f"{name}: exit {status}, {len(points)} of {count} frames; {measured}; 1 step"


def main() -> None:
    """Print what became of each night."""
    lines = []
    for name in sys.argv[1:] or NIGHTS:
        with tempfile.TemporaryDirectory() as directory:
            lines.append(run(name, Path(directory)))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
