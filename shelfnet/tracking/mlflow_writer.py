"""What the mirror's child process does: the plan carried out in MLflow, which this file alone imports.

Every operation rearms an alarm. Whatever hangs, be it a name server, a data base driver or MLflow's own chain of
retries, the process dies after ``timeout_s`` without progress, its lock falls with it, and the half-told run is
replaced by the next call. A replaced run (see ``pending.py``) is deleted in MLflow, where ``mlflow gc`` alone
removes it for good.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.colours import COLOUR_TAG, least_used
from shelfnet.tracking.pending import (
    Event,
    RunPlan,
    RunState,
    known_states,
    merged_values,
    metric_points,
    plan_runs,
    save_states,
    target_digest,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

LOCK_FILE = "mirrored.lock"
ORIGIN_TAG = "shelfnet.journals"
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""Without it the pages of MLflow open in their language-model dress, with runs and charts out of sight."""
METRICS_PER_BATCH, PARAMS_PER_BATCH = 1000, 100
MAX_KEY_LENGTH, MAX_PARAM_LENGTH, MAX_TAG_LENGTH = 250, 6000, 8000

Item = TypeVar("Item")


class _Alarm:
    """The end of this process, unless rearmed in time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def rearm(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self.seconds)


class MlflowWriter:
    """One connection to MLflow, and how much went through it."""

    def __init__(self, client: MlflowClient, experiment_id: str, origin: str, alarm: _Alarm) -> None:
        self.client = client
        self.experiment_id = experiment_id
        self.origin = origin
        self.alarm = alarm
        self.counts = {"runs": 0, "metrics": 0, "artifacts": 0}
        self.problems: list[str] = []

    def open_run(self, plan: RunPlan, state: RunState | None) -> tuple[RunState, list[Event]]:
        """The MLflow run to write to and the events to write: a new one wherever the known one will not do."""
        self.alarm.rearm()
        living = self._living_runs()
        alive = {found.info.run_id for found in living if found.info.run_name == plan.run}
        if state is not None and not plan.replaces and state.run_id in alive:
            return state, plan.events
        for run_id in alive:
            self.client.delete_run(run_id)
        taken = [found.data.tags.get(COLOUR_TAG) for found in living if found.info.run_id not in alive]
        created = self.client.create_run(
            self.experiment_id,
            start_time=_milliseconds(plan.everything[0]["time"]),
            tags={ORIGIN_TAG: self.origin} | ({COLOUR_TAG: least_used(taken)} if _is_training(plan.run) else {}),
            run_name=plan.run,
        )
        return RunState(created.info.run_id), plan.everything

    def write(self, run_id: str, events: list[Event]) -> None:
        """Tags, parameters, metrics, artifacts, images and tables of events, and the end of the run."""
        self._write_values(run_id, events)
        self._write_metrics(run_id, events)
        writers = {"artifact": self._write_artifact, "image": self._write_image, "table": self._write_table}
        for event in events:
            if event["event"] in writers:
                self._write_file(run_id, event, writers[event["event"]])
        self.alarm.rearm()
        self.client.set_terminated(run_id, "FINISHED", end_time=_milliseconds(events[-1]["time"]))
        self.counts["runs"] += 1

    def _living_runs(self) -> list[Run]:
        """Living MLflow runs that these journals made; other people's are none of our business."""
        return self.client.search_runs([self.experiment_id], f"tags.`{ORIGIN_TAG}` = '{self.origin}'")

    def _write_values(self, run_id: str, events: list[Event]) -> None:
        from mlflow.entities import Param, RunTag

        tags = [RunTag(_key(k), v[:MAX_TAG_LENGTH]) for k, v in merged_values(events, "tags").items()]
        params = [Param(_key(k), v[:MAX_PARAM_LENGTH]) for k, v in merged_values(events, "params").items()]
        for batch in _batches(tags, PARAMS_PER_BATCH):
            self.alarm.rearm()
            self.client.log_batch(run_id, tags=batch)
        for batch in _batches(params, PARAMS_PER_BATCH):
            self.alarm.rearm()
            self.client.log_batch(run_id, params=batch)

    def _write_metrics(self, run_id: str, events: list[Event]) -> None:
        from mlflow.entities import Metric

        metrics = [
            Metric(_key(name), value, _milliseconds(when), step)
            for (name, step), (value, when) in metric_points(events).items()
        ]
        for batch in _batches(metrics, METRICS_PER_BATCH):
            self.alarm.rearm()
            self.client.log_batch(run_id, metrics=batch)
        self.counts["metrics"] += len(metrics)

    def _write_file(self, run_id: str, event: Event, write: Callable[[str, Path, Event], None]) -> None:
        path = Path(event["path"])
        if not path.exists():
            self.problems.append(f"{event['event']} {path} is no longer there, skipped")
            return
        self.alarm.rearm()
        write(run_id, path, event)
        self.counts["artifacts"] += 1

    def _write_artifact(self, run_id: str, path: Path, event: Event) -> None:
        folder = event["folder"] or None
        if path.is_dir():
            self.client.log_artifacts(run_id, str(path), folder)
        else:
            self.client.log_artifact(run_id, str(path), folder)

    def _write_image(self, run_id: str, path: Path, event: Event) -> None:
        """An image that MLflow knows the step of."""
        from PIL import Image

        key = re.sub(r"[^\w\-./ ]", "_", event["name"], flags=re.ASCII)
        with Image.open(path) as image:
            self.client.log_image(
                run_id, image.convert("RGB"), key=key, step=event["step"], timestamp=_milliseconds(event["time"])
            )

    def _write_table(self, run_id: str, path: Path, event: Event) -> None:
        """A table that MLflow can show: it lines runs up by the first column and compares the second."""
        import pandas as pd

        key, headline = event["key"], event["headline"]
        table = pd.read_csv(path)
        names = table[key].astype(str).agg(" ".join, axis="columns").rename(" ".join(key))  # pyright: ignore[reportCallIssue, reportArgumentType]
        others = [name for name in table if name not in (*key, headline)]
        self.client.log_table(
            run_id, pd.concat([names, table[[headline, *others]]], axis=1), f"tables/{path.stem}.json"
        )


