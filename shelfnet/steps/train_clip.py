"""Train the small CLIP of the embedded default on the renders and their captions."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from shelfnet.config.supervision import ClipSettings
from shelfnet.data.shards.reader import TrainingViews, load_training_views, read_rows
from shelfnet.devices import device_name, pick_device
from shelfnet.networks.checkpoint import save_model
from shelfnet.networks.clip import ClipModel
from shelfnet.networks.retrieval import SUFFICIENT_TIMES_CHANCE, Retrieval
from shelfnet.provenance import code_version, files_digest
from shelfnet.tracking.journal import Journal
from shelfnet.training.caption_understanding import CaptionTags, TagAccuracy, measure_tags
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


@dataclass(frozen=True)
class ClipMeasurements:
    """What a CLIP model understands of the held-out images and their captions.

    Attributes:
        retrieval: Retrieval of the captions of held-out images.
        new_captions: The same for captions that training has not seen; ``None`` if there are none.
        tags: Recognition of style, category and material alone.
    """

    retrieval: Retrieval
    new_captions: Retrieval | None
    tags: Mapping[str, TagAccuracy]

    def as_dict(self) -> dict[str, Any]:
        """The values as they are stored in ``model.json``."""
        return {
            "retrieval_top1": self.retrieval.top1,
            "retrieval_choices": self.retrieval.choices,
            "retrieval_new_captions": None if self.new_captions is None else asdict(self.new_captions),
            "tags": {name: asdict(found) for name, found in self.tags.items()},
        }


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
    measured = measure_clip(model, shards, settings.training.seed)
    description = {
        "settings": settings.model_dump(mode="json"),
        **measured.as_dict(),
        "dataset_digest": files_digest(shards),
        "code_version": code_version(),
        "device": device_name(torch_device),
    }
    save_model(output, model.clip, description)
    events = Journal(journal, "clip")
    events.params(settings.training.model_dump(mode="json"))
    events.tags({"code_version": code_version(), "dataset_digest": description["dataset_digest"]})
    values = {"retrieval_top1": measured.retrieval.top1, "retrieval_choices": measured.retrieval.choices}
    events.metrics(0, values | {f"accuracy_{name}": found.accuracy for name, found in measured.tags.items()})
    for file in ("model.safetensors", "model.json"):
        events.artifact(output / file, "checkpoint")


def measure_clip(model: ClipModel, shards: Sequence[Path], seed: int) -> ClipMeasurements:
    """Measure a CLIP model on the validation split.

    Args:
        model: CLIP model, small or released.
        shards: Shards of images and captions.
        seed: Seed of the negative captions.

    Raises:
        ShardError: A shard is damaged, or there are no validation images.
    """
    generator = torch.Generator(model.mean.device).manual_seed(seed)
    held_out = load_training_views(shards, HELD_OUT_SPLIT)
    captions = {split: _captions(shards, split) for split in NEGATIVE_SPLITS}
    retrieval = _held_out_retrieval(model, held_out, captions, generator)
    new_captions = _retrieval_of_new_captions(model, held_out, captions, generator)
    tags = measure_tags(model, held_out, _tags(shards, HELD_OUT_SPLIT), _tags(shards, "train"))
    message = "clip  %s: %.3f of %d held-out images among %d values; the most frequent value has %.3f"
    for name, found in tags.items():
        log.info(message, name, found.accuracy, found.images, found.values, found.majority)
    return ClipMeasurements(retrieval, new_captions, tags)


def _held_out_retrieval(
    model: ClipModel, held_out: TrainingViews, captions: Mapping[str, set[str]], generator: torch.Generator
) -> Retrieval:
    """Retrieval on the validation split; warns where it is too low."""
    others = [captions[split] for split in NEGATIVE_SPLITS]
    retrieval = measure_retrieval(model, held_out, others, RETRIEVAL_CHOICES, generator)
    message = "clip  held-out retrieval: %.3f of images find their caption among %d, %.1f times chance"
    log.info(message, retrieval.top1, retrieval.choices, retrieval.times_chance)
    if not retrieval.sufficient:
        log.warning(LOW_RETRIEVAL, retrieval.top1, retrieval.choices, retrieval.times_chance, SUFFICIENT_TIMES_CHANCE)
    return retrieval


def _retrieval_of_new_captions(
    model: ClipModel, held_out: TrainingViews, captions: Mapping[str, set[str]], generator: torch.Generator
) -> Retrieval | None:
    """Retrieval of held-out images whose caption does not occur in training; ``None`` if there are none."""
    seen = captions["train"]
    new = [image for image, caption in enumerate(held_out.captions) if caption not in seen]
    if not new:
        return None
    views = TrainingViews(held_out.images[new], tuple(held_out.captions[image] for image in new))
    retrieval = measure_retrieval(model, views, [captions["test"] - seen, seen], RETRIEVAL_CHOICES, generator)
    message = "clip  of %d held-out images with captions that training has not seen, %.3f find theirs among %d"
    log.info(message, len(new), retrieval.top1, retrieval.choices)
    return retrieval


def _captions(shards: Sequence[Path], split: str) -> set[str]:
    """Distinct captions of one split; reads no images."""
    return {row["caption"] for row in read_rows(shards, split, ["caption"])}


def _tags(shards: Sequence[Path], split: str) -> list[CaptionTags]:
    """Tags of the images of one split, in the order of :func:`load_training_views`."""
    return [CaptionTags(**row) for row in read_rows(shards, split, [field.name for field in fields(CaptionTags)])]
