"""Progress of an interrupted run: exact continuation, and what is not resumed."""

import dataclasses
import json

import pytest
import torch
from tiny_training import build_run

from shelfnet.config.load import merge
from shelfnet.training import loop
from shelfnet.training.acceleration.devices import to_channels_last
from shelfnet.training.resume import Signature, load_progress, remove_progress, save_progress

SIGNATURE = Signature(code="same", settings="same", data="same")


class InterruptionError(Exception):
    """Ends a run before its last iteration."""


def hooks(save=lambda state: None):
    return loop.Hooks(validate=lambda model, iteration: {"chamfer": 0.1}, record=lambda *_: None, save=save)


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
def test_resumed_run_is_bitwise_the_uninterrupted_one(tiny, store, tmp_path, interrupted_at, changes):
    settings = tiny(merge(changes, {"train": {"checkpoint_every": interrupted_at}}))
    whole, context = build_run(settings)
    loop.train(whole, context, store, hooks(), "whole")

    def save_and_stop(state):
        save_progress(tmp_path / "resume", state, SIGNATURE)
        raise InterruptionError

    with pytest.raises(InterruptionError):
        loop.train(*build_run(settings), store, hooks(save_and_stop), "first")
    second, context = build_run(settings)
    assert load_progress(tmp_path / "resume", second, SIGNATURE) and second.iteration == interrupted_at
    loop.train(second, context, store, hooks(), "second")
    for name, module in whole.modules().items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, second.modules()[name].state_dict()[key]), f"{name} {key}"
    assert torch.equal(whole.rng.get_state(), second.rng.get_state())
    timeless = [row for row in whole.history if "speed" not in row[1]]
    assert timeless == [row for row in second.history if "speed" not in row[1]]


def test_adam_moments_keep_the_memory_layout_of_their_weights(tiny, store, tmp_path):
    """On a GPU weights are channels last, and a fused step needs moments in the same order."""

    def channels_last():
        run = build_run(tiny())
        to_channels_last(run.state.model)
        to_channels_last(run.state.discriminator)
        return run

    first, again = channels_last(), channels_last().state
    loop.train(*first, store, hooks(), "run")
    save_progress(tmp_path / "resume", first.state, SIGNATURE)
    assert load_progress(tmp_path / "resume", again, SIGNATURE)
    for name, optimiser in again.optimisers().items():
        for weight, moments in optimiser.state.items():
            assert moments["exp_avg"].stride() == moments["exp_avg_sq"].stride() == weight.stride()
        saved, loaded = (one.state_dict()["state"] for one in (first.state.optimisers()[name], optimiser))
        assert all(torch.equal(saved[index]["exp_avg"], loaded[index]["exp_avg"]) for index in saved)
    assert any(weight.ndim == 4 and not weight.is_contiguous() for weight in again.model.parameters())


def test_save_that_dies_between_its_renames_loses_nothing(tiny, tmp_path):
    state = build_run(tiny()).state
    state.iteration = 2
    save_progress(tmp_path / "resume", state, SIGNATURE)
    (tmp_path / "resume").rename(tmp_path / "resume.old")
    fresh = build_run(tiny(), seed=5).state
    assert load_progress(tmp_path / "resume", fresh, SIGNATURE) and fresh.iteration == 2
    save_progress(tmp_path / "resume", fresh, SIGNATURE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["resume", "resume.old"]


def test_save_that_dies_while_writing_keeps_the_previous_progress(tiny, tmp_path, monkeypatch):
    state = build_run(tiny()).state
    state.iteration = 2
    save_progress(tmp_path / "resume", state, SIGNATURE)
    state.iteration = 4
    with monkeypatch.context() as patched:
        patched.setattr("shelfnet.training.resume.publish", interrupted)
        with pytest.raises(InterruptionError):
            save_progress(tmp_path / "resume", state, SIGNATURE)
    fresh = build_run(tiny(), seed=5).state
    assert load_progress(tmp_path / "resume", fresh, SIGNATURE) and fresh.iteration == 2
    save_progress(tmp_path / "resume", state, SIGNATURE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["resume", "resume.old"]
    remove_progress(tmp_path / "resume")
    assert list(tmp_path.iterdir()) == []


DAMAGES = {
    "truncated tensors": ("state.safetensors", lambda data: data[: len(data) // 2]),
    "flipped bit": ("state.safetensors", lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]),
    "no tensors": ("state.safetensors", None),
    "empty state": ("state.json", lambda data: b""),
    "truncated state": ("state.json", lambda data: data[:-7]),
    "state of another kind": ("state.json", lambda data: b"[1, 2]"),
    "no state": ("state.json", None),
}


@pytest.mark.parametrize("earlier", [True, False], ids=["earlier state", "no earlier state"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_progress_is_named_and_the_state_before_it_resumed(tiny, tmp_path, caplog, damage, earlier):
    state = build_run(tiny()).state
    for iteration in (2, 4) if earlier else (4,):
        state.iteration = iteration
        save_progress(tmp_path / "resume", state, SIGNATURE)
    name, change = DAMAGES[damage]
    path = tmp_path / "resume" / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    fresh = build_run(tiny(), seed=5).state
    assert load_progress(tmp_path / "resume", fresh, SIGNATURE) is earlier
    assert fresh.iteration == (2 if earlier else 0)
    (warning,) = caplog.messages
    assert str(path) in warning


def interrupted(*_):
    raise InterruptionError


@pytest.mark.parametrize(
    ("others", "differing"),
    [
        ({"code": "edited"}, "code"),
        ({"settings": "others"}, "settings"),
        ({"data": "more"}, "data"),
        ({"code": "edited", "data": "more"}, "code, data"),
    ],
)
def test_progress_with_another_signature_is_not_resumed(run, tmp_path, caplog, tiny, others, differing):
    run.state.iteration = 12
    save_progress(tmp_path / "resume", run.state, SIGNATURE)
    fresh = build_run(tiny(), seed=5).state
    before = [value.clone() for value in fresh.model.parameters()]
    assert not load_progress(tmp_path / "resume", fresh, dataclasses.replace(SIGNATURE, **others))
    assert fresh.iteration == 0 and fresh.history == []
    assert all(torch.equal(*pair) for pair in zip(before, fresh.model.parameters(), strict=True))
    (warning,) = caplog.messages
    assert str(tmp_path / "resume") in warning and "12 iterations" in warning and warning.endswith(f" {differing}")
    caplog.clear()
    assert load_progress(tmp_path / "resume", fresh, SIGNATURE) and not caplog.text


def test_only_the_main_process_warns_of_another_signature(run, tmp_path, caplog):
    save_progress(tmp_path / "resume", run.state, SIGNATURE)
    others = dataclasses.replace(SIGNATURE, code="edited")
    assert not load_progress(tmp_path / "resume", run.state, others, is_main=False)
    assert not caplog.text


def test_missing_progress_is_not_warned_of(run, tmp_path, caplog):
    assert not load_progress(tmp_path / "nothing", run.state, SIGNATURE) and not caplog.text


def test_progress_signed_with_a_single_digest_is_not_resumed(run, tmp_path, caplog):
    """Earlier versions signed with one digest."""
    save_progress(tmp_path / "resume", run.state, SIGNATURE)
    path = tmp_path / "resume" / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"signature": "5e0c"}))
    assert not load_progress(tmp_path / "resume", run.state, SIGNATURE)
    assert caplog.messages[0].endswith("code, settings, data")
