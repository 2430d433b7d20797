"""Temporary folders of killed processes are removed, and no others."""

import os
import subprocess
import sys
import tempfile

import pytest

from shelfnet import temporary
from shelfnet.temporary import temporary_folder

HOLD = """
from shelfnet.temporary import temporary_folder
with temporary_folder("test") as folder:
    print(folder, flush=True)
    input()
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "NEW_S", -1.0)
    return tmp_path


@pytest.fixture
def holder(root):
    """A process with a temporary folder."""
    environment = {**os.environ, "TMPDIR": str(root)}
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", HOLD], env=environment, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None and process.stdout.readline().startswith(str(root))
    yield process
    process.kill()
    process.communicate()


def test_folder_is_empty_and_removed(root):
    with temporary_folder("test") as folder:
        assert folder.is_dir() and not list(folder.iterdir())
    assert not list(root.iterdir())


def test_folder_of_a_living_process_is_kept_and_that_of_a_killed_one_removed(root, holder):
    with temporary_folder("test"):
        assert len(list(root.iterdir())) == 2
    assert len(list(root.iterdir())) == 1
    holder.kill()
    holder.wait()
    assert len(list(root.iterdir())) == 1
    with temporary_folder("test"):
        assert len(list(root.iterdir())) == 1


def test_other_files_are_kept(root):
    for name in ("shelfnet-gpus-0", "other-test-1"):
        (root / name).mkdir()
        (root / name / "x").touch()
    with temporary_folder("test"):
        pass
    assert {path.name for path in root.iterdir()} == {"shelfnet-gpus-0", "other-test-1"}
