"""A phase of the iteration as one CUDA graph: recorded once, then started by the host with a single call."""

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import torch

T = TypeVar("T")

log = logging.getLogger(__name__)

CALLS_BEFORE_CAPTURE = 3
"""With the same key; they let libraries choose their kernels and compilers finish."""

ALONE_ON_THE_GPU = threading.Lock()
"""Held while a graph is recorded, and by other threads that use the GPU: a wait of theirs can break the recording."""


class CudaGraphed(Generic[T]):
    """A function whose work on the GPU is recorded and replayed as long as its key stays the same.

    The first calls run as they are, on a stream of their own. From then on the tensors that the function reads must
    stay where they are, new values being written into them, and those that it returned are overwritten in place.

    Args:
        function: has no host decision that depends on a tensor, and returns the same tensors for the same key.
        randomness: the generator that it draws from.
    """

    def __init__(self, function: Callable[..., T], rng: torch.Generator) -> None:
        self.function, self.rng = function, rng
        self.stream = torch.cuda.Stream(rng.device)
        self.key: Hashable = None
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.result: T | None = None
        self.can_capture = True

    def __call__(self, key: Hashable, *arguments: object) -> T:
        """Run, record or replay.

        Args:
            key: of all that the function's work depends on apart from values of tensors; another one records anew.
            arguments: of the function.
        """
        if key != self.key:
            self.key, self.calls, self.graph, self.result = key, 0, None, None
        if self.graph is None and self.calls >= CALLS_BEFORE_CAPTURE and self.can_capture:
            self._capture(*arguments)
        if self.graph is not None:
            self.graph.replay()
            return self.result
        self.calls += 1
        return self._run(*arguments)

    def _run(self, *arguments: object) -> T:
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            result = self.function(*arguments)
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def _capture(self, *arguments: object) -> None:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)
        outside = torch.cuda.current_stream()
        try:
            with ALONE_ON_THE_GPU, torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                result = self.function(*arguments)
        except RuntimeError as error:
            log.warning("train.compile: a phase cannot be captured and runs as it is (%s)", error)
            self.can_capture = False
        else:
            self.graph, self.result = graph, result
        finally:
            torch.cuda.set_stream(outside)  # a recording that fails does not leave its stream by itself
