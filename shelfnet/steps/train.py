"""Train one ablation with one seed."""

import json
import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from shelfnet.config.load import settings_json
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.section import Section
from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.data.discovered_views import VIEWS, read_discovered_views
from shelfnet.data.photographs.crops import median_object_share
from shelfnet.data.shards.reader import load_training_views
from shelfnet.dependencies import code_digest
from shelfnet.devices import device_name, pick_device
from shelfnet.networks.checkpoint import DESCRIPTION, WEIGHTS, RunDescription, load_weights, save_model
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.provenance import code_version, file_digest, files_digest, texts_digest
from shelfnet.publishing import publish_text
from shelfnet.steps.validation import build_validator
from shelfnet.tracking.journal import Journal
from shelfnet.training import loop
from shelfnet.training.acceleration.devices import tune_backends
from shelfnet.training.acceleration.distributed import DistributedContext
from shelfnet.training.acceleration.processes import run_in_processes
from shelfnet.training.batches import FoundViews, ImageStore, found_views
from shelfnet.training.context import build_context
from shelfnet.training.curves import METRICS, write_curves
from shelfnet.training.resume import Signature, load_progress, remove_progress, save_progress
from shelfnet.training.run_lock import hold_run_folder
from shelfnet.training.sample_grid import save_sample_grid
from shelfnet.training.schedules import latent_scale
from shelfnet.training.state import TrainState, build_state
from shelfnet.training.walltime import find_walltime

if TYPE_CHECKING:
    from shelfnet.losses.clip import ClipLoss

log = logging.getLogger(__name__)

SAMPLES = "samples.png"
"""Name of the grid of samples in the folder of a run."""

FINISHED = "finished.json"
"""Name of the file with the signature of the run whose result is in the folder; it is published last."""

SAMPLE_IMAGES = 8
"""Number of images in the grid of samples."""


@dataclass(frozen=True)
class TrainJob:
    """One training run.

    Attributes:
        settings: Settings of the ablation that training reads.
        reconstruct: Mesh extraction settings; validation uses the surface level. A change does not retrain.
        refine: Refinement settings, recorded for predictions.
        ablation: Name of the ablation.
        seed: Seed of weights, batches and views.
        shards: Shards; training reads image, mask and caption of the training split alone.
        surfaces: True surfaces for validation curves; empty where the data set has none.
        clip: Folder of the small CLIP, where the ablation uses one.
        discovery: Folder of the discovered views, where the ablation starts from them.
        warm_start: Weights of the warm start, where the ablation has one.
        output: Folder for ``model.safetensors``, ``model.json``, ``metrics.parquet`` and ``samples.png``; the progress
            of an interrupted run lies in ``resume``.
        threads: Number of CPU threads.
        journal: Event file for the tracking server.
    """

    settings: TrainInputs
    reconstruct: ReconstructSettings
    refine: RefineSettings
    ablation: str
    seed: int
    shards: Sequence[Path]
    surfaces: Sequence[Path]
    clip: Path | None
    discovery: Path | None
    warm_start: Path | None
    output: Path
    threads: int
    journal: Path

    @property
    def name(self) -> str:
        """Name in logs and on the tracking server."""
        return f"{self.ablation}/seed{self.seed}"

    @property
    def resume(self) -> Path:
        """Folder with the progress of an interrupted run."""
        return self.output / "resume"

    @property
    def perceptual_features(self) -> str:
        """Weights behind the perceptual loss; ``unused`` where it has no weight."""
        return "unused" if self.settings.perceptual is None else self.settings.perceptual.weights

    @cached_property
    def dataset_digest(self) -> str:
        """Digest of the shards."""
        return files_digest(self.shards)

    @cached_property
    def signature(self) -> Signature:
        """Digests of code, settings and data that decide the result."""
        supervision = [] if self.clip is None else [file_digest(self.clip / WEIGHTS)]
        if self.discovery is not None:
            supervision.append(file_digest(self.discovery / VIEWS))
        if self.warm_start is not None:
            supervision.append(file_digest(self.warm_start))
        return Signature(
            code=code_digest("steps.train"),
            settings=texts_digest(settings_json(self.settings), str(self.seed)),
            data=texts_digest(self.dataset_digest, *supervision),
        )


def train(job: TrainJob) -> None:
    """Train, or resume an interrupted run with the same code, settings and data, and publish the last checkpoint.

    A training of the same run that a killed workflow left behind is waited for. If it publishes what this one would,
    nothing is left to do.

    Raises:
        NonFiniteLossError: A loss is infinite or NaN.
    """
    settings = job.settings.train
    with hold_run_folder(job.output) as waited:
        if waited and _is_finished(job):
            log.info("%s: finished by the training that was waited for", job.name)
            return
        run_in_processes(settings.processes, settings.device, _train_process, {"job": job})


def _is_finished(job: TrainJob) -> bool:
    """Whether the run folder holds the result of this job."""
    if not all((job.output / name).is_file() for name in (FINISHED, WEIGHTS, DESCRIPTION, METRICS, SAMPLES)):
        return False
    return json.loads((job.output / FINISHED).read_text()) == asdict(job.signature)


