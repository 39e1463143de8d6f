#!/usr/bin/env python3
"""The objects of the original's ``pp_setup``, for scripts that import it.

``pp_setup.confcalibrate.minstars`` is the setting ``minstars`` of the calibration;
``confregister``, ``confphotometry``, ``confdistill``, ``confcombine`` and ``confdiagnostics`` show
the other sections. Catalog data of the calibration are saved always: ``save_caldata`` and
``caldata_in_db`` of ``confcalibrate`` are true. To change a value, change the settings.

Reads
    ``setup/settings.toml``, the user's settings, ``photpipe.toml`` of the current directory.
Writes
    nothing; called as a command it prints all values.

Example
    ``python3 -c "import pp_setup; print(pp_setup.confcalibrate.save_caldata_suffix)"``
"""

import sys
from types import SimpleNamespace

from photpipe.original import conf


def __getattr__(name: str) -> SimpleNamespace:
    """A section, fetched when it is asked for."""
    return conf.section(name)


def __dir__() -> list[str]:
    """All sections."""
    return list(conf.SECTIONS)


def main() -> int:
    """Print all sections; returns the exit status."""
    for name in conf.SECTIONS:
        sys.stdout.write(f"{name}: {vars(conf.section(name))}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
