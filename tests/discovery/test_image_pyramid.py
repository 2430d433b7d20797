import numpy as np
import torch

from shelfnet.discovery import image_pyramid
from shelfnet.discovery.image_pyramid import ImagePyramid


def test_levels_are_means_on_white(monkeypatch):
    monkeypatch.setattr(image_pyramid, "CHUNK_IMAGES", 2)
    rgba = np.zeros((5, 8, 8, 4), dtype=np.uint8)
    rgba[:, :4, :, :] = [100, 50, 0, 255]  # upper half opaque
    rgba[3, ..., 0] = 200
    images = ImagePyramid(rgba, np.array([3, 0, 4]), [2, 4], torch.device("cpu"))
    assert len(images) == 3
    small = images.take(torch.tensor([0, 2]), 2)
    assert small.shape == (2, 4, 2, 2)
    torch.testing.assert_close(small[0, :, 0, 0], torch.tensor([200, 50, 0, 255]) / 255)
    torch.testing.assert_close(small[1, :, 0, 0], torch.tensor([100, 50, 0, 255]) / 255)
    torch.testing.assert_close(small[1, :, 1, 0], torch.tensor([1.0, 1.0, 1.0, 0.0]))
