"""The standard streams of a command, whoever started it and however."""

import os
import sys


def open_streams() -> None:
    """Lead standard streams that whoever started us has closed (``2>&-``) nowhere.

    Python has None in their place then; and the next file that is opened would get their number,
    so that what a child process complains of would be written into a frame.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)  # the lowest free number
            if handle != number and not _is_open(number):
                os.dup2(handle, number)
            setattr(sys, name, os.fdopen(handle, "w" if number else "r"))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
