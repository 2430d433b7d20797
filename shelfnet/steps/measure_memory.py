"""Measure memory and time of the voxel grid and the tri-plane by resolution.

Memory is the exact size of the field's tensors and of the tensors that autograd saves for the backward pass. Time is
CPU time of forward and backward pass. The planes have their configured channels. With as many channels, a voxel grid of
256^3 would take tens of gigabytes, so it has fewer to fit into 4 GB: only the growth is comparable.
"""

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from shelfnet.config.networks import DecoderSettings, ModelSettings
from shelfnet.config.render import RenderSettings
from shelfnet.evaluation.results import write_table
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.networks.decoders import build_decoder
from shelfnet.renderer.volume import render_features
from shelfnet.representations.field import Field
from shelfnet.training.detached_boundary import tensors_of

REPRESENTATIONS = ("voxel", "triplane")
VOXEL_CHANNELS, VOXEL_BASE_CHANNELS = 2, 8
"""With these, the process peaks at 3.8 GB for 256^3 with rendering and backward pass."""
LARGE_RESOLUTION = 128
SMALL_BATCH = 2
"""Objects per pass below the large resolution, since PyTorch's convolution for a single small volume is several times
slower. Costs are given per object."""
RENDER_PX, SAMPLES_PER_RAY = 24, 32
"""The same rays for every N, so that only the representation grows."""
REPEATS = 2

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Cost:
    """Cost of one object at one resolution on the CPU.

    Attributes:
        representation: ``voxel`` or ``triplane``.
        resolution: N, for both features and occupancy.
        channels: Features per voxel or per cell of one plane.
        field_bytes: Tensors of the field.
        decode_saved_bytes: Tensors that decoding saves for the backward pass.
        saved_bytes: Tensors that decoding and rendering save for the backward pass.
        decode_seconds: Decode and backward pass, the fastest of several runs.
        seconds: Decode, render and backward pass, the fastest of several runs.
    """

    representation: str
    resolution: int
    channels: int
    field_bytes: int
    decode_saved_bytes: int
    saved_bytes: int
    decode_seconds: float
    seconds: float


class SavedBytes(torch.autograd.graph.saved_tensors_hooks):
    """Counts the bytes that autograd saves for the backward pass inside a ``with`` block.

    Every storage counts once, however many operations save it; parameters do not count.

    Args:
        network: Network with these parameters.
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
    *, settings: ModelSettings, resolutions: Sequence[int], output: Path, repeats: int = REPEATS
) -> None:
    """Write one row per representation and resolution, with the columns of :class:`Cost`.

    Args:
        settings: Channels of the planes.
        resolutions: Values of N, powers of two.
        output: CSV file.
        repeats: Number of timed runs.
    """
    costs = [
        measure_cost(settings, representation, resolution, repeats)
        for representation in REPRESENTATIONS
        for resolution in resolutions
    ]
    write_table(pd.DataFrame([dataclasses.asdict(cost) for cost in costs]), output)


def measure_cost(settings: ModelSettings, representation: str, resolution: int, repeats: int) -> Cost:
    """Measure decoding, rendering one view, and the backward pass of one object."""
    varied = _varied(settings.decoder, representation, resolution)
    decoder = _decoder(varied, settings.encoder.latent_dim)
    objects = SMALL_BATCH if resolution < LARGE_RESOLUTION else 1
    latent = torch.randn(
        objects, settings.encoder.latent_dim, generator=torch.Generator().manual_seed(0), requires_grad=True
    )
    cost = Cost(
        representation=representation,
        resolution=resolution,
        channels=varied.plane_channels if representation == "triplane" else varied.feature_channels,
        **{name: count // objects for name, count in _count_bytes(decoder, latent).items()},
        decode_seconds=min(_time_once(lambda: _total(decoder(latent))) for _ in range(repeats)) / objects,
        seconds=min(_time_once(lambda: _render(decoder(latent), objects)) for _ in range(repeats)) / objects,
    )
    saved_mib = cost.saved_bytes / 2**20
    log.info("%s at %d: %.1f MiB for backward, %.3f s", representation, resolution, saved_mib, cost.seconds)
    return cost


def _varied(settings: DecoderSettings, representation: str, resolution: int) -> DecoderSettings:
    narrowed = {} if representation == "triplane" else {"base_channels": VOXEL_BASE_CHANNELS}
    resolutions = dict.fromkeys(("feature_resolution", "occupancy_resolution", "plane_resolution"), resolution)
    plain = {"feature_channels": VOXEL_CHANNELS, "symmetry": "none", "blended_shapes": 0}
    varied = {**settings.model_dump(), **narrowed, "representation": representation, **resolutions, **plain}
    return DecoderSettings.model_validate(varied)


def _decoder(settings: DecoderSettings, latent_dim: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        decoder = build_decoder(settings, latent_dim)
    # In the default layout, CPU convolutions pad few channels to sixteen.
    is_volume = settings.representation != "triplane"
    return decoder.to(memory_format=torch.channels_last_3d if is_volume else torch.channels_last)


def _count_bytes(decoder: nn.Module, latent: Tensor) -> dict[str, int]:
    saved = SavedBytes(decoder)
    with saved:
        field = decoder(latent)
        decode_saved_bytes = saved.total
        _render(field, len(latent))
    return {"field_bytes": _field_bytes(field), "decode_saved_bytes": decode_saved_bytes, "saved_bytes": saved.total}


def _render(field: Field, objects: int) -> Tensor:
    camera = RenderSettings()
    azimuth, elevation = torch.full((objects,), 0.6), torch.full((objects,), 0.2)
    cam2world = look_at_origin(azimuth, elevation, camera.camera_distance)
    rays = render_features(field, cam2world, math.radians(camera.fov_deg), RENDER_PX, SAMPLES_PER_RAY)
    return rays.features.mean() + rays.mask.mean()


def _time_once(forward: Callable[[], Tensor]) -> float:
    # Process time excludes other processes on the machine.
    began = time.process_time()
    forward().backward()
    return time.process_time() - began


def _total(field: Field) -> Tensor:
    return torch.stack([values.mean() for values in tensors_of(field)]).sum()


def _field_bytes(field: Field) -> int:
    return sum(values.numel() * values.element_size() for values in tensors_of(field))
