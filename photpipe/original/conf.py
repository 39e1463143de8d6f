"""The constants of the original's ``_pp_conf`` and ``pp_setup``, read from our settings."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from photpipe.ground import log, paths
from photpipe.run.settings import Settings

SECTIONS = {
    "confregister": "registration",
    "confphotometry": "photometry",
    "confcalibrate": "calibration",
    "confdistill": "distill",
    "confcombine": "combine",
    "confdiagnostics": "report",
}
"""Objects of ``pp_setup``, and the sections of our settings that they show."""

_CALIBRATION_FILES = {
    "save_caldata": True,
    "save_caldata_suffix": "_cal.dat",
    "save_caldata_format": "ascii",
    "save_caldata_usedonly": False,
    "caldata_in_db": True,
}


def _telescopes() -> dict[str, dict[str, Any]]:
    from photpipe.instruments import telescopes

    return {name: dict(each.parameters) for name, each in telescopes.registry().items()}


def _identifiers() -> dict[str, str]:
    from photpipe.instruments import entries

    users = paths.user_home() / "setup" / entries.USERS_FILE
    found = entries.read(paths.home() / "setup" / paths.REGISTRY, users if users.exists() else None)
    return dict([*found.identifiers, *found.users_identifiers])


def _instrument_keys() -> list[str]:
    from photpipe.instruments.telescopes import INSTRUMENT_KEYS

    return list(INSTRUMENT_KEYS)


def _catalogs() -> list[str]:
    from photpipe.catalogs import surveys

    return list(surveys.CATALOGS)


_COMPUTED: dict[str, Callable[[], Any]] = {
    "rootpath": lambda: str(paths.home()),
    "telescope_parameters": _telescopes,
    "implemented_telescopes": lambda: list(_telescopes()),
    "instrument_identifiers": _identifiers,
    "instrument_keys": _instrument_keys,
    "allcatalogs": _catalogs,
    "log_filename": lambda: log.LOG_NAME,
    "log_formatline": lambda: log.LOG_FORMAT,
    "diagroot": lambda: ".diagnostics",
    "index_filename": lambda: "diagnostics.html",
}


def value(name: str) -> Any:
    """A constant of ``_pp_conf``: a setting of its name, or what is known of telescopes.

    Raises
    ------
    AttributeError
        If there is none of this name.
    """
    if name in _COMPUTED:
        return _COMPUTED[name]()
    for _, section in _sections():
        if name in section:
            return section[name]
    raise AttributeError(f"_pp_conf has no {name}: no setting is called so (docs/settings.md)")


def names() -> list[str]:
    """All constants that `value` knows."""
    return [*_COMPUTED, *(name for _, section in _sections() for name in section)]


def section(name: str) -> SimpleNamespace:
    """An object of ``pp_setup``, such as ``confcalibrate``.

    Raises
    ------
    AttributeError
        If there is none of this name.
    """
    if name not in SECTIONS:
        raise AttributeError(f"pp_setup has no {name} (it has {', '.join(SECTIONS)})")
    values = dict(dict(_sections())[SECTIONS[name]])
    if name == "confcalibrate":
        values |= _CALIBRATION_FILES
    return SimpleNamespace(**values)


def _sections() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Sections of the settings that hold in the current directory."""
    settings = Settings.load(Path.cwd())
    for field in dataclasses.fields(settings):
        content = getattr(settings, field.name)
        yield field.name, {f.name: getattr(content, f.name) for f in dataclasses.fields(content)}
