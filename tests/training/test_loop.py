"""The training loop: which phases run when, what it logs, validates and saves, and what stops it."""

import dataclasses
import math

import pytest
import torch
from tiny_training import build_run

from shelfnet.training import loop
from shelfnet.training.loop import NO_HOOKS, Hooks, Iteration, train_phases
from shelfnet.training.non_finite import NonFiniteLossError


def test_phases_without_weight_are_left_out(tiny):
    def names(**losses):
        return [phase.name for phase in train_phases(*build_run(tiny({"losses": losses})))]

    assert names(adversarial=0.0, r1_gamma=1.0) == ["generator"]
    assert names(adversarial=1.0, r1_gamma=0.0) == ["generator", "discriminator"]
    assert names(adversarial=1.0, r1_gamma=1.0) == ["generator", "discriminator", "r1"]


@pytest.mark.parametrize("every", [1, 2, 3])
def test_lazy_phases_run_at_multiples_of_their_period(tiny, store, every):
    overrides = {"train": {"discriminator_every": every, "r1_every": 4}, "losses": {"r1_gamma": 1.0}}
    state, context = build_run(tiny(overrides))
    discriminator_steps, generator_steps = [], []
    state.discriminator_optimiser.register_step_post_hook(lambda *_: discriminator_steps.append(state.iteration))
    state.generator_optimiser.register_step_post_hook(lambda *_: generator_steps.append(state.iteration))
    loop.train(state, context, store, NO_HOOKS, "run")
    assert generator_steps == [0, 1, 2, 3]
    assert discriminator_steps == sorted([*range(0, 4, every), 0])  # R1 takes a second step at iteration 0


def test_lazy_terms_are_logged_at_every_log_iteration(tiny, store):
    train = {"iterations": 6, "log_every": 3, "discriminator_every": 2, "r1_every": 4}
    state, context = build_run(tiny({"train": train, "losses": {"r1_gamma": 1.0}}))
    loop.train(state, context, store, NO_HOOKS, "run")
    for name in ("loss/discriminator", "health/discriminator_accuracy", "loss/r1"):
        assert [iteration for iteration, logged, _ in state.history if logged == name] == [3, 6]


def test_iteration_follows_the_schedules(tiny, store):
    train = {"iterations": 4, "constant_iterations": 2, "shared_shape_iterations": 1, "latent_ramp_iterations": 2}
    state, context = build_run(tiny({"train": train}))
    run_iteration, rates, scales = Iteration(state, context), [], []
    for _ in range(4):
        run_iteration(store.draw(2, state.rng))
        rates.append([optimiser.param_groups[0]["lr"] for optimiser in state.optimisers().values()])
        scales.append(context.latent_scale.item())
        state.iteration += 1
    assert rates == [[1e-3, 1e-3], [1e-3, 1e-3], [1e-3, 1e-3], [5e-4, 5e-4]]
    assert scales == [0.0, 0.0, 0.5, 1.0]


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_validation_measures_the_result_in_evaluation_mode(tiny, store, ema_decay):
    overrides = {"train": {"iterations": 3, "validate_every": 2, "log_every": 3, "ema_decay": ema_decay}}
    state, context = build_run(tiny(overrides))
    measured, recorded, training = [], [], []

    def validate(model, iteration):
        measured.append((model is state.result, iteration, model.training))
        return {"chamfer": 0.1 * iteration}

    state.generator_optimiser.register_step_pre_hook(lambda *_: training.append(state.model.training))
    loop.train(state, context, store, Hooks(validate, lambda *row: recorded.append(row), lambda _: None), "run")
    assert measured == [(True, 2, False), (True, 3, False)]
    assert training == [True] * 3
    validations = [row for row in state.history if row[1].startswith("validation/")]
    assert validations == [(2, "validation/chamfer", 0.2), (3, "validation/chamfer", pytest.approx(0.3))]
    assert (2, {"validation/chamfer": 0.2}) in recorded


def test_state_is_saved_at_every_checkpoint_iteration(tiny, store):
    state, context = build_run(tiny({"train": {"iterations": 5, "checkpoint_every": 2}}))
    saved = []
    hooks = dataclasses.replace(NO_HOOKS, save=lambda saved_state: saved.append(saved_state.iteration))
    loop.train(state, context, store, hooks, "run")
    assert saved == [2, 4]


def test_non_finite_loss_stops_the_run_before_it_is_saved(tiny, store):
    state, context = build_run(tiny({"train": {"iterations": 3, "checkpoint_every": 1}}))
    with torch.no_grad():
        next(state.model.decoder.parameters()).fill_(math.nan)
    hooks = dataclasses.replace(NO_HOOKS, save=lambda _: pytest.fail("saved"))
    with pytest.raises(NonFiniteLossError, match=r"^iteration 1: \w+ is nan"):
        loop.train(state, context, store, hooks, "run")


def test_training_in_bfloat16_follows_float32(tiny, store):
    """Losses of both precisions from the same seed, before rounding has led them apart: about 1 %."""
    means = {}
    for precision in ("float32", "bfloat16"):
        train = {"precision": precision, "iterations": 60, "constant_iterations": 60, "log_every": 2}
        means[precision] = dict.fromkeys(("loss/mask", "loss/rgb", "loss/total"), 0.0)
        for seed in (1, 2):
            state, context = build_run(tiny({"losses": {"adversarial": 0.0}, "train": train}), seed)
            loop.train(state, context, store, NO_HOOKS, "run")
            for _, name, value in state.history:
                if name in means[precision]:
                    means[precision][name] += value / 60
    assert means["bfloat16"] == pytest.approx(means["float32"], rel=0.04)
    assert means["bfloat16"] != means["float32"]
