#!/usr/bin/env python3
"""The constants of the original's ``_pp_conf``, for scripts that import it.

``_pp_conf.solcol`` is the setting of that name; so are ``minstars``, ``num_aprads``,
``fluxlimit_aprad``, ``pos_epsilon``, ``scamp_as_contrast_limit`` and all others of
``setup/settings.toml``. ``telescope_parameters``, ``implemented_telescopes``,
``instrument_identifiers`` and ``instrument_keys`` tell what is known of telescopes; ``rootpath``
is this clone. Values are read when they are asked for; to change one, change the settings.

Reads
    ``setup/settings.toml``, the user's settings, ``photpipe.toml`` of the current directory,
    ``setup/telescopes.py`` and the user's ``mytelescopes.py``.
Writes
    nothing; called as a command it prints all values.

Example
    ``python3 -c "import _pp_conf; print(_pp_conf.solcol)"``
"""

import sys
from typing import Any

from photpipe.original import conf


def __getattr__(name: str) -> Any:
    """A constant, fetched when it is asked for."""
    return conf.names() if name == "__all__" else conf.value(name)


def __dir__() -> list[str]:
    """All constants."""
    return conf.names()


def main() -> int:
    """Print all constants; returns the exit status."""
    for name in conf.names():
        sys.stdout.write(f"{name} = {conf.value(name)!r}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
