"""What the journal says and MLflow does not know yet: the bookkeeping of the mirror, without MLflow.

The unit is the run. What has been mirrored of it stands in the state file: how many of its lines in each journal, and a
digest of them. New lines that only add are appended to the MLflow run. Where history itself has changed (a job ran
again and rewrote its journal, a parameter has another value, a metric goes back to a step that was already told, a
mirror died half-way), MLflow has no way to take a value back: the run is *replaced* by a new one that tells everything
from the journals of today.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shelfnet.config.workflow import TrackingSettings
from shelfnet.publishing import publish

Event = dict[str, Any]

STATE_FILE = "mirrored.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mark:
    """How far one journal has been mirrored into one run.

    Attributes:
        lines: number of the run's lines.
        digest: SHA-256 of those lines.
    """

    lines: int
    digest: str


@dataclass
class RunState:
    """What MLflow has been told of one run.

    Attributes:
        run_id: MLflow's id.
        complete: false from before the first write until after the last.
        marks: by journal file name.
        params: values by name.
        last_steps: highest step by metric name.
    """

    run_id: str
    complete: bool = False
    marks: dict[str, Mark] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    last_steps: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RunPlan:
    """What to do about one run.

    Attributes:
        run: its name in the journal.
        events: what to tell MLflow, in the order of their times.
        everything: all of the run's events, for the case that MLflow has lost the run.
        replaces: whether a new MLflow run takes the place of the one known.
        marks: where the journals stand once this plan is carried out.
    """

    run: str
    events: list[Event]
    everything: list[Event]
    replaces: bool
    marks: dict[str, Mark]


def plan_runs(journals: Path, known: dict[str, RunState]) -> list[RunPlan]:
    """Compare the journals with the state and list every run that MLflow lags behind on.

    Args:
        journals: folder of ``*.jsonl``.
        known: states by run name.
    """
    lines: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for path in sorted(journals.glob("*.jsonl")):
        for run, of_run in _lines_by_run(path).items():
            lines[run][path.name] = of_run
    plans = (_plan_run(run, by_journal, known.get(run)) for run, by_journal in sorted(lines.items()))
    return [plan for plan in plans if plan.events]


def metric_points(events: Iterable[Event]) -> dict[tuple[str, int], tuple[float, float]]:
    """Value and time by metric name and step; told twice (a job that resumed), the later one holds."""
    return {
        (name, int(event["step"])): (float(value), float(event["time"]))
        for event in events
        if event["event"] == "metrics"
        for name, value in event["values"].items()
    }


def merged_values(events: Iterable[Event], kind: str) -> dict[str, str]:
    """All ``params`` or ``tags`` of the events, the last value of each."""
    return {name: str(value) for event in events if event["event"] == kind for name, value in event["values"].items()}


def load_states(journals: Path, target: str) -> dict[str, RunState]:
    """States by run name; none where nothing was mirrored, or only to another target.

    Args:
        journals: folder with the state file.
        target: names tracking server and experiment.
    """
    try:
        stored = json.loads((journals / STATE_FILE).read_text())
        return _run_states(stored["runs"]) if stored["target"] == target else {}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s is damaged (%r): mirroring everything anew", journals / STATE_FILE, error)
        return {}


def save_states(journals: Path, target: str, states: dict[str, RunState]) -> None:
    """Publish the state file."""
    temporary = journals / f".{STATE_FILE}.{os.getpid()}"
    runs = {run: asdict(state) for run, state in states.items()}
    temporary.write_text(json.dumps({"target": target, "runs": runs}, indent=1))
    publish(temporary, journals / STATE_FILE)


def _run_states(stored: dict[str, dict[str, Any]]) -> dict[str, RunState]:
    return {
        run: RunState(**{**fields, "marks": {name: Mark(**mark) for name, mark in fields["marks"].items()}})
        for run, fields in stored.items()
    }


def _lines_by_run(path: Path) -> dict[str, list[str]]:
    """Complete, readable lines of a journal; the last one may still be being written."""
    grouped: dict[str, list[str]] = defaultdict(list)
    text = path.read_text()
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), start=1):
        try:
            event = json.loads(line)
            if not {"run", "event", "time"} <= event.keys():
                raise ValueError("not an event")
            grouped[event["run"]].append(line)
        except (ValueError, AttributeError):
            log.warning("%s, line %d: expected an event of a run, skipped", path, number)
    return grouped


def _plan_run(run: str, by_journal: dict[str, list[str]], state: RunState | None) -> RunPlan:
    everything = _events(line for lines in by_journal.values() for line in lines)
    marks = {name: _mark(lines) for name, lines in by_journal.items()}
    if state is None:
        return RunPlan(run, everything, everything, False, marks)
    told = {name: mark.lines for name, mark in state.marks.items()}
    new = _events(line for name, lines in by_journal.items() for line in lines[told.get(name, 0) :])
    rewritten = any(
        name in state.marks and _mark(lines[: state.marks[name].lines]) != state.marks[name]
        for name, lines in by_journal.items()
    )
    if rewritten or not state.complete or _contradicts(new, state):
        return RunPlan(run, everything, everything, True, marks)
    return RunPlan(run, new, everything, False, state.marks | marks)


def _events(lines: Iterable[str]) -> list[Event]:
    return sorted((json.loads(line) for line in lines), key=lambda event: event["time"])


def _mark(lines: list[str]) -> Mark:
    return Mark(len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest())


def _contradicts(new: list[Event], state: RunState) -> bool:
    changed = any(state.params.get(name, value) != value for name, value in merged_values(new, "params").items())
    back_in_time = any(step <= state.last_steps.get(name, step - 1) for name, step in metric_points(new))
    return changed or back_in_time


def known_states(journals: Path, settings: TrackingSettings) -> dict[str, RunState]:
    """States by run name; a SQLite file that somebody deleted knows nothing."""
    database = settings.uri.removeprefix("sqlite:///")
    if database != settings.uri and not Path(database).exists():
        return {}
    return load_states(journals, target_digest(settings))


def target_digest(settings: TrackingSettings) -> str:
    """Server and experiment as a digest, since a URI may hold a password."""
    return hashlib.sha256(f"{settings.uri} {settings.experiment}".encode()).hexdigest()
