"""Start the networks on the views and shapes that discovery found; ablations with equal settings share the result."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from shelfnet.config.stage_inputs import WarmStartInputs
from shelfnet.data.discovered_views import read_discovered_views, read_shared_shapes
from shelfnet.data.shards.reader import load_training_views
from shelfnet.devices import pick_device
from shelfnet.networks.checkpoint import cpu_tensors
from shelfnet.provenance import files_digest
from shelfnet.publishing import complete_file
from shelfnet.representations.voxels import VoxelField
from shelfnet.training.acceleration.devices import move_to_device, tune_backends
from shelfnet.training.batches import ImageStore, found_views
from shelfnet.training.state import build_model
from shelfnet.training.warm_start import warm_start_networks


def warm_start(
    *,
    settings: WarmStartInputs,
    name: str,
    seed: int,
    shards: Sequence[Path],
    discovery: Path,
    output: Path,
    threads: int,
) -> None:
    """Teach fresh networks the found views and shapes, and publish their weights.

    Args:
        settings: Settings that the warm start reads.
        name: Name in the log.
        seed: Seed of weights and batches.
        shards: Shards; image and mask of the training split alone are read.
        discovery: Folder of the discovered views and shapes.
        output: Weights as safetensors.
        threads: Number of CPU threads.

    Raises:
        DiscoveryError: The discovery is damaged or belongs to other shards.
        ShardError: A shard is damaged.
    """
    torch.set_num_threads(threads)
    device = pick_device(settings.device)
    tune_backends(device, settings.precision)
    model = move_to_device(build_model(settings.model, settings.render, seed), device)
    views = read_discovered_views(discovery, files_digest(shards))
    found = found_views(views, settings.warm_start.max_spread_deg, device)
    store = ImageStore(load_training_views(shards), settings.model.renderer.resolution_px, device, found)
    rng = torch.Generator(device).manual_seed(seed)
    warm_start_networks(model, settings, store, shared_shapes(discovery, device), rng, name)
    with complete_file(output) as weights:
        save_file(cpu_tensors(model.state_dict()), weights)


def shared_shapes(folder: Path, device: torch.device) -> VoxelField:
    """Shapes that discovery found, with RGB as features."""
    shapes = read_shared_shapes(folder)
    return VoxelField(torch.from_numpy(shapes.occupancy).to(device), torch.from_numpy(shapes.colours).to(device))