def _train_process(distributed: DistributedContext, job: TrainJob) -> None:
    """Training in one process; the main process validates, saves and publishes."""
    settings = job.settings
    torch.set_num_threads(max(job.threads // distributed.world_size, 1))
    device = pick_device(settings.train.device)
    tune_backends(device, settings.train.precision)
    state = build_state(settings.model, settings.render, settings.train, job.seed, device)
    found = job_views(job, device)
    store = ImageStore(load_training_views(job.shards), settings.model.renderer.resolution_px, device, found)
    clip, clip_weights = _clip_loss(job, store, device)
    context = build_context(settings, device, clip, distributed)
    resumed = load_progress(job.resume, state, job.signature, is_main=distributed.is_main)
    if job.warm_start is not None and not resumed:
        state.start_from(load_weights(job.warm_start))
    if not distributed.is_main:
        loop.train(state, context, store, loop.NO_HOOKS, job.name)
        return
    events = Journal(job.journal, job.name, append=resumed)
    if not resumed:
        _log_run(events, job, device, clip_weights)
    hooks = build_hooks(job, store, events)
    log.info("%s: %d images, %s, from iteration %d", job.name, len(store), device_name(device), state.iteration)
    started = time.perf_counter()
    if settings.train.iterations == 0:
        loop.validate(state, hooks, job.name)
    loop.train(state, context, store, hooks, job.name)
    publish_run(job, state, store, clip_weights, time.perf_counter() - started)
    remove_progress(job.resume)
    events.model(job.output / WEIGHTS, job.output / DESCRIPTION)
    events.artifact(job.output / METRICS)
    events.artifact(job.output / SAMPLES, "pictures")


def _clip_loss(job: TrainJob, store: ImageStore, device: torch.device) -> "tuple[ClipLoss | None, str]":
    """The loss of Eq. 11 and the name of its weights; none and ``unused`` where it has no weight."""
    settings = job.settings.clip
    if settings is None:
        return None, "unused"
    from shelfnet.losses.clip import ClipLoss  # needs open_clip, whose import takes a second
    from shelfnet.networks.clip import load_clip

    clip = load_clip(settings, job.clip).to(device)
    return ClipLoss(clip, store.captions, settings.backgrounds).to(device), clip.weights


def job_views(job: TrainJob, device: torch.device) -> FoundViews | None:
    """Views that discovery found, for ablations that start from them."""
    if job.discovery is None:
        return None
    views = read_discovered_views(job.discovery, job.dataset_digest)
    return found_views(views, job.settings.train.warm_start.max_spread_deg, device)


def build_hooks(job: TrainJob, store: ImageStore, events: Journal) -> loop.Hooks:
    """Validation with samples, logged numbers and saved progress of a run, in its folder and its journal."""
    measure = build_validator(job.settings, job.reconstruct.level, job.shards, job.surfaces, job.seed)
    shown = store.take(torch.linspace(0, len(store) - 1, SAMPLE_IMAGES).long())

    def validate(model: ShelfNet, iteration: int) -> dict[str, float]:
        grid = job.output / "samples" / f"{iteration:07d}.png"
        scale = latent_scale(job.settings.train, iteration)
        save_sample_grid(model, shown, scale, job.settings.choose_view, grid)
        shutil.copyfile(grid, job.output / SAMPLES)
        events.image(iteration, "validation/samples", grid)
        with torch.no_grad():
            return measure(model, scale)

    def save(state: TrainState) -> None:
        save_progress(job.resume, state, job.signature)

    return loop.Hooks(validate=validate, record=events.metrics, save=save, walltime=find_walltime())


def _log_run(events: Journal, job: TrainJob, device: torch.device, clip_weights: str) -> None:
    events.dataset(job.shards[0].parent, "training images", job.dataset_digest)
    events.params({name: part.model_dump(mode="json") for name, part in job.settings if isinstance(part, Section)})
    events.tags(
        {
            "ablation": job.ablation,
            "seed": str(job.seed),
            "dataset_digest": job.dataset_digest,
            "code_version": code_version(),
            "device": device_name(device),
            "perceptual_features": job.perceptual_features,
            "clip_weights": clip_weights,
        }
    )


def publish_run(job: TrainJob, state: TrainState, store: ImageStore, clip_weights: str, seconds: float) -> None:
    """Write weights, description and curves of a run, and its signature last."""
    settings = job.settings
    description = RunDescription(
        ablation=job.ablation,
        seed=job.seed,
        iterations=state.iteration,
        model=settings.model,
        render=settings.render,
        losses=settings.losses,
        train=settings.train,
        reconstruct=job.reconstruct,
        refine=job.refine,
        perceptual_features=job.perceptual_features,
        clip_weights=clip_weights,
        object_share=round(median_object_share(rgba.cpu().numpy() for rgba in store.rgba), 4),
        validation_level=job.reconstruct.level,
        dataset_digest=job.dataset_digest,
        code_version=code_version(),
        device=device_name(state.device),
        seconds=round(seconds, 1),
    )
    save_model(job.output, state.result, description.model_dump(mode="json"))
    write_curves(job.output, state.history)
    publish_text(job.output / FINISHED, json.dumps(asdict(job.signature)))
