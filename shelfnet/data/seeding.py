"""Random generators and hashes that depend on a name alone, not on what was drawn before.

Whatever belongs to one model is drawn from the model's own generator, so that it does not change when other models
are added, removed or moved to another shard.
"""

import hashlib
from typing import Literal

import numpy as np


def named_generator(seed: int, name: str) -> np.random.Generator:
    """Random generator of one name.

    Args:
        seed: Seed of the settings; a different one changes the draws of every name.
        name: For example a model id.
    """
    return np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, hashed_integer(name, byteorder="little")])


def unit_hash(name: str, salt: str) -> float:
    """A number in [0, 1) that depends on the name and the salt alone, uniform over names."""
    return hashed_integer(f"{salt}\0{name}", n_bytes=6) / 2**48


def hashed_integer(text: str, n_bytes: int = 8, byteorder: Literal["little", "big"] = "big") -> int:
    """The first bytes of the SHA-256 digest of a text as an integer."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:n_bytes], byteorder)
