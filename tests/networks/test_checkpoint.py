"""Trained models on disk: descriptions and weights come back as saved, and faults name their file."""

import json
import os

import pytest
import torch
from run_descriptions import run_description, write_run_description
from safetensors.torch import load_file, save_file
from tiny_training import build_run, tiny_settings
from unprivileged import reachable_folder, unprivileged

from shelfnet.networks.checkpoint import (
    DESCRIPTION,
    WEIGHTS,
    CheckpointError,
    RunDescription,
    load_model,
    read_run_description,
    save_model,
)


def save_tiny_model(folder, representation="voxel"):
    """Save an untrained model and return it."""
    settings = tiny_settings({"model": {"decoder": {"representation": representation}}})
    model = build_run(settings, seed=3).state.model.eval()
    sections = {name: getattr(settings, name).model_dump(mode="json") for name in ("model", "render")}
    save_model(folder, model, run_description(**sections).model_dump(mode="json"))
    return model


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
@torch.no_grad()
def test_loaded_model_is_the_saved_one(tmp_path, representation):
    model = save_tiny_model(tmp_path, representation)
    loaded = load_model(tmp_path)
    assert not loaded.training and not any(weight.requires_grad for weight in loaded.parameters())
    weights = loaded.state_dict()
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model.encode(images).latent, loaded.encode(images).latent)


def test_description_comes_back_as_saved(tmp_path):
    description = run_description(
        ablation="clip",
        seed=2,
        iterations=450,
        model={"renderer": {"resolution_px": 64}},
        render={"fov_deg": 30.0},
        losses={"clip": 0.5},
        train={"coarse_iterations": 270, "coarse_px": 32},
        reconstruct={"level": 0.1},
        refine={"iterations": 7},
        object_share=0.61,
        seconds=75.5,
    )
    save_model(tmp_path, torch.nn.Linear(1, 1), description.model_dump(mode="json"))
    assert read_run_description(tmp_path) == description
    assert [path.name for path in sorted(tmp_path.iterdir())] == [DESCRIPTION, WEIGHTS]


def test_unknown_keys_are_ignored(tmp_path):
    """Descriptions by later versions may hold more."""
    path = write_run_description(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1}))
    assert read_run_description(tmp_path) == run_description()


@pytest.mark.parametrize("key", list(RunDescription.model_fields))
def test_missing_key_is_named_with_its_file(tmp_path, key):
    path = write_run_description(tmp_path)
    tree = json.loads(path.read_text())
    del tree[key]
    path.write_text(json.dumps(tree))
    with pytest.raises(CheckpointError) as raised:
        read_run_description(tmp_path)
    assert f"{path}:" in str(raised.value) and f" {key}:" in str(raised.value)


def test_invalid_nested_value_is_named_with_its_file(tmp_path):
    path = write_run_description(tmp_path)
    tree = json.loads(path.read_text())
    tree["train"]["coarse_px"] = "many"
    path.write_text(json.dumps(tree))
    with pytest.raises(CheckpointError) as raised:
        read_run_description(tmp_path)
    assert str(path) in str(raised.value) and "train.coarse_px" in str(raised.value)


@pytest.mark.parametrize("damaged", ["no JSON", "", "[1, 2]", '{"ablation": "ba'])
@pytest.mark.parametrize("read", [read_run_description, load_model])
def test_damaged_description_names_its_file(tmp_path, damaged, read):
    save_tiny_model(tmp_path)
    (tmp_path / DESCRIPTION).write_text(damaged)
    with pytest.raises(CheckpointError, match=DESCRIPTION):
        read(tmp_path)


