"""A short training that runs in one or several processes, in a module that spawned processes can import."""

import json
from pathlib import Path

import numpy as np
import torch
from tiny_training import build_run

from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.data.shards.reader import TrainingViews
from shelfnet.training import loop
from shelfnet.training.acceleration.distributed import DistributedContext
from shelfnet.training.batches import ImageStore


def train_distributed(distributed: DistributedContext, settings: str, images: np.ndarray, folder: Path) -> None:
    """Train from scratch; the main process writes its history and its last gradients."""
    torch.set_num_threads(1)
    state, context = build_run(TrainInputs.model_validate_json(settings), distributed=distributed)
    views = TrainingViews(images=images, captions=tuple("A Chair" for _ in images))
    store = ImageStore(views, context.settings.model.renderer.resolution_px, state.device)
    loop.train(state, context, store, loop.NO_HOOKS, "shared")
    if distributed.is_main:
        (folder / "history.json").write_text(json.dumps(state.history))
        networks = (state.model, state.discriminator)
        gradients = [p.grad for network in networks for p in network.parameters() if p.grad is not None]
        torch.save(gradients, folder / "gradients.pt")
