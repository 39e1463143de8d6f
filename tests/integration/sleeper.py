"""What the processes of the tests do: a module that is imported within milliseconds."""

import os
import signal
import time


def sleep_or_die(item: str) -> int:
    """Sleep so many seconds, or die by a signal; returns the number of the process."""
    if item == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(item))
    return os.getpid()
