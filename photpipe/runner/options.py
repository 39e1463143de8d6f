"""What the user may say to the whole chain, and what each stage hears of it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

StageOptions = TypeVar("StageOptions")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user may say to pp_run; None and False leave a decision to the stage.

    Parameters
    ----------
    prefix : str, optional
        Only files whose names start with this.
    target, filter, cat, regcat : str, optional
        Name of the target; band; catalogs of the calibration and of the registration.
    fixed_aprad : float, optional
        Aperture radius in pixels instead of a curve of growth.
    rerun_registration, keep_wcs : bool
        Register what failed a second time; trust the WCS of the headers.
    split, force : bool
        Run the groups of a mixed directory one after the other; reuse nothing.
    others
        As in the stages that bear the option of that name.
    """

    prefix: str | None = None
    target: str | None = None
    filter: str | None = None
    fixed_aprad: float | None = None
    source_tolerance: str | None = None
    solar: bool = False
    rerun_registration: bool = False
    asteroids: bool = False
    reject: str | None = None
    keep_wcs: bool = False
    cat: str | None = None
    regcat: str | None = None
    instrumental: bool = False
    variable_stars: bool = False
    positions: str | None = None
    fixedtargets: str | None = None
    offset: tuple[float, float] | None = None
    snr: float | None = None
    minarea: int | None = None
    nodeblending: bool = False
    background_only: bool = False
    target_only: bool = False
    minstars: float | None = None
    maxflag: int | None = None
    use_all_stars: bool = False
    magzp: tuple[float, float] | None = None
    colorterm: bool = False
    spatial: bool = False
    ra: float | str | None = None
    dec: float | str | None = None
    flipx: bool = False
    flipy: bool = False
    rotate: float | None = None
    secpix: str | None = None
    binning: str | None = None
    date_keyword: str | None = None
    exptime: float | str | None = None
    site: str | None = None
    observatory: str | None = None
    telescope: str | None = None
    split: bool = False
    force: bool = False

    @property
    def aprad(self) -> tuple[float, ...] | None:
        """The radius as pp_photometry takes it."""
        return None if self.fixed_aprad is None else (self.fixed_aprad,)


def for_stage(
    kind: type[StageOptions],
    options: RunOptions,
    renamed: Mapping[str, str] | None = None,
    **changes: Any,
) -> StageOptions:
    """Options of a stage: what the user said where the stage has a field of that name.

    Parameters
    ----------
    kind : type
        The dataclass of the stage's options.
    options : RunOptions
        What the user said.
    renamed : mapping
        Field of the stage to the field of `options` from which it comes; "" for none.
    changes
        Fields that the chain itself sets.
    """
    values = {}
    for each in dataclasses.fields(kind):  # type: ignore[arg-type]
        said = getattr(options, (renamed or {}).get(each.name, each.name), None)
        if said is not None and said is not False:
            values[each.name] = said
    return kind(**(values | changes))


def told(options: object) -> dict[str, Any]:
    """Fields in which options differ from their defaults."""
    fields = dataclasses.fields(options)  # type: ignore[arg-type]
    return {f.name: value for f in fields if (value := getattr(options, f.name)) != f.default}
