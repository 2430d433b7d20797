"""A real training for the time that is left: discovery, warm start, curve, checkpoint and sample images."""

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor
from train_step import ROOT, with_train

from gpu_steps.task import SHARD, SMALL_SETTINGS, SURFACES, Recorder, Task
from shelfnet.config.load import for_ablation, load_config
from shelfnet.config.schema import Config
from shelfnet.config.stage_inputs import train_inputs, warm_start_inputs
from shelfnet.data.discovered_views import read_discovered_views
from shelfnet.data.shards.reader import load_training_views
from shelfnet.data.shards.schema import DatasetObject, ViewMetadata, image_row
from shelfnet.data.shards.writer import write_shard
from shelfnet.devices import pick_device
from shelfnet.networks.checkpoint import DESCRIPTION, WEIGHTS
from shelfnet.provenance import files_digest
from shelfnet.steps.discover_views import discover_views
from shelfnet.steps.train import SAMPLES, TrainJob, build_hooks, job_views, publish_run
from shelfnet.steps.warm_start import shared_shapes
from shelfnet.tracking.journal import Journal
from shelfnet.training import loop
from shelfnet.training.acceleration.devices import tune_backends
from shelfnet.training.batches import ImageStore
from shelfnet.training.context import build_context
from shelfnet.training.curves import METRICS
from shelfnet.training.state import build_state
from shelfnet.training.warm_start import warm_start_networks

OVERLAY = Path(__file__).parents[1] / "gpu_training.yaml"
PART_BYTES = 15 * 2**20
"""Largest size of a part of the weights, so that they pass limits of file sizes; ``cat`` joins them again."""

START_UP_S = 45.0
"""Time for compilation, allowed for in the number of iterations."""

PUBLISHING_S = 12.0
"""Time for the last validation and the files."""

EFFICIENCY = 0.8
"""Share of the measured rate that is planned with; validation and logging take the rest."""

UNMEASURED_RATE = 10.0
VALIDATIONS = 8

log = logging.getLogger(__name__)


class TimeIsUpError(Exception):
    """Only the time for publishing is left."""


@dataclass(frozen=True)
class Data:
    """Files that the training reads."""

    shards: Sequence[Path]
    surfaces: Sequence[Path]


