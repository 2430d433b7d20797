"""The discriminator's steps, apart from which weights each loss reaches (``test_gradients.py``)."""

import pytest
import torch
from tiny_training import build_run
from torch import nn

from shelfnet.training.discriminator_step import discriminator_step, r1_step
from shelfnet.training.generator_step import generator_step


class LinearCritic(nn.Module):
    """One logit per image, w x + b: its R1 penalty is half of |w|^2, whatever the images."""

    def __init__(self, weight, bias=0.0):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), bias

    def forward(self, images, masks):
        return (images.flatten(1) @ self.weight)[:, None] + self.bias


def run_linear_critic(step, run, store, critic):
    """Terms of a step with a linear critic, and the images that it saw: real ones and both renders."""
    state, context = run
    batch = store.draw(2, state.rng)
    _, renders = generator_step(state, context, batch)
    state.discriminator = critic
    state.discriminator_optimiser = torch.optim.SGD(critic.parameters(), 0.0)
    terms, passed_on = step(state, context, batch, renders)
    assert passed_on is renders
    return terms, [x.flatten(1) for x in (batch.targets, renders.at_view.image, renders.at_novel_view.image)]


@pytest.mark.parametrize(("r1_every", "discriminator_every", "weight"), [(16, 2, 24.0), (6, 3, 6.0), (3, 2, 4.5)])
def test_r1_is_weighted_by_gamma_per_discriminator_step(tiny, store, r1_every, discriminator_every, weight):
    train = {"r1_every": r1_every, "discriminator_every": discriminator_every}
    run = build_run(tiny({"losses": {"r1_gamma": 3.0, "adversarial": 0.3}, "train": train}))
    critic = LinearCritic(torch.linspace(-1.0, 1.0, 3 * 16 * 16))
    terms, _ = run_linear_critic(r1_step, run, store, critic)
    assert torch.allclose(critic.weight.grad, weight * critic.weight, rtol=1e-5)
    assert terms["r1"].item() == pytest.approx(0.5 * critic.weight.square().sum().item(), rel=1e-5)


@pytest.mark.parametrize("adversarial", [0.3, 1.0])
def test_adversarial_weight_does_not_scale_the_discriminator_loss(tiny, store, adversarial):
    run = build_run(tiny({"losses": {"adversarial": adversarial}}))
    critic = LinearCritic(torch.zeros(3 * 16 * 16))
    _, (real, at_view, at_novel) = run_linear_critic(discriminator_step, run, store, critic)
    # At logits of 0 the softplus has a slope of 1/2, and each kind of render counts half.
    expected = -0.5 * real.mean(dim=0) + 0.25 * (at_view.mean(dim=0) + at_novel.mean(dim=0))
    assert torch.allclose(critic.weight.grad, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("bias", "accuracy"), [(1.0, 1 / 3), (-1.0, 2 / 3)], ids=["all real", "all rendered"])
def test_accuracy_is_the_fraction_of_correct_verdicts(run, store, bias, accuracy):
    critic = LinearCritic(torch.zeros(3 * 16 * 16), bias)
    terms, _ = run_linear_critic(discriminator_step, run, store, critic)
    assert terms["health/discriminator_accuracy"].item() == pytest.approx(accuracy)
    assert not terms["discriminator"].requires_grad
