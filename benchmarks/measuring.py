"""What is measured of work on a CPU or a GPU: seconds, operations, bytes, memory, and the ceilings of the machine."""

import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Work:
    """Operations and bytes of one call.

    Attributes:
        flops: of matrix products and convolutions, forward and backward.
        unfused_bytes: read and written if every operation went to memory for all it reads and writes.
    """

    flops: float
    unfused_bytes: float


@dataclass(frozen=True)
class Ceiling:
    """What the machine does at best, measured.

    Attributes:
        float32_flops: operations a second of a large matrix product, without TF32.
        bfloat16_flops: likewise.
        copy_bytes: bytes a second of a large copy on the device, read and written.
    """

    float32_flops: float
    bfloat16_flops: float
    copy_bytes: float


class ByteCounter(TorchDispatchMode):
    """Adds up the bytes of the arguments and results of every operation that is not a view, by operator."""

    def __init__(self) -> None:
        super().__init__()
        self.by_operator: dict[str, int] = defaultdict(int)

    @property
    def total(self) -> int:
        """Bytes of all operations."""
        return sum(self.by_operator.values())

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Run an operation and count it."""
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
            self.by_operator[str(func.overloadpacket)] += sum(tensor.nbytes for tensor in tensors)
        return result


class Stopwatch:
    """Seconds spent inside named functions; a function called from another named one counts there alone.

    Args:
        device: waited for before and after every call.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self.inside = False

    def watch(self, owner: Any, attribute: str, name: str) -> Callable[[], None]:
        """Time every call of ``owner.attribute`` from now on under ``name``; returns how to stop."""
        original = getattr(owner, attribute)

        def timed(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return original(*args, **kwargs)
            with self.running(name):
                return original(*args, **kwargs)

        setattr(owner, attribute, timed)
        return lambda: setattr(owner, attribute, original)

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Time a block under ``name``."""
        wait_for(self.device)
        self.inside, began = True, time.perf_counter()
        yield
        wait_for(self.device)
        self.inside = False
        self.seconds[name] += time.perf_counter() - began


def count_work(call: Callable[[], Any]) -> Work:
    """Operations and bytes of one call, which runs twice."""
    with FlopCounterMode(display=False) as counter:
        call()
    with ByteCounter() as bytes_counter:
        call()
    return Work(counter.get_total_flops(), bytes_counter.total)


def seconds_a_call(call: Callable[[], Any], device: torch.device, for_seconds: float) -> float:
    """Mean over as many calls as fit into ``for_seconds``, three at least; only both ends wait for the device.

    The caller warms up.
    """
    wait_for(device)
    calls, began = 0, time.perf_counter()
    while calls < 3 or time.perf_counter() - began < for_seconds:
        for _ in range(1 if device.type == "cpu" else 10):
            call()
            calls += 1
        wait_for(device)
    return (time.perf_counter() - began) / calls


def measure_ceiling(device: torch.device, for_seconds: float = 0.5) -> Ceiling:
    """Matrix products and a copy large enough to fill the machine, on random numbers, after a warm-up.

    Args:
        device: Device to measure.
        for_seconds: Least time of each of the three measurements.
    """
    size = 8192 if device.type == "cuda" else 1024
    factors = torch.randn(2, size, size, device=device)
    rates = []
    with strict_float32():
        for dtype in (torch.float32, torch.bfloat16):
            first, second = factors.to(dtype)
            seconds = _seconds_when_warm(lambda first=first, second=second: first @ second, device, for_seconds)
            rates.append(2 * size**3 / seconds)
    block = torch.randn(2**28 if device.type == "cuda" else 2**24, device=device)
    copied = torch.empty_like(block)
    seconds = _seconds_when_warm(lambda: copied.copy_(block), device, for_seconds)
    return Ceiling(*rates, copy_bytes=2 * block.nbytes / seconds)


def _seconds_when_warm(call: Callable[[], Any], device: torch.device, for_seconds: float) -> float:
    seconds_a_call(call, device, 0.2 * for_seconds)
    return seconds_a_call(call, device, for_seconds)


@contextmanager
def strict_float32() -> Iterator[None]:
    """Convolutions and matrix products of float32 without TF32's shorter factors."""
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    yield
    torch.backends.cudnn.allow_tf32 = before[0]
    torch.set_float32_matmul_precision(before[1])


def peak_mib(device: torch.device) -> float:
    """Most memory in use so far: of the GPU's tensors since the last reset, or of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def wait_for(device: torch.device) -> None:
    """Return once the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
