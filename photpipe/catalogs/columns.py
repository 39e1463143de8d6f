"""`SourceColumns`: what stages read of a catalog or a database, at less than astropy asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class SourceColumns:
    """Columns of one length, by their names.

    A table of astropy takes some ms to be made or cut, which a night of hundreds of frames pays
    several times; this takes what its arrays take.

    Parameters
    ----------
    data : mapping of str to array, shape (rows,) or (rows, apertures)
        The columns.
    """

    data: Mapping[str, Column]

    @property
    def colnames(self) -> list[str]:
        """Names of the columns, as a table of astropy has them."""
        return list(self.data)

    def __getitem__(self, name: str) -> Column:
        """One of the columns."""
        return self.data[name]

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.data.values()), ()))

    def only(self, names: Iterable[str]) -> "SourceColumns":
        """Some of the columns."""
        return SourceColumns({name: self.data[name] for name in names})

    def rows(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "SourceColumns":
        """Some of the rows."""
        return SourceColumns({name: column[which] for name, column in self.data.items()})
