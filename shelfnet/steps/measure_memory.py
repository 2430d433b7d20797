"""Measure how memory and time grow with resolution, for the voxel grid and the tri-plane."""

import dataclasses
import logging
import math
import time
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from shelfnet.config.networks import DecoderSettings, ModelSettings
from shelfnet.config.render import RenderSettings
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.networks.decoders import build_decoder
from shelfnet.provenance import publish
from shelfnet.renderer.volume import render_features
from shelfnet.representations.field import Field

REPRESENTATIONS = ("voxel", "triplane")
RESOLUTIONS = (8, 16, 32, 64)
BATCH_SIZE = 1
RENDER_PX, SAMPLES_PER_RAY = 24, 32
"""The same rays at every N, so that only the representation grows."""
REPEATS = 3

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one object costs at one resolution, on the CPU.

    Attributes:
        representation: ``voxel`` or ``triplane``.
        resolution: N, of features and occupancy alike.
        field_bytes: tensors of the field itself.
        decode_saved_bytes: what decoding keeps for the backward pass.
        saved_bytes: what decoding and rendering keep for the backward pass.
        seconds: decode, render and backward, the fastest of a few.
    """

    representation: str
    resolution: int
    field_bytes: int
    decode_saved_bytes: int
    saved_bytes: int
    seconds: float


class SavedBytes(torch.autograd.graph.saved_tensors_hooks):
    """Counts what autograd keeps for the backward pass inside a ``with`` block, exactly.

    Every storage counts once, however many operations keep it; parameters are there anyway and do not count.

    Args:
        network: whose parameters are left out.
    """

    def __init__(self, network: nn.Module) -> None:
        self._resident = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
        self._sizes: dict[int, int] = {}
        super().__init__(self._pack, lambda kept: kept)

    @property
    def total(self) -> int:
        """Bytes counted so far."""
        return sum(self._sizes.values())

    def _pack(self, kept: Tensor) -> Tensor:
        storage = kept.untyped_storage()
        if storage.data_ptr() not in self._resident:
            self._sizes[storage.data_ptr()] = storage.nbytes()
        return kept


def measure_memory(
    *, settings: ModelSettings, output: Path, resolutions: tuple[int, ...] = RESOLUTIONS, repeats: int = REPEATS
) -> None:
    """Write one row a representation and resolution, with the columns of :class:`Cost`.

    Args:
        settings: channels of the decoders; their resolutions are what is varied.
        output: the CSV.
        resolutions: values of N, powers of two.
        repeats: timings, of which the fastest counts.
    """
    costs = [
        measure_cost(settings, representation, resolution, repeats)
        for representation in REPRESENTATIONS
        for resolution in resolutions
    ]
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}")
    pd.DataFrame([dataclasses.asdict(cost) for cost in costs]).to_csv(temporary, index=False, float_format="%.6g")
    publish(temporary, output)


def measure_cost(settings: ModelSettings, representation: str, resolution: int, repeats: int) -> Cost:
    """Decode one object, render one view of it, and go back."""
    decoder = _decoder(settings, representation, resolution)
    latent = torch.randn(
        BATCH_SIZE, settings.encoder.latent_dim, generator=torch.Generator().manual_seed(0), requires_grad=True
    )
    saved = SavedBytes(decoder)
    with saved:
        field = decoder(latent)
        decode_saved_bytes = saved.total
        _render(field)
    cost = Cost(
        representation=representation,
        resolution=resolution,
        field_bytes=_field_bytes(field),
        decode_saved_bytes=decode_saved_bytes,
        saved_bytes=saved.total,
        seconds=min(_time_once(decoder, latent) for _ in range(repeats)),
    )
    log.info(
        "%s at %d: %.1f MiB for backward, %.3f s", representation, resolution, cost.saved_bytes / 2**20, cost.seconds
    )
    return cost


def _decoder(settings: ModelSettings, representation: str, resolution: int) -> nn.Module:
    varied = settings.decoder.model_dump() | {
        "representation": representation,
        "feature_resolution": resolution,
        "occupancy_resolution": resolution,
        "plane_resolution": resolution,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_decoder(DecoderSettings.model_validate(varied), settings.encoder.latent_dim)


def _render(field: Field) -> Tensor:
    camera = RenderSettings()
    azimuth, elevation = torch.tensor([0.6]), torch.tensor([0.2])
    cam2world = look_at_origin(azimuth, elevation, camera.camera_distance)
    rays = render_features(field, cam2world, math.radians(camera.fov_deg), RENDER_PX, SAMPLES_PER_RAY)
    return rays.features.mean() + rays.mask.mean()


def _time_once(decoder: nn.Module, latent: Tensor) -> float:
    began = time.perf_counter()
    _render(decoder(latent)).backward()
    return time.perf_counter() - began


def _field_bytes(field: Field) -> int:
    values = (getattr(field, member.name) for member in dataclasses.fields(field))
    return sum(value.numel() * value.element_size() for value in values if isinstance(value, Tensor))
