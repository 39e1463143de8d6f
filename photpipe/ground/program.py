"""The program itself, as something that results depend on."""

import functools
import hashlib
from pathlib import Path


@functools.cache
def sources_digest(package: Path) -> str:
    """Digest of the package's sources: a clone that was updated bears the same version."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        found.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]
