import torch

from shelfnet.training.augment import augment


def test_white_background_stays_white():
    white, nothing = torch.ones(4, 3, 16, 16), torch.zeros(4, 16, 16)
    images, masks = augment(white, nothing, torch.Generator().manual_seed(0))
    assert torch.allclose(images, white) and torch.equal(masks, nothing)


def test_images_move_and_gradients_reach_them():
    render = torch.rand(4, 3, 16, 16, requires_grad=True)
    moved, _ = augment(render, torch.ones(4, 16, 16), torch.Generator().manual_seed(0))
    moved.sum().backward()
    assert render.grad is not None and render.grad.abs().sum() > 0
    assert not torch.allclose(moved, render)
