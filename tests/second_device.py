"""A simulated device: its tensors use CPU memory but, like a GPU's, cannot be mixed with CPU tensors.

Results equal the CPU's, and code that creates a tensor on the wrong device fails. The backend must be registered with
torch before the first backward pass, so import this module in a separate process.
"""

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

MAY_CROSS = {"copy_", "_to_copy"}
"""Operations between devices. In all others, CPU tensors may only be scalars or indices."""


class _Module(_DummyBackendModule):
    def get_amp_supported_dtype(self):
        """Types for autocast."""
        return [torch.bfloat16]


_setup_privateuseone_for_python_backend("pretend", backend_module=_Module())
PRETEND = torch.device("pretend", 0)


class PretendTensor(torch.Tensor):
    """A tensor on the simulated device."""

    @staticmethod
    def __new__(cls, held):
        """Wrapper with the shape of ``held`` and no memory."""
        return torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=PRETEND,
        )

    def __init__(self, held):
        self.held = held

    def tolist(self):
        """Values as lists; torch does not support it for subclasses."""
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        """Run an operation on simulated tensors."""
        return _run(func, args, kwargs or {})


class _Creation(TorchDispatchMode):
    """Handles operations that create tensors and name the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        pretends = any(isinstance(leaf, PretendTensor) for leaf in tree_leaves((args, kwargs)))
        if pretends or torch.device(kwargs.get("device") or "cpu").type == PRETEND.type:
            return _run(func, args, kwargs)
        return func(*args, **kwargs)


def _run(func, args, kwargs):
    name = func.overloadpacket.__name__
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    away = [tensor for tensor in tensors if isinstance(tensor, PretendTensor)]
    here = [tensor for tensor in tensors if not isinstance(tensor, PretendTensor) and tensor.ndim > 0]
    if away and here and name not in MAY_CROSS and not name.startswith(("index", "_index")):
        raise RuntimeError(f"{name}: tensors of two devices meet: {[tuple(t.shape) for t in here]} is on the CPU")
    asked = kwargs.get("device")
    held = tree_map(_held, (args, kwargs | ({"device": torch.device("cpu")} if asked else {})))
    result = func(*held[0], **held[1])
    if name == "copy_":
        return args[0]
    if not (torch.device(asked).type == PRETEND.type if asked else away):
        return result.clone() if name == "_to_copy" and result is held[0][0] else result
    known = {id(tensor.held): tensor for tensor in away}  # returned by in-place operations
    return tree_map(lambda leaf: _pretending(leaf, known), result)


def _pretending(leaf, known):
    if not isinstance(leaf, torch.Tensor) or isinstance(leaf, PretendTensor):
        return leaf
    return known[id(leaf)] if id(leaf) in known else PretendTensor(leaf)


def _held(leaf):
    return leaf.held if isinstance(leaf, PretendTensor) else leaf


def _empty_strided(size, stride, dtype=None, layout=None, device=None, pin_memory=None):
    return PretendTensor(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source, target, non_blocking=False):
    _held(target).copy_(_held(source))
    return target


_KERNELS = torch.library.Library("aten", "IMPL")
_KERNELS.impl("empty_strided", _empty_strided, "PrivateUse1")
_KERNELS.impl("_copy_from", _copy_from, "PrivateUse1")


@contextmanager
def pretending():
    """Allow tensors on :data:`PRETEND`, with the CPU's random numbers."""
    kept = {name: getattr(torch, name) for name in ("rand", "randint", "randperm")} | {"Generator": torch.Generator}
    for name, draw in kept.items():
        setattr(torch, name, _Generator if name == "Generator" else _drawn_here(draw))
    with _Creation():
        yield
    for name, original in kept.items():
        setattr(torch, name, original)


class _Generator(torch.Generator):
    """A CPU generator that reports the device it was made for."""

    def __new__(cls, device="cpu"):
        """Generator on the CPU."""
        return super().__new__(cls, "cpu")

    def __init__(self, device="cpu"):
        self.claimed = torch.device(device)

    @property
    def device(self):
        """Device that the generator was made for."""
        return self.claimed


def _drawn_here(draw):
    def drawn(*args, device=None, **kwargs):
        return draw(*args, **kwargs).to(device or "cpu")

    return drawn
