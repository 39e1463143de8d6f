"""Windows of a test are gone before the next one begins."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Free what a test leaves of Tk in the thread that made it.

    Pytest holds the fixtures until a test is over; whatever thread collects the garbage afterwards
    would end the process ("Tcl_AsyncDelete: async handler deleted by the wrong thread").
    """
    result = yield
    if item.path.parent == Path(__file__).parent:  # this hook is called for all tests
        gc.collect()
    return result
