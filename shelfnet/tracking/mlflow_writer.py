"""The child process of the mirror, which writes to MLflow. Only this file imports MLflow.

Every operation restarts an alarm. If a name server, a database driver or MLflow's retries hang, the process ends after
``timeout_s`` without progress. Its lock is then released, and the next call replaces the partly written run. A replaced
run (see ``pending.py``) is marked as deleted in MLflow; only ``mlflow gc`` removes it for good.
"""

from __future__ import annotations

import getpass
import io
import logging
import math
import os
import posixpath
import re
import signal
import sqlite3
import warnings
from collections.abc import Iterable
from contextlib import closing, redirect_stderr
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from shelfnet.config.ablations import DESCRIPTIONS
from shelfnet.config.workflow import TrackingSettings
from shelfnet.publishing import complete_file
from shelfnet.temporary import temporary_folder
from shelfnet.tracking.charts import VIEW_TAG, shared_view
from shelfnet.tracking.colours import COLOUR_TAG, least_used
from shelfnet.tracking.job_status import RUNNING
from shelfnet.tracking.pending import (
    Event,
    RunPlan,
    RunState,
    StateFile,
    database_file,
    merged_values,
    metric_points,
    plan_runs,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

LOCK_FILE = "mirrored.lock"
ORIGIN_TAG = "shelfnet.journals"
KIND_TAG, KIND = "mlflow.experimentKind", "custom_model_development"
"""Kind of the experiment; without it, MLflow shows its layout for language models, which hides runs and charts."""
ARTIFACTS = "mlartifacts"
MODEL_CODE = Path(__file__).parents[1] / "prediction" / "mlflow_model.py"
BATCH_SIZES = {"tags": 100, "params": 100, "metrics": 1000}
MAX_KEY_LENGTH, MAX_PARAM_LENGTH, MAX_TAG_LENGTH, MAX_DIGEST_LENGTH = 250, 6000, 8000, 36
RUN_DESCRIPTIONS = {
    "data": "The data set: staging, catalogue and images.",
    "discovery": "Views of the training images, and the shapes that they share.",
    "clip": "The small CLIP model, trained on images and captions.",
    "baselines": "Predictions without a network, scored like all others.",
    "comparison": "Tables, figures and report about all methods.",
}


@dataclass
class MirrorReport:
    """What one call did.

    Attributes:
        runs: MLflow runs that were created or added to.
        metrics: metric values written.
        artifacts: files, folders and models copied.
        pending: runs that MLflow does not know everything of.
        problems: why runs are pending, and what was skipped.
        experiment_id: MLflow's id; empty if nothing was written.
    """

    runs: int = 0
    metrics: int = 0
    artifacts: int = 0
    pending: int = 0
    problems: list[str] = field(default_factory=list)
    experiment_id: str = ""


class MlflowWriter:
    """Carries out what is pending, again and again, through one connection to MLflow.

    Args:
        journals: folder of the journals.
        settings: tracking server, experiment, and how long to wait without progress.
        results: artifacts go to ``mlartifacts`` in it, unless a tracking server keeps its own.
        monitor: whether to record system metrics of trainings while they run on this machine.
    """

    def __init__(self, journals: Path, settings: TrackingSettings, results: Path, *, monitor: bool) -> None:
        timeout = str(math.ceil(settings.timeout_s))
        http = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": timeout}
        os.environ.update(http, MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", GIT_PYTHON_REFRESH="quiet")
        import mlflow

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
        mlflow.set_tracking_uri(settings.uri)
        self.journals, self.settings, self.results, self.monitor = journals, settings, results, monitor
        self.monitors: dict[str, SystemMetricsMonitor] = {}
        self.experiment_id = ""
        self.view = ""
        self.report = MirrorReport()

    @cached_property
    def client(self) -> MlflowClient:
        """The connection, made under the lock, since two processes must not create one database."""
        from mlflow import MlflowClient

        database = database_file(self.settings)
        if database is None:
            return MlflowClient()
        signal.setitimer(signal.ITIMER_REAL, 0)  # an interrupted migration leaves a database that MLflow refuses
        if not database.exists():
            create_database(database)
        client = MlflowClient()
        self._rearm()
        return client

    def __call__(self, _: None = None) -> MirrorReport:
        """Lock, connect, and carry out the plan run by run."""
        from filelock import FileLock, Timeout

        self.report = MirrorReport()
        self._rearm()
        try:
            with FileLock(self.journals / LOCK_FILE, timeout=0.8 * self.settings.timeout_s):
                self._catch_up()
        except Timeout:
            self.report.pending = 1
            self.report.problems.append(f"another process has held {LOCK_FILE} for {self.settings.timeout_s:g} s")
        return self.report

    def _catch_up(self) -> None:
        # Planned under the lock: another process may just have done the work.
        file = StateFile(self.journals, self.settings)
        states = file.states
        for plan in plan_runs(self.journals, states):
            self.experiment_id = self.experiment_id or self._open_experiment()
            state, events = self._open_run(plan, states.get(plan.run), file.origin)
            state.complete = False
            states[plan.run] = state
            file.save()
            self._write(state.run_id, plan, events)
            states[plan.run] = _told(state, plan, events)
            file.save()
            if self.monitor and _is_training(plan.run):
                self._watch(state.run_id, plan)
        self.report.experiment_id = self.experiment_id
        view = shared_view(state.last_steps for run, state in states.items() if _is_training(run))
        if self.experiment_id and view != self.view:
            self._rearm()
            self.client.set_experiment_tag(self.experiment_id, VIEW_TAG, view)
            self.view = view

    def _rearm(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self.settings.timeout_s)

    def _open_experiment(self) -> str:
        import mlflow

        self._rearm()
        name, places, database = self.settings.experiment, self.results / ARTIFACTS, database_file(self.settings)
        remote = self.settings.uri.startswith(("http://", "https://", "databricks"))
        experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            found = self.client.create_experiment(name, None if remote else places.resolve().as_uri())
        else:
            found = experiment.experiment_id
        if experiment is None or KIND_TAG not in experiment.tags:
            self.client.set_experiment_tag(found, KIND_TAG, KIND)
        if database is not None:
            use_relative_places(database, found, os.path.relpath(places))
        mlflow.set_experiment(experiment_id=found)
        return found

    def _open_run(self, plan: RunPlan, state: RunState | None, origin: str) -> tuple[RunState, list[Event]]:
        """The MLflow run to write to and the events to write: a new one wherever the known one will not do."""
        self._rearm()
        # Only runs of these journals that are not deleted: other runs of the experiment are left alone.
        living = self.client.search_runs([self.experiment_id], f"tags.`{ORIGIN_TAG}` = '{origin}'")
        alive = {found.info.run_id for found in living if found.info.run_name == plan.run}
        if state is not None and not plan.replaces and state.run_id in alive:
            return state, plan.events
        for run_id in alive:
            self._delete_run(run_id)
        tags = {ORIGIN_TAG: origin} | _describing_tags(plan.run)
        if _is_training(plan.run):
            tags[COLOUR_TAG] = least_used(_colours(found for found in living if found.info.run_id not in alive))
        created = self.client.create_run(
            self.experiment_id, start_time=_milliseconds(plan.started), tags=tags, run_name=plan.run
        )
        return RunState(created.info.run_id), plan.everything

    def _delete_run(self, run_id: str) -> None:
        for version in self.client.search_model_versions(f"run_id = '{run_id}'"):
            self.client.delete_model_version(version.name, version.version)
        self.client.delete_run(run_id)

    def _write(self, run_id: str, plan: RunPlan, events: list[Event]) -> None:
        """Tags, parameters, metrics, files, models and tables of events, and the status of the run."""
        self._write_values(run_id, events)
        for event in events:
            if "path" in event:
                self._write_file(run_id, event)
        self._rearm()
        if plan.status == RUNNING:
            self.client.update_run(run_id, RUNNING)
        else:
            self.client.set_terminated(run_id, plan.status, end_time=_milliseconds(plan.ended))
        self.report.runs += 1

    def _write_values(self, run_id: str, events: list[Event]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        tags = merged_values(events, "tags")
        if "code_version" in tags:
            tags["mlflow.source.git.commit"] = tags["code_version"].rpartition("-")[2].removesuffix("+dirty")
        points = metric_points(events).items()
        values = {
            "tags": [RunTag(_key(k), v[:MAX_TAG_LENGTH]) for k, v in tags.items()],
            "params": [Param(_key(k), v[:MAX_PARAM_LENGTH]) for k, v in merged_values(events, "params").items()],
            "metrics": [Metric(_key(k), value, _milliseconds(when), step) for (k, step), (value, when) in points],
        }
        for kind, items in values.items():
            for start in range(0, len(items), BATCH_SIZES[kind]):
                self._rearm()
                self.client.log_batch(run_id, **{kind: items[start : start + BATCH_SIZES[kind]]})
        self.report.metrics += len(values["metrics"])

    def _write_file(self, run_id: str, event: Event) -> None:
        path = Path(event["path"])
        if not path.exists():
            self.report.problems.append(f"left out {path}: its job runs again, or the file was deleted")
            return
        write = {
            "artifact": self._write_artifact,
            "dataset": self._write_dataset,
            "image": self._write_image,
            "model": self._write_model,
            "table": self._write_table,
        }[event["event"]]
        self._rearm()
        write(run_id, path, event)
        self.report.artifacts += 1

    def _write_artifact(self, run_id: str, path: Path, event: Event) -> None:
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        log(run_id, str(path), event["folder"] or None)

    def _write_dataset(self, run_id: str, path: Path, event: Event) -> None:
        """The data set that a run reads; MLflow shows name and digest beside the run."""
        from mlflow.data.dataset_source_registry import resolve_dataset_source
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput

        dataset = MetaDataset(resolve_dataset_source(str(path)), event["name"], event["digest"][:MAX_DIGEST_LENGTH])
        self.client.log_inputs(run_id, [DatasetInput(dataset._to_mlflow_entity())])

    def _write_image(self, run_id: str, path: Path, event: Event) -> None:
        """An image that MLflow knows the step of."""
        from PIL import Image

        key = re.sub(r"[^\w\-./ ]", "_", event["name"], flags=re.ASCII)
        with Image.open(path) as image:
            self.client.log_image(
                run_id, image.convert("RGB"), key=key, step=event["step"], timestamp=_milliseconds(event["time"])
            )

    def _write_model(self, run_id: str, path: Path, event: Event) -> None:
        """The network as a registered model: photo in, mesh out. Its code is the package, which has to be installed."""
        from mlflow import pyfunc
        from mlflow.models import Model, ModelSignature
        from mlflow.types import ColSpec, Schema

        with redirect_stderr(io.StringIO()):
            Model.log(
                artifact_path=None,
                name="model",
                flavor=pyfunc,
                run_id=run_id,
                registered_model_name=f"{self.settings.experiment}-{event['run'].partition('/')[0]}",
                await_registration_for=0,
                python_model=str(MODEL_CODE),
                artifacts={"weights": str(path), "description": event["description"]},
                signature=ModelSignature(Schema([ColSpec("binary", "photo")]), Schema([ColSpec("binary", "mesh")])),
                pip_requirements=[],
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

    def _watch(self, run_id: str, plan: RunPlan) -> None:
        """Record system metrics of a training while it runs here."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        if plan.host == os.uname().nodename and run_id not in self.monitors:
            self.monitors[run_id] = SystemMetricsMonitor(
                run_id, samples_before_logging=3, resume_logging=True, tracking_uri=self.settings.uri
            )
            self.monitors[run_id].start()
        elif plan.status != RUNNING and (monitor := self.monitors.pop(run_id, None)):
            self._rearm()
            monitor.finish()


def create_database(database: Path) -> None:
    """Make MLflow's tables in a temporary folder, then publish the file.

    MLflow refuses a database whose creation was interrupted. It takes half a minute on a busy machine, and longer on a
    network file system.
    """
    from mlflow import MlflowClient

    with temporary_folder("mlflow") as folder, complete_file(database) as published:
        file = folder / database.name
        MlflowClient(f"sqlite:///{file}")
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(published)) as target:
            source.backup(target)


def use_relative_places(database: Path, experiment_id: str, places: str) -> None:
    """Make artifact places of a SQLite database relative to the working directory, so that its folder can be moved.

    MLflow itself makes them absolute, and creates all others of an experiment from that of the experiment.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        (old,) = connection.execute(
            "SELECT artifact_location FROM experiments WHERE experiment_id = ?", (experiment_id,)
        ).fetchone()
        if old == places:
            return
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
        ):
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
                f" WHERE experiment_id = ? AND substr({column} || '/', 1, ?) = ?",
                (places, len(old) + 1, experiment_id, len(old) + 1, f"{old}/"),
            )


def _told(state: RunState, plan: RunPlan, events: list[Event]) -> RunState:
    """The state after ``events`` were written."""
    last_steps = dict(state.last_steps)
    for name, step in metric_points(events):
        last_steps[name] = max(step, last_steps.get(name, step))
    params = state.params | merged_values(events, "params")
    return RunState(state.run_id, True, plan.marks, params, last_steps, plan.status)


def _describing_tags(run: str) -> dict[str, str]:
    """What MLflow shows about a run beside its numbers: source, user and description."""
    ablation, _, seed = run.partition("/seed")
    text = RUN_DESCRIPTIONS.get(run, f"{DESCRIPTIONS.get(ablation, f'Ablation {ablation}.')} Seed {seed}.")
    again = f"\n\nTrained by `snakemake results/{run}/model.safetensors`." if _is_training(run) else ""
    source = {"mlflow.source.name": "Snakefile", "mlflow.source.type": "PROJECT", "mlflow.user": getpass.getuser()}
    return source | {"mlflow.note.content": text + again}


def _colours(runs: Iterable[Run]) -> list[str | None]:
    return [run.data.tags.get(COLOUR_TAG) for run in runs]


def _is_training(run: str) -> bool:
    """Whether a run is a seed of an ablation; a stage has no curves beside which others are drawn."""
    return "/" in run


def _key(name: str) -> str:
    """A name within MLflow's character set and length, and a clean relative path."""
    cleaned = posixpath.normpath(re.sub(r"[^/\w.\-: ]", "_", name).strip("/") or "_")
    return ("_" + cleaned if cleaned.startswith(".") else cleaned)[:MAX_KEY_LENGTH]


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
