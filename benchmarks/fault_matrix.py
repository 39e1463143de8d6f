"""What comes of every fault of every service, as a table; and how many requests a run makes.

Asks the services of the simulated sky the questions of ``tests/services/matrix.py``, each under
each fault, once with all its servers at fault and, where there is a mirror, once with the first
alone. Then counts the requests that the stages make for 50 frames of one target::

    python benchmarks/fault_matrix.py [PATIENCE_S]

The patience of a question is 1 s; on a busy machine more makes the truth about slow answers.
"""

import logging
import os
import re
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from photpipe.run.settings import Settings  # noqa: E402
from simsky import Fault, Sky, SkyServer  # noqa: E402
from tests.services.conftest import small_sky  # noqa: E402
from tests.services.matrix import (  # noqa: E402
    FAULTS,
    PATIENCE_S,
    QUESTIONS,
    Outcome,
    ask_like_a_run,
    impatient,
    inflict,
    outcome,
)

MIRRORED = ("vizier", "vsx")
REASON_CHARACTERS = 44


def once(sky: Sky, service: str, fault: Fault, patience_s: float, *, mirror: bool) -> Outcome:
    """One question under one fault, with an empty cache."""
    with SkyServer(sky) as server, tempfile.TemporaryDirectory() as folder:
        inflict(server, service, fault, mirror=mirror)
        return outcome(service, impatient(server, patience_s, cache=folder))


def cell(result: Outcome) -> str:
    """Outcome in few words: rows, or the reason of the first server."""
    if result.rows is not None:
        return f"{result.rows} rows, {result.seconds:.1f} s"
    reasons = re.findall(r"127\.0\.0\.1:\d+: (.*?)(?=; |$)", result.error) or [result.error]
    return f"error, {result.seconds:.1f} s: {reasons[0][:REASON_CHARACTERS]}"


def main() -> None:
    """Print the matrix and the numbers of requests."""
    patience_s = float(sys.argv[1]) if len(sys.argv) > 1 else PATIENCE_S
    os.environ.pop("PHOTPIPE_CACHE", None)
    logging.disable(logging.CRITICAL)
    sky = small_sky()
    columns = [(name, False) for name in QUESTIONS] + [(name, True) for name in MIRRORED]
    titles = [f"{name}, mirror up" if mirror else name for name, mirror in columns]
    print("|", " | ".join(["fault", *titles]), "|")
    print("|", " | ".join("---" for _ in [0, *titles]), "|")
    for fault in FAULTS:
        cells = [
            cell(once(sky, name, fault, patience_s, mirror=mirror)) for name, mirror in columns
        ]
        print("|", " | ".join([fault.name, *cells]), "|", flush=True)
    with SkyServer(sky) as server, tempfile.TemporaryDirectory() as folder:
        services = server.service_settings(cache=folder)
        ask_like_a_run(replace(Settings(), services=services))
        print(
            "\nrequests of a run of 50 frames:", dict(Counter(r.service for r in server.requests))
        )


if __name__ == "__main__":
    main()
