"""Train the small CLIP of the embedded default on the renders and their captions."""

import logging
from collections.abc import Sequence
from pathlib import Path

import torch

from shelfnet.config.supervision import ClipSettings
from shelfnet.data.views import load_training_views
from shelfnet.provenance import code_version, files_digest
from shelfnet.tracking.journal import Journal
from shelfnet.training.checkpoint import save_model
from shelfnet.training.clip import retrieval_accuracy, train_small_clip
from shelfnet.training.device import device_name, pick_device

log = logging.getLogger(__name__)

RETRIEVAL_CHOICES = 32


def train_clip(*, settings: ClipSettings, shards: Sequence[Path], output: Path, threads: int, journal: Path) -> None:
    """Train on the training split, report retrieval on the held-out validation split, publish the model.

    Args:
        settings: of CLIP.
        shards: pictures and captions.
        output: folder for ``model.safetensors`` and ``model.json``.
        threads: CPU threads.
        journal: events for the tracking server.
    """
    torch.set_num_threads(threads)
    device = pick_device("auto")
    model = train_small_clip(load_training_views(shards), settings.training, device)
    held_out = load_training_views(shards, "validation")
    choices = min(RETRIEVAL_CHOICES, len(set(held_out.captions)))
    generator = torch.Generator(device).manual_seed(settings.training.seed)
    accuracy = retrieval_accuracy(model, held_out, choices, generator)
    log.info("clip  held-out retrieval: %.3f of pictures find their caption among %d", accuracy, choices)
    description = {
        "settings": settings.model_dump(mode="json"),
        "retrieval_top1": accuracy,
        "retrieval_choices": choices,
        "dataset_digest": files_digest(shards),
        "code_version": code_version(),
        "device": device_name(device),
    }
    save_model(output, model.clip, description)
    events = Journal(journal, "clip")
    events.params(settings.training.model_dump(mode="json"))
    events.tags({"code_version": code_version(), "dataset_digest": description["dataset_digest"]})
    events.metrics(0, {"retrieval_top1": accuracy, "retrieval_choices": choices})
    for file in ("model.safetensors", "model.json"):
        events.artifact(output / file, "checkpoint")
