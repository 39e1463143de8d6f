"""The environment of this process and of its tools."""

import contextlib
import ctypes
import gc
import os

# objects that are made between two searches for rings among them: by Python's 700 a run of eight
# frames makes 630 searches that find little, a tenth of its processor; memory grows by 10 of 200 MB
RARE_COLLECTIONS = 50_000
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def settle_threads() -> None:
    """Give libraries of linear algebra one thread, before they are imported.

    Frames are worked on side by side: further threads for small matrices wait for each other, and
    turn meanwhile. Who sets their number is believed.
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")


def settle_collector() -> None:
    """Let Python look for rings of dead objects less often than it would."""
    gc.set_threshold(RARE_COLLECTIONS)


def give_back_memory() -> None:
    """Return to the system what is free between stages of a long series.

    The allocator of threads keeps what tables of hundreds of frames leave behind (0.3 MB a frame),
    and rings of dead objects wait for a search that is rare.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # not of this system
        ctypes.CDLL(None).malloc_trim(0)
