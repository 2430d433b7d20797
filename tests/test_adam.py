import torch

from shelfnet.adam import Adam


def test_steps_equal_those_of_torch():
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(3, 2, generator=generator).double(), torch.randn(4, generator=generator).double()]
    ours, theirs = [value.clone() for value in start], [value.clone().requires_grad_() for value in start]
    adam, reference = Adam(ours, 0.02), torch.optim.Adam(theirs, lr=0.02)
    for _ in range(20):
        gradients = [torch.randn(value.shape, generator=generator).double() for value in start]
        adam.step(gradients)
        for value, gradient in zip(theirs, gradients, strict=True):
            value.grad = gradient
        reference.step()
    for value, expected, first in zip(ours, theirs, start, strict=True):
        torch.testing.assert_close(value, expected.detach())
        assert (value - first).abs().max() > 0.05
