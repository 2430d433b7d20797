"""Splits by a hash of the model id: the same on every machine, and unmoved when models are added."""

import hashlib
from collections.abc import Iterable
from typing import Literal

Split = Literal["train", "validation", "test"]


def unit_hash(model_id: str, salt: str) -> float:
    """A number in [0, 1) that depends on nothing but the id and the salt, uniform over ids."""
    digest = hashlib.sha256(f"{salt}\0{model_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def split_of(model_id: str, validation: float, test: float, seed: int) -> Split:
    """The split of a model.

    Args:
        model_id: the model.
        validation: share of the models for validation, in [0, 1).
        test: share of the models for the test, in [0, 1).
        seed: draws another partition.
    """
    position = unit_hash(model_id, f"split-{seed}")
    if position < validation:
        return "validation"
    return "test" if position < validation + test else "train"


def sampling_order(model_ids: Iterable[str], seed: int) -> list[str]:
    """Model ids in a random order in which adding a model moves no other; independent of :func:`split_of`."""
    return sorted(model_ids, key=lambda model_id: (unit_hash(model_id, f"order-{seed}"), model_id))


def shard_of(rank: int, shards: int) -> int:
    """The shard of the model with this rank among the sorted ids: shards differ by one model at most."""
    return rank % shards
