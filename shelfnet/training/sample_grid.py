"""Grid of training images and their renders, which shows a collapse early."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from shelfnet.config.meshes import ChosenBy
from shelfnet.data.images import save_png
from shelfnet.inference import predict_view
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.training.batches import Batch

NOVEL_VIEWS_DEG = ((0.0, 15.0), (90.0, 15.0))
"""Azimuth and elevation of the two novel views in the learned frame."""

LABEL_PX = 64
"""Width of the labels of the rows."""


@torch.no_grad()
def save_sample_grid(model: ShelfNet, batch: Batch, latent_scale: float, chosen_by: ChosenBy, path: Path) -> None:
    """Write a labelled PNG with one column per image: input, render at its view, two novel views, predicted mask.

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
    rows = {"image": batch.targets, "its view": predicted.image}
    for view in NOVEL_VIEWS_DEG:
        azimuth, elevation = (torch.full_like(encoding.azimuth, angle).deg2rad() for angle in view)
        rows[f"from {view[0]:.0f}°"] = model.render(field, azimuth, elevation).image
    rows["mask"] = predicted.mask[:, None].expand(-1, 3, -1, -1)
    grid = torch.stack(list(rows.values())).permute(0, 3, 1, 4, 2).flatten(2, 3)
    sheet = [
        np.concatenate([_label(name, len(row)), row], axis=1)
        for name, row in zip(rows, grid.cpu().numpy(), strict=True)
    ]
    save_png(path, np.concatenate(sheet))


def _label(text: str, height_px: int) -> Float[np.ndarray, "h w 3"]:
    """Black text on white, as high as a row."""
    tile = Image.new("RGB", (LABEL_PX, height_px), "white")
    font = ImageFont.load_default(size=min(12, height_px // 2))
    ImageDraw.Draw(tile).text((2, height_px / 2), text, "black", font, anchor="lm")
    return np.asarray(tile, dtype=np.float32) / 255
