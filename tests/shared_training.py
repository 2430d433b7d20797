"""A short training that several processes may share, in a module that other processes can import."""

import json
from pathlib import Path

import numpy as np
import torch

from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.data.shards.reader import TrainingViews
from shelfnet.training.batches import ImageStore
from shelfnet.training.learner import build_learner
from shelfnet.training.loop import NO_HOOKS, iterate
from shelfnet.training.shares import Share


def train_share(share: Share, settings: str, images: np.ndarray, folder: Path) -> None:
    """Train from scratch; the leading process writes its history and the last gradients."""
    torch.set_num_threads(1)
    config = TrainInputs.model_validate_json(settings)
    learner = build_learner(config, 0, torch.device("cpu"))
    learner.share = share
    views = TrainingViews(images=images, captions=tuple("A Chair" for _ in images))
    iterate(learner, ImageStore(views, config.model.renderer.resolution_px, learner.device), NO_HOOKS, "shared")
    if share.leads:
        (folder / "history.json").write_text(json.dumps(learner.history))
        networks = (learner.model, learner.discriminator)
        gradients = [p.grad for network in networks for p in network.parameters() if p.grad is not None]
        torch.save(gradients, folder / "gradients.pt")
