import contextlib
import json
import logging
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.charts import VIEW_TAG
from shelfnet.tracking.colours import RUN_COLOURS, least_used
from shelfnet.tracking.job_status import job_status
from shelfnet.tracking.journal import Journal
from shelfnet.tracking.mirror import Mirror, mirror
from shelfnet.tracking.mlflow_writer import _key, create_database, use_relative_places


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One data base for the whole file: creating its tables is what takes time."""
    folder = tmp_path_factory.mktemp("results")
    Image.new("RGBA", (600, 20), (255, 0, 0, 128)).save(folder / "samples.png")
    (folder / "chamfer.csv").write_text("model_id,iou,view,chamfer\na,1,0,0.5\nb,2,1,\n")
    for ablation in ("base", "triplane"):
        journal = Journal(folder / "journal" / f"train-{ablation}.jsonl", f"{ablation}/seed0")
        journal.params({"train": {"batch_size": 8}, "long": "x" * 7000, "odd name (%)": 1})
        journal.tags({"ablation": ablation, "code_version": "0.1.0-0123456789ab+dirty"})
        journal.dataset(folder / "chamfer.csv", "training images", "5" * 64)
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
    assert all(report.pending == 0 for report in mirrored)
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


def test_the_experiment_opens_as_model_training_and_has_a_view_of_charts(results, mirrored):
    tags = dict(rows(results, "select key, value from experiment_tags"))
    assert tags.pop(VIEW_TAG).startswith("deflate;")
    assert tags == {"mlflow.experimentKind": "custom_model_development"}


def test_a_run_tells_its_data_source_and_purpose(results, mirrored):
    tags = dict(rows(results, "select key, value from tags join runs using (run_uuid) where name = 'triplane/seed0'"))
    assert tags["mlflow.source.git.commit"] == "0123456789ab"
    assert tags["mlflow.note.content"].startswith("Tri-planes instead of a voxel grid")
    assert "`snakemake results/triplane/seed0/model.safetensors`" in tags["mlflow.note.content"]
    assert rows(results, "select name, digest from datasets") == [("training images", "5" * 36)]


def test_artifacts_lie_below_results(results, mirrored):
    copies = list((results / "mlartifacts").glob("*/artifacts/plots/samples.png"))
    assert len(copies) == 2
    for (place,) in rows(
        results, "select artifact_uri from runs union select artifact_location from experiments where name = 'shelfnet'"
    ):
        assert not Path(place).is_absolute() and Path(place).is_dir()


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
    assert "1 runs wait in the journals" in caplog.text
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
    assert report.problems == ["no progress within 0.9 s"]


def problem_of(database, folder, caplog):
    """The one line about a database that cannot be written."""
    Journal(folder / "journal" / "clip.jsonl", "clip").metrics(1, {"loss": 1.0})
    report = mirror(folder / "journal", TrackingSettings(uri=f"sqlite:///{database}", timeout_s=60.0), folder)
    assert report.pending == 1
    (problem,) = report.problems
    assert str(database) in problem and "http" not in problem and "\n" not in problem
    assert "shelfnet.steps.mirror_tracking" in caplog.text
    return problem


def test_a_locked_database_is_named_as_the_cause(results, mirrored, tmp_path, caplog):
    with sqlite3.connect(results / "mlflow.db", isolation_level=None) as other:
        other.execute("begin exclusive")
        assert "is locked by another process" in problem_of(results / "mlflow.db", tmp_path, caplog)
        other.execute("rollback")


def test_a_database_of_an_older_mlflow_names_the_command_that_upgrades_it(results, mirrored, tmp_path, caplog):
    shutil.copyfile(results / "mlflow.db", tmp_path / "old.db")
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("update alembic_version set version_num = '1bd49d398cd23'")
    connection.close()
    problem = problem_of(tmp_path / "old.db", tmp_path, caplog)
    assert f"mlflow db upgrade sqlite:///{tmp_path / 'old.db'}, or delete it" in problem


def test_a_database_whose_creation_is_interrupted_does_not_exist(tmp_path, monkeypatch):
    def interrupted(uri):
        Path(uri.removeprefix("sqlite:///")).write_bytes(b"a few tables")
        raise KeyboardInterrupt

    monkeypatch.setattr("mlflow.MlflowClient", interrupted)
    with pytest.raises(KeyboardInterrupt):
        create_database(tmp_path / "mlflow.db")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named_as_the_cause(results, mirrored, tmp_path, caplog):
    folder = tmp_path / "full"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], capture_output=True).returncode:
        pytest.skip("may not mount a small file system")
    try:
        shutil.copyfile(results / "mlflow.db", folder / "mlflow.db")
        with contextlib.suppress(OSError), (folder / "rest").open("wb", buffering=0) as rest:
            while True:
                rest.write(bytes(1024))
        assert "is full" in problem_of(folder / "mlflow.db", tmp_path, caplog)
    finally:
        subprocess.run(["umount", folder], check=True)


def test_status_and_values_are_told_while_a_job_runs(tmp_path, results, mirrored, monkeypatch):
    """One mirror that follows a job from its start to its violent end, and the job's second attempt."""
    (tmp_path / "results").mkdir()
    shutil.copyfile(results / "mlflow.db", tmp_path / "results" / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    journals = Path("results/journal")
    following = Mirror(journals, TrackingSettings(experiment="live"), Path("results"))

    def told():
        following.catch_up()
        query = "select status, (select max(step) from metrics m where m.run_uuid = r.run_uuid) from runs r"
        return rows(Path("results"), f"{query} where name = 'base/seed1' and lifecycle_stage = 'active'")

    def train(*steps):
        with job_status(journals / "train-base-1.status", "base/seed1"):
            assert told()[0][0] == "RUNNING"
            journal = Journal(journals / "train-base-1.jsonl", "base/seed1", append=True)
            for step in steps:
                journal.metrics(step, {"loss/rgb": 1.0})
                assert told() == [("RUNNING", step)]
                assert following.catch_up().runs == 0
                if step == 2:
                    raise ValueError("a failure")

    with closing(following):
        with pytest.raises(ValueError, match="a failure"):
            train(1, 2)
        assert told() == [("FAILED", 2)]
        train(3)
        assert told() == [("FINISHED", 3)]
        write = "import sys; from shelfnet.tracking.job_status import job_status; from pathlib import Path\nwith"
        held = f"{write} job_status(Path(sys.argv[1]), 'base/seed1'): print(1, flush=True); sys.stdin.read()"
        command = [sys.executable, "-c", held, journals / "evaluate-base-1.status"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as job:
            assert job.stdout and job.stdout.readline() == b"1\n"
            assert told() == [("RUNNING", 3)]
            job.kill()
        assert told() == [("KILLED", 3)]


def test_a_moved_folder_keeps_its_runs_and_its_artifacts(tmp_path, results, mirrored, monkeypatch):
    before, after = tmp_path / "before", tmp_path / "after"
    (before / "results").mkdir(parents=True)
    shutil.copyfile(results / "mlflow.db", before / "results" / "mlflow.db")
    settings = TrackingSettings(experiment="moved")
    monkeypatch.chdir(before)
    journal = Journal(Path("results/journal/clip.jsonl"), "clip")
    journal.artifact(results / "samples.png", "first")
    mirror(Path("results/journal"), settings, Path("results"))
    monkeypatch.chdir(tmp_path)
    before.rename(after)
    monkeypatch.chdir(after)
    journal.artifact(results / "samples.png", "second")
    assert mirror(Path("results/journal"), settings, Path("results")).artifacts == 1
    assert not before.exists()
    ((place,),) = rows(
        Path("results"), "select artifact_uri from runs join experiments e using (experiment_id) where e.name = 'moved'"
    )
    assert sorted(path.parent.name for path in Path(place).rglob("*.png")) == ["first", "second"]


def test_a_database_with_absolute_places_gets_relative_ones(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
        ):
            connection.execute(f"create table {table} (experiment_id integer, {column} text)")
        connection.execute(
            "insert into experiments values (1, 'file:///old/mlartifacts'), (2, 'file:///old/mlartifacts')"
        )
        connection.execute(
            "insert into runs values (1, 'file:///old/mlartifacts/a/artifacts'), (1, 'file:///old/mlartifacts2/b')"
        )
        connection.commit()
        use_relative_places(tmp_path / "mlflow.db", "1", "results/mlartifacts")
        assert connection.execute("select artifact_location from experiments").fetchall() == [
            ("results/mlartifacts",),
            ("file:///old/mlartifacts",),
        ]
        assert connection.execute("select artifact_uri from runs").fetchall() == [
            ("results/mlartifacts/a/artifacts",),
            ("file:///old/mlartifacts2/b",),
        ]
    connection.close()


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