@pytest.mark.parametrize("file", [DESCRIPTION, WEIGHTS])
def test_missing_file_is_named(tmp_path, file):
    save_tiny_model(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(CheckpointError) as raised:
        load_model(tmp_path)
    assert str(tmp_path / file) in str(raised.value)


def test_damaged_weights_name_their_file(tmp_path):
    save_tiny_model(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"not tensors")
    with pytest.raises(CheckpointError, match=WEIGHTS):
        load_model(tmp_path)


def test_weights_of_another_network_name_their_file(tmp_path):
    save_tiny_model(tmp_path)
    save_file({"encoder.weight": torch.zeros(2)}, tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match=WEIGHTS):
        load_model(tmp_path)


def test_weights_of_another_representation_name_their_file(tmp_path):
    save_tiny_model(tmp_path / "voxel")
    save_tiny_model(tmp_path / "triplane", "triplane")
    (tmp_path / "voxel" / WEIGHTS).write_bytes((tmp_path / "triplane" / WEIGHTS).read_bytes())
    with pytest.raises(CheckpointError, match=str(tmp_path / "voxel" / WEIGHTS)):
        load_model(tmp_path / "voxel")


def test_weights_are_readable_as_the_umask_says(tmp_path):
    save_tiny_model(tmp_path)
    assert (tmp_path / WEIGHTS).stat().st_mode == (tmp_path / DESCRIPTION).stat().st_mode


@pytest.mark.parametrize("file", [DESCRIPTION, WEIGHTS])
def test_file_that_may_not_be_read_is_not_called_missing(file):
    with reachable_folder() as folder:
        save_tiny_model(folder)
        (folder / file).chmod(0)
        with unprivileged(), pytest.raises(CheckpointError) as raised:
            load_model(folder)
    assert str(folder / file) in str(raised.value)
    assert "chmod" in str(raised.value)
    assert "no such" not in str(raised.value).lower()


def test_weights_of_another_network_are_refused_briefly(tmp_path):
    save_tiny_model(tmp_path)
    weights = load_file(tmp_path / WEIGHTS)
    first, second, *_ = weights
    save_file({first: torch.zeros(2, 3), second: weights[second], "pooler.weight": torch.zeros(1)}, tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match=r"is missing; .* and \d+ more") as refused:
        load_model(tmp_path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 500
    save_file(weights | {first: torch.zeros(2, 3)}, tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match=rf"{first} is \(2, 3\) instead of"):
        load_model(tmp_path)


def test_half_precision_is_read_as_single(tmp_path):
    model = save_tiny_model(tmp_path)
    save_file({name: value.half() for name, value in load_file(tmp_path / WEIGHTS).items()}, tmp_path / WEIGHTS)
    loaded = load_model(tmp_path).state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(loaded[name], value.half().to(value.dtype))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    save_tiny_model(tmp_path)
    weights = load_file(tmp_path / WEIGHTS)
    weights["encoder.to_latent.0.weight"][0, 0] = value
    save_file(weights, tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match=r"to_latent\.0\.weight holds NaN or infinite values"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("section", "key", "value", "fault"),
    [
        ("encoder", "blocks", [10_000_000, 1], "10000001 blocks, but only"),
        ("encoder", "blocks", [1] * 1_000, "at most 8"),
        ("encoder", "widths", [8_000] * 2, "encoder.widths is 8000, but no tensor is larger than"),
        ("encoder", "latent_dim", 10**12, "less than or equal to 8192"),
        ("decoder", "feature_channels", 8_000, "decoder.feature_channels is 8000, but no tensor is larger than"),
        ("renderer", "colour_hidden", 8_000, "renderer.colour_hidden is 8000, but no tensor is larger than"),
    ],
)
def test_absurd_sizes_are_refused_before_the_network_is_built(tmp_path, monkeypatch, section, key, value, fault):
    save_tiny_model(tmp_path)
    monkeypatch.setattr("shelfnet.networks.checkpoint.ShelfNet", lambda *_: pytest.fail("the network is built"))
    described = json.loads((tmp_path / DESCRIPTION).read_text())
    described["model"][section][key] = value
    (tmp_path / DESCRIPTION).write_text(json.dumps(described))
    with pytest.raises(CheckpointError, match=fault):
        load_model(tmp_path)


@pytest.mark.parametrize("share", [float("nan"), float("inf"), 0.0, -1.0, 1e-300, 2.0])
def test_impossible_share_of_the_object_is_refused(tmp_path, share):
    path = write_run_description(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"object_share": share}))
    with pytest.raises(CheckpointError, match="object_share"):
        read_run_description(tmp_path)


@pytest.mark.parametrize("name", [DESCRIPTION, WEIGHTS])
def test_pipes_are_refused_without_waiting(tmp_path, name):
    save_tiny_model(tmp_path)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(CheckpointError, match=f"{name}: expected a file, got a pipe or a device"):
        load_model(tmp_path)


def test_huge_description_is_not_read(tmp_path):
    save_tiny_model(tmp_path)
    with (tmp_path / DESCRIPTION).open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(CheckpointError, match="expected at most 1048576 bytes"):
        load_model(tmp_path)
