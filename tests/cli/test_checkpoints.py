import os

import pytest

from shelfnet.cli.checkpoints import newest_checkpoint
from shelfnet.cli.errors import UsageError


def finish(folder, time_s):
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    os.utime(folder / "model.json", (time_s, time_s))
    return folder


def test_the_newest_trained_model_is_taken(tmp_path):
    finish(tmp_path / "base" / "seed0", 100)
    newest = finish(tmp_path / "clip" / "seed1", 300)
    finish(tmp_path / "clip" / "seed0", 200)
    finish(tmp_path / "untrained" / "seed0", 400)
    (tmp_path / "se3" / "seed0").mkdir(parents=True)
    assert newest_checkpoint(tmp_path) == newest


def test_no_model_says_how_to_make_one(tmp_path):
    finish(tmp_path / "untrained" / "seed0", 100)
    with pytest.raises(UsageError, match=r"--checkpoint.*snakemake --cores 2 results/base/seed0/model\.safetensors"):
        newest_checkpoint(tmp_path)
