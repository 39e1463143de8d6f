"""Nights that never were: frames of noise and stars, and all results about them, made by hand.

What the stages would save is written with their own writers, so that a night takes a second and
anything may be wrong with it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from photpipe.catalogs.database import write_database
from photpipe.catalogs.ldac import read_ldac, write_ldac
from photpipe.report.write import refresh
from photpipe.run import photometry_file
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import (
    CalibratedFrame,
    CalibrateResult,
    CatalogAttempt,
    DistilledTarget,
    DistillResult,
    FieldCalibration,
    GrowthPoint,
    History,
    PhotometryFrame,
    PhotometryResult,
    PreparedFrame,
    PrepareResult,
    RegisteredFrame,
    RegisterResult,
    StageRecord,
    ZeropointStep,
)
from photpipe.run.workspace import Workspace
from tests.points import point

Outcome = TypeVar("Outcome")

SCALE_ARCSEC = 0.5
START_JD = 2457786.95
CENTRE = (179.28, 0.428)
ZEROPOINT = 27.5
RADIUS_PX = 4.0
PERIODIC_FRAMES = 16


@dataclass(frozen=True, slots=True)
class Night:
    """What is to be made.

    Parameters
    ----------
    names : tuple of str
        File names of the frames.
    targets : tuple of str
        Names of the targets; the last one is the control star if there are several.
    shape : (int, int)
        Size of the frames, rows and columns.
    stars : int
        Stars on each frame.
    object_name, filter_name : str
        As the headers have them.
    pixels : callable, optional
        Pixels of the frames instead of sky and stars, from a generator of random numbers.
    """

    names: tuple[str, ...] = ("n001.fits", "n002.fits", "n003.fits")
    targets: tuple[str, ...] = ("3552", "Control Star")
    shape: tuple[int, int] = (200, 240)
    stars: int = 25
    object_name: str = "3552"
    filter_name: str = "R"
    pixels: Callable[[np.random.Generator], np.ndarray] | None = None


def names(count: int) -> tuple[str, ...]:
    return tuple(f"night{number:04d}.fits" for number in range(1, count + 1))


class Maker:
    """Writes a night into a directory."""

    def __init__(self, directory: Path, night: Night) -> None:
        self.directory, self.night = directory, night
        directory.mkdir(parents=True, exist_ok=True)
        self.workspace = Workspace(directory, quiet=True)
        self.rng = np.random.default_rng(7)
        ny, nx = night.shape
        self.x, self.y = (self.rng.uniform(6, size - 6, night.stars) for size in (nx, ny))
        self.mag = np.sort(self.rng.uniform(14, 20, night.stars))
        self.wcs = WCS(naxis=2)
        self.wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        self.wcs.wcs.crval = CENTRE
        self.wcs.wcs.crpix = [nx / 2, ny / 2]
        self.wcs.wcs.cd = np.diag([-SCALE_ARCSEC, SCALE_ARCSEC]) / 3600
        self.wcs.pixel_shape = (nx, ny)
        self.ra, self.dec = self.wcs.all_pix2world(self.x, self.y, 1)

    def jd(self, index: int) -> float:
        return START_JD + index * 90 / 86400

    def everything(self) -> Workspace:
        """Frames, catalogs, databases, photometry, and the results of all stages."""
        self.frames()
        self.catalogs()
        self.prepare()
        self.register()
        self.photometry()
        self.calibrate()
        self.distill()
        self.history()
        return self.workspace

    # -- files

    def frames(self) -> None:
        ny, nx = self.night.shape
        sky = np.full((ny, nx), 1000.0, np.float32)
        rows, columns = np.mgrid[-8:9, -8:9]
        for x, y, mag in zip(self.x, self.y, self.mag, strict=True):
            row, column = round(y) - 1, round(x) - 1
            spot = 10 ** (0.4 * (24 - mag)) * np.exp(-(rows**2 + columns**2) / 8)
            top, left = max(row - 8, 0), max(column - 8, 0)
            bottom, right = min(row + 9, ny), min(column + 9, nx)
            sky[top:bottom, left:right] += spot[
                top - row + 8 : bottom - row + 8, left - column + 8 : right - column + 8
            ]
        for name in self.night.names:
            make = self.night.pixels
            pixels = make(self.rng) if make else sky + self.rng.normal(0, 30, sky.shape)
            header = self.wcs.to_header()
            fits.PrimaryHDU(np.asarray(pixels, np.float32), header).writeto(
                self.directory / name, overwrite=True
            )

    def catalogs(self) -> None:
        stars = Table({"XWIN_WORLD": self.ra, "YWIN_WORLD": self.dec, "MAG": self.mag})
        write_ldac(self.directory / "GAIA.cat", stars)
        count = self.night.stars
        residual = self.rng.normal(0, 0.01, count)
        verdict = np.where(np.arange(count) % 9 == 8, "outlier", "used")
        sources = Table(
            {
                "XWIN_IMAGE": self.x,
                "YWIN_IMAGE": self.y,
                "MAG_APER": self.mag - ZEROPOINT,
                "MAGERR_APER": np.full(count, 0.005),
                "FLAGS": np.zeros(count, int),
                "ref_ident": [f"star {number}" for number in range(count)],
                "ref_ra_deg": self.ra,
                "ref_dec_deg": self.dec,
                "ref_mag": self.mag,
                "ref_e_mag": np.full(count, 0.01),
                "ref_residual_mag": residual,
                "ref_separation_arcsec": np.abs(residual),
                "ref_colour": self.rng.uniform(0.2, 1.2, count),
                "ref_verdict": verdict,
            }
        )
        for name in self.night.names:
            path = self.directory / name
            columns = sources["XWIN_IMAGE", "YWIN_IMAGE", "MAG_APER"]
            write_ldac(path.with_suffix(".ldac"), columns)
            write_database(
                path.with_suffix(".ldac.db"), {"frame": name, "ref_colour": "gp1-rp1"}, sources
            )

    # -- results

    def prepare(self) -> PrepareResult:
        ny, nx = self.night.shape
        rows = tuple(
            PreparedFrame(
                frame=name,
                source=name,
                telescope="VATT4K",
                midtime_jd=self.jd(index),
                object_name=self.night.object_name,
                filter_name=self.night.filter_name,
                airmass=1.1 + 0.01 * index,
                exptime_s=60.0,
                ra_deg=CENTRE[0],
                dec_deg=CENTRE[1],
                pixel_scale_arcsec=(SCALE_ARCSEC, SCALE_ARCSEC),
                field_arcmin=(nx * SCALE_ARCSEC / 60, ny * SCALE_ARCSEC / 60),
                changed=True,
                binning=(2, 2),
                band="R",
            )
            for index, name in enumerate(self.night.names)
        )
        return self._saved(PrepareResult(rows, ()))

    def register(self) -> RegisterResult:
        rows = tuple(registered(name) for name in self.night.names)
        return self._saved(RegisterResult(rows, (), ("GAIA",)))

    def photometry(self) -> PhotometryResult:
        return self._saved(
            PhotometryResult(
                aperture_radius_px=RADIUS_PX,
                aperture_index=4,
                strategy="target and background",
                decided_by="target and background",
                reason="smallest aperture with 70% of the flux of target and background",
                flux_limit=0.7,
                flux_margin=0.05,
                curve=growth_curve(),
                background_frames=len(self.night.names),
                background_stars=20,
                target_frames=len(self.night.names),
                growth_file="aperturephotometry_curveofgrowth.dat",
                frames=tuple(
                    measured(name, self.jd(index)) for index, name in enumerate(self.night.names)
                ),
                failed=(),
            )
        )

    def calibrate(self) -> CalibrateResult:
        rows = tuple(
            calibrated(name, self.jd(index), self.night.stars)
            for index, name in enumerate(self.night.names)
        )
        field = FieldCalibration(
            catalog="PANSTARRS",
            history=("Pan-STARRS DR1 from VizieR: 173 sources", "kept 105 of 109: not in the VSX"),
            attempts=(CatalogAttempt("PANSTARRS", 105, len(rows), "all frames"),),
            frames=len(rows),
            repeatability_mag=0.003,
            unevenness_mag=0.0042,
            variable_stars=(),
            colour="",
            colour_reference=math.nan,
            colour_term=math.nan,
            colour_term_error=math.nan,
            sky_term=math.nan,
            sky_term_error=math.nan,
            spatial=(),
        )
        return self._saved(CalibrateResult("R", False, False, "standard", (field,), rows, ()))

    def distill(self) -> DistillResult:
        rows = []
        for number, name in enumerate(self.night.targets):
            is_control = number == len(self.night.targets) - 1 and number > 0
            kind = "control" if is_control else "moving"
            rows.append(self.target(name, self.points(number), kind))
        return self._saved(DistillResult(tuple(rows), self.night.names, ()))

    def points(self, number: int) -> list[TargetPoint]:
        """Points of a target, the places of which move a little from frame to frame."""
        return [
            self.point(name, index, self.x[number] + 0.5 * index, self.y[number], number)
            for index, name in enumerate(self.night.names)
        ]

    def point(self, name: str, index: int, x: float, y: float, number: int = 0) -> TargetPoint:
        ra, dec = (float(each) for each in self.wcs.all_pix2world(x, y, 1))
        return point(
            frame=name,
            midtime_jd=self.jd(index),
            mag=17.0 + (0.003 if number else 0.05) * math.sin(index),
            source_ra_deg=ra,
            source_dec_deg=dec,
            predicted_ra_deg=ra + 0.1 / 3600,
            predicted_dec_deg=dec,
        )

    def target(self, name: str, points: Sequence[TargetPoint], kind: str) -> DistilledTarget:
        """Write the files of a target; its row."""
        path = photometry_file.write(self.directory, name, points)
        good = [each.mag for each in points if each.is_good]
        return DistilledTarget(
            name=name,
            kind=kind,
            file=path.name,
            points=len(points),
            detected=len(good),
            forced=0,
            limits=sum(each.method == "limit" for each in points),
            rejected=sum(bool(each.rejected) for each in points),
            contaminated=sum(bool(each.contamination) for each in points),
            median_mag=float(np.median(good)) if good else math.nan,
            scatter_mag=float(np.std(good)) if good else math.nan,
            is_calibrated=True,
            predicted_mag=17.4,
        )

    def history(self) -> None:
        commands = ("prepare", "register", "photometry", "calibrate", "distill")
        records = tuple(
            StageRecord(f"pp_{name}", "*.fits", "done", "", f"2026-01-01T00:0{n}:00Z", 3.0 + n)
            for n, name in enumerate(commands)
        )
        self._saved(History(records))
        lines = [
            f"pp_{name}.py: pp_{name} *.fits [2026-01-01 00:00:00,000]\npp_{name}.py: done\n"
            for name in commands
        ]
        (self.directory / "LOG").write_text("".join(lines))

    def _saved(self, result: Outcome) -> Outcome:
        self.workspace.save(result)
        return result


def registered(name: str, **changes: object) -> RegisteredFrame:
    row = RegisteredFrame(
        frame=name,
        catalog="GAIA",
        seed="header",
        fit="SCAMP",
        as_contrast=20.4,
        xy_contrast=19.9,
        detections=94,
        references=99,
        matched=89,
        expected=0.5,
        surprise_nats=354.0,
        rms_arcsec=0.031,
        region_arcsec=0.02,
        ra_deg=CENTRE[0],
        dec_deg=CENTRE[1],
        offset_arcsec=12.0,
        pixel_scale_arcsec=SCALE_ARCSEC,
        scale_error=0.0001,
        rotation_deg=0.0,
        mirrored=False,
        degree=3,
        sigma_arcsec=(0.022, 0.025),
        chi2=1.2,
        chi2_internal=1.1,
    )
    return replace(row, **changes)


def growth_curve() -> tuple[GrowthPoint, ...]:
    points = []
    for number in range(12):
        radius = 1.0 + 0.75 * number
        flux = 1 - math.exp(-((radius / 3) ** 2))
        snr = math.exp(-((radius - 4) ** 2) / 20)
        target = 0.98 * flux
        points.append(GrowthPoint(radius, flux, 0.01, snr, target, 0.015, snr, flux - target))
    return tuple(points)


def measured(name: str, jd: float, **changes: object) -> PhotometryFrame:
    row = PhotometryFrame(
        frame=name,
        catalog=f"{Path(name).stem}.ldac",
        midtime_jd=jd,
        sources=90,
        stars=30,
        target="3552 Don Quixote (1983 SA)",
        target_offset_arcsec=0.02,
        fwhm_px=4.0,
        fwhm_arcsec=2.0,
        aperture_correction_mag=-0.27,
        aperture_correction_error_mag=0.01,
        sky_noise_adu=200.0,
        noise_factor=1.0,
        gain=2.0,
        gain_from="header",
        limiting_mag=-6.8,
    )
    return replace(row, **changes)


def calibrated(name: str, jd: float, stars: int, **changes: object) -> CalibratedFrame:
    used = stars - stars // 9
    row = CalibratedFrame(
        frame=name,
        database=f"{Path(name).stem}.ldac.db",
        stars_file="",
        midtime_jd=jd,
        band="R",
        catalog="PANSTARRS",
        magnitude_system="Vega",
        zeropoint_mag=ZEROPOINT + 0.01 * math.sin(1000 * jd),
        zeropoint_sigma_mag=0.003,
        standard_error_mag=0.003,
        scatter_mag=0.04,
        intrinsic_scatter_mag=0.003,
        reduced_chi2=0.9,
        matched=stars,
        usable=stars,
        used=used,
        needed=stars // 2,
        rejected=(("outlier", stars // 9),),
        steps=tuple(
            ZeropointStep(count, ZEROPOINT, 0.01 / math.sqrt(count), 1.5 * count / stars)
            for count in range(stars, 2, -1)
        ),
        limiting_mag=21.5,
        seeing_arcsec=2.0,
        sources=90,
        note="",
    )
    return replace(row, **changes)


def periodic_nights(folder: Path, period_h: float) -> list[str]:
    """Files of two nights, each with its pages, of a body with two unequal maxima."""
    rng = np.random.default_rng(2)
    files = []
    for number in range(2):
        times = 2459000.5 + number * 1.04 + np.linspace(0, 0.2, PERIODIC_FRAMES)
        phase = 24 / period_h * times
        mags = (
            17 + 0.3 * number + 0.2 * np.cos(4 * np.pi * phase) + 0.06 * np.cos(2 * np.pi * phase)
        )
        mags += rng.normal(0, 0.005, PERIODIC_FRAMES)
        night = Night(names=names(PERIODIC_FRAMES), shape=(90, 100), stars=6)
        maker = Maker(folder / f"night #{number}", night)
        maker.everything()
        points = [
            replace(each, midtime_jd=float(jd), mag=float(mag), sig=0.005)
            for each, jd, mag in zip(maker.points(0), times, mags, strict=True)
        ]
        files.append(str(maker.directory / maker.target("3552", points, "moving").file))
        refresh(maker.workspace)
    return files


def make_markable(directory: Path) -> None:
    """Give the usual frames of a directory times, and catalogs of sources to snap to."""
    for index, name in enumerate(("n001.fits", "n002.fits", "n003.fits")):
        path = directory / name
        cards = {"TEL_KEYW": "VATT4K", "MIDTIMJD": 2457786.95 + index / 1000}
        cards |= {"SECPIXX": 0.5, "SECPIXY": 0.5}
        for name_of, value in cards.items():
            fits.setval(path, name_of, value=value)
        table, _ = read_ldac(path.with_suffix(".ldac"))
        columns = {
            "XWIN_IMAGE": np.asarray(table["XWIN_IMAGE"]),
            "YWIN_IMAGE": np.asarray(table["YWIN_IMAGE"]),
            "FLUX_AUTO": 10 ** (-0.4 * np.asarray(table["MAG_APER"])),
        }
        write_ldac(path.with_suffix(".ldac"), Table(columns))
