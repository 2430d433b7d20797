"""Checkpoints come back exactly, and bad ones say so."""

import dataclasses
import json

import pytest
import torch

from shelfnet.config.load import merge
from shelfnet.training.checkpoint import (
    CheckpointError,
    Signature,
    load_model,
    load_progress,
    read_description,
    save_model,
    save_progress,
)
from shelfnet.training.device import to_channels_last
from shelfnet.training.learner import build_learner
from shelfnet.training.loop import Hooks, iterate

SAME = Signature(code="same", settings="same", data="same")


def hooks(save=lambda learner: None):
    return Hooks(validate=lambda model, iteration: {"chamfer": 0.1}, record=lambda *_: None, save=save)


def description(config):
    return {"model": config.model.model_dump(mode="json"), "render": config.render.model_dump(mode="json")}


@pytest.mark.parametrize("interrupted_at", [1, 2, 3])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"train": {"ema_decay": 0.9}},
        {"train": {"discriminator_every": 4, "r1_every": 4}, "losses": {"r1_gamma": 1.0}},
        {"train": {"shared_shape_iterations": 1, "latent_ramp_iterations": 3, "content_views": 1}},
        {"model": {"decoder": {"representation": "triplane"}, "discriminator": {"augment": True}}},
        {"model": {"decoder": {"representation": "se3"}}},
    ],
    ids=["plain", "average", "lazy phases", "schedules", "triplane, augmented", "se3"],
)
def test_a_resumed_run_is_bitwise_the_uninterrupted_one(tiny, store, tmp_path, interrupted_at, changes):
    config = tiny(merge(changes, {"train": {"checkpoint_every": interrupted_at}}))
    whole = build_learner(config, 0, torch.device("cpu"))
    iterate(whole, store, hooks(), "whole")

    class InterruptionError(Exception):
        pass

    def save_and_stop(learner):
        save_progress(tmp_path / "resume", learner, SAME)
        raise InterruptionError

    first = build_learner(config, 0, torch.device("cpu"))
    with pytest.raises(InterruptionError):
        iterate(first, store, hooks(save_and_stop), "first")
    second = build_learner(config, 0, torch.device("cpu"))
    assert load_progress(tmp_path / "resume", second, SAME) and second.iteration == interrupted_at
    iterate(second, store, hooks(), "second")
    for name, module in whole.modules().items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, second.modules()[name].state_dict()[key]), f"{name} {key}"
    assert torch.equal(whole.rng.get_state(), second.rng.get_state())
    timeless = [row for row in whole.history if "speed" not in row[1]]
    assert timeless == [row for row in second.history if "speed" not in row[1]]


def test_moments_come_back_laid_out_as_their_weights_are(tiny, store, tmp_path):
    """On a GPU weights are channels last, and a fused step refuses moments in another order."""

    def laid_out():
        learner = build_learner(tiny(), 0, torch.device("cpu"))
        to_channels_last(learner.model)
        to_channels_last(learner.discriminator)
        return learner

    first, again = laid_out(), laid_out()
    iterate(first, store, hooks(), "run")
    save_progress(tmp_path / "resume", first, SAME)
    assert load_progress(tmp_path / "resume", again, SAME)
    for name, optimiser in again.optimisers().items():
        for weight, state in optimiser.state.items():
            assert state["exp_avg"].stride() == state["exp_avg_sq"].stride() == weight.stride()
        kept, back = (one.state_dict()["state"] for one in (first.optimisers()[name], optimiser))
        assert all(torch.equal(kept[index]["exp_avg"], back[index]["exp_avg"]) for index in kept)
    assert any(weight.ndim == 4 and not weight.is_contiguous() for weight in again.model.parameters())


def test_a_save_that_dies_between_its_renames_loses_nothing(tiny, learner, tmp_path):
    learner.iteration = 2
    save_progress(tmp_path / "resume", learner, SAME)
    (tmp_path / "resume").rename(tmp_path / "resume.old")
    fresh = build_learner(learner.config, 5, torch.device("cpu"))
    assert load_progress(tmp_path / "resume", fresh, SAME) and fresh.iteration == 2
    save_progress(tmp_path / "resume", fresh, SAME)
    assert [path.name for path in tmp_path.iterdir()] == ["resume"]


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"code": "edited"}, "code"),
        ({"settings": "others"}, "settings"),
        ({"data": "more"}, "data"),
        ({"code": "edited", "data": "more"}, "code, data"),
    ],
)
def test_progress_of_another_signature_is_not_continued_and_a_warning_says_why(learner, tmp_path, caplog, others, told):
    learner.iteration = 12
    save_progress(tmp_path / "resume", learner, SAME)
    fresh = build_learner(learner.config, 5, torch.device("cpu"))
    assert not load_progress(tmp_path / "resume", fresh, dataclasses.replace(SAME, **others))
    assert fresh.iteration == 0
    assert f"training starts anew, for its 12 iterations were made with other {told}\n" in caplog.text
    caplog.clear()
    assert load_progress(tmp_path / "resume", fresh, SAME) and not caplog.text


def test_where_there_is_no_progress_nothing_is_told(learner, tmp_path, caplog):
    assert not load_progress(tmp_path / "nothing", learner, SAME) and not caplog.text


def test_progress_signed_by_one_digest_of_all_is_not_continued(learner, tmp_path, caplog):
    """As runs were signed before their parts were kept apart."""
    save_progress(tmp_path / "resume", learner, SAME)
    state = tmp_path / "resume" / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"signature": "5e0c"}))
    assert not load_progress(tmp_path / "resume", learner, SAME)
    assert "other code, settings, data" in caplog.text


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_a_model_comes_back_as_it_was(tiny, tmp_path, representation):
    config = tiny({"model": {"decoder": {"representation": representation}}})
    model = build_learner(config, 3, torch.device("cpu")).model.eval()
    save_model(tmp_path, model, description(config))
    loaded = load_model(tmp_path)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(model.encode(images).latent, loaded.encode(images).latent)


def test_what_is_no_checkpoint_names_its_folder(tiny, tmp_path):
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        load_model(tmp_path)
    config = tiny()
    save_model(tmp_path, build_learner(config, 0, torch.device("cpu")).model, description(config))
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(CheckpointError, match="not a usable checkpoint"):
        load_model(tmp_path)


def test_a_model_says_what_it_is(tiny, tmp_path):
    config = tiny()
    model = build_learner(config, 0, torch.device("cpu")).model
    said = {**description(config), "ablation": "clip", "iterations": 4}
    save_model(tmp_path, model, said)
    found = read_description(tmp_path)
    assert (found.ablation, found.iterations, found.render, found.object_share) == ("clip", 4, config.render, None)
    save_model(tmp_path, model, {**said, "object_share": 0.61})
    assert read_description(tmp_path).object_share == 0.61
    for broken in ("{}", "no JSON"):
        (tmp_path / "model.json").write_text(broken)
        with pytest.raises(CheckpointError, match="not a usable checkpoint"):
            read_description(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        read_description(tmp_path / "nowhere")
