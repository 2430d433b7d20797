import os
import signal
import subprocess
import sys

import pytest

from shelfnet.tracking.job_status import job_status, job_statuses, mark_killed

HOLD = """
import sys
from pathlib import Path
from shelfnet.tracking.job_status import job_status
with job_status(Path(sys.argv[1]), "base/seed0"):
    print("running", flush=True)
    sys.stdin.read()
"""


def statuses(folder):
    return [(found.run, found.status) for found in job_statuses(folder)]


def test_a_job_runs_and_finishes(tmp_path):
    with job_status(tmp_path / "journal" / "train.status", "base/seed0"):
        assert statuses(tmp_path / "journal") == [("base/seed0", "RUNNING")]
        assert not mark_killed(tmp_path / "journal")
    assert statuses(tmp_path / "journal") == [("base/seed0", "FINISHED")]


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_job_that_raises_failed_and_one_that_is_interrupted_was_killed(tmp_path, error, status):
    with pytest.raises(error), job_status(tmp_path / "train.status", "base/seed0"):
        raise error
    assert statuses(tmp_path) == [("base/seed0", status)]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_that_ends_without_a_word_was_killed_at_its_last_sign_of_life(tmp_path, sent):
    path = tmp_path / "train.status"
    command = [sys.executable, "-c", HOLD, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as job:
        assert job.stdout is not None and job.stdout.readline() == b"running\n"
        assert not mark_killed(tmp_path)
        job.send_signal(sent)
    path.with_suffix(".jsonl").touch()
    os.utime(path, (1e9, 1e9))
    os.utime(path.with_suffix(".jsonl"), (1.5e9, 1.5e9))
    assert statuses(tmp_path) == [("base/seed0", "RUNNING")]
    assert mark_killed(tmp_path)
    assert statuses(tmp_path) == [("base/seed0", "KILLED")]
    assert job_statuses(tmp_path)[0].since == 1.5e9
    assert not mark_killed(tmp_path)


def test_a_file_that_is_being_written_has_no_status(tmp_path):
    (tmp_path / "train.status").write_text('{"run": "ba')
    assert statuses(tmp_path) == []
    assert not mark_killed(tmp_path)
