"""``torch.compile`` over the networks, where there is a compiler for it."""

import importlib.util
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from shelfnet.networks.decoders import TriplaneDecoder
from shelfnet.training.learner import Learner

log = logging.getLogger(__name__)

VERSIONS_OF_ONE_FUNCTION = 64
"""torch compiles every ``nn.Sequential`` as a version of one function; after so many it gives up, without an error."""


def compile_networks(learner: Learner) -> bool:
    """Compile, in place, every network of an iteration that turns tensors into tensors; names of weights stay.

    What was compiled is kept for later runs in ``TORCHINDUCTOR_CACHE_DIR``, by default in the user's cache. Where a
    compiler is missing, or fails at one of the networks, the run goes on without and a line in the log says so.

    Returns:
        Whether there is a compiler.
    """
    missing = missing_tool(learner.device)
    if missing is not None:
        log.warning("train.compile: %s is missing; networks run as they are", missing)
        return False
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache / "shelfnet" / "inductor"))
    torch._dynamo.config.suppress_errors = True
    torch._dynamo.config.recompile_limit = VERSIONS_OF_ONE_FUNCTION
    for network in compiled_networks(learner):
        network.compile(dynamic=False)
    return True


def compiled_networks(learner: Learner) -> Iterator[nn.Module]:
    """The parts of encoder, decoder, renderer, discriminator and losses that are worth compiling."""
    model = learner.model
    yield from (model.encoder.stem, model.encoder.stages, model.colour, learner.discriminator)
    decoder = model.decoder
    if isinstance(decoder, TriplaneDecoder):
        yield from (decoder.first, *decoder.blocks, decoder.head.to_occupancy, decoder.head.to_features)
    else:
        yield decoder.backbone
    if learner.perceptual is not None:
        yield learner.perceptual
    if learner.clip is not None:
        yield learner.clip.clip.clip.visual


def missing_tool(device: torch.device) -> str | None:
    """What compilation for a device needs and this machine lacks, for people; ``None`` where all is there."""
    compilers = (
        (os.environ.get("CXX"), "g++", "clang++") if device.type == "cpu" else (os.environ.get("CC"), "gcc", "clang")
    )
    if not any(name and shutil.which(name) for name in compilers):
        return f"a compiler ({' or '.join(compilers[1:])})"
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        return "the package triton"
    return None
