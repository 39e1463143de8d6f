"""Signals: SIGTERM ends a run as cleanly as Ctrl-C does, and neither is lost."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from photpipe.run.workspace import interrupted


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block when SIGTERM or SIGINT comes.

    Python drops an exception that a signal raises while an object is deleted, or in the callback
    of a weak reference: who waits looks at `interrupted`, too.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    kinds = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # nobody ignores it
        kinds.append(signal.SIGINT)
    try:
        before = {kind: signal.signal(kind, interrupt) for kind in kinds}
    except ValueError:  # not the main thread: somebody else looks after signals
        yield
        return
    try:
        yield
    finally:
        interrupted.clear()
        for kind, handler in before.items():
            signal.signal(kind, handler)
