"""The environment of this process and of its tools."""

import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def settle_threads() -> None:
    """Give libraries of linear algebra one thread, before they are imported.

    Frames are worked on side by side: further threads for small matrices wait for each other, and
    turn meanwhile. Who sets their number is believed.
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")
