import json

import pytest

from shelfnet.training.description import DescriptionError, RunDescription, read_run_description

TREE = {
    "iterations": 450,
    "train": {"coarse_iterations": 270, "coarse_px": 32},
    "model": {"renderer": {"resolution_px": 64}},
    "perceptual_features": "untrained",
    "code_version": "0.1.0-abc",
    "device": "cpu",
    "seconds": 75.5,
    "unknown": "of no interest",
}
KEYS = (
    "iterations",
    "train",
    "train.coarse_iterations",
    "train.coarse_px",
    "model.renderer.resolution_px",
    "perceptual_features",
    "code_version",
    "device",
    "seconds",
)


def write(folder, tree):
    (folder / "model.json").write_text(json.dumps(tree))


def test_a_run_says_how_it_was_trained(tmp_path):
    write(tmp_path, TREE)
    assert read_run_description(tmp_path) == RunDescription(450, 270, 32, 64, "untrained", "0.1.0-abc", "cpu", 75.5)


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_key_is_named_with_its_file(tmp_path, key):
    tree = json.loads(json.dumps(TREE))
    *outer, last = key.split(".")
    holder = tree
    for part in outer:
        holder = holder[part]
    del holder[last]
    write(tmp_path, tree)
    with pytest.raises(DescriptionError, match=rf"model\.json: expected the key {key}"):
        read_run_description(tmp_path)


def test_what_is_no_description_is_named(tmp_path):
    with pytest.raises(DescriptionError, match=r"model\.json: expected a description"):
        read_run_description(tmp_path)
    (tmp_path / "model.json").write_text("no JSON")
    with pytest.raises(DescriptionError, match=r"model\.json: expected a description"):
        read_run_description(tmp_path)
    write(tmp_path, ["iterations"])
    with pytest.raises(DescriptionError, match=r"model\.json: expected the key iterations"):
        read_run_description(tmp_path)
