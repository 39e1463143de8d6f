"""A night whose target is seen on the stack of its frames alone."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from photpipe.run import photometry_file
from photpipe.run.results import CombineResult, StackedPhotometryResult
from tests.points import point
from tests.report.nights import Maker

COUNT = 5
STEP_PX = 6.0  # of the target from frame to frame


class Stacked:
    """A night whose target moves and is seen on none of its frames, with both stacks."""

    def __init__(self, maker: Maker) -> None:
        self.maker, self.workspace = maker, maker.everything()
        self.directory = maker.directory
        ny, nx = maker.night.shape
        self.x = [nx / 2 + STEP_PX * (index - COUNT // 2) for index in range(COUNT)]
        self.y = ny / 2
        self.path = [tuple(map(float, maker.wcs.all_pix2world(x, self.y, 1))) for x in self.x]
        self._add_target()
        stars = self._combined("skycoadd.fits", "")
        moving = self._combined("comove.fits", "3552")
        middle = self.path[COUNT // 2]
        measured = point(
            frame="comove.fits",
            mag=21.25,
            sig=0.11,
            snr=9.0,
            limiting_mag=22.3,
            source_ra_deg=middle[0],
            source_dec_deg=middle[1],
            predicted_ra_deg=middle[0],
            predicted_dec_deg=middle[1],
            aperture_radius_px=4.0,
        )
        row = maker.target("3552", maker.points(0), "moving")
        for suffix in (".dat", ".ecsv", ".csv"):
            path = self.directory / row.file
            single = path.with_name(f"{path.stem}_single_frames{suffix}")
            path.with_suffix(suffix).rename(single)
        for folder in (self.directory, self.directory / "comove"):
            photometry_file.write(folder, "3552", [measured])
        result = StackedPhotometryResult(
            stars, moving, 4.0, "R", "PANSTARRS", 27.5, 0.002, (row,), ()
        )
        self.workspace.save(result)

    def _add_target(self) -> None:
        rows, columns = np.mgrid[
            1 : self.maker.night.shape[0] + 1, 1 : self.maker.night.shape[1] + 1
        ]
        for name, x in zip(self.maker.night.names, self.x, strict=True):
            with fits.open(self.directory / name, mode="update") as file:
                apart = (columns - x) ** 2 + (rows - self.y) ** 2
                file[0].data += (80 * np.exp(-apart / 8)).astype(np.float32)

    def _combined(self, name: str, target: str) -> CombineResult:
        frames = self.maker.night.names
        pixels = [fits.getdata(self.directory / each) for each in frames]
        if target:
            moves = [round(STEP_PX * (COUNT // 2 - index)) for index in range(COUNT)]
            pixels = [np.roll(each, by, axis=1) for each, by in zip(pixels, moves, strict=True)]
        header = self.maker.wcs.to_header()
        fits.PrimaryHDU(np.mean(pixels, axis=0), header).writeto(self.directory / name)
        (self.directory / Path(name).stem).mkdir()
        path = self.path if target else []
        return CombineResult(
            stack=name,
            target=target,
            method="clipped",
            midtime_jd=self.maker.jd(COUNT // 2),
            frames=frames,
            failed=(),
            midtimes_jd=tuple(self.maker.jd(index) for index in range(COUNT)),
            path_ra_deg=tuple(ra for ra, _ in path),
            path_dec_deg=tuple(dec for _, dec in path),
            position_deg=self.path[COUNT // 2] if target else (),
        )
