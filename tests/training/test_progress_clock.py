import pytest

from shelfnet.training import progress_clock
from shelfnet.training.progress_clock import ProgressClock


@pytest.fixture
def at(monkeypatch):
    """A function that sets the time in seconds; it starts at 100."""
    now = [100.0]
    monkeypatch.setattr(progress_clock.time, "perf_counter", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def test_rate_counts_iterations_since_the_start(at):
    clock = ProgressClock(0, 100)
    at(105.0)
    assert clock.rate(10) == pytest.approx(2.0)
    assert clock.time_left(10) == "0m45s"


def test_rate_of_a_resumed_run_counts_its_own_iterations(at):
    clock = ProgressClock(400, 1000)
    at(110.0)
    assert clock.rate(420) == pytest.approx(2.0)
    assert clock.time_left(420) == "4m50s"


def test_time_left_after_the_last_iteration_is_zero(at):
    clock = ProgressClock(0, 10)
    at(101.0)
    assert clock.time_left(10) == "0m00s"


def test_time_left_has_two_digits_of_seconds(at):
    clock = ProgressClock(0, 197)
    at(110.0)
    assert clock.time_left(10) == "3m07s"


def test_no_time_passed_is_no_error(at):
    assert ProgressClock(0, 10).time_left(5) == "0m00s"
