"""Layers of the discriminator and the image sizes it accepts."""

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from shelfnet.config.networks import DiscriminatorSettings
from shelfnet.networks.discriminator import Discriminator


def test_default_layers_are_those_of_the_paper():
    with torch.device("meta"):
        discriminator = Discriminator(DiscriminatorSettings(base_channels=128, max_channels=2048), 64)
    assert [level.out_channels for level in discriminator.levels] == [128, 256, 512, 1024, 2048]
    assert [head.in_features for head in discriminator.style_heads] == [512, 1024, 2048, 4096]
    weighted = [*discriminator.levels, *discriminator.style_heads, discriminator.content_head]
    assert all(is_parametrized(module, "weight") for module in weighted)


@pytest.mark.parametrize("kernel_size", [3, 4])
@pytest.mark.parametrize("size", [32, 64])
def test_smallest_and_larger_images_are_accepted(size, kernel_size):
    settings = DiscriminatorSettings(base_channels=4, max_channels=8, kernel_size=kernel_size)
    discriminator = Discriminator(settings, 32)
    assert {level.kernel_size for level in discriminator.levels} == {(kernel_size, kernel_size)}
    logits = discriminator(torch.rand(2, 3, size, size), torch.rand(2, size, size))
    assert logits.shape == (2, 4) and logits.isfinite().all()
