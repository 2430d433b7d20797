import re
from pathlib import Path

import pytest

from snakemake_logger_plugin_shelfnet.time_left import TRUST_S, TYPICAL_SECONDS, TimeLeft

TRAIN = TYPICAL_SECONDS["train"]


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def run_one(progress: TimeLeft, clock: Clock, job: int, rule: str, seconds: float) -> None:
    progress.start(job, rule)
    clock.now += seconds
    progress.finish(job)


def test_nothing_is_estimated_before_a_job_has_finished(clock):
    progress = TimeLeft({"train": 2}, clock)
    progress.start(0, "train")
    assert progress.seconds is None and progress.fraction == 0


def test_jobs_of_typical_length_leave_the_typical_rest(clock):
    progress = TimeLeft({"train": 4}, clock)
    run_one(progress, clock, 0, "train", TRAIN)
    assert progress.fraction == 0.25
    assert progress.seconds == pytest.approx(3 * TRAIN)


def test_a_slow_machine_takes_longer(clock):
    progress = TimeLeft({"train": 4}, clock)
    run_one(progress, clock, 0, "train", 3 * TRAIN)
    assert progress.seconds == pytest.approx(3 * TRAIN * (3 * TRAIN + TRUST_S) / (TRAIN + TRUST_S))


def test_two_jobs_at_once_halve_the_rest(clock):
    progress = TimeLeft({"train": 4}, clock)
    progress.start(0, "train")
    progress.start(1, "train")
    clock.now += TRAIN
    progress.finish(0)
    progress.finish(1)
    assert progress.seconds == pytest.approx(2 * TRAIN / 2)


def test_a_running_job_shortens_the_rest_but_never_below_its_own_share(clock):
    progress = TimeLeft({"train": 3}, clock)
    run_one(progress, clock, 0, "train", TRAIN)
    progress.start(1, "train")
    clock.now += TRAIN / 2
    assert progress.seconds == pytest.approx(1.5 * TRAIN)
    clock.now += 10 * TRAIN
    assert progress.seconds == pytest.approx(TRAIN)


def test_a_failed_job_remains_to_be_done(clock):
    progress = TimeLeft({"train": 2}, clock)
    progress.start(0, "train")
    progress.fail(0)
    progress.finish(0)
    assert progress.fraction == 0 and progress.seconds is None


def test_typical_lengths_name_rules_of_the_workflow():
    texts = [path.read_text() for path in Path("workflow/rules").glob("*.smk")]
    rules = {name for text in texts for name in re.findall(r"^ *rule (\w+):", text, re.MULTILINE)}
    assert set(TYPICAL_SECONDS) <= rules
