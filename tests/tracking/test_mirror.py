import json
import logging
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.colours import RUN_COLOURS, least_used
from shelfnet.tracking.journal import Journal
from shelfnet.tracking.mirror import mirror
from shelfnet.tracking.mlflow_writer import _key


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One data base for the whole file: creating its tables is what takes time."""
    folder = tmp_path_factory.mktemp("results")
    Image.new("RGBA", (600, 20), (255, 0, 0, 128)).save(folder / "samples.png")
    (folder / "chamfer.csv").write_text("model_id,iou,view,chamfer\na,1,0,0.5\nb,2,1,\n")
    for ablation in ("base", "triplane"):
        journal = Journal(folder / "journal" / f"train-{ablation}.jsonl", f"{ablation}/seed0")
        journal.params({"train": {"batch_size": 8}, "long": "x" * 7000, "odd name (%)": 1})
        journal.tags({"ablation": ablation})
        for step in range(1100):
            journal.metrics(step, {"loss/rgb": 1.0 / (1 + step)})
        journal.metrics(1099, {"validation/chamfer": float("nan")})
        journal.artifact(folder / "samples.png", "plots")
        journal.image(50, "samples (%)", folder / "samples.png")
        journal.image(100, "samples (%)", folder / "samples.png")
        journal.table(folder / "chamfer.csv", key=("model_id", "view"), headline="chamfer")
        journal.artifact(folder / "gone.png")
    return folder


@pytest.fixture(scope="module")
def settings(results):
    return TrackingSettings(uri=f"sqlite:///{results}/mlflow.db", timeout_s=60.0)


@pytest.fixture(scope="module")
def mirrored(results, settings):
    """Two callers at the same time, on a data base that does not exist yet."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda _: mirror(results / "journal", settings, results), range(2)))


def rows(results, query):
    with sqlite3.connect(results / "mlflow.db") as connection:
        return connection.execute(query).fetchall()


def test_two_callers_at_once_write_everything_once(results, mirrored):
    assert sorted(report.metrics for report in mirrored) == [0, 2202]
    assert all(report.pending == 0 and report.problem == "" for report in mirrored)
    assert rows(results, "select count(*) from metrics") == [(2202,)]
    assert rows(results, "select name, status from runs order by name") == [
        ("base/seed0", "FINISHED"),
        ("triplane/seed0", "FINISHED"),
    ]


def test_values_arrive_within_mlflows_limits(results, mirrored):
    params = dict(rows(results, "select key, value from params"))
    assert params["train.batch_size"] == "8"
    assert params["long"] == "x" * 6000
    assert params["odd name ___"] == "1"
    assert rows(results, "select distinct value from tags where key = 'ablation' order by value") == [
        ("base",),
        ("triplane",),
    ]


def test_runs_of_ablations_differ_in_their_colour(results, mirrored):
    colours = rows(results, "select value from tags where key = 'mlflow.runColor'")
    assert sorted(colours) == sorted((colour,) for colour in RUN_COLOURS[:2])


def test_the_experiment_opens_as_model_training(results, mirrored):
    assert rows(results, "select key, value from experiment_tags") == [
        ("mlflow.experimentKind", "custom_model_development")
    ]


def test_artifacts_lie_below_results(results, mirrored):
    copies = list((results / "mlartifacts").glob("*/artifacts/plots/samples.png"))
    assert len(copies) == 2


def test_images_carry_their_step_and_tables_their_rows(results, mirrored):
    """The names are those by which MLflow's comparison finds images of a step."""
    names = [path.name for path in (results / "mlartifacts").glob("*/artifacts/images/*.png")]
    assert sorted(name.split("+timestamp+")[0] for name in names) == [
        f"samples ___+step+{step}" for step in (100, 100, 50, 50)
    ]
    tables = list((results / "mlartifacts").glob("*/artifacts/tables/chamfer.json"))
    assert len(tables) == 2
    assert json.loads(tables[0].read_text()) == {
        "columns": ["model_id view", "chamfer", "iou"],
        "data": [["a 0", 0.5, 1], ["b 1", None, 2]],
    }
    tags = rows(results, "select distinct key, value from tags where key like 'mlflow.logged%' order by key")
    assert tags == [
        ("mlflow.loggedArtifacts", '[{"path": "tables/chamfer.json", "type": "table"}]'),
        ("mlflow.loggedImages", "True"),
    ]


