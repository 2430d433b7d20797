"""Packaging of a trained model."""

import math

import package_weights
import pytest
import torch
from run_descriptions import run_description
from safetensors.torch import load_file

from shelfnet.networks.checkpoint import CheckpointError, load_model, save_model
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.training.curves import write_curves


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "best" / "seed0"
    description = run_description(ablation="best", iterations=70)
    torch.manual_seed(0)
    save_model(folder, ShelfNet(description.model, description.render), description.model_dump(mode="json"))
    write_curves(folder, [(60, "validation/chamfer", 0.5), (70, "validation/chamfer", 0.04), (70, "loss/rgb", 0.2)])
    return folder


def test_packaged_model_is_the_run_in_half_precision(run, tmp_path):
    (tmp_path / "table.csv").write_text("method,chamfer,seeds\nbest,0.0341234,2\n")
    target = tmp_path / "weights"
    target.mkdir()
    (target / "MODEL_CARD.md").write_text(f"# Mine\n\nProse.\n\n{package_weights.MARKER}\nold")
    error = package_weights.package_weights(run, [tmp_path / "table.csv"], target)
    assert 0.0 < error < 1e-3
    assert (target / "model.safetensors").stat().st_size < 0.52 * (run / "model.safetensors").stat().st_size
    stored, loaded = load_file(target / "model.safetensors"), load_model(target).state_dict()
    for name, value in load_model(run).state_dict().items():
        torch.testing.assert_close(loaded[name], value, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(loaded[name], stored[name].to(value.dtype), atol=0.0, rtol=0.0)
    card = (target / "MODEL_CARD.md").read_text()
    assert card.startswith("# Mine\n\nProse.\n") and "old" not in card
    assert "| iterations | 70 |" in card and "| validation chamfer | 0.04 |" in card
    assert "| best | 0.0341 | 2 |" in card


def test_unusable_runs_are_refused(run, tmp_path, monkeypatch):
    with pytest.raises(CheckpointError):
        package_weights.package_weights(tmp_path / "nowhere", [], tmp_path)
    with pytest.raises(ValueError, match="large"):
        package_weights.half_precision("large", torch.tensor([1e5]))
    monkeypatch.setattr(package_weights, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="1000 bytes"):
        package_weights.package_weights(run, [], tmp_path)


def test_rounding_error_is_relative_to_the_tensor():
    value = torch.tensor([1.0, 1.0 + 2**-12])
    assert package_weights.rounding_error(value, value.half()) == pytest.approx(2**-12, rel=1e-3)
    assert not math.isnan(package_weights.rounding_error(torch.zeros(2), torch.zeros(2)))
