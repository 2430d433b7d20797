import torch

from shelfnet.config.networks import RendererSettings
from shelfnet.config.train import TrainSettings
from shelfnet.training.curriculum import latent_share, render_px
from shelfnet.training.learner import build_learner
from shelfnet.training.phases import generator_phase


def test_renders_are_small_at_first():
    train, renderer = TrainSettings(coarse_iterations=10, coarse_px=16), RendererSettings(resolution_px=48)
    assert [render_px(train, renderer, iteration) for iteration in (0, 9, 10, 99)] == [16, 16, 48, 48]


def test_the_latent_is_silent_then_rises_to_its_full_share():
    train = TrainSettings(shared_shape_iterations=10, latent_ramp_iterations=20)
    assert [latent_share(train, iteration) for iteration in (0, 9, 10, 20, 30, 500)] == [0.0, 0.0, 0.0, 0.5, 1.0, 1.0]


def test_a_finished_model_has_its_whole_latent():
    train = TrainSettings(iterations=30, shared_shape_iterations=10, latent_ramp_iterations=20)
    assert [latent_share(train, iteration) for iteration in (29, 30)] == [0.95, 1.0]
    assert latent_share(TrainSettings(iterations=0, shared_shape_iterations=10), 0) == 1.0


def test_without_a_curriculum_the_latent_counts_at_once():
    assert latent_share(TrainSettings(), 0) == 1.0


def test_images_that_share_a_shape_are_told_apart_by_their_views_alone(tiny, store):
    shared = tiny({"train": {"shared_shape_iterations": 4}})
    learner = build_learner(shared, 0, torch.device("cpu"))
    generator_phase(learner, store.draw(2, learner.rng))
    mapping = learner.model.decoder.mapping.layers[0].weight.grad
    assert mapping is None or mapping.abs().sum() == 0


def test_targets_and_renders_have_the_size_of_the_iteration(tiny, store):
    coarse = tiny({"train": {"coarse_iterations": 1, "coarse_px": 8}})
    learner = build_learner(coarse, 0, torch.device("cpu"))
    sizes = []
    for _ in range(2):
        batch = store.draw(2, learner.rng, learner.render_px())
        forward, _ = generator_phase(learner, batch)
        sizes.append((batch.targets.shape[-1], forward.at_view.mask.shape[-1], forward.at_novel_view.mask.shape[-1]))
        learner.iteration += 1
    final = coarse.model.renderer.resolution_px
    assert sizes == [(8, 8, 8), (final, final, final)]


def test_further_views_teach_the_encoder_alone(tiny, store):
    gradients = []
    for views in (0, 2):
        learner = build_learner(tiny({"train": {"content_views": views}}), 0, torch.device("cpu"))
        generator_phase(learner, store.draw(2, torch.Generator().manual_seed(3)))
        gradients.append(
            [p.grad.clone() for p in (learner.model.decoder.backbone.constant, learner.model.encoder.stem[0].weight)]
        )
    (decoder, encoder), (decoder_more, encoder_more) = gradients
    assert torch.equal(decoder, decoder_more)
    assert not torch.allclose(encoder, encoder_more)
