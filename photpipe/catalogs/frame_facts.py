"""The facts about a frame in its database: what pp_calibrate writes, and the others read."""

import dataclasses
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from photpipe.catalogs.columns import SourceColumns
from photpipe.catalogs.database import Scalar, read_database_columns
from photpipe.ground.errors import ReductionError


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFacts:
    """Row of the table ``header`` of ``<stem>.ldac.db``, in the order of its columns.

    The names carry the units; NaN and empty texts are what is not known. What pp_calibrate found
    (``band`` to ``relative_error_mag``) is described in `photpipe.run.results.CalibratedFrame`.
    """

    frame: str = ""
    telescope: str = ""
    telescope_keyword: str = ""
    observatory_code: str = ""
    observer: str = ""
    object: str = ""
    filter: str = ""
    midtime_jd: float = math.nan
    exptime_s: float = math.nan
    single_exptime_s: float = math.nan
    airmass: float = math.nan
    pixel_scale_arcsec: float = math.nan
    aperture_radius_px: float = math.nan
    astrometric_catalog: str = ""
    photometry_mode: str = ""
    aperture_correction_mag: float = math.nan
    aperture_correction_error_mag: float = math.nan
    sky_noise_adu: float = math.nan
    gain: float = math.nan
    limiting_mag_instrumental: float = math.nan
    band: str = ""
    catalog: str = ""
    magnitude_system: str = ""
    zeropoint_mag: float = math.nan
    zeropoint_sigma_mag: float = math.nan
    standard_error_mag: float = math.nan
    scatter_mag: float = math.nan
    intrinsic_scatter_mag: float = math.nan
    reduced_chi2: float = math.nan
    matched: int = 0
    usable: int = 0
    used: int = 0
    needed: int = 0
    limiting_mag: float = math.nan
    seeing_arcsec: float = math.nan
    sources: int = 0
    note: str = ""
    relative_error_mag: float = math.nan
    calibrated: bool = False
    repeatability_mag: float = math.nan
    unevenness_mag: float = math.nan
    colour: str = ""
    colour_reference: float = math.nan
    colour_term: float = math.nan
    colour_term_error: float = math.nan
    sky_term: float = math.nan
    spatial_terms: str = "[]"
    ref_colour: str = ""
    psf_fwhm_px: float = math.nan
    psf_beta: float = math.nan

    @classmethod
    def of(cls, header: Mapping[str, Scalar]) -> "FrameFacts":
        """Facts of a database; what it lacks is not known, what it has besides is left out.

        Raises
        ------
        ReductionError
            If a fact is not of the type that it should be.
        """
        values = {}
        for field in dataclasses.fields(cls):
            kind: type = field.type  # type: ignore[assignment]
            try:
                values[field.name] = kind(header.get(field.name, field.default))
            except (TypeError, ValueError) as error:
                message = f"{field.name} of a database is {header[field.name]!r}"
                raise ReductionError(message) from error
        return cls(**values)

    def as_row(self) -> dict[str, Scalar]:
        """Facts by the names of their columns."""
        return dataclasses.asdict(self)


def read_facts(path: Path, columns: Collection[str]) -> tuple[FrameFacts, SourceColumns]:
    """Facts of a database, and columns of its sources, as far as there are.

    Raises
    ------
    ReductionError
        If there is no such file, or it is not such a database.
    """
    header, sources = read_database_columns(path, columns)
    return FrameFacts.of(header), sources
