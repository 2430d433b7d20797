"""Grid of training images and their renders, which shows a collapse early."""

from pathlib import Path

import torch

from shelfnet.config.meshes import ChosenBy
from shelfnet.data.images import save_png
from shelfnet.inference import predict_view
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.training.batches import Batch

NOVEL_VIEWS_DEG = ((0.0, 15.0), (90.0, 15.0))
"""Azimuth and elevation of the two novel views in the learned frame."""


@torch.no_grad()
def save_sample_grid(model: ShelfNet, batch: Batch, latent_scale: float, chosen_by: ChosenBy, path: Path) -> None:
    """Write a PNG with one column per image: input, render at the predicted view, two novel views, predicted mask.

    Args:
        model: Network in evaluation mode.
        batch: Images.
        latent_scale: Factor of the latents at this iteration (:func:`shelfnet.training.schedules.latent_scale`).
        chosen_by: How the view hypothesis is chosen.
        path: PNG file; its folder is created if needed.
    """
    encoding = model.encode(batch.images)
    field = model.decode(latent_scale * encoding.latent)
    view = predict_view(model, field, encoding, Rendering(batch.targets, batch.masks), chosen_by)
    predicted = model.render(field, *view)
    rows = [batch.targets, predicted.image]
    for view in NOVEL_VIEWS_DEG:
        azimuth, elevation = (torch.full_like(encoding.azimuth, angle).deg2rad() for angle in view)
        rows.append(model.render(field, azimuth, elevation).image)
    rows.append(predicted.mask[:, None].expand(-1, 3, -1, -1))
    grid = torch.stack(rows).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    save_png(path, grid.cpu().numpy())
