"""Where Photometry Pipeline keeps its own files, in a clone as in an installed copy."""

import os
from pathlib import Path

from photpipe.ground.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent.parent
REGISTRY = "telescopes.py"
NOWHERE = Path(os.devnull, "photpipe")  # of a user without a home: nothing is there, or written
FOLDERS_OF_USERS = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")  # XDG base directories


def settle_home() -> None:
    """Give a user a home that is nowhere, if there is none or it is closed to this user.

    Libraries look there while they are imported: astropy ends with an exception. So do the
    folders of ``XDG_CONFIG_HOME`` and its kind; those that are closed are not asked.
    """
    try:
        is_open = _may_be_looked_into(Path.home())
    except RuntimeError:
        is_open = False
    if not is_open:
        os.environ["HOME"] = os.devnull
    for name in FOLDERS_OF_USERS:
        if os.environ.get(name) and not _may_be_looked_into(Path(os.environ[name])):
            del os.environ[name]


def _may_be_looked_into(folder: Path) -> bool:
    """Whether it can be seen what a folder holds; one that is not there holds nothing."""
    try:
        (folder / ".config").exists()
    except OSError:
        return False
    return True


def package() -> Path:
    """Folder of the package, in a clone and in an installed copy."""
    return _PACKAGE


def home() -> Path:
    """Folder that holds ``setup/``: the clone, or the installed package."""
    clone = _PACKAGE.parent
    return clone if (clone / "setup" / REGISTRY).is_file() else _PACKAGE


def user_home() -> Path:
    """Folder of the user's own ``setup/``: ``$PHOTPIPEDIR`` when set, else `home`.

    Raises
    ------
    ConfigError
        If ``$PHOTPIPEDIR`` names a folder without ``setup/``.
    """
    named = os.environ.get("PHOTPIPEDIR")
    if not named:
        return home()
    folder = Path(named).expanduser()
    try:
        reason = "" if (folder / "setup").is_dir() else "which has no directory setup/"
    except OSError as error:
        reason = f"whose directory setup/ cannot be read ({error.strerror})"
    if reason:
        message = f"PHOTPIPEDIR is {named!r}, {reason}; "
        raise ConfigError(f"{message}set it to your clone of Photometry Pipeline, or unset it")
    return folder


def setup_file(name: str) -> Path:
    """Path of a file of ``setup/``: the user's if there is one, else the product's own."""
    users = user_home() / "setup" / name
    return users if users.is_file() else home() / "setup" / name


def cache_directory() -> Path:
    """Folder of the answers kept from network services; ``$PHOTPIPE_CACHE`` decides."""
    named = os.environ.get("PHOTPIPE_CACHE")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    try:
        return user_cache_path("photpipe")
    except RuntimeError:  # no HOME, and no entry in the file of passwords
        return NOWHERE


def data_directory() -> Path:
    """Folder of what was learned and has to last, such as the cameras."""
    from platformdirs import user_data_path

    return user_data_path("photpipe")


def user_settings_file() -> Path:
    """Path of the user's own settings, whether the file exists or not."""
    from platformdirs import user_config_path

    try:
        return user_config_path("photpipe") / "settings.toml"
    except RuntimeError:
        return NOWHERE / "settings.toml"
