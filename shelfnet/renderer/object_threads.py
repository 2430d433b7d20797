"""Objects of a batch shared among threads, for compiled loops over the rays of one object."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor


def arrays_of(tensors: Sequence[Tensor], index: int) -> list[np.ndarray]:
    """One object's part of tensors, without copies."""
    return [tensor.detach().numpy()[index] for tensor in tensors]


def for_each_object(work: Callable[[int], None], objects: int) -> None:
    """Call ``work`` with the index of every object, in as many threads as torch uses."""
    threads = min(torch.get_num_threads(), objects)
    if threads <= 1:
        for index in range(objects):
            work(index)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(objects)))
