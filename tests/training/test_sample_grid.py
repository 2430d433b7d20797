"""The grid of samples shows what training decodes at that time."""

import numpy as np
import pytest
import torch
from PIL import Image

from shelfnet.training.sample_grid import NOVEL_VIEWS_DEG, save_sample_grid


@pytest.mark.parametrize("latent_share", [0.0, 1.0])
def test_images_share_their_novel_views_while_they_share_a_shape(learner, store, tmp_path, latent_share):
    with torch.no_grad():  # an untrained latent hardly shows
        learner.model.encoder.to_latent[-1].weight.mul_(100.0)
    batch = store.take(torch.arange(3))
    save_sample_grid(learner.model, batch, latent_share, "render", tmp_path / "samples" / "0.png")
    grid = np.asarray(Image.open(tmp_path / "samples" / "0.png"))
    tiles = grid.reshape(3 + len(NOVEL_VIEWS_DEG), 16, 3, 16, 3).transpose(0, 2, 1, 3, 4)
    assert np.abs(tiles[0] / 255 - batch.targets.permute(0, 2, 3, 1).numpy()).max() < 0.5 / 255 + 1e-6
    for row in (2, 3):
        assert (tiles[row] == tiles[row, :1]).all() == (latent_share == 0.0)
