import logging

import pytest

from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.job_status import job_status
from shelfnet.tracking.journal import Journal
from shelfnet.tracking.pending import STATE_FILE, Mark, RunState, StateFile, merged_values, metric_points, plan_runs

SERVER = TrackingSettings(uri="http://127.0.0.1:9")


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "train-base-0.jsonl", "base/seed0")
    journal.params({"train": {"batch_size": 8}})
    journal.metrics(10, {"loss": 2.0})
    return journal


def told(folder):
    """States as they are after everything in the journals was mirrored."""
    states = {}
    for plan in plan_runs(folder, {}):
        last_steps = {}
        for name, step in metric_points(plan.everything):
            last_steps[name] = max(step, last_steps.get(name, step))
        params = merged_values(plan.everything, "params")
        states[plan.run] = RunState("id", True, plan.marks, params, last_steps)
    return states


def test_everything_is_planned_for_a_run_that_mlflow_does_not_know(journal):
    (plan,) = plan_runs(journal.path.parent, {})
    assert (plan.run, len(plan.events), plan.replaces) == ("base/seed0", 2, False)


def test_nothing_is_planned_twice(journal):
    assert plan_runs(journal.path.parent, told(journal.path.parent)) == []


def test_new_lines_are_appended(journal):
    states = told(journal.path.parent)
    journal.metrics(20, {"loss": 1.0})
    (plan,) = plan_runs(journal.path.parent, states)
    assert not plan.replaces
    assert [event["step"] for event in plan.events] == [20]


def test_a_second_journal_of_a_run_is_appended(journal):
    states = told(journal.path.parent)
    Journal(journal.path.parent / "evaluate-base-0.jsonl", "base/seed0").metrics(0, {"test/chamfer": 0.07})
    (plan,) = plan_runs(journal.path.parent, states)
    assert not plan.replaces
    assert set(plan.marks) == {"evaluate-base-0.jsonl", "train-base-0.jsonl"}
    assert len(plan.events) == 1


def test_a_rewritten_journal_replaces_its_run(journal):
    states = told(journal.path.parent)
    again = Journal(journal.path, "base/seed0")
    again.params({"train": {"batch_size": 8}})
    (plan,) = plan_runs(journal.path.parent, states)
    assert plan.replaces
    assert len(plan.events) == 1


def test_a_changed_parameter_replaces_the_run(journal):
    states = told(journal.path.parent)
    journal.params({"train": {"batch_size": 16}})
    (plan,) = plan_runs(journal.path.parent, states)
    assert plan.replaces
    assert merged_values(plan.events, "params") == {"train.batch_size": "16"}


def test_a_metric_that_goes_back_replaces_the_run_and_its_later_value_holds(journal):
    states = told(journal.path.parent)
    journal.metrics(10, {"loss": 5.0})
    (plan,) = plan_runs(journal.path.parent, states)
    assert plan.replaces
    assert metric_points(plan.events)["loss", 10][0] == 5.0


def test_a_half_told_run_is_replaced(journal):
    states = told(journal.path.parent)
    states["base/seed0"].complete = False
    (plan,) = plan_runs(journal.path.parent, states)
    assert plan.replaces


def test_a_line_still_being_written_waits_and_a_broken_one_is_skipped_by_name(journal, caplog):
    with journal.path.open("a") as stream:
        stream.write('{"run": "base/se\n[1]\n{"run": "base/seed0"}\n{"run": "base/seed0", "event": "metr')
    with caplog.at_level(logging.WARNING):
        (plan,) = plan_runs(journal.path.parent, {})
    assert len(plan.events) == 2
    assert [f"line {number}:" in caplog.text for number in (2, 3, 4, 5, 6)] == [False, True, True, True, False]
    assert "train-base-0.jsonl" in caplog.text


def test_a_status_alone_is_a_plan(journal):
    states = told(journal.path.parent)
    with job_status(journal.path.with_suffix(".status"), "base/seed0"):
        (plan,) = plan_runs(journal.path.parent, states)
        assert (plan.status, plan.events, plan.replaces) == ("RUNNING", [], False)
    assert plan_runs(journal.path.parent, states) == []


def test_a_running_job_outweighs_a_failed_one_and_a_failed_one_a_finished_one(journal):
    folder = journal.path.parent
    with job_status(folder / "train.status", "base/seed0"):
        pass
    with pytest.raises(ValueError), job_status(folder / "refine.status", "base/seed0"):
        raise ValueError
    assert plan_runs(folder, {})[0].status == "FAILED"
    with job_status(folder / "evaluate.status", "base/seed0"):
        assert plan_runs(folder, {})[0].status == "RUNNING"


def test_states_survive_the_file(tmp_path):
    file = StateFile(tmp_path, SERVER)
    file.states = {"data": RunState("abc", True, {"data.jsonl": Mark(2, "00")}, {"a": "1"}, {"loss": 3}, "FAILED")}
    file.save()
    assert StateFile(tmp_path, SERVER).states == file.states
    assert StateFile(tmp_path, SERVER.model_copy(update={"experiment": "other"})).states == {}


def test_journals_keep_their_name_where_they_were_first_mirrored(tmp_path):
    (tmp_path / "before").mkdir()
    file = StateFile(tmp_path / "before", SERVER)
    file.save()
    (tmp_path / "before").rename(tmp_path / "after")
    assert StateFile(tmp_path / "after", SERVER).origin == file.origin
    assert StateFile(tmp_path, SERVER).origin != file.origin


def test_a_deleted_database_knows_nothing(tmp_path):
    settings = TrackingSettings(uri=f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "mlflow.db").touch()
    file = StateFile(tmp_path, settings)
    file.states = {"data": RunState("abc")}
    file.save()
    assert StateFile(tmp_path, settings).states == file.states
    (tmp_path / "mlflow.db").unlink()
    assert StateFile(tmp_path, settings).states == {}


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"target": 1, "runs": 1}'])
def test_a_damaged_state_file_means_nothing_is_known(tmp_path, caplog, text):
    (tmp_path / STATE_FILE).write_text(text)
    assert StateFile(tmp_path, SERVER).states == {}
    assert ("is damaged" in caplog.text) == ("target" not in text)
