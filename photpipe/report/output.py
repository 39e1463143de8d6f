"""The folder of the report: files that change only when their content does."""

import contextlib
import hashlib
import hmac
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from photpipe.ground import files, paths
from photpipe.ground.files import encoded

log = logging.getLogger(__name__)

Info = Mapping[str, Any]
Notes = Mapping[str, tuple[dict[str, Any] | None, str]]
_MEMORY = "made.json"
_SECRET, _SECRET_BYTES = "pages.key", 32
_TEMPORARY = ".new_"


class Output:
    """Writer of one rendering of the pages.

    A file that takes time is made with a key that tells what it was made from, and is left
    alone while the key stays the same. Files of an earlier rendering that were not written or
    kept by this one are removed in the end, in the folders that belong to the pages alone, if they
    are as they were written then: what somebody else put there stays.

    Parameters
    ----------
    folder : Path
        The folder ``.diagnostics``; it is made if it is missing.
    owned : tuple of str
        Its folders in which nobody else writes.
    """

    def __init__(self, folder: Path, owned: tuple[str, ...]) -> None:
        self.folder = folder
        self.owned = owned
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        for name in owned:
            files.make_folder(folder / name)
        self._before, self._digests_before = self._read_memory()
        self._made: dict[str, dict[str, Any]] = {}
        self._digests: dict[str, str] = {}
        self._secret = _secret()

    def put(self, name: str, content: str | bytes) -> None:
        """Write a file, unless it has this content already."""
        raw = encoded(content) if isinstance(content, str) else content
        write(self.folder / name, raw)
        with self._lock:
            self._seen.add(name)
            self._digests[name] = _digest(raw)

    def keep(self, name: str, key: str, make: Callable[[], tuple[bytes, Info]]) -> Info:
        """Make a file, unless it was made from the same key before.

        Returns
        -------
        mapping
            What `make` told about it, now or then.
        """
        known = self._made.get(name) or self._before.get(name)
        if known is None or known["key"] != key or not (self.folder / name).is_file():
            content, info = make()
            known = {"key": key, "info": dict(info)}
            write(self.folder / name, content)
            self._digests_before[name] = _digest(content)
        self._remember(name, known)
        return dict(known["info"])

    def put_page(self, name: str, key: str, content: str, info: Info) -> None:
        """Write a page, and remember what it was made from.

        Parameters
        ----------
        info : mapping
            What `retain_page` shall return; plain values.
        """
        raw = encoded(content)
        write(self.folder / name, raw)
        self._digests_before[name] = _digest(raw)
        self._remember(name, {"key": self._seal(key, raw, info), "info": dict(info)})

    def retain_page(self, name: str, key: str) -> Info | None:
        """Keep a page that was made from the same key; None if it is gone, or not ours.

        A page may run scripts of its directory: one that somebody else wrote does not stay.
        """
        known = self._before.get(name)
        if known is None:
            return None
        try:
            raw = files.read_bytes(self.folder / name)
        except OSError:
            return None
        if not hmac.compare_digest(str(known["key"]), self._seal(key, raw, known["info"])):
            return None
        self._digests_before[name] = _digest(raw)
        self._remember(name, known)
        return dict(known["info"])

    def _seal(self, key: str, content: bytes, info: Info) -> str:
        """What only this user can write under a page."""
        told = json.dumps([key, _digest(content), info], sort_keys=True).encode()
        return hmac.new(self._secret, told, hashlib.sha256).hexdigest()

    def earlier(self, name: str) -> Info | None:
        """Keep a file of an earlier rendering whose source is gone; None if there is none."""
        known = self._before.get(name)
        if known is None or not (self.folder / name).is_file():
            return None
        self._remember(name, known)
        return dict(known["info"])

    def retain(self, name: str) -> bool:
        """Keep a file that an earlier rendering put there; False if it is gone."""
        digest = self._digests_before.get(name)
        if not digest or not (self.folder / name).is_file():
            return False
        with self._lock:
            self._seen.add(name)
            self._digests[name] = digest
        return True

    def info(self, name: str) -> Info | None:
        """What was told about a file of this rendering; None if there is no such file."""
        known = self._made.get(name)
        return None if known is None else dict(known["info"])

    def key(self, name: str) -> str:
        """What a file of this rendering was made from; empty if it was not made."""
        return str(self._made.get(name, {}).get("key", ""))

    def notes(self, names: Iterable[str]) -> Notes:
        """What is remembered of files, for the process that this one is a copy of."""
        with self._lock:
            return {name: (self._made.get(name), self._digests[name]) for name in names}

    def take(self, notes: Notes) -> None:
        """Remember files that a copy of this process wrote or kept."""
        with self._lock:
            for name, (made, digest) in notes.items():
                self._seen.add(name)
                self._digests[name] = digest
                if made is not None:
                    self._made[name] = made

    def _remember(self, name: str, known: dict[str, Any]) -> None:
        with self._lock:
            self._seen.add(name)
            self._made[name] = known
            self._digests[name] = self._digests_before.get(name, "")

    def close(self) -> None:
        """Remove what is left of earlier renderings, and remember the keys."""
        for folder in self.owned:
            for path in (self.folder / folder).iterdir():
                name = f"{folder}/{path.name}"
                if name not in self._seen and self._is_ours(path, name):
                    path.unlink(missing_ok=True)
        memory = {"made": self._made, "digests": self._digests}
        text = json.dumps(memory, sort_keys=True, separators=(",", ":"))
        write(self.folder / _MEMORY, encoded(text))

    def _is_ours(self, path: Path, name: str) -> bool:
        """Whether a file is one that an earlier rendering wrote, and nobody changed since."""
        with contextlib.suppress(OSError):
            digest = self._digests_before.get(name)
            return bool(digest) and _digest(files.read_bytes(path)) == digest
        return False

    def _read_memory(self) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """What earlier renderings made, by its key, and digests of all that they wrote."""
        try:
            memory = json.loads(files.read_text(self.folder / _MEMORY))
            made = {
                name: {"key": each["key"], "info": each["info"]}
                for name, each in memory["made"].items()
            }
            return made, {name: str(each) for name, each in memory["digests"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}, {}


def _secret() -> bytes:
    """What nobody but this user knows; new for this process where it cannot be kept."""
    path = paths.cache_directory() / _SECRET
    with contextlib.suppress(OSError):
        known = files.read_bytes(path)
        if len(known) == _SECRET_BYTES:
            return known
    new = secrets.token_bytes(_SECRET_BYTES)
    with contextlib.suppress(OSError):
        files.make_folder(path.parent)
        with files.replacing(path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(new)
    return new


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


def write(path: Path, content: bytes) -> None:
    """Replace a file as a whole, unless it has this content.

    Nothing is flushed to the disk: pages can be rendered again, results cannot.
    """
    try:
        if files.read_bytes(path) == content:
            return
    except OSError:
        pass
    files.check_parents(path.parent)
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
