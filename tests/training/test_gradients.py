"""Which weights each loss reaches."""

import pytest
import torch
from tiny_training import build_run, untrained_clip_loss

from shelfnet.networks.encoder import Encoding
from shelfnet.training.discriminator_step import discriminator_step, r1_step
from shelfnet.training.generator_step import generator_step

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


def build(tiny, store, representation, losses):
    model = {"decoder": {"representation": representation}, "encoder": {"camera_hypotheses": HYPOTHESES}}
    clip = untrained_clip_loss(store.captions, ("noise", "checker"), image_px=32) if losses.get("clip") else None
    return build_run(tiny({"model": model, "losses": NOTHING | losses}), clip=clip)


def gradients(state):
    """Gradients by name, zero where there is none; the last view layer is split into angles and logits."""
    found = {}
    for network, prefix in ((state.model, ""), (state.discriminator, "discriminator.")):
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


def generator_gradients(tiny, store, representation, losses):
    state, context = build(tiny, store, representation, losses)
    generator_step(state, context, store.draw(2, state.rng))
    frozen = [module for module in (context.perceptual, context.clip) if module is not None]
    assert not any(parameter.requires_grad for module in frozen for parameter in module.parameters())
    return gradients(state)


def gradients_of_loss(tiny, store, representation, loss):
    """Gradients of one loss; those of a part of the content loss are the difference that its weight makes."""
    if loss not in ("content_latent", "content_choice"):
        return generator_gradients(tiny, store, representation, {loss: 1.0})
    with_it = generator_gradients(tiny, store, representation, {"content": 1.0, loss: 1.0})
    without = generator_gradients(tiny, store, representation, {"content": 1.0})
    return {name: with_it[name] - gradient for name, gradient in without.items()}


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
@pytest.mark.parametrize("loss", sorted(REACHES))
def test_generator_loss_reaches_exactly_its_parts(tiny, store, loss, representation):
    found = gradients_of_loss(tiny, store, representation, loss)
    assert reached(found) == REACHES[loss] & {group(name) for name in found}


@pytest.mark.parametrize("step", [discriminator_step, r1_step])
@pytest.mark.parametrize("sees_mask", [False, True])
def test_discriminator_losses_reach_the_whole_discriminator_alone(tiny, store, step, sees_mask):
    model = {"discriminator": {"sees_mask": sees_mask}}
    state, context = build_run(tiny({"model": model, "losses": NOTHING | {"adversarial": 1.0, "r1_gamma": 1.0}}))
    batch = store.draw(2, state.rng)
    _, renders = generator_step(state, context, batch)
    state.generator_optimiser.zero_grad(set_to_none=True)
    step(state, context, batch, renders)
    assert reached(gradients(state)) == CRITIC


def test_groups_cover_all_weights_and_losses(tiny, store):
    groups = set()
    for representation in ("voxel", "triplane", "se3"):
        groups |= {group(name) for name in gradients(build(tiny, store, representation, {}).state)}
    assert groups == CRITIC.union(*REACHES.values())
    assert set(REACHES) == set(NOTHING) - {"r1_gamma"}


def test_first_latent_is_a_fixed_target_of_content(tiny, store):
    """With the second encoding detached, the content loss has no gradient left."""
    state, context = build(tiny, store, "voxel", {"content": 1.0, "content_latent": 1.0})
    encode, calls = state.model.encode, []

    def detach_second_encoding(images):
        calls.append(images)
        encoding = encode(images)
        return encoding if len(calls) == 1 else Encoding(*(value.detach() for value in vars(encoding).values()))

    state.model.encode = detach_second_encoding
    generator_step(state, context, store.draw(2, state.rng))
    assert len(calls) == 2 and not reached(gradients(state))