def _serve(journals: Path, settings: TrackingSettings, results: Path) -> dict[str, Any]:
    """The child's work: lock, connect, and carry out the plan run by run."""
    from filelock import FileLock, Timeout

    alarm = _Alarm(settings.timeout_s)
    try:
        with FileLock(journals / LOCK_FILE, timeout=settings.timeout_s):
            alarm.rearm()
            # Planned under the lock: another process may just have done the work.
            target, states = target_digest(settings), known_states(journals, settings)
            if not (plans := plan_runs(journals, states)):
                return {"counts": {}, "problems": []}
            writer = _connect(settings, results, _origin(journals), alarm)
            for plan in plans:
                state, events = writer.open_run(plan, states.get(plan.run))
                state.complete = False
                states[plan.run] = state
                save_states(journals, target, states)
                writer.write(state.run_id, events)
                states[plan.run] = _told(state, plan, events)
                save_states(journals, target, states)
    except Timeout:
        return {"counts": {}, "problems": [f"another process has held {LOCK_FILE} for {settings.timeout_s:g} s"]}
    return {"counts": writer.counts, "problems": writer.problems}


def _connect(settings: TrackingSettings, results: Path, origin: str, alarm: _Alarm) -> MlflowWriter:
    from mlflow.tracking import MlflowClient

    alarm.rearm()
    client = MlflowClient(tracking_uri=settings.uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    if experiment is not None:
        return MlflowWriter(client, experiment.experiment_id, origin, alarm)
    remote = settings.uri.startswith(("http://", "https://", "databricks"))
    location = None if remote else (results / "mlartifacts").resolve().as_uri()
    experiment_id = client.create_experiment(settings.experiment, location, tags=EXPERIMENT_TAGS)
    return MlflowWriter(client, experiment_id, origin, alarm)


def _told(state: RunState, plan: RunPlan, events: list[Event]) -> RunState:
    """The state after ``events`` were written."""
    last_steps = dict(state.last_steps)
    for name, step in metric_points(events):
        last_steps[name] = max(step, last_steps.get(name, step))
    params = state.params | merged_values(events, "params")
    return RunState(state.run_id, complete=True, marks=plan.marks, params=params, last_steps=last_steps)


def _origin(journals: Path) -> str:
    """Names these journals among all that write to one server: the machine, and a digest of the folder's path."""
    return f"{socket.gethostname()}-{hashlib.sha256(str(journals.resolve()).encode()).hexdigest()[:12]}"


def _is_training(run: str) -> bool:
    """Whether a run is a seed of an ablation; a stage has no curves beside which others are drawn."""
    return "/" in run


def _key(name: str) -> str:
    """A name within MLflow's character set and length, and a clean relative path."""
    cleaned = posixpath.normpath(re.sub(r"[^/\w.\-: ]", "_", name).strip("/") or "_")
    return ("_" + cleaned if cleaned.startswith(".") else cleaned)[:MAX_KEY_LENGTH]


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


def _main() -> None:
    request = json.load(sys.stdin)
    settings = TrackingSettings.model_validate(request["settings"])
    sys.stdout.write("\n" + json.dumps(_serve(Path(request["journals"]), settings, Path(request["results"]))) + "\n")
    sys.stdout.flush()
    # MLflow leaves threads behind that would hold the child back.
    os._exit(0)


if __name__ == "__main__":
    _main()
