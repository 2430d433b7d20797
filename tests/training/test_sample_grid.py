import numpy as np
import pytest
import torch
from PIL import Image

from shelfnet.training.sample_grid import LABEL_PX, NOVEL_VIEWS_DEG, save_sample_grid


@pytest.mark.parametrize("latent_scale", [0.0, 1.0])
def test_novel_views_are_equal_while_latent_scale_is_zero(run, store, tmp_path, latent_scale):
    model = run.state.model
    with torch.no_grad():  # an untrained latent hardly changes the shape
        model.encoder.to_latent[-1].weight.mul_(100.0)
    batch = store.take(torch.arange(3))
    save_sample_grid(model, batch, latent_scale, "render", tmp_path / "samples" / "0.png")
    sheet = np.asarray(Image.open(tmp_path / "samples" / "0.png"))
    labels = sheet[:, :LABEL_PX].reshape(3 + len(NOVEL_VIEWS_DEG), -1)
    assert labels.min(axis=1).max() < 128 and len(np.unique(labels, axis=0)) == len(labels)
    tiles = sheet[:, LABEL_PX:].reshape(3 + len(NOVEL_VIEWS_DEG), 16, 3, 16, 3).transpose(0, 2, 1, 3, 4)
    assert np.abs(tiles[0] / 255 - batch.targets.permute(0, 2, 3, 1).numpy()).max() < 0.5 / 255 + 1e-6
    for row in (2, 3):
        assert (tiles[row] == tiles[row, :1]).all() == (latent_scale == 0.0)
