import logging
import os

import pytest
from unprivileged import reachable_folder, unprivileged

from shelfnet.cli.checkpoints import named_checkpoint, newest_checkpoint
from shelfnet.cli.errors import UsageError


def finish(folder, time_s):
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    os.utime(folder / "model.json", (time_s, time_s))
    return folder


def test_newest_checkpoint_is_used_and_logged(tmp_path, caplog):
    caplog.set_level(logging.INFO, "shelfnet")
    finish(tmp_path / "base" / "seed0", 100)
    newest = finish(tmp_path / "clip" / "seed1", 300)
    finish(tmp_path / "clip" / "seed0", 200)
    finish(tmp_path / "untrained" / "seed0", 400)
    (tmp_path / "se3" / "seed0").mkdir(parents=True)
    assert newest_checkpoint(tmp_path) == newest
    assert caplog.messages == [f"no --checkpoint given: using {newest}, the newest of 3 trained models in {tmp_path}"]


def test_missing_checkpoint_suggests_training(tmp_path):
    finish(tmp_path / "untrained" / "seed0", 100)
    with pytest.raises(UsageError, match=r"--checkpoint.*snakemake --cores 2 results/base/seed0/model\.safetensors"):
        newest_checkpoint(tmp_path)


def test_named_checkpoint_is_used(tmp_path):
    folder = finish(tmp_path / "untrained" / "seed0", 100)
    assert named_checkpoint(folder) == folder


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("base", "did you mean {0}/base/seed0 or {0}/base/seed2?"),
        ("base/seed0/model.safetensors", "did you mean {0}/base/seed0?"),
        ("base/seed1", "expected a folder with model.json and model.safetensors"),
        ("nowhere", "expected a folder with model.json and model.safetensors"),
    ],
)
def test_wrong_checkpoint_suggests_nearby_ones(tmp_path, named, meant):
    finish(tmp_path / "base" / "seed2", 100)
    finish(tmp_path / "base" / "seed0", 200)
    (tmp_path / "base" / "seed1").mkdir()
    with pytest.raises(UsageError) as refused:
        named_checkpoint(tmp_path / named)
    assert str(refused.value).startswith(f"--checkpoint {tmp_path / named}: ")
    assert str(refused.value).endswith(meant.format(tmp_path))


@pytest.mark.parametrize("closed", ["base", "base/seed0"])
def test_closed_folder_is_not_called_empty(closed):
    with reachable_folder() as results:
        folder = finish(results / "base" / "seed0", 100)
        (results / closed).chmod(0)
        with unprivileged():
            with pytest.raises(UsageError, match=rf"{closed}.*chmod"):
                newest_checkpoint(results)
            with pytest.raises(UsageError, match=rf"--checkpoint.*{closed}.*chmod"):
                named_checkpoint(folder)
        (results / closed).chmod(0o755)
