"""report.json: everything that a script needs, in one file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import photpipe
from photpipe.report.state import State
from photpipe.report.verdicts import Verdict
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import plain
from photpipe.run.workspace import Workspace

STAGES = ("prepare", "register", "photometry", "calibrate", "distill", "stackedphotometry")


def numbers(workspace: Workspace, state: State, judged: Sequence[Verdict]) -> str:
    """Verdict, steps, results of all stages as they were saved, and all points of all targets.

    A stage without a result is null, as is a number that is not known.
    """
    content: dict[str, object] = {
        "version": photpipe.__version__,
        "directory": state.directory.name,
        "verdict": [
            {
                "rule": verdict.rule,
                "severity": verdict.severity,
                "text": verdict.text,
                "advice": verdict.advice,
                "frames": [frame.name for frame in verdict.frames],
                "target": verdict.target.name if verdict.target else None,
            }
            for verdict in judged
        ],
        "steps": [asdict(each) for each in state.history.records],
        **{name: _saved(workspace.state_directory / f"{name}.json") for name in STAGES},
        "targets": [
            {"name": target.name, "kind": target.kind, "points": [_point(p) for p in target.points]}
            for target in state.targets
        ],
    }
    return json.dumps(plain(content), separators=(",", ":"))


def _saved(path: Path) -> object:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _point(point: TargetPoint) -> dict[str, object]:
    return {each.name: getattr(point, each.name) for each in fields(point)}
