import os
import time

import pytest

from shelfnet.config.workflow import TrackingSettings
from shelfnet.steps import mirror_tracking as step
from shelfnet.tracking.journal import Journal
from shelfnet.tracking.mirror import MirrorReport


@pytest.fixture
def calls(monkeypatch):
    calls = []

    def record(journals, settings, results):
        calls.append((journals, settings, results))
        return MirrorReport(pending=len(list(journals.glob("*.jsonl"))))

    monkeypatch.setattr(step, "mirror", record)
    return calls


def test_disabled_tracking_does_nothing(tmp_path, calls):
    settings = TrackingSettings(enabled=False)
    assert step.mirror_tracking(settings=settings, journals=tmp_path, results=tmp_path) == MirrorReport()
    assert calls == []


def test_command_line_returns_1_for_pending_events(tmp_path, calls):
    (tmp_path / "config.yaml").write_text("tracking: {experiment: chairs}")
    arguments = ["--config", str(tmp_path / "config.yaml"), "--results", str(tmp_path)]
    (tmp_path / "journal").mkdir()
    assert step.main(arguments) == 0
    Journal(tmp_path / "journal" / "data.jsonl", "data").tags({"digest": "0"})
    assert step.main(arguments) == 1
    assert calls[0][0] == tmp_path / "journal"
    assert calls[0][1].experiment == "chairs"


def test_following_ends_with_the_pipe_and_sends_the_rest(tmp_path, monkeypatch, caplog):
    """The fake mirror counts its calls, and closes the pipe at the second one."""
    read, write = os.pipe()
    calls = []

    class Counting:
        def __init__(self, journals, settings, results, monitor):
            assert monitor

        def catch_up(self):
            calls.append(time.monotonic())
            if len(calls) == 2:
                os.close(write)
            return MirrorReport(metrics=1, pending=len(calls))

        def close(self):
            calls.append(None)

    monkeypatch.setattr(step, "Mirror", Counting)
    with os.fdopen(read) as end, caplog.at_level("INFO"):
        report = step.follow_tracking(
            settings=TrackingSettings(), journals=tmp_path, results=tmp_path, end=end, interval_s=0.2
        )
    assert (report.metrics, report.pending) == (3, 3)
    assert calls[3:] == [None]
    assert calls[1] - calls[0] > 0.15 > calls[2] - calls[1]
    assert "3 metric values" in caplog.text
