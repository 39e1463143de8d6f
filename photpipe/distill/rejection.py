"""Rejection of points: named schemata, those of the user, and points named one by one."""

import dataclasses
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from photpipe.ground.errors import ConfigError
from photpipe.ground.files import slug
from photpipe.run.photometry_file import CONTAMINATED, LIMIT, SPOILERS, TargetPoint
from photpipe.run.settings import DistillSettings

_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_FORM = re.compile(r"\s*(?P<column>\w+)\s*(?P<sign><=|>=|<|>)\s*(?P<number>[-+.\deE]+)\s*")
_NUMBERS = tuple(each.name for each in dataclasses.fields(TargetPoint) if each.type is not str)

CONTAMINATED_SIGMA = 1 / 3  # of its error, by which a neighbour may change a faint point


@dataclass(frozen=True, slots=True)
class Schema:
    """A rule by which points are rejected: name, and the reason if it applies, else nothing."""

    name: str
    reason: Callable[[TargetPoint], str]


def schemata(names: str, settings: DistillSettings) -> list[Schema]:
    """Schemata of a list of names separated by commas; ``none`` stands for no rejection.

    Raises
    ------
    ConfigError
        If there is no schema of a name, or one of the settings is malformed.
    """
    known = {"pos": _position_schema(settings.rejection_pos_arcsec)}
    known |= {name: _settings_schema(name, rule) for name, rule in settings.reject.items()}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known and name != "none"]
    if unknown:
        message = (
            f"-reject: there is no criterion {unknown[0]!r}; choose from none, {', '.join(known)}; "
            "you may add your own to [distill] reject in the settings"
        )
        raise ConfigError(message)
    return [known[name] for name in wanted if name != "none"]


def _position_schema(limit_arcsec: float) -> Schema:
    def reason(point: TargetPoint) -> str:
        apart = math.hypot(point.offset_east_arcsec, point.offset_north_arcsec)
        return f"pos: {apart:.1f} arcsec from the prediction" if apart > limit_arcsec else ""

    return Schema("pos", reason)


def _settings_schema(name: str, rule: object) -> Schema:
    found = _FORM.fullmatch(str(rule))
    if not found or found["column"] not in _NUMBERS:
        message = (
            f"settings: [distill] reject: {name} = {rule!r} should be a column, one of < <= > >=, "
            f"and a number; columns: {', '.join(_NUMBERS)}"
        )
        raise ConfigError(message)
    try:
        limit = float(found["number"])
    except ValueError as error:
        raise ConfigError(f"settings: [distill] reject: {name} = {rule!r}: {error}") from error
    column, applies = found["column"], _SIGNS[found["sign"]]

    def reason(point: TargetPoint) -> str:
        value = getattr(point, column)
        return f"{name}: {column} = {value:.4g}" if applies(value, limit) else ""

    return Schema(name, reason)


def spoilers(settings: DistillSettings, keep: Collection[str]) -> list[Schema]:
    """Schemata for what spoils points, without the kinds that are kept.

    Each is named as one of `photometry_file.SPOILERS`.
    """
    limit = settings.contaminated_mag
    known = [Schema(kind, partial(_defective, limit, kind)) for kind in SPOILERS[1:]]
    known.append(Schema(CONTAMINATED, partial(_contaminated, limit)))
    return [each for each in known if each.name not in keep]


def _contaminated(limit_mag: float, point: TargetPoint) -> str:
    """Why a point is kept out whose neighbours change it by more than a limit and its error allows.

    An upper limit stays one, whatever light is there.
    """
    effect = point.contamination_mag
    least = max(limit_mag, CONTAMINATED_SIGMA * point.sig)
    if point.method == LIMIT or point.is_too_bright or not abs(effect) > least:
        return ""
    how = _change(effect)
    why = f"; {point.subtraction}" if point.subtraction else ""
    return f"{CONTAMINATED}: {point.contamination or 'neighbours'}, {how}{why}"


def _change(effect_mag: float) -> str:
    return f"{abs(effect_mag):.2f} mag {'brighter' if effect_mag > 0 else 'fainter'}"


def _defective(limit_mag: float, kind: str, point: TargetPoint) -> str:
    """Why a point is kept out that a defect of its frame changes, by the same measure."""
    least = max(limit_mag, CONTAMINATED_SIGMA * point.sig)
    found, _, words = point.defect.partition(": ")
    if found != kind or point.method == LIMIT or not abs(point.defect_mag) > least:
        return ""
    return f"{kind}: {words}, {_change(point.defect_mag)}"


def judged(
    points: Sequence[TargetPoint],
    target: str,
    rules: Sequence[Schema],
    by_hand: Mapping[tuple[str, str], str],
) -> list[TargetPoint]:
    """Points with the reasons of their rejection; those that have one keep it."""
    result = []
    for point in points:
        reasons = [point.rejected, by_hand.get((slug(target), point.frame), "")]
        reasons += [rule.reason(point) for rule in rules]
        first = next((each for each in reasons if each), "")
        result.append(dataclasses.replace(point, rejected=first))
    return result