def run(task: Task, recorder: Recorder) -> None:
    """Discover views, train until the planned iterations are done or the time is up, and publish."""
    data = find_data(task)
    config = training_config(task)
    recorder.put(data=[str(path) for path in data.shards], has_surfaces=bool(data.surfaces))
    views = discover(task, config, data, recorder) if config.train.warm_start.enabled else None
    planned = planned_iterations(task, recorder)
    short = {"encoder_iterations": 2, "encoder_batch_size": 8, "decoder_iterations": 2} if task.rehearse else {}
    settings = with_train(
        train_inputs(config),
        {
            "iterations": planned,
            "constant_iterations": planned // 2,
            "coarse_iterations": 0,
            "validate_every": max(planned // VALIDATIONS, 1),
            "checkpoint_every": planned + 1,
            "batch_size": 4 if task.rehearse else config.train.batch_size,
            "device": task.device,
            "warm_start": {"enabled": views is not None, **short},
        },
    )
    recorder.put(planned_iterations=planned, batch_size=settings.train.batch_size)
    job = TrainJob(
        settings=settings,
        reconstruct=config.reconstruct,
        refine=config.refine,
        ablation="base",
        seed=0,
        shards=data.shards,
        surfaces=data.surfaces,
        clip=None,
        discovery=views,
        warm_start=None,
        output=task.scratch / "run",
        threads=torch.get_num_threads(),
        journal=task.scratch / "training.jsonl",
    )
    Training(task, recorder, job).run()


def find_data(task: Task) -> Data:
    """The prepared data; generated discs where there are none, which exercise everything and teach nothing."""
    if task.data is not None:
        folder = task.data
        surfaces = [folder / SURFACES] if (folder / SURFACES).exists() else []
        return Data([folder / SHARD], surfaces)
    path = task.scratch / "discs.parquet"
    write_shard(path, discs(32 if task.rehearse else 224, 24 if task.rehearse else 512))
    return Data([path], [])


def discs(size: int, count: int) -> list[dict]:
    """Rows of a shard of coloured ellipses, a sixth of them for validation."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size - 0.5
    rows = []
    for number in range(count):
        width, height = generator.uniform(0.2, 0.4, 2)
        image = np.zeros((size, size, 4), dtype=np.uint8)
        image[(x / width) ** 2 + (y / height) ** 2 < 1] = [*generator.integers(30, 220, 3), 255]
        split = "validation" if number % 6 == 0 else "train"
        subject = DatasetObject(model_id=f"disc-{number}", split=split, caption="A Disc", super_category="Disc")
        rows.append(image_row(subject, 0, image, ViewMetadata(0.0, 0.0, np.eye(4), 35.0, "none", 0)))
    return rows


def training_config(task: Task) -> Config:
    """Settings of the training: the paper's networks with the method of the embedded default."""
    overlays = ["workflow/presets/paper.yaml", OVERLAY, *([SMALL_SETTINGS] if task.rehearse else [])]
    return for_ablation(load_config(ROOT / "config.yaml", *(ROOT / overlay for overlay in overlays)), "base")


def discover(task: Task, config: Config, data: Data, recorder: Recorder) -> Path | None:
    """Folder with the views of the training images; ``None`` if their discovery fails."""
    folder, began = task.scratch / "views", time.perf_counter()
    settings = config.discovery
    if task.rehearse:
        short = {"shapes": 2, "grid_resolution": 8, "first_steps": 4, "rounds": 1, "steps_per_round": 2}
        settings = settings.model_copy(update=short)
    try:
        discover_views(
            settings=settings,
            render=config.render,
            shards=data.shards,
            output=folder,
            device=task.device,
            threads=torch.get_num_threads(),
            journal=task.scratch / "discovery.jsonl",
        )
    except Exception as error:  # training from scratch is still worth its time
        log.exception("discovery")
        recorder.put(discovery_error=f"{type(error).__name__}: {error}"[:500])
        return None
    spreads = read_discovered_views(folder, files_digest(data.shards)).spread_deg
    recorder.put(
        discovery_s=round(time.perf_counter() - began, 1),
        discovered_images=len(spreads),
        median_spread_deg=float(np.median(spreads)),
    )
    return folder


def planned_iterations(task: Task, recorder: Recorder) -> int:
    """Iterations that fit into the time that is left, at the rate of the captured step."""
    if task.rehearse:
        return 4
    rows = task.earlier("iteration_speed", "base").get("rows", [])
    rates = [row["iterations_per_s"] for row in rows if row["path"] == "captured" and "iterations_per_s" in row]
    rate = rates[0] if rates else UNMEASURED_RATE
    return max(int(EFFICIENCY * rate * (recorder.seconds_left - START_UP_S - PUBLISHING_S)), 100)


class Training:
    """One training, and what it leaves behind.

    Args:
        task: Step.
        recorder: Results; the curve is added to them point by point.
        job: Settings, shards and folders of the run.
    """

    def __init__(self, task: Task, recorder: Recorder, job: TrainJob) -> None:
        self.task, self.recorder, self.job = task, recorder, job
        settings, device = job.settings, pick_device(job.settings.train.device)
        tune_backends(device, settings.train.precision)
        self.state = build_state(settings.model, settings.render, settings.train, job.seed, device)
        views = load_training_views(job.shards)
        found = job_views(job, device)
        self.store = ImageStore(views, settings.model.renderer.resolution_px, device, found)
        self.context = build_context(settings, device)
        if job.discovery is not None:
            began = time.perf_counter()
            model, shapes = self.state.model, shared_shapes(job.discovery, device)
            warm_start_networks(model, warm_start_inputs(settings), self.store, shapes, self.state.rng, job.name)
            self.state.start_from(model.state_dict())
            recorder.put(warm_start_s=round(time.perf_counter() - began, 1))

    def run(self) -> None:
        """Train and publish, whether the planned iterations were reached or not."""
        hooks = build_hooks(self.job, self.store, Journal(self.job.journal, self.job.name))
        began, finished = time.perf_counter(), True
        try:
            loop.train(self.state, self.context, self.store, replace(hooks, record=self._record), self.job.name)
        except TimeIsUpError:
            finished = False
            loop.validate(self.state, replace(hooks, record=self._add_to_curve), self.job.name)
        seconds = time.perf_counter() - began
        images = self.state.iteration * self.job.settings.train.batch_size
        self.recorder.put(
            iterations=self.state.iteration,
            finished=finished,
            training_s=round(seconds, 1),
            images_per_s=images / seconds,
        )
        publish_run(self.job, self.state, self.store, "unused", seconds)
        self._keep()

    def _record(self, iteration: int, values: dict[str, float]) -> None:
        self._add_to_curve(iteration, values)
        left = self.job.settings.train.iterations - iteration
        if self.recorder.seconds_left < PUBLISHING_S and left > 0:
            raise TimeIsUpError

    def _add_to_curve(self, iteration: int, values: dict[str, float]) -> None:
        point = {name: value for name, value in values.items() if name.startswith("validation/")}
        if point:
            self.recorder.append("curve", {"iteration": iteration, **point})

    def _keep(self) -> None:
        """Copy samples, curves, description and weights to the folder of the results, the weights in bfloat16 parts.

        :func:`shelfnet.networks.checkpoint.load_model` turns them into float32 again.
        """
        output = self.task.output
        for name in (SAMPLES, METRICS, DESCRIPTION):
            shutil.copyfile(self.job.output / name, output / name)
        tensors = load_file(self.job.output / WEIGHTS)
        weights = save({name: _halved(tensor) for name, tensor in tensors.items()})
        parts = [weights[start : start + PART_BYTES] for start in range(0, len(weights), PART_BYTES)]
        for number, part in enumerate(parts):
            (output / f"{WEIGHTS}.{number}").write_bytes(part)
        self.recorder.put(weights_parts=len(parts), weights_mib=len(weights) / 2**20)


def _halved(tensor: Tensor) -> Tensor:
    return tensor.bfloat16() if tensor.is_floating_point() else tensor
