"""What passes between the server and the services it speaks for."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from simsky.survey import Column


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived.

    Attributes
    ----------
    service : str
        vizier, vsx, horizons, skybot, sdss or mast.
    server : str
        Which of the servers was asked (``vizier``, ``vizier2`` ...).
    method, path : str
        HTTP method and path.
    query : mapping
        Parameters of the address.
    body : str
        Body of a POST.
    at_s : float
        Monotonic time of arrival.
    """

    service: str
    server: str
    method: str
    path: str
    query: Mapping[str, str]
    body: str = ""
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answers."""

    body: str
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Twist(enum.Enum):
    """Replies that are well-formed and wrong."""

    EMPTY_TABLE = "the table is there and has no rows"
    WRONG_COLUMNS = "every column has another name"
    BLANK_VALUES = "every magnitude (or position) is blank"


def twisted(
    columns: Sequence[Column], order: NDArray[np.int64], twist: Twist | None
) -> tuple[Sequence[Column], NDArray[np.int64]]:
    """Columns and rows of a reply after a twist."""
    if twist is Twist.EMPTY_TABLE:
        return columns, order[:0]
    if twist is Twist.WRONG_COLUMNS:
        return [replace(column, name=f"x{column.name}") for column in columns], order
    if twist is Twist.BLANK_VALUES:
        return [_blanked(column) for column in columns], order
    return columns, order


def _blanked(column: Column) -> Column:
    """Column of magnitudes without a value; others as they are."""
    if column.unit != "mag":
        return column
    return replace(column, values=np.full(column.values.shape, np.nan))
