"""``torch.compile`` of the networks, where a compiler is available."""

import importlib.util
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import nn

from shelfnet.networks.decoders import TriplaneDecoder
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.networks.upsample_conv import axis_taps

if TYPE_CHECKING:
    from shelfnet.losses.clip import ClipLoss

log = logging.getLogger(__name__)

RECOMPILE_LIMIT = 64
"""torch counts every ``nn.Sequential`` as a recompilation of one function, and silently stops at its limit."""


def compile_networks(networks: Iterable[nn.Module], device: torch.device) -> bool:
    """Compile networks in place; names of their weights stay.

    torch keeps compiled code for later runs in ``TORCHINDUCTOR_CACHE_DIR``, by default a temporary folder.
    Without a compiler, or where it fails for a network, networks run eagerly and a warning says so.

    Args:
        networks: Networks to compile.
        device: Device that they run on.

    Returns:
        Whether there is a compiler.
    """
    missing = missing_tool(device)
    if missing is not None:
        log.warning("train.compile: %s is missing; networks run eagerly", missing)
        return False
    torch._dynamo.config.suppress_errors = True
    torch._dynamo.config.recompile_limit = RECOMPILE_LIMIT
    # Not a decorator of axis_taps: it would import torch's compiler in every stage.
    torch.compiler.assume_constant_result(axis_taps)
    for network in networks:
        network.compile(dynamic=False)
    return True


def networks_to_compile(
    model: ShelfNet, discriminator: nn.Module, perceptual: nn.Module | None, clip: "ClipLoss | None"
) -> Iterator[nn.Module]:
    """Parts of encoder, decoder, renderer, discriminator and losses that are worth compiling."""
    yield from (model.encoder.stem, model.encoder.stages, model.colour, discriminator)
    decoder = model.decoder
    if isinstance(decoder, TriplaneDecoder):
        yield from (decoder.first, *decoder.blocks, decoder.head.to_occupancy, decoder.head.to_features)
    else:
        yield decoder.backbone  # pyright: ignore[reportReturnType]
    if perceptual is not None:
        yield perceptual
    if clip is not None:
        yield clip.clip.clip.visual


def missing_tool(device: torch.device) -> str | None:
    """Name of a tool that compilation for a device needs and this machine lacks; ``None`` if nothing is missing."""
    compilers = (
        (os.environ.get("CXX"), "g++", "clang++") if device.type == "cpu" else (os.environ.get("CC"), "gcc", "clang")
    )
    if not any(name and shutil.which(name) for name in compilers):
        return f"a compiler ({' or '.join(name for name in compilers[1:] if name)})"
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        return "the package triton"
    return None
