"""Train the small CLIP of the embedded default on the renders and their captions."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
import torch

from shelfnet.config.supervision import ClipSettings
from shelfnet.data.shards.reader import load_training_views, open_shard
from shelfnet.devices import device_name, pick_device
from shelfnet.networks.checkpoint import save_model
from shelfnet.networks.clip import ClipModel
from shelfnet.networks.retrieval import SUFFICIENT_TIMES_CHANCE, Retrieval
from shelfnet.provenance import code_version, files_digest
from shelfnet.tracking.journal import Journal
from shelfnet.training.clip_training import measure_retrieval, train_small_clip

log = logging.getLogger(__name__)

RETRIEVAL_CHOICES = 32
HELD_OUT_SPLIT = "validation"
NEGATIVE_SPLITS = ("test", "train")
"""Sources of negative captions once the held-out ones are used up; captions unseen in training come first."""

LOW_RETRIEVAL = (
    "clip  held-out retrieval of %.3f among %d captions is %.1f times chance, expected at least %g times: the small "
    "CLIP has learned too little to supervise L_clip; train it longer (clip.training.iterations), make it larger "
    "(clip.training.width, clip.training.layers), or use more models with more different captions"
)


def train_clip(
    *, settings: ClipSettings, shards: Sequence[Path], output: Path, device: str, threads: int, journal: Path
) -> None:
    """Train on the training split, report retrieval on the held-out validation split, publish the model.

    Args:
        settings: CLIP settings.
        shards: Shards of images and captions.
        output: Folder for ``model.safetensors`` and ``model.json``.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: Number of CPU threads.
        journal: Event file for the tracking server.

    Raises:
        RuntimeError: ``cuda`` is asked for and there is no CUDA GPU.
    """
    torch.set_num_threads(threads)
    torch_device = pick_device(device)
    model = train_small_clip(load_training_views(shards), settings.training, torch_device)
    generator = torch.Generator(torch_device).manual_seed(settings.training.seed)
    retrieval = _held_out_retrieval(model, shards, generator)
    description = {
        "settings": settings.model_dump(mode="json"),
        "retrieval_top1": retrieval.top1,
        "retrieval_choices": retrieval.choices,
        "dataset_digest": files_digest(shards),
        "code_version": code_version(),
        "device": device_name(torch_device),
    }
    save_model(output, model.clip, description)
    events = Journal(journal, "clip")
    events.params(settings.training.model_dump(mode="json"))
    events.tags({"code_version": code_version(), "dataset_digest": description["dataset_digest"]})
    events.metrics(0, {"retrieval_top1": retrieval.top1, "retrieval_choices": retrieval.choices})
    for file in ("model.safetensors", "model.json"):
        events.artifact(output / file, "checkpoint")


def _held_out_retrieval(model: ClipModel, shards: Sequence[Path], generator: torch.Generator) -> Retrieval:
    """Retrieval on the validation split; warns where it is too low."""
    others = [_captions(shards, split) for split in NEGATIVE_SPLITS]
    held_out = load_training_views(shards, HELD_OUT_SPLIT)
    retrieval = measure_retrieval(model, held_out, others, RETRIEVAL_CHOICES, generator)
    log.info(
        "clip  held-out retrieval: %.3f of images find their caption among %d, %.1f times chance",
        retrieval.top1,
        retrieval.choices,
        retrieval.times_chance,
    )
    if not retrieval.sufficient:
        log.warning(LOW_RETRIEVAL, retrieval.top1, retrieval.choices, retrieval.times_chance, SUFFICIENT_TIMES_CHANCE)
    return retrieval


def _captions(shards: Sequence[Path], split: str) -> set[str]:
    """Distinct captions of one split; reads no images."""
    columns = ["split", "caption"]
    found: set[str] = set()
    for path in shards:
        with open_shard(path, columns) as shard:
            table = shard.read(columns)
        found.update(table.filter(pc.field("split") == split)["caption"].to_pylist())
    return found
