"""The tests on real frames are collected only where their folder is named."""

import os

collect_ignore_glob = [] if os.environ.get("PP_REAL_DATA") else ["test_*.py"]
