"""Train the small CLIP of the embedded default on the renders and their captions."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
import torch

from shelfnet.config.supervision import ClipSettings
from shelfnet.data.shards.reader import load_training_views, open_shard
from shelfnet.networks.clip import ClipModel
from shelfnet.networks.retrieval import SUFFICIENT_TIMES_CHANCE, Retrieval
from shelfnet.provenance import code_version, files_digest
from shelfnet.tracking.journal import Journal
from shelfnet.training.checkpoint import save_model
from shelfnet.training.clip import measure_retrieval, train_small_clip
from shelfnet.training.device import device_name, pick_device

log = logging.getLogger(__name__)

RETRIEVAL_CHOICES = 32
HELD_OUT_SPLIT = "validation"
RIVAL_SPLITS = ("test", "train")
"""Where rivals come from once the held-out captions are used up; captions that no training has seen come first."""

TOO_LITTLE = (
    "clip  held-out retrieval of %.3f among %d is %.1f times chance, expected at least %g times: the small CLIP has "
    "learned too little for L_clip to teach anything; train it longer (clip.training.iterations), make it larger "
    "(clip.training.width, clip.training.layers), or bring more models with more different captions"
)


def train_clip(
    *, settings: ClipSettings, shards: Sequence[Path], output: Path, device: str, threads: int, journal: Path
) -> None:
    """Train on the training split, report retrieval on the held-out validation split, publish the model.

    Args:
        settings: of CLIP.
        shards: images and captions.
        output: folder for ``model.safetensors`` and ``model.json``.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads.
        journal: events for the tracking server.

    Raises:
        RuntimeError: ``cuda`` is asked for and there is none.
    """
    torch.set_num_threads(threads)
    place = pick_device(device)
    model = train_small_clip(load_training_views(shards), settings.training, place)
    generator = torch.Generator(place).manual_seed(settings.training.seed)
    retrieval = _held_out_retrieval(model, shards, generator)
    description = {
        "settings": settings.model_dump(mode="json"),
        "retrieval_top1": retrieval.top1,
        "retrieval_choices": retrieval.choices,
        "dataset_digest": files_digest(shards),
        "code_version": code_version(),
        "device": device_name(place),
    }
    save_model(output, model.clip, description)
    events = Journal(journal, "clip")
    events.params(settings.training.model_dump(mode="json"))
    events.tags({"code_version": code_version(), "dataset_digest": description["dataset_digest"]})
    events.metrics(0, {"retrieval_top1": retrieval.top1, "retrieval_choices": retrieval.choices})
    for file in ("model.safetensors", "model.json"):
        events.artifact(output / file, "checkpoint")


def _held_out_retrieval(model: ClipModel, shards: Sequence[Path], generator: torch.Generator) -> Retrieval:
    """Of the validation split; rivals from elsewhere where its own captions are too few. A low one is warned of."""
    others = [_captions(shards, split) for split in RIVAL_SPLITS]
    held_out = load_training_views(shards, HELD_OUT_SPLIT)
    retrieval = measure_retrieval(model, held_out, others, RETRIEVAL_CHOICES, generator)
    log.info(
        "clip  held-out retrieval: %.3f of images find their caption among %d, %.1f times chance",
        retrieval.top1,
        retrieval.choices,
        retrieval.times_chance,
    )
    if not retrieval.sufficient:
        log.warning(TOO_LITTLE, retrieval.top1, retrieval.choices, retrieval.times_chance, SUFFICIENT_TIMES_CHANCE)
    return retrieval


def _captions(shards: Sequence[Path], split: str) -> set[str]:
    """The captions of one split; no image is read."""
    columns = ["split", "caption"]
    found: set[str] = set()
    for path in shards:
        with open_shard(path, columns) as shard:
            table = shard.read(columns)
        found.update(table.filter(pc.field("split") == split)["caption"].to_pylist())
    return found
