import pytest

from shelfnet.config.train import TrainSettings
from shelfnet.training.schedules import latent_scale, learning_rate, render_px, smallest_render_px


def test_learning_rate_is_constant_then_falls_to_zero():
    train = TrainSettings(iterations=10, constant_iterations=6, learning_rate=2.0)
    rates = [learning_rate(train, iteration) for iteration in (0, 5, 6, 7, 8, 9, 10)]
    assert rates == [2.0, 2.0, 2.0, 1.5, 1.0, 0.5, 0.0]


@pytest.mark.parametrize("constant", [10, 50])
def test_learning_rate_without_decay_stays_constant(constant):
    train = TrainSettings(iterations=10, constant_iterations=constant, learning_rate=2.0)
    assert {learning_rate(train, iteration) for iteration in range(10)} == {2.0}


def test_learning_rate_is_never_negative():
    assert learning_rate(TrainSettings(iterations=10, constant_iterations=0), 12) == 0.0


def test_renders_are_small_at_first():
    train = TrainSettings(coarse_iterations=10, coarse_px=16)
    assert [render_px(train, 48, iteration) for iteration in (0, 9, 10, 99)] == [16, 16, 48, 48]


@pytest.mark.parametrize(
    ("coarse_iterations", "coarse_px", "full_px", "smallest"),
    [(10, 16, 48, 16), (10, 64, 48, 48), (0, 16, 48, 48)],
    ids=["coarse first", "coarse above full size", "no coarse renders"],
)
def test_smallest_render_px(coarse_iterations, coarse_px, full_px, smallest):
    train = TrainSettings(coarse_iterations=coarse_iterations, coarse_px=coarse_px)
    assert smallest_render_px(train, full_px) == smallest
    assert smallest == min(render_px(train, full_px, iteration) for iteration in range(20))


def test_latent_scale_is_zero_then_rises_to_one():
    train = TrainSettings(shared_shape_iterations=10, latent_ramp_iterations=20)
    assert [latent_scale(train, iteration) for iteration in (0, 9, 10, 20, 30, 500)] == [0.0, 0.0, 0.0, 0.5, 1.0, 1.0]


def test_latent_scale_without_ramp_jumps_to_one():
    train = TrainSettings(shared_shape_iterations=10)
    assert [latent_scale(train, iteration) for iteration in (9, 10)] == [0.0, 1.0]


def test_latent_scale_of_finished_model_is_one():
    train = TrainSettings(iterations=30, shared_shape_iterations=10, latent_ramp_iterations=20)
    assert [latent_scale(train, iteration) for iteration in (29, 30)] == [0.95, 1.0]
    assert latent_scale(TrainSettings(iterations=0, shared_shape_iterations=10), 0) == 1.0


def test_latent_scale_is_one_by_default():
    assert latent_scale(TrainSettings(), 0) == 1.0
