"""One iteration: which gradients reach what, and what stops it."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from shelfnet.networks.shelfnet import Rendering
from shelfnet.training.finite import FiniteWatch, NonFiniteLossError
from shelfnet.training.learner import build_learner
from shelfnet.training.loop import NO_HOOKS, iterate
from shelfnet.training.phases import (
    discriminator_phase,
    discriminator_phases,
    generator_phase,
    r1_phase,
)

ONLY = dict.fromkeys(
    ("mask", "rgb", "perceptual", "content", "hypothesis", "kl", "adversarial", "clip", "r1_gamma", "pose_prior"), 0.0
)
CPU = torch.device("cpu")


def learner_with(tiny, **losses):
    return build_learner(tiny({"losses": ONLY | losses}), 0, CPU)


def trained(before, module):
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


def step(learner, store):
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    judge = {name: value.clone() for name, value in learner.discriminator.state_dict().items()}
    generator_phase(learner, store.draw(2, learner.rng))
    moved = trained(before, learner.model)
    critic = {name for name in trained(judge, learner.discriminator) if "_u" not in name and "_v" not in name}
    return moved, critic


def parts(names):
    return {name.split(".")[0] for name in names}


def test_content_reaches_the_encoder_alone(tiny, store):
    moved, critic = step(learner_with(tiny, content=1.0), store)
    assert parts(moved) == {"encoder"} and not critic


def test_adversarial_reaches_decoder_and_colour_and_never_encoder_or_critic(tiny, store):
    moved, critic = step(learner_with(tiny, adversarial=1.0), store)
    assert parts(moved) == {"decoder", "colour"} and not critic


def test_mask_reaches_encoder_and_decoder_but_no_colour(tiny, store):
    moved, _ = step(learner_with(tiny, mask=1.0), store)
    assert parts(moved) == {"encoder", "decoder"}
    assert any("to_view" in name for name in moved) and any("to_latent" in name for name in moved)


@pytest.mark.parametrize("term", ["rgb", "perceptual"])
def test_appearance_reaches_all_three(tiny, store, term):
    moved, _ = step(learner_with(tiny, **{term: 1.0}), store)
    assert parts(moved) == {"encoder", "decoder", "colour"}


def test_kl_reaches_the_latent_and_not_the_view(tiny, store):
    moved, _ = step(learner_with(tiny, kl=1.0), store)
    assert parts(moved) == {"encoder"} and not any("to_view" in name for name in moved)


def test_the_choice_of_a_hypothesis_reaches_the_view_and_not_the_latent(tiny, store):
    moved, _ = step(learner_with(tiny, hypothesis=1.0), store)
    assert parts(moved) == {"encoder"} and not any("to_latent" in name for name in moved)


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
@pytest.mark.parametrize("hypotheses", [1, 3])
def test_every_parameter_learns_from_the_whole_sum(tiny, store, representation, hypotheses):
    overrides = {"decoder": {"representation": representation}, "encoder": {"camera_hypotheses": hypotheses}}
    learner = build_learner(tiny({"model": overrides}), 0, CPU)
    generator_phase(learner, store.draw(2, learner.rng))
    without = [name for name, value in learner.model.named_parameters() if value.grad is None]
    assert without == []


def test_the_discriminator_phase_moves_the_discriminator_alone(learner, store):
    forward, _ = generator_phase(learner, store.draw(2, learner.rng))
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    judge = {name: value.clone() for name, value in learner.discriminator.state_dict().items()}
    terms = discriminator_phase(learner, forward)
    assert not trained(before, learner.model) and trained(judge, learner.discriminator)
    assert 0.0 <= terms["health/discriminator_accuracy"] <= 1.0


def test_r1_runs_only_where_it_is_asked_for(tiny, store):
    plain, penalised = build_learner(tiny(), 0, CPU), build_learner(tiny({"losses": {"r1_gamma": 1.0}}), 0, CPU)
    assert [phase.name for phase in discriminator_phases(plain)] == ["discriminator"]
    assert [phase.name for phase in discriminator_phases(penalised)] == ["discriminator", "r1"]
    forward, _ = generator_phase(penalised, store.draw(2, penalised.rng))
    assert r1_phase(penalised, forward)["r1"] >= 0


class LinearCritic(nn.Module):
    """One logit an image, w x: its R1 is half of |w|^2, whatever the images."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images, masks):
        return (images.flatten(1) @ self.weight)[:, None]


def gradient_of(phase, learner, store, weight):
    """What a phase asks of a linear critic, and the real images and renders that it saw."""
    forward, _ = generator_phase(learner, store.draw(2, learner.rng))
    learner.discriminator = LinearCritic(weight)
    learner.discriminator_optimiser = torch.optim.SGD(learner.discriminator.parameters(), 0.0)
    phase(learner, forward)
    shown = (forward.batch.targets, forward.at_view.image, forward.at_novel_view.image)
    return learner.discriminator.weight.grad, [images.detach().flatten(1) for images in shown]


@pytest.mark.parametrize(("r1_every", "discriminator_every", "weight"), [(16, 2, 24.0), (6, 3, 6.0), (3, 2, 4.5)])
def test_r1_weighs_gamma_in_each_step_of_the_discriminator_that_it_stands_for(
    tiny, store, r1_every, discriminator_every, weight
):
    train = {"r1_every": r1_every, "discriminator_every": discriminator_every}
    learner = build_learner(tiny({"losses": {"r1_gamma": 3.0, "adversarial": 0.3}, "train": train}), 0, CPU)
    critic = torch.linspace(-1.0, 1.0, 3 * 16 * 16)
    gradient, _ = gradient_of(r1_phase, learner, store, critic)
    assert torch.allclose(gradient, weight * critic, rtol=1e-5)


