"""Rendering weights of ray samples against a loop."""

import torch

from shelfnet.renderer.ray_march import visibility_weights


def test_visibility_weights_match_a_loop():
    occupancy = torch.rand(2, 3, 7, generator=torch.Generator().manual_seed(0)).double() * 0.9
    weights = visibility_weights(occupancy, torch.ones(2, 3, 1).double())
    clear = torch.ones(2, 3).double()
    for sample in range(7):
        assert torch.allclose(weights[..., sample], clear * occupancy[..., sample])
        clear = clear * (1 - occupancy[..., sample])
