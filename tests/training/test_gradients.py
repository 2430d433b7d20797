"""Which parameters each loss moves: exactly those that it should, and no others."""

import pytest
import torch

from shelfnet.config.supervision import ClipTraining
from shelfnet.losses.clip import ClipLoss
from shelfnet.networks.clip import small_clip
from shelfnet.networks.encoder import Encoding
from shelfnet.training.learner import build_learner
from shelfnet.training.phases import discriminator_phase, generator_phase, r1_phase

CPU = torch.device("cpu")
SMALL_CLIP = ClipTraining(image_px=32, width=32, layers=1, embed_dim=16)
HYPOTHESES = 3

NOTHING = dict.fromkeys(
    ("mask", "rgb", "perceptual", "content", "content_latent", "content_choice", "hypothesis", "kl", "adversarial",
     "clip", "r1_gamma", "pose_prior", "distortion"), 0.0
)  # fmt: skip

OCCUPANCY_ONLY = ("decoder.backbone.to_occupancy", "decoder.backbone.refinement", "decoder.head.to_occupancy")
APPEARANCE_ONLY = ("decoder.head.to_features", "decoder.backbone.to_features")

BODY = {"encoder.stem", "encoder.stages"}
LATENT = {*BODY, "encoder.to_latent"}
ANGLES = {*BODY, "encoder.to_view.body", "encoder.to_view.angles"}
CHOICE = {*BODY, "encoder.to_view.body", "encoder.to_view.choice"}
SHAPE = {"decoder.mapping", "decoder.trunk", "decoder.occupancy"}
LOOKS = {*SHAPE, "decoder.appearance", "colour"}
CRITIC = {"discriminator.levels", "discriminator.style_heads", "discriminator.content_head"}

REACHES = {
    "mask": LATENT | ANGLES | SHAPE,
    "distortion": LATENT | ANGLES | SHAPE,
    "rgb": LATENT | ANGLES | LOOKS,
    "perceptual": LATENT | ANGLES | LOOKS,
    "clip": LATENT | ANGLES | LOOKS,
    "adversarial": LOOKS,
    "kl": LATENT,
    "content": ANGLES,
    "content_latent": LATENT,
    "content_choice": CHOICE,
    "hypothesis": CHOICE,
    "pose_prior": ANGLES,
}


def build(tiny, store, representation, losses, **train):
    decoder = {"representation": representation}
    model = {"decoder": decoder, "encoder": {"camera_hypotheses": HYPOTHESES}}
    learner = build_learner(tiny({"model": model, "losses": NOTHING | losses, "train": train}), 0, CPU)
    if losses.get("clip"):
        torch.manual_seed(0)
        clip = small_clip(SMALL_CLIP).eval().requires_grad_(False)
        learner.clip = ClipLoss(clip, store.captions, ("noise", "checker"))
    return learner


def gradients(learner):
    """By name, and the last layer of the view by what its rows say; parameters without a gradient have zeros."""
    found = {}
    for network, prefix in ((learner.model, ""), (learner.discriminator, "discriminator.")):
        for name, parameter in network.named_parameters():
            value = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
            if "to_view.out" in name:
                angles, choice = value.split([3 * HYPOTHESES, HYPOTHESES])
                found |= {name.replace("out", "angles"): angles, name.replace("out", "choice"): choice}
            else:
                found[prefix + name] = value
    return found


def group(name):
    if name.startswith(OCCUPANCY_ONLY):
        return "decoder.occupancy"
    if name.startswith(APPEARANCE_ONLY):
        return "decoder.appearance"
    parts = name.split(".")
    if parts[0] == "colour":
        return "colour"
    if parts[0] == "decoder":
        return "decoder.mapping" if parts[1] == "mapping" else "decoder.trunk"
    return ".".join(parts[: 3 if parts[1] == "to_view" else 2])


def reached(found):
    return {group(name) for name, gradient in found.items() if gradient.count_nonzero()}


def of_generator(tiny, store, representation, losses):
    learner = build(tiny, store, representation, losses)
    generator_phase(learner, store.draw(2, learner.rng))
    frozen = [module for module in (learner.perceptual, learner.clip) if module is not None]
    assert not any(parameter.requires_grad for module in frozen for parameter in module.parameters())
    return gradients(learner)


def of_loss(tiny, store, representation, loss):
    """Gradients of a loss alone; those of a part of the content loss are the difference that its weight makes."""
    if loss not in ("content_latent", "content_choice"):
        return of_generator(tiny, store, representation, {loss: 1.0})
    with_it = of_generator(tiny, store, representation, {"content": 1.0, loss: 1.0})
    without = of_generator(tiny, store, representation, {"content": 1.0})
    return {name: with_it[name] - gradient for name, gradient in without.items()}


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
@pytest.mark.parametrize("loss", sorted(REACHES))
def test_a_loss_of_the_generator_reaches_these_parts_and_no_others(tiny, store, loss, representation):
    found = of_loss(tiny, store, representation, loss)
    assert reached(found) == REACHES[loss] & {group(name) for name in found}


@pytest.mark.parametrize("phase", [discriminator_phase, r1_phase])
@pytest.mark.parametrize("sees_mask", [False, True])
def test_the_losses_of_the_discriminator_reach_all_of_it_and_nothing_else(tiny, store, phase, sees_mask):
    settings = {"discriminator": {"sees_mask": sees_mask}}
    learner = build_learner(
        tiny({"model": settings, "losses": NOTHING | {"adversarial": 1.0, "r1_gamma": 1.0}}), 0, CPU
    )
    forward, _ = generator_phase(learner, store.draw(2, learner.rng))
    learner.generator_optimiser.zero_grad(set_to_none=True)
    phase(learner, forward)
    assert reached(gradients(learner)) == CRITIC


def test_the_groups_cover_all_that_learns(tiny, store):
    groups = set()
    for representation in ("voxel", "triplane", "se3"):
        groups |= {group(name) for name in gradients(build(tiny, store, representation, {}))}
    assert groups == CRITIC.union(*REACHES.values())
    assert set(REACHES) == set(NOTHING) - {"r1_gamma"}


def test_the_latent_that_content_asks_for_is_fixed(tiny, store):
    """Without the second encoding nothing is left that could move the first towards it."""
    learner = build(tiny, store, "voxel", {"content": 1.0, "content_latent": 1.0})
    encode, calls = learner.model.encode, []

    def only_the_first_learns(images):
        calls.append(images)
        encoding = encode(images)
        return encoding if len(calls) == 1 else Encoding(*(value.detach() for value in vars(encoding).values()))

    learner.model.encode = only_the_first_learns
    generator_phase(learner, store.draw(2, learner.rng))
    assert len(calls) == 2 and not reached(gradients(learner))
