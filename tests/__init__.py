"""Tests of the pipeline. They do not depend on the settings and caches of who runs them.

Who runs them is somebody whose settings let the ``photpipe.toml`` of a data directory name servers.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from photpipe.ground.environment import settle_threads

# as the commands, and before numpy is imported: a second thread turns while it waits, which doubled
# the time of tests that fit stars
settle_threads()

# libraries look for their settings when they are imported, before any fixture could speak
_NOBODYS = tempfile.mkdtemp(prefix="pp_tests_")
atexit.register(shutil.rmtree, _NOBODYS, ignore_errors=True)
Path(_NOBODYS, "photpipe").mkdir()
Path(_NOBODYS, "photpipe", "settings.toml").write_text("[services]\ntrust_directories = true\n")
os.environ.update(XDG_CONFIG_HOME=_NOBODYS, XDG_CACHE_HOME=_NOBODYS)
