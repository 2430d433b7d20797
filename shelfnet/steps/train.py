"""Train one ablation with one seed."""

import hashlib
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from shelfnet.config.load import settings_json
from shelfnet.config.schema import Config
from shelfnet.data.photos import median_object_share
from shelfnet.data.views import load_training_views
from shelfnet.losses.clip import ClipLoss
from shelfnet.networks.clip import load_clip
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.provenance import code_version, files_digest, publish
from shelfnet.steps.validation import build_validator
from shelfnet.tracking.journal import Journal
from shelfnet.training.batches import PictureStore
from shelfnet.training.checkpoint import load_progress, save_model, save_progress
from shelfnet.training.device import device_name, pick_device, tune
from shelfnet.training.learner import Learner, build_learner
from shelfnet.training.loop import NO_HOOKS, Hooks, run, validate
from shelfnet.training.pictures import save_sample_grid
from shelfnet.training.processes import in_processes
from shelfnet.training.shares import Share

log = logging.getLogger(__name__)

SHOWN_PICTURES = 8


def train(
    *,
    config: Config,
    ablation: str,
    seed: int,
    shards: Sequence[Path],
    surfaces: Sequence[Path],
    clip: Path | None,
    output: Path,
    threads: int,
    journal: Path,
) -> None:
    """Train, or continue an interrupted run of the same settings and data, and publish the last checkpoint.

    Args:
        config: the ablation's own tree.
        ablation: its name.
        seed: of weights, batches and views.
        shards: pictures; training reads image, mask and caption of the training split alone.
        surfaces: true surfaces, for validation curves only; none where the data set has no truth.
        clip: folder of the small CLIP, where the ablation uses one.
        output: folder of the run: ``model.safetensors``, ``model.json``, ``metrics.parquet``, ``samples.png``; progress
            in ``resume``.
        threads: CPU threads.
        journal: events for the tracking server.

    Raises:
        NonFiniteLossError: a loss is no finite number.
    """
    in_processes(config.train.processes, config.train.device, _train_share, locals())


def _train_share(
    share: Share,
    config: Config,
    ablation: str,
    seed: int,
    shards: Sequence[Path],
    surfaces: Sequence[Path],
    clip: Path | None,
    output: Path,
    threads: int,
    journal: Path,
) -> None:
    """What one process of a training does; the leading one measures, saves and publishes."""
    torch.set_num_threads(max(threads // share.processes, 1))
    device = pick_device(config.train.device)
    tune(device, config.train.precision)
    digest = files_digest(shards)
    signature = _signature(config, seed, digest)
    learner = build_learner(config, seed, device)
    learner.share = share
    store = PictureStore(load_training_views(shards), config.model.renderer.resolution_px, device)
    if config.losses.clip > 0:
        frozen = load_clip(config.clip, clip).to(device)
        learner.clip = ClipLoss(frozen, store.captions, config.clip.backgrounds).to(device)
    resumed = load_progress(output / "resume", learner, signature)
    name = f"{ablation}/seed{seed}"
    if not share.leads:
        run(learner, store, NO_HOOKS, name)
        return
    events = Journal(journal, name, append=resumed)
    if not resumed:
        _describe(events, config, ablation, seed, digest, device)
    hooks = _hooks(config, learner, store, shards, surfaces, seed, output, signature, events)
    log.info("%s: %d pictures, %s, from iteration %d", name, len(store), device_name(device), learner.iteration)
    started = time.perf_counter()
    if config.train.iterations == 0:
        validate(learner, hooks, name)
    run(learner, store, hooks, name)
    object_share = median_object_share(picture.cpu().numpy() for picture in store.pictures)
    _publish(learner, ablation, seed, digest, object_share, time.perf_counter() - started, output)
    shutil.rmtree(output / "resume", ignore_errors=True)
    for file in ("model.safetensors", "model.json", "metrics.parquet"):
        events.artifact(output / file, "checkpoint")
    events.artifact(output / "samples.png", "pictures")


def _hooks(
    config: Config,
    learner: Learner,
    store: PictureStore,
    shards: Sequence[Path],
    surfaces: Sequence[Path],
    seed: int,
    output: Path,
    signature: str,
    events: Journal,
) -> Hooks:
    measure = build_validator(config, shards, surfaces, seed)
    shown = store.take(torch.linspace(0, len(store) - 1, SHOWN_PICTURES).long())

    def measure_and_show(model: ShelfNet, iteration: int) -> dict[str, float]:
        picture = output / "samples" / f"{iteration:07d}.png"
        save_sample_grid(model, shown, picture)
        shutil.copyfile(picture, output / "samples.png")
        events.image(iteration, "validation/samples", picture)
        with torch.no_grad():
            return measure(model, iteration)

    def save(present: Learner) -> None:
        save_progress(output / "resume", present, signature)

    return Hooks(validate=measure_and_show, record=events.metrics, save=save)


def _describe(events: Journal, config: Config, ablation: str, seed: int, digest: str, device: torch.device) -> None:
    sections = ("render", "clip", "perceptual", "model", "losses", "train")
    events.params({name: getattr(config, name).model_dump(mode="json") for name in sections})
    features = config.perceptual.weights
    events.tags(
        {
            "ablation": ablation,
            "seed": str(seed),
            "dataset_digest": digest,
            "code_version": code_version(),
            "device": device_name(device),
            "perceptual_features": features if config.losses.perceptual > 0 else "unused",
        }
    )


def _publish(
    learner: Learner, ablation: str, seed: int, digest: str, object_share: float, seconds: float, output: Path
) -> None:
    config = learner.config
    description = {
        "ablation": ablation,
        "seed": seed,
        "iterations": learner.iteration,
        "model": config.model.model_dump(mode="json"),
        "render": config.render.model_dump(mode="json"),
        "losses": config.losses.model_dump(mode="json"),
        "train": config.train.model_dump(mode="json"),
        "perceptual_features": config.perceptual.weights,
        "object_share": round(object_share, 4),
        "dataset_digest": digest,
        "code_version": code_version(),
        "device": device_name(learner.device),
        "seconds": round(seconds, 1),
    }
    columns = list(zip(*learner.history, strict=True)) or [(), (), ()]
    schema = pa.schema([("iteration", pa.int64()), ("name", pa.string()), ("value", pa.float64())])
    table = pa.table([pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
    save_model(output, learner.result, description)
    temporary = output / "metrics.parquet.tmp"
    pq.write_table(table.replace_schema_metadata({"code_version": code_version()}), temporary)
    publish(temporary, output / "metrics.parquet")


def _signature(config: Config, seed: int, digest: str) -> str:
    settings = settings_json(config.render, config.clip, config.perceptual, config.model, config.losses, config.train)
    return hashlib.sha256(f"{settings}\n{seed}\n{digest}\n{code_version()}".encode()).hexdigest()
