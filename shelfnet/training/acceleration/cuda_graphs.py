"""Training phases as CUDA graphs: captured once, then replayed by the host with a single call."""

import dataclasses
import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import torch

Result = TypeVar("Result")
Inputs = TypeVar("Inputs")

log = logging.getLogger(__name__)

CALLS_BEFORE_CAPTURE = 3
"""Eager calls with the same key before capture, in which libraries choose kernels and compilation finishes."""

GPU_LOCK = threading.Lock()
"""Held during capture, and by other threads that use the GPU: a synchronisation of theirs can invalidate a capture."""


class CudaGraphed(Generic[Result]):
    """A function that is captured as a CUDA graph and replayed while its key stays the same.

    The first calls run eagerly on a side stream. After capture, the function reads its inputs from fixed addresses,
    into which new values are copied (:class:`StaticInputs`), and every replay overwrites the tensors it returned.

    Args:
        function: Makes no decision on the host that depends on values of tensors.
        rng: Generator that the function draws from.
    """

    def __init__(self, function: Callable[..., Result], rng: torch.Generator) -> None:
        self.function, self.rng = function, rng
        self.stream = torch.cuda.Stream(rng.device)
        self.key: Hashable = None
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.result: Result | None = None
        self.can_capture = True

    def __call__(self, key: Hashable, *arguments: Any) -> Result:
        """Run eagerly, capture or replay.

        Args:
            key: Identifies everything that the work depends on, apart from values of tensors. A new key captures anew.
            *arguments: Arguments of the function.
        """
        if key != self.key:
            self.key, self.calls, self.graph, self.result = key, 0, None, None
        if self.graph is None and self.calls >= CALLS_BEFORE_CAPTURE and self.can_capture:
            self._capture(*arguments)
        if self.graph is not None:
            self.graph.replay()
            return self.result  # pyright: ignore[reportReturnType]  # a captured graph has a result
        self.calls += 1
        return self._run_eagerly(*arguments)

    def _run_eagerly(self, *arguments: Any) -> Result:
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            result = self.function(*arguments)
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def _capture(self, *arguments: Any) -> None:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)
        outer_stream = torch.cuda.current_stream()
        try:
            with GPU_LOCK, torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                result = self.function(*arguments)
        except RuntimeError as error:
            log.warning("train.compile: a training phase cannot be captured and runs eagerly (%s)", error)
            self.can_capture = False
        else:
            self.graph, self.result = graph, result
        finally:
            torch.cuda.set_stream(outer_stream)  # a failed capture does not restore the stream


class StaticInputs(Generic[Inputs]):
    """Copies a dataclass of tensors to fixed addresses, which captured graphs read, while its shapes stay the same."""

    def __init__(self) -> None:
        self.held: Inputs | None = None

    def hold(self, inputs: Inputs) -> Inputs:
        """The same values at the addresses of the first inputs of this shape."""
        if self.held is None or _shapes(self.held) != _shapes(inputs):
            self.held = inputs
        for field in dataclasses.fields(inputs):  # pyright: ignore[reportArgumentType]
            getattr(self.held, field.name).copy_(getattr(inputs, field.name))
        return self.held


def _shapes(inputs: Any) -> list[torch.Size]:
    return [getattr(inputs, field.name).shape for field in dataclasses.fields(inputs)]
