"""Finds the events of the journals that MLflow does not have yet; does not import MLflow.

The state file records for each run what has been written: the number of its lines in each journal, a digest of them,
and the status. New lines are appended to the MLflow run. MLflow cannot take a value back. So the run is *replaced* by a
new one, written from the current journals, if earlier events have changed: a job ran again and rewrote its journal, a
parameter has another value, a metric returns to a step that was already written, or a mirror ended half-way.
"""

from __future__ import annotations

import hashlib
import json
import logging
import socket
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from shelfnet.config.workflow import TrackingSettings
from shelfnet.publishing import publish_text
from shelfnet.tracking.job_status import FAILED, FINISHED, KILLED, RUNNING, JobStatus, job_statuses

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
        status: MLflow's status of the run.
    """

    run_id: str
    complete: bool = False
    marks: dict[str, Mark] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    last_steps: dict[str, int] = field(default_factory=dict)
    status: str = FINISHED


@dataclass(frozen=True)
class RunPlan:
    """What to do about one run.

    Attributes:
        run: its name in the journal.
        events: what to tell MLflow, in the order of their times.
        everything: all of the run's events, for the case that MLflow has lost the run.
        replaces: whether a new MLflow run takes the place of the one known.
        marks: where the journals stand once this plan is carried out.
        status: status of the run, from those of its jobs.
        started: time of its first sign of life.
        ended: time of its last one.
        host: machine of a running job; empty if none runs.
    """

    run: str
    events: list[Event]
    everything: list[Event]
    replaces: bool
    marks: dict[str, Mark]
    status: str
    started: float
    ended: float
    host: str


def plan_runs(journals: Path, known: dict[str, RunState]) -> list[RunPlan]:
    """Compare the journals with the state and list every run that MLflow lags behind on.

    Args:
        journals: folder of ``*.jsonl`` and ``*.status``.
        known: states by run name.
    """
    lines: dict[str, dict[str, list[str]]] = defaultdict(dict)
    jobs: dict[str, list[JobStatus]] = defaultdict(list)
    for path in sorted(journals.glob("*.jsonl")):
        stat = path.stat()
        for run, of_run in _lines_by_run(path, stat.st_mtime_ns, stat.st_size).items():
            lines[run][path.name] = of_run
    for job in job_statuses(journals):
        jobs[job.run].append(job)
    plans = (_plan_run(run, lines[run], jobs[run], known.get(run)) for run in sorted({*lines, *jobs}))
    return [plan for plan in plans if plan is not None]


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


class StateFile:
    """What has been mirrored from a folder of journals to one target; nothing where it was another target.

    Attributes:
        origin: Names these journals among all that write to one server, also after the folder was moved.
        states: States by run name.
    """

    def __init__(self, journals: Path, settings: TrackingSettings) -> None:
        # A digest, since a URI may hold a password.
        self._target = hashlib.sha256(f"{settings.uri} {settings.experiment}".encode()).hexdigest()
        self._path = journals.resolve() / STATE_FILE
        name = f"{socket.gethostname()}-{hashlib.sha256(str(self._path.parent).encode()).hexdigest()[:12]}"
        self.origin, self.states = name, {}
        try:
            stored = json.loads(self._path.read_text())
            if stored["target"] == self._target and not _is_deleted(settings):
                self.states = _run_states(stored["runs"])
            self.origin = stored.get("origin", name)
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is damaged (%r): mirroring everything anew", self._path, error)

    def save(self) -> None:
        """Publish the state file."""
        runs = {run: asdict(state) for run, state in self.states.items()}
        publish_text(self._path, json.dumps({"target": self._target, "origin": self.origin, "runs": runs}, indent=1))


def database_file(settings: TrackingSettings) -> Path | None:
    """File of a SQLite database; ``None`` for servers."""
    name = settings.uri.removeprefix("sqlite:///")
    return None if name == settings.uri else Path(name)


def _is_deleted(settings: TrackingSettings) -> bool:
    database = database_file(settings)
    return database is not None and not database.exists()


def _run_states(stored: dict[str, dict[str, Any]]) -> dict[str, RunState]:
    return {
        run: RunState(**{**fields, "marks": {name: Mark(**mark) for name, mark in fields["marks"].items()}})
        for run, fields in stored.items()
    }


@lru_cache(maxsize=10_000)
def _lines_by_run(path: Path, modified_ns: int, size: int) -> dict[str, list[str]]:
    """Complete, readable lines of a journal; the last one may still be being written. Unchanged files are read once."""
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


def _plan_run(
    run: str, by_journal: dict[str, list[str]], jobs: list[JobStatus], state: RunState | None
) -> RunPlan | None:
    """The plan; ``None`` where MLflow knows everything."""
    marks = {name: _mark(lines) for name, lines in by_journal.items()}
    statuses = [job.status for job in jobs]
    status = next((name for name in (RUNNING, FAILED, KILLED) if name in statuses), FINISHED)
    if state is not None and state.complete and state.status == status and state.marks == state.marks | marks:
        return None
    everything = _events(line for lines in by_journal.values() for line in lines)
    times = [*(event["time"] for event in everything), *(job.since for job in jobs)]
    host = next((job.host for job in jobs if job.status == RUNNING), "")
    plan = partial(RunPlan, run, everything=everything, status=status, started=min(times), ended=max(times), host=host)
    if state is None:
        return plan(events=everything, replaces=False, marks=marks)
    told = {name: mark.lines for name, mark in state.marks.items()}
    new = _events(line for name, lines in by_journal.items() for line in lines[told.get(name, 0) :])
    rewritten = any(
        name in state.marks and _mark(lines[: state.marks[name].lines]) != state.marks[name]
        for name, lines in by_journal.items()
    )
    if rewritten or not state.complete or _contradicts(new, state):
        return plan(events=everything, replaces=True, marks=marks)
    return plan(events=new, replaces=False, marks=state.marks | marks)


def _events(lines: Iterable[str]) -> list[Event]:
    return sorted((json.loads(line) for line in lines), key=lambda event: event["time"])


def _mark(lines: list[str]) -> Mark:
    return Mark(len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest())


def _contradicts(new: list[Event], state: RunState) -> bool:
    changed = any(state.params.get(name, value) != value for name, value in merged_values(new, "params").items())
    back_in_time = any(step <= state.last_steps.get(name, step - 1) for name, step in metric_points(new))
    return changed or back_in_time
