"""Random generators that depend on a name and not on what was drawn before."""

import hashlib

import numpy as np


def named_generator(seed: int, name: str) -> np.random.Generator:
    """A generator of something's own, such as a model's, whatever shard it is in and whichever come before it.

    Args:
        seed: of the settings; another one gives other draws for every name.
        name: such as a model id.
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, int.from_bytes(digest[:8], "little")])
