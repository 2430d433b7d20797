"""Train one ablation with one seed."""

import hashlib
import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from shelfnet.config.load import settings_json
from shelfnet.config.section import Section
from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.data.photographs.crops import median_object_share
from shelfnet.data.shards.reader import load_training_views
from shelfnet.dependencies import code_digest
from shelfnet.losses.clip import ClipLoss
from shelfnet.networks.clip import load_clip
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.provenance import code_version, file_digest, files_digest
from shelfnet.steps.validation import build_validator
from shelfnet.tracking.journal import Journal
from shelfnet.training.batches import ImageStore
from shelfnet.training.checkpoint import Signature, load_progress, save_model, save_progress
from shelfnet.training.curriculum import latent_share
from shelfnet.training.curves import METRICS, write_curves
from shelfnet.training.device import device_name, pick_device, tune
from shelfnet.training.learner import Learner, build_learner
from shelfnet.training.loop import NO_HOOKS, Hooks, iterate, validate
from shelfnet.training.processes import in_processes
from shelfnet.training.sample_grid import save_sample_grid
from shelfnet.training.shares import Share

log = logging.getLogger(__name__)

SHOWN_IMAGES = 8


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        config: Settings of the ablation.
        level: Occupancy at the surface that validation measures; another one does not retrain.
        ablation: its name.
        seed: of weights, batches and views.
        shards: images; training reads image, mask and caption of the training split alone.
        surfaces: true surfaces, for validation curves only; none where the data set has no truth.
        clip: folder of the small CLIP, where the ablation uses one.
        output: folder of the run: ``model.safetensors``, ``model.json``, ``metrics.parquet``, ``samples.png``; progress
            in ``resume``.
        threads: CPU threads.
        journal: events for the tracking server.
    """

    config: TrainInputs
    level: float
    ablation: str
    seed: int
    shards: Sequence[Path]
    surfaces: Sequence[Path]
    clip: Path | None
    output: Path
    threads: int
    journal: Path

    @property
    def name(self) -> str:
        """As logs and the tracking server call it."""
        return f"{self.ablation}/seed{self.seed}"

    @property
    def perceptual_features(self) -> str:
        """Weights behind the perceptual loss; ``unused`` where it has no weight."""
        return "unused" if self.config.perceptual is None else self.config.perceptual.weights

    @cached_property
    def dataset_digest(self) -> str:
        """Of the images' shards."""
        return files_digest(self.shards)

    @cached_property
    def signature(self) -> Signature:
        """Of all that decides what it learns, down to the source of the modules that training needs."""
        supervision = [] if self.clip is None else [file_digest(self.clip / "model.safetensors")]
        return Signature(
            code=code_digest("steps.train"),
            settings=_digest(settings_json(self.config), str(self.seed)),
            data=_digest(self.dataset_digest, *supervision),
        )


def train(run: Run) -> None:
    """Train, or continue an interrupted run of the same code, settings and data, and publish the last checkpoint.

    Raises:
        NonFiniteLossError: a loss is no finite number.
    """
    in_processes(run.config.train.processes, run.config.train.device, _train_share, {"run": run})


def _train_share(share: Share, run: Run) -> None:
    """What one process of a training does; the leading one measures, saves and publishes."""
    config = run.config
    torch.set_num_threads(max(run.threads // share.processes, 1))
    device = pick_device(config.train.device)
    tune(device, config.train.precision)
    learner = build_learner(config, run.seed, device)
    learner.share = share
    store = ImageStore(load_training_views(run.shards), config.model.renderer.resolution_px, device)
    clip_weights = "unused"
    if config.clip is not None:
        frozen = load_clip(config.clip, run.clip).to(device)
        clip_weights = frozen.weights
        learner.clip = ClipLoss(frozen, store.captions, config.clip.backgrounds).to(device)
    resumed = load_progress(run.output / "resume", learner, run.signature)
    if not share.leads:
        iterate(learner, store, NO_HOOKS, run.name)
        return
    events = Journal(run.journal, run.name, append=resumed)
    if not resumed:
        _describe(events, run, device, clip_weights)
    hooks = _hooks(run, learner, store, events)
    log.info("%s: %d images, %s, from iteration %d", run.name, len(store), device_name(device), learner.iteration)
    started = time.perf_counter()
    if config.train.iterations == 0:
        validate(learner, hooks, run.name)
    iterate(learner, store, hooks, run.name)
    object_share = median_object_share(rgba.cpu().numpy() for rgba in store.rgba)
    _publish(run, learner, object_share, clip_weights, time.perf_counter() - started)
    shutil.rmtree(run.output / "resume", ignore_errors=True)
    for file in ("model.safetensors", "model.json", METRICS):
        events.artifact(run.output / file, "checkpoint")
    events.artifact(run.output / "samples.png", "images")


def _hooks(run: Run, learner: Learner, store: ImageStore, events: Journal) -> Hooks:
    measure = build_validator(run.config, run.level, run.shards, run.surfaces, run.seed)
    shown = store.take(torch.linspace(0, len(store) - 1, SHOWN_IMAGES).long())

    def measure_and_show(model: ShelfNet, iteration: int) -> dict[str, float]:
        grid = run.output / "samples" / f"{iteration:07d}.png"
        share = latent_share(run.config.train, iteration)
        save_sample_grid(model, shown, share, run.config.choose_view, grid)
        shutil.copyfile(grid, run.output / "samples.png")
        events.image(iteration, "validation/samples", grid)
        with torch.no_grad():
            return measure(model, share)

    def save(present: Learner) -> None:
        save_progress(run.output / "resume", present, run.signature)

    return Hooks(validate=measure_and_show, record=events.metrics, save=save)


def _describe(events: Journal, run: Run, device: torch.device, clip_weights: str) -> None:
    config = run.config
    events.params({name: part.model_dump(mode="json") for name, part in config if isinstance(part, Section)})
    events.tags(
        {
            "ablation": run.ablation,
            "seed": str(run.seed),
            "dataset_digest": run.dataset_digest,
            "code_version": code_version(),
            "device": device_name(device),
            "perceptual_features": run.perceptual_features,
            "clip_weights": clip_weights,
        }
    )


def _publish(run: Run, learner: Learner, object_share: float, clip_weights: str, seconds: float) -> None:
    config = run.config
    description = {
        "ablation": run.ablation,
        "seed": run.seed,
        "iterations": learner.iteration,
        "model": config.model.model_dump(mode="json"),
        "render": config.render.model_dump(mode="json"),
        "losses": config.losses.model_dump(mode="json"),
        "train": config.train.model_dump(mode="json"),
        "perceptual_features": run.perceptual_features,
        "validation_level": run.level,
        "clip_weights": clip_weights,
        "object_share": round(object_share, 4),
        "dataset_digest": run.dataset_digest,
        "code_version": code_version(),
        "device": device_name(learner.device),
        "seconds": round(seconds, 1),
    }
    save_model(run.output, learner.result, description)
    write_curves(run.output, learner.history)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
