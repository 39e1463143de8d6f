"""Tests of the pipeline. They do not depend on the settings and caches of who runs them."""

import atexit
import os
import shutil
import tempfile

# libraries look for their settings when they are imported, before any fixture could speak
_NOBODYS = tempfile.mkdtemp(prefix="pp_tests_")
atexit.register(shutil.rmtree, _NOBODYS, ignore_errors=True)
os.environ.update(XDG_CONFIG_HOME=_NOBODYS, XDG_CACHE_HOME=_NOBODYS)
