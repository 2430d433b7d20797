"""The generator's step, apart from which weights each loss reaches (``test_gradients.py``)."""

from dataclasses import replace

import pytest
import torch
from tiny_training import build_run

from shelfnet.representations.voxels import VoxelField
from shelfnet.training.generator_step import forward_generator, generator_step, weigh_hypotheses
from shelfnet.training.loop import follow_schedules
from shelfnet.training.schedules import render_px


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
@pytest.mark.parametrize("hypotheses", [1, 3])
def test_every_weight_has_a_gradient(tiny, store, representation, hypotheses):
    overrides = {"decoder": {"representation": representation}, "encoder": {"camera_hypotheses": hypotheses}}
    run = build_run(tiny({"model": overrides}))
    generator_step(*run, store.draw(2, run.state.rng))
    assert [name for name, value in run.state.model.named_parameters() if value.grad is None] == []


def test_total_is_the_weighted_sum_of_all_terms(tiny, store):
    weights = {"mask": 2.0, "rgb": 3.0, "kl": 0.5, "adversarial": 0.7, "content": 1.5}
    others = dict.fromkeys(("perceptual", "hypothesis"), 0.0)
    run = build_run(tiny({"losses": weights | others}))
    terms, _ = generator_step(*run, store.draw(2, run.state.rng))
    assert terms["adversarial"] > 0.1 and not any(value.requires_grad for value in terms.values())
    by_hand = sum(weight * terms[name].item() for name, weight in weights.items())
    assert terms["total"].item() == pytest.approx(by_hand, rel=1e-6)


def test_returned_renders_are_detached_and_the_discriminator_stays_trainable(run, store):
    _, renders = generator_step(*run, store.draw(2, run.state.rng))
    for rendering in (renders.at_view, renders.at_novel_view):
        assert not rendering.image.requires_grad and not rendering.mask.requires_grad
    assert all(weight.requires_grad for weight in run.state.discriminator.parameters())


def test_hypothesis_that_explains_the_image_has_the_largest_weight(run, store):
    """The image is replaced by a render of one hypothesis."""
    state, context = run
    batch = store.draw(2, state.rng)
    encoding = state.model.encode(batch.images)
    logits = torch.zeros(2, 1, 8, 8, 8)
    logits[..., 2:6, 1:7, 5:] = 1.0
    field = VoxelField(logits, torch.randn(2, 4, 4, 4, 4, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        shown = state.model.render(field, encoding.view_azimuths[:, 2], encoding.view_elevations[:, 2])
    posed = replace(batch, targets=shown.image, masks=shown.mask)
    weights = weigh_hypotheses(context, state.model, field, encoding, posed)
    assert weights.argmax(dim=1).tolist() == [2, 2]
    assert torch.allclose(weights.sum(dim=1), torch.ones(2))
    assert not weights.requires_grad


def test_latent_has_no_gradient_while_shapes_are_shared(tiny, store):
    state, context = build_run(tiny({"train": {"shared_shape_iterations": 4}}))
    follow_schedules(state, context)
    generator_step(state, context, store.draw(2, state.rng))
    mapping = state.model.decoder.mapping.layers[0].weight.grad
    assert mapping is None or mapping.abs().sum() == 0


def test_renders_have_the_size_of_the_targets(tiny, store):
    settings = tiny({"train": {"coarse_iterations": 1, "coarse_px": 8}})
    run = build_run(settings)
    full_px, sizes = settings.model.renderer.resolution_px, []
    for iteration in range(2):
        batch = store.draw(2, run.state.rng, render_px(settings.train, full_px, iteration))
        _, renders = generator_step(*run, batch)
        sizes.append([batch.targets.shape[-1], renders.at_view.mask.shape[-1], renders.at_novel_view.mask.shape[-1]])
    assert sizes == [[8] * 3, [full_px] * 3]


def test_further_content_views_train_the_encoder_alone(tiny, store):
    gradients = []
    for views in (0, 2):
        run = build_run(tiny({"train": {"content_views": views}}))
        generator_step(*run, store.draw(2, torch.Generator().manual_seed(3)))
        model = run.state.model
        gradients.append([p.grad.clone() for p in (model.decoder.backbone.constant, model.encoder.stem[0].weight)])
    (decoder, encoder), (decoder_more, encoder_more) = gradients
    assert torch.equal(decoder, decoder_more)
    assert not torch.allclose(encoder, encoder_more)


def test_renders_and_terms_stay_float32_in_bfloat16_training(tiny, store):
    state, context = build_run(tiny({"train": {"precision": "bfloat16"}}))
    batch = store.draw(2, state.rng)
    forward = forward_generator(state, context, batch)
    assert forward.at_view.image.dtype == forward.at_view.rays.weights.dtype == torch.float32
    terms, _ = generator_step(state, context, batch)
    assert {value.dtype for value in terms.values()} == {torch.float32}
    assert {value.grad.dtype for value in state.model.parameters()} == {torch.float32}


def test_trusted_image_is_rendered_at_its_found_view(run, store):
    state, context = run
    batch = store.draw(2, state.rng)
    found = replace(
        batch,
        found_azimuth=torch.tensor([1.0, 2.0]),
        found_elevation=torch.tensor([0.1, 0.2]),
        view_is_given=torch.tensor([True, False]),
    )
    forward = forward_generator(state, context, found)
    assert forward.azimuth[0].item() == 1.0
    assert forward.elevation[0].item() == pytest.approx(0.1)
    hypotheses = forward.encoding.view_azimuths[1]
    assert (hypotheses - forward.azimuth[1]).abs().min() < 1e-6
