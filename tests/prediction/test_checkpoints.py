"""Choice of the trained model."""

import logging

import pytest
from unprivileged import reachable_folder, unprivileged

from shelfnet.networks.checkpoint import CheckpointError, load_model
from shelfnet.prediction import checkpoints
from shelfnet.prediction.checkpoints import find_checkpoint, trained_runs
from shelfnet.training.curves import METRICS, write_curves

PACKAGED = checkpoints.packaged_checkpoint()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, caplog):
    """A working directory without packaged weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoints, "packaged_checkpoint", lambda: None)
    caplog.set_level(logging.INFO, "shelfnet")
    return tmp_path


def finish(folder, **validation):
    """A trained model; the values of its validations are in the order of their iterations."""
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    rows = [(10 * step, f"validation/{name}", value) for name, values in validation.items() for step, value in values]
    if rows:
        write_curves(folder, [*rows, (990, "loss/total", 0.0)])
    return folder


def last(value, before=None):
    return ([] if before is None else [(1, before)]) + [(2, value)]


def test_last_validation_decides(place, caplog):
    finish(place / "results" / "base" / "seed0", chamfer=last(0.05, before=0.01), mask_iou=last(0.9))
    best = finish(place / "results" / "clip" / "seed1", chamfer=last(0.04), mask_iou=last(0.1))
    finish(place / "results" / "untrained" / "seed0", chamfer=last(0.001))
    (place / "results" / "se3" / "seed0").mkdir(parents=True)
    for path in (place / "results", None):
        caplog.clear()
        assert find_checkpoint(path).resolve() == best
        (message,) = caplog.messages
        assert "clip/seed1" in message and "0.0400" in message and "chamfer" in message and "2" in message


def test_masks_decide_without_true_shapes(place, caplog):
    finish(place / "results" / "base" / "seed0", mask_iou=last(0.7, before=0.95))
    best = finish(place / "results" / "base" / "seed1", mask_iou=last(0.8))
    assert find_checkpoint(place / "results") == find_checkpoint(place / "results" / "base") == best
    assert "mask_iou" in caplog.text


def test_masks_do_not_outweigh_true_shapes(place):
    best = finish(place / "results" / "base" / "seed0", chamfer=last(0.05), mask_iou=last(0.7))
    finish(place / "results" / "base" / "seed1", chamfer=last(float("nan")), mask_iou=last(0.99))
    finish(place / "results" / "base" / "seed2", mask_iou=last(0.99))
    assert find_checkpoint(place / "results") == best


def test_run_without_curves_is_taken_only_alone(place, caplog):
    alone = finish(place / "results" / "base" / "seed0")
    assert find_checkpoint(place / "results") == alone
    other = finish(place / "results" / "base" / "seed1")
    with pytest.raises(CheckpointError, match=r"base/seed0, .*base/seed1"):
        find_checkpoint(place / "results")
    (other / METRICS).write_bytes(b"no table")
    best = finish(place / "results" / "base" / "seed2", chamfer=last(0.3))
    assert find_checkpoint(place / "results") == best
    assert str(other / METRICS) in caplog.text


def test_packaged_weights_are_the_default(place, monkeypatch, caplog):
    packaged = finish(place / "package")
    monkeypatch.setattr(checkpoints, "packaged_checkpoint", lambda: packaged)
    assert find_checkpoint() == packaged
    assert not caplog.messages
    finish(place / "results" / "base" / "seed0", chamfer=last(0.05))
    finish(place / "results" / "best" / "seed0", chamfer=last(0.04))
    assert find_checkpoint() == packaged
    (message,) = caplog.messages
    assert "--checkpoint results/best/seed0" in message


def test_undecided_results_do_not_hinder_packaged_weights(place, monkeypatch):
    packaged = finish(place / "package")
    monkeypatch.setattr(checkpoints, "packaged_checkpoint", lambda: packaged)
    finish(place / "results" / "base" / "seed0")
    finish(place / "results" / "base" / "seed1")
    assert find_checkpoint() == packaged


def test_missing_checkpoint_suggests_training(place):
    finish(place / "results" / "untrained" / "seed0")
    remedy = r"--checkpoint.*snakemake --cores 2 results/base/seed0/model\.safetensors"
    with pytest.raises(CheckpointError, match=remedy):
        find_checkpoint()


def test_named_checkpoint_is_used(place):
    folder = finish(place / "untrained" / "seed0")
    assert find_checkpoint(folder) == folder


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("base/seed0/model.safetensors", "did you mean {0}/base/seed0?"),
        ("base/seed1", "expected a folder with model.json and model.safetensors"),
        ("nowhere", "expected a folder with model.json and model.safetensors"),
    ],
)
def test_wrong_checkpoint_suggests_nearby_ones(place, named, meant):
    finish(place / "base" / "seed0")
    (place / "base" / "seed1").mkdir()
    with pytest.raises(CheckpointError) as refused:
        find_checkpoint(place / named)
    assert str(refused.value).startswith(f"{place / named}: ")
    assert meant.format(place) in str(refused.value)


@pytest.mark.parametrize("closed", ["base", "base/seed0"])
def test_closed_folder_is_not_called_empty(closed):
    with reachable_folder() as results:
        folder = finish(results / "base" / "seed0")
        (results / closed).chmod(0)
        with unprivileged():
            with pytest.raises(CheckpointError, match=rf"{closed}.*chmod"):
                trained_runs(results)
            with pytest.raises(CheckpointError, match=rf"{closed}.*chmod"):
                find_checkpoint(folder)
        (results / closed).chmod(0o755)


@pytest.mark.skipif(PACKAGED is None, reason="this checkout has no packaged weights")
def test_packaged_weights_are_small_and_usable():
    folder = PACKAGED
    assert folder is not None
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 12_000_000
    assert (folder / "MODEL_CARD.md").is_file()
    load_model(folder)