def test_later_lines_are_added_to_the_same_run(results, settings, mirrored):
    journal = Journal(results / "journal" / "evaluate-base.jsonl", "base/seed0")
    journal.metrics(0, {"test/chamfer": 0.07})
    report = mirror(results / "journal", settings, results)
    assert (report.runs, report.metrics, report.artifacts, report.pending) == (1, 1, 0, 0)
    assert rows(results, "select count(*) from runs") == [(2,)]


def test_a_job_that_ran_again_gets_a_new_run_and_its_old_one_is_deleted(results, settings, mirrored):
    colour = (
        "select t.value from tags t join runs r using (run_uuid) where r.name = 'triplane/seed0'"
        " and r.lifecycle_stage = 'active' and t.key = 'mlflow.runColor'"
    )
    before = rows(results, colour)
    journal = Journal(results / "journal" / "train-triplane.jsonl", "triplane/seed0")
    journal.params({"train": {"batch_size": 16}})
    assert mirror(results / "journal", settings, results).pending == 0
    states = rows(results, "select lifecycle_stage from runs where name = 'triplane/seed0' order by start_time")
    assert states == [("deleted",), ("active",)]
    assert rows(results, colour) == before != []
    assert mirror(results / "journal", settings, results).runs == 0


def test_a_server_that_is_away_costs_a_warning_and_the_next_call_catches_up(
    tmp_path, caplog, results, settings, mirrored
):
    Journal(tmp_path / "journal" / "clip.jsonl", "clip").metrics(1, {"loss": 1.0})
    away = TrackingSettings(uri="http://user:secret@127.0.0.1:9", timeout_s=20.0)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        report = mirror(tmp_path / "journal", away, tmp_path)
    assert time.monotonic() - began < 60.0
    assert report.pending == 1
    assert len(caplog.records) == 1
    assert "1 events stay in the journal" in caplog.text
    assert "secret" not in caplog.text
    assert mirror(tmp_path / "journal", settings, results).metrics == 1


def test_a_server_that_never_answers_is_given_up_in_time(tmp_path):
    Journal(tmp_path / "clip.jsonl", "clip").metrics(1, {"loss": 1.0})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        report = mirror(tmp_path, TrackingSettings(uri=uri, timeout_s=0.9), tmp_path)
    assert time.monotonic() - began < 60.0
    assert report.pending == 1
    assert report.problem == "no progress within 0.9 s"


def test_a_locked_data_base_is_named_as_the_cause(results, settings, mirrored, tmp_path, caplog):
    Journal(tmp_path / "journal" / "clip.jsonl", "clip").metrics(1, {"loss": 1.0})
    with sqlite3.connect(results / "mlflow.db", isolation_level=None) as other:
        other.execute("begin exclusive")
        report = mirror(tmp_path / "journal", settings, tmp_path)
        other.execute("rollback")
    assert report.pending == 1
    assert "locked" in report.problem and str(results / "mlflow.db") in report.problem
    assert "http" not in report.problem and "\n" not in report.problem
    assert "shelfnet.steps.mirror_tracking" in caplog.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss/rgb", "loss/rgb"),
        ("/a//b/", "a/b"),
        ("../up", "_../up"),
        ("a[0]", "a_0_"),
        ("", "_"),
        ("x" * 300, "x" * 250),
    ],
)
def test_names_become_clean_relative_paths(name, expected):
    assert _key(name) == expected


def test_the_least_used_colour_comes_first():
    assert least_used([]) == RUN_COLOURS[0]
    assert least_used([None, "#ffffff", RUN_COLOURS[0], RUN_COLOURS[2]]) == RUN_COLOURS[1]
    assert least_used([*RUN_COLOURS, RUN_COLOURS[0]]) == RUN_COLOURS[1]
