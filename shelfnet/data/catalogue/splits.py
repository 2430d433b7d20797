"""Splits by a hash of the model id: the same on every machine, and unchanged when models are added."""

from collections.abc import Iterable
from typing import Literal

from shelfnet.data.seeding import unit_hash

Split = Literal["train", "validation", "test"]

TEST: Split = "test"
"""Split of the numbers and figures."""


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
