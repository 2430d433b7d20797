"""Splits by a hash of the model id: the same on every machine, and unchanged when models are added."""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

from shelfnet.data.seeding import unit_hash

Split = Literal["train", "validation", "test"]

TEST: Split = "test"
"""Split of the numbers and figures."""

log = logging.getLogger(__name__)


def split_of(model_id: str, validation: float, test: float, seed: int) -> Split:
    """The split of a model.

    Args:
        model_id: Id of the model.
        validation: Fraction of the models for validation, in [0, 1).
        test: Fraction of the models for testing, in [0, 1).
        seed: Seed of the partition.
    """
    position = unit_hash(model_id, f"split-{seed}")
    if position < validation:
        return "validation"
    return TEST if position < validation + test else "train"


def sampling_order(model_ids: Iterable[str], seed: int) -> list[str]:
    """Model ids in a random order that adding a model does not change; independent of :func:`split_of`."""
    return sorted(model_ids, key=lambda model_id: (unit_hash(model_id, f"order-{seed}"), model_id))


def shard_of(rank: int, shards: int) -> int:
    """The shard of the model with this rank among the sorted ids; sizes of shards differ by at most one model."""
    return rank % shards


def count_splits(splits: Iterable[str]) -> dict[str, int]:
    """Number of models by split, as metrics; warns of empty splits."""
    counts = Counter(splits)
    for split in get_args(Split):
        if not counts[split]:
            log.warning("split %s has no models; change dataset.split_seed or dataset.splits", split)
    return {f"models_{split}": count for split, count in counts.items()}