@pytest.mark.parametrize("adversarial", [0.3, 1.0])
def test_the_weight_of_the_adversarial_loss_is_the_generators_alone(tiny, store, adversarial):
    learner = learner_with(tiny, adversarial=adversarial)
    gradient, (real, at_view, at_novel) = gradient_of(discriminator_phase, learner, store, torch.zeros(3 * 16 * 16))
    # At logits of 0 the softplus has a slope of 1/2, and each kind of render counts half.
    expected = -0.5 * real.mean(dim=0) + 0.25 * (at_view.mean(dim=0) + at_novel.mean(dim=0))
    assert torch.allclose(gradient, expected, rtol=1e-5, atol=1e-7)


def test_the_total_is_the_weighted_sum_of_all_terms_the_adversarial_one_too(tiny, store):
    weights = {"mask": 2.0, "rgb": 3.0, "kl": 0.5, "adversarial": 0.7, "content": 1.5}
    learner = learner_with(tiny, **weights)
    _, terms = generator_phase(learner, store.draw(2, learner.rng))
    assert terms["adversarial"] > 0.1 and not any(value.requires_grad for value in terms.values())
    by_hand = sum(weight * terms[name].item() for name, weight in weights.items())
    assert terms["total"].item() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("every", [1, 2, 3])
def test_the_discriminator_steps_at_the_first_of_every_so_many_iterations(tiny, store, every):
    overrides = {"train": {"discriminator_every": every, "r1_every": 4}, "losses": {"r1_gamma": 1.0}}
    learner = build_learner(tiny(overrides), 0, CPU)
    steps, generator_steps = [], []
    learner.discriminator_optimiser.register_step_post_hook(lambda *_: steps.append(learner.iteration))
    learner.generator_optimiser.register_step_post_hook(lambda *_: generator_steps.append(learner.iteration))
    iterate(learner, store, NO_HOOKS, "counted")
    assert generator_steps == [0, 1, 2, 3]
    assert steps == sorted([*range(0, 4, every), 0])  # once more for R1, at the first iteration of four


def test_augmentation_treats_real_images_and_renders_alike_and_keeps_white_white():
    from shelfnet.training.augment import augment

    white = Rendering(torch.ones(4, 3, 16, 16), torch.zeros(4, 16, 16))
    images, masks = augment(white.image, white.mask, torch.Generator().manual_seed(0))
    assert torch.allclose(images, white.image) and torch.equal(masks, white.mask)
    render = torch.rand(4, 3, 16, 16, requires_grad=True)
    moved, _ = augment(render, torch.ones(4, 16, 16), torch.Generator().manual_seed(0))
    moved.sum().backward()
    assert render.grad is not None and render.grad.abs().sum() > 0
    assert not torch.allclose(moved, render)


def test_a_loss_that_is_no_number_names_where_it_began_however_late_one_looks():
    watch = FiniteWatch()
    mask, rgb = torch.tensor(1.0), torch.tensor(2.0)
    watch.add(6, {"mask": mask, "rgb": rgb})
    watch.look()
    rgb.fill_(math.nan)  # as a replayed graph writes new values into old places
    watch.add(7, {"mask": mask, "rgb": rgb, "r1": torch.tensor(0.5)})
    mask.fill_(math.inf)
    watch.add(8, {"mask": mask, "rgb": rgb})
    with pytest.raises(NonFiniteLossError, match="iteration 7: rgb is nan"):
        watch.look()


def test_what_follows_the_generator_keeps_no_graph_of_it(learner, store):
    forward, _ = generator_phase(learner, store.draw(2, learner.rng))
    kept = [forward.at_view.image, forward.at_view.mask, forward.at_novel_view.image, forward.at_novel_view.mask]
    assert not any(tensor.requires_grad for tensor in kept)
    assert all(weight.requires_grad for weight in learner.discriminator.parameters())


def test_lazy_phases_are_logged_whatever_iterations_the_log_falls_on(tiny, store):
    train = {"iterations": 6, "log_every": 3, "discriminator_every": 2, "r1_every": 4}
    learner = build_learner(tiny({"train": train, "losses": {"r1_gamma": 1.0}}), 0, torch.device("cpu"))
    iterate(learner, store, NO_HOOKS, "run")
    for name in ("loss/discriminator", "health/discriminator_accuracy", "loss/r1"):
        assert [iteration for iteration, logged, _ in learner.history if logged == name] == [3, 6]


def test_a_run_stops_at_the_first_loss_that_is_no_number_and_saves_nothing(tiny, store):
    learner = build_learner(tiny({"train": {"iterations": 3, "checkpoint_every": 1}}), 0, torch.device("cpu"))
    with torch.no_grad():
        next(learner.model.decoder.parameters()).fill_(math.nan)
    unsaved = dataclasses.replace(NO_HOOKS, save=lambda _: pytest.fail("saved"))
    with pytest.raises(NonFiniteLossError, match=r"^iteration 1: \w+ is nan"):
        iterate(learner, store, unsaved, "run")
