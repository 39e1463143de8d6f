"""Trails of fast bodies against a simulated sky of known truth: flux, ends, errors, periods.

Run from the clone with ``python benchmarks/target_trails.py``; ``-nights N`` takes more of them,
``-dump FILE`` writes every trail as ECSV. Each night has two frames with six trails of 10 to 300
pixels and nominal S/N of 50 to 1000 among 150 stars; the registration is perfect, the predictions
are off by an arcsec. Bodies of every second night vary by 0.3 mag with periods of 3 to 60 s, and
trail by 10 to 150 pixels on each of four frames.

Beside the errors of periods stands what no estimate can be better than (Cramer and Rao): of a wave
of amplitude a, in units of the mean, on a trail that is measured with a signal-to-noise ratio S,
the period P is known to sqrt(6) / pi P / T / (a S M) of itself in an exposure T (Bretthorst 1988),
M being what the image of a star leaves of a wave of this length.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from math import nan
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from astropy.table import Table

from benchmarks.accuracy import Row, nights_main, reduced, rms, surroundings
from photpipe.ground import sky
from photpipe.run import photometry_file, trail_file
from photpipe.run.photometry_file import FITTED_TRAIL
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from pp_distill import DistillOptions, distill
from simsky import Camera, Mover, SkyServer, camera, night, observe, read_truth, sky_for
from tests.prepared import make_prepared

TELESCOPES = ("VATT4K", "LOWELL31", "CTIO10", "NOTALFOSC")
SHAPE = (800, 800)
START_JD = 2457786.9
TRAILS, FRAMES, VARYING_FRAMES = 6, 2, 4
EXPTIME_S, READOUT_S = 120.0, 5.0
LENGTHS_PX, SNR, PERIODS_S = (10.0, 300.0), (50.0, 1000.0), (3.0, 60.0)
VARYING_LENGTHS_PX = 10.0, 150.0  # that four frames hold
AMPLITUDE_MAG = 0.3
RESOLVED_FWHM = 2.0  # way of a body during its shortest period that can be seen
PREDICTED_ARCSEC = 1.0
PERIOD_SNR = 300.0
SHARP_PERIOD = 0.003  # of a period: 0.5 % is 1.6 of these errors
WAVE = AMPLITUDE_MAG / 2 / 1.0857  # in units of the mean
GAUSSIAN = 2 * (np.pi / 2.3548) ** 2  # its transfer function is exp(-this (width / wave)^2)


def moving(seed: int, cam: Camera, centre: tuple[float, float], *, varies: bool) -> list[Mover]:
    """Bodies whose trails lie on all frames, apart from each other."""
    rng = np.random.default_rng([seed, 11])
    scale = float(np.mean(cam.scale_arcsec))
    half = 0.5 * min(SHAPE) - 60.0
    minutes = EXPTIME_S / 60.0
    frames, lengths = (VARYING_FRAMES, VARYING_LENGTHS_PX) if varies else (FRAMES, LENGTHS_PX)
    span = frames * (EXPTIME_S + READOUT_S) / 60.0
    seeing_px = max(2.0, 1.2 * scale) / scale
    found: list[Mover] = []
    taken: list[np.ndarray] = []
    while len(found) < TRAILS:
        length = float(np.exp(rng.uniform(*np.log(lengths))))
        angle = rng.uniform(0, 2 * np.pi)
        rate = length / minutes * np.array([np.cos(angle), np.sin(angle)])
        place = rng.uniform(-half, half, 2)
        way = place + rate * np.linspace(-0.5, 0.5, 60)[:, None] * span
        near = [np.hypot(*(way[:, None] - other[None]).T).min() for other in taken]
        if np.abs(way).max() > half or any(apart < 40.0 for apart in near):
            continue
        taken.append(way)
        snr = float(np.exp(rng.uniform(*np.log(SNR)))) if not varies else 2 * PERIOD_SNR
        sky_e = 10 ** (0.4 * (cam.zeropoint_e - 20.5)) * scale**2 * EXPTIME_S
        area = 4 * np.pi * (seeing_px / 2.35) ** 2 + 1.5 * length * seeing_px
        counts = snr * np.sqrt(area) * np.hypot(np.sqrt(sky_e), cam.read_noise_e)
        mag = cam.zeropoint_e + 2.5 * np.log10(EXPTIME_S / counts) - cam.extinction_mag * 1.2
        low = max(PERIODS_S[0], RESOLVED_FWHM * seeing_px * EXPTIME_S / length)
        period_s = float(np.exp(rng.uniform(*np.log([min(low, 50.0), PERIODS_S[1]]))))
        ra, dec = sky.shifted(*centre, *(place * scale))
        found.append(
            Mover(
                f"Trail{len(found)}",
                float(ra),
                float(dec),
                epoch_jd=START_JD + span / 2 / 1440.0,
                number=200001 + len(found),
                rate_ra_arcsec_min=float(rate[0]) * scale,
                rate_dec_arcsec_min=float(rate[1]) * scale,
                v_mag=float(mag) + 0.35,
                amplitude_mag=AMPLITUDE_MAG if varies else 0.0,
                # two humps: what a trail shows is half of it
                period_h=2 * period_s / 3600.0,
            )
        )
    return found


def rows_of(name: str, seed: int, folder: Path, *, varies: bool) -> Iterator[dict[str, object]]:
    """All trails of a night with what they should be."""
    cam = camera(name, shape=SHAPE)
    centre = 150.0 + 3.0 * (seed % 30), 12.0 - seed % 30
    field = sky_for(cam, seed, *centre, stars_per_frame=150)
    movers = moving(seed, cam, centre, varies=varies)
    field = field.with_movers(*movers)
    exposures = night(
        cam,
        *centre,
        count=VARYING_FRAMES if varies else FRAMES,
        start_jd=START_JD,
        seed=seed,
        exptime_s=EXPTIME_S,
        readout_s=READOUT_S,
        seeing_arcsec=(1.6, 2.4),
        object_name="field",
    )
    paths = make_prepared(observe(field, cam, exposures, folder, seed=seed), cam)
    reduced(field, paths)
    truths = {path.name: read_truth(path) for path in paths}
    rng = np.random.default_rng([seed, 12])
    off = rng.normal(0, PREDICTED_ARCSEC / np.sqrt(2), (len(movers), 2))
    lines = ["frame RA Dec JD target"]
    for path in paths:
        truth = truths[path.name]
        for mover, shift in zip(movers, off, strict=True):
            for row in truth[truth["name"] == mover.label]:
                ra, dec = sky.shifted(row["ra_deg"], row["dec_deg"], *shift)
                place = f"{float(ra):.8f} {float(dec):.8f}"
                lines.append(f"{path.name} {place} {truth.meta['midtime_jd']:.6f} {mover.name}")
    (folder / "positions.dat").write_text("\n".join(lines) + "\n")
    with SkyServer(field) as server:
        settings = replace(Settings(), services=server.service_settings())
        workspace = Workspace(folder, settings, quiet=True)
        options = DistillOptions(positions=str(folder / "positions.dat"), trail_profile=varies)
        distill(paths, options, workspace)
    for mover in movers:
        curves = trail_file.read(folder, mover.name)
        series = (curves[0].series_period_s, curves[0].series_period_sig) if curves else (nan, nan)
        for point in photometry_file.read(folder / photometry_file.file_name(mover.name))[1]:
            truth = truths[point.frame]
            here = truth[truth["name"] == mover.label][0]
            half = EXPTIME_S / 2 * np.array([here["vx_px_s"], here["vy_px_s"]])
            ends = np.array([here["x"], here["y"]]) + np.outer([-1, 1], half)
            from simsky.frames import truth_wcs

            x, y = truth_wcs(truth).all_world2pix(
                [point.trail_start_ra_deg, point.trail_end_ra_deg],
                [point.trail_start_dec_deg, point.trail_end_dec_deg],
                1,
            )
            ends_off = np.stack([x, y], axis=1) - ends
            unit = half / np.hypot(*half)
            along, across = ends_off @ unit, ends_off @ np.array([-unit[1], unit[0]])
            east, north = sky.offsets_arcsec(
                here["ra_deg"], here["dec_deg"], point.source_ra_deg, point.source_dec_deg
            )
            scale = float(np.mean(cam.scale_arcsec))
            yield {
                "telescope": name,
                "seed": seed,
                "target": mover.name,
                "frame": point.frame,
                "varies": varies,
                "length_px": float(2 * np.hypot(*half)),
                "fwhm_px": float(truth.meta["fwhm_px"]),
                "error_mag": point.mag - float(_mean_mag(mover, here, truth, varies=varies)),
                "sig": point.sig,
                "snr": point.snr,
                "method": point.method,
                "contamination": point.contamination,
                "rejected": point.rejected,
                "start_along_px": float(along[0]),
                "end_along_px": float(along[1]),
                "start_across_px": float(across[0]),
                "end_across_px": float(across[1]),
                "sigma_along_px": point.trail_end_along_arcsec / scale,
                "sigma_across_px": point.trail_end_across_arcsec / scale,
                "pull_east": float(east) / point.sigma_east_arcsec,
                "pull_north": float(north) / point.sigma_north_arcsec,
                "true_period_s": mover.period_h * 1800.0,
                "period_s": point.trail_period_s,
                "period_sig": point.trail_period_sig,
                "series_s": series[0],
                "series_sig": series[1],
            }


def _mean_mag(mover: Mover, here: Table, truth: Table, *, varies: bool) -> float:
    """Magnitude of the mean brightness during the exposure."""
    if not varies:
        return float(here["mag"])
    middle = truth.meta["midtime_jd"]
    times = middle + (np.arange(4000) + 0.5 - 2000) / 4000 * EXPTIME_S / 86400.0
    fainter = mover.lightcurve(times) - mover.lightcurve(middle)
    return float(here["mag"] - 2.5 * np.log10(np.mean(10 ** (-0.4 * fainter))))


def collected(nights: int, first: int) -> Table:
    """All trails of the campaign."""
    rows = []
    for number in range(first, first + nights):
        with surroundings() as folder:
            name = TELESCOPES[number % len(TELESCOPES)]
            rows += list(rows_of(name, 3000 + number, folder / "night", varies=bool(number % 2)))
    return Table(rows=rows)


def judged(table: Table) -> list[Row]:
    """The goals."""
    fitted = np.asarray(table["method"] == FITTED_TRAIL)
    used = fitted & np.asarray(table["rejected"] == "")
    ends = np.concatenate([table["start_along_px"], table["end_along_px"]])
    sigma = np.concatenate([table["sigma_along_px"]] * 2)
    sides = np.concatenate([table["start_across_px"], table["end_across_px"]])
    sigma_across = np.concatenate([table["sigma_across_px"]] * 2)
    twice = np.concatenate([used, used]) & np.isfinite(sigma)
    uneven = np.concatenate([table["varies"]] * 2).astype(bool)
    bright = twice & (np.concatenate([table["snr"]] * 2) > 100)
    error = np.asarray(table["error_mag"])
    flux = error[used] / np.asarray(table["sig"])[used]
    middle = np.concatenate([table["pull_east"][used], table["pull_north"][used]])
    middle = middle[np.isfinite(middle)]
    bias = float(np.median(error[used]))
    rows = [
        Row(
            "trails that were fitted", "all", f"{fitted.sum()} of {len(table)}", bool(fitted.all())
        ),
        Row("flux, bias", "<= 0.01 mag", f"{bias:+.4f}", abs(bias) <= 0.01),
        _pull("flux", flux),
        Row(
            "ends, S/N > 100, rms along and across; by their errors",
            "<= 0.1 px",
            f"{rms(ends[bright]):.3f}, {rms(sides[bright]):.3f}; "
            f"{rms(sigma[bright]):.3f}, {rms(sigma_across[bright]):.3f}",
            max(rms(ends[bright]), rms(sides[bright])) <= 0.1,
        ),
        _pull("ends along, even", (ends / sigma)[twice & ~uneven]),
        _pull("ends along, varying", (ends / sigma)[twice & uneven]),
        _pull("ends across", sides[twice] / sigma_across[twice]),
        _pull("middle", middle),
    ]
    return rows + _periods(table, used)


def floors(table: Table) -> np.ndarray:
    """What the period of each trail cannot be better than, in units of it."""
    part = np.asarray(table["true_period_s"] / EXPTIME_S)
    wave = part * table["length_px"] / table["fwhm_px"]
    left = np.exp(-GAUSSIAN / wave**2)
    return np.asarray(np.sqrt(6) / np.pi * part / (WAVE * left * table["snr"]))


def _periods(table: Table, used: np.ndarray) -> list[Row]:
    """Of single trails, beside what is possible, and of all trails of a body."""
    way = table["true_period_s"] / EXPTIME_S * table["length_px"]
    seen = np.asarray(table["varies"]) & used & np.asarray(way >= RESOLVED_FWHM * table["fwhm_px"])
    if not seen.any():
        return []
    rows = []
    for what, name, floor in (
        ("of a trail", "period", floors(table)),
        ("of all trails of a body", "series", None),
    ):
        own = table[seen]
        off = np.asarray(own[f"{name}_s"] / own["true_period_s"] - 1)
        sigma = np.asarray(own[f"{name}_sig"] / own["true_period_s"])
        if floor is None:
            first = np.unique(np.char.add(own["seed"].astype(str), own["target"]), True)[1]
            off, sigma = off[first], sigma[first]
        found = np.isfinite(off)
        median = float(np.median(np.abs(off[found]))) if found.any() else nan
        noise = 0.6745 * float(np.median(sigma[found])) if found.any() else nan
        least = "" if floor is None else f"; floor {0.6745 * np.median(floor[seen]):.2%}"
        rows += [
            Row(
                f"periods {what} of 2 widths and more: found; median error, by its sigma",
                ">= 90 %",
                f"{found.sum()} of {len(off)}; {median:.2%}, {noise:.2%}{least}",
                bool(found.mean() >= 0.9),
            ),
            _pull(f"periods {what}", off[found] / sigma[found]),
        ]
        sharp = found & (sigma < SHARP_PERIOD)
        if sharp.any():
            within = float(np.mean(np.abs(off[sharp]) <= 0.005))
            rows.append(
                Row(
                    f"those with errors below {SHARP_PERIOD:.2%} ({sharp.sum()}): within 0.5 %",
                    ">= 90 %",
                    f"{within:.0%}",
                    bool(within >= 0.9),
                )
            )
    return rows


def _pull(what: str, values: np.ndarray) -> Row:
    found = rms(values)
    return Row(
        f"{what}, pull rms ({len(values)})", "0.85-1.15", f"{found:.2f}", 0.85 <= found <= 1.15
    )


if __name__ == "__main__":
    raise SystemExit(nights_main(__doc__, collected, judged, nights=8))
