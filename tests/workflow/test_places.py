"""Runs in other folders, and data sets whose path or files change."""

import shutil
from pathlib import Path

import pytest
from photo_collection import write_photographs

from tests.workflow.conftest import Snakemake
from tests.workflow.test_dag import ABLATIONS, jobs

MANIFEST = "results/dataset/manifest.json"
PHOTOS = ("--configfile", "workflow/presets/photos.yaml")
UNTRACKED = ("--config", 'tracking={"enabled": false}')
DRY = ("--dry-run", "--cores", "2")


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere").resolve()


def test_directory_option_keeps_default_config(snakemake: Snakemake, elsewhere: Path):
    (elsewhere / "config.yaml").write_text("render: {shards: 1}")
    overlays = ("--configfile", "workflow/presets/benchmark.yaml", "workflow/presets/longer.yaml")
    run = snakemake(*DRY, "all", "--directory", str(elsewhere), *overlays)
    assert jobs(run)["train"] == ABLATIONS + 1
    assert jobs(run)["train_clip"] == 1
    assert jobs(run)["render_views"] == 8
    assert f"{elsewhere / 'config.yaml'} is not read" in run.stdout


def test_directory_option_writes_only_there(project: Path, snakemake: Snakemake, elsewhere: Path):
    there = ("--directory", str(elsewhere), "--configfile", "workflow/presets/tiny.yaml", *UNTRACKED, "--", MANIFEST)
    run = snakemake("--cores", "1", *there)
    assert run.returncode == 0, run.stdout
    assert (elsewhere / MANIFEST).is_file()
    assert not (project / "results").exists()
    assert "Nothing to be done" in snakemake(*DRY, *there).stdout


def test_unread_variable_is_reported(snakemake: Snakemake):
    run = snakemake(*DRY, MANIFEST, SHELFNET_DATASET="/data")
    assert run.returncode == 0
    assert run.stdout.count("SHELFNET_DATASET is set and not read") == 1


@pytest.fixture
def staged(project: Path, snakemake: Snakemake) -> Path:
    """A staged folder of photographs."""
    write_photographs(project / "photos", 3)
    run = snakemake("--cores", "1", *PHOTOS, *UNTRACKED, "--", MANIFEST, SHELFNET_DATASET="photos")
    assert run.returncode == 0, run.stdout
    return project / "photos"


def test_new_photos_rerun_staging(staged: Path, snakemake: Snakemake):
    (staged / "notes.txt").write_text("not read by any stage")
    same = snakemake(*DRY, *PHOTOS, "--", MANIFEST, SHELFNET_DATASET=f"{staged}/")
    assert "Nothing to be done" in same.stdout
    shutil.copyfile(next(staged.glob("*.png")), staged / "one_more.png")
    assert jobs(snakemake(*DRY, *PHOTOS, "--", MANIFEST, SHELFNET_DATASET="photos"))["stage_photographs"] == 1


def test_missing_path_keeps_staged_results(project: Path, staged: Path, snakemake: Snakemake):
    run = snakemake("--cores", "1", *PHOTOS, "--", MANIFEST)
    assert run.returncode != 0
    assert run.stdout.splitlines()[-1].startswith(f"{project.resolve() / 'photographs'}, named by dataset.path")
    assert "Traceback" not in run.stdout
    again = snakemake(*DRY, *PHOTOS, "--", MANIFEST, SHELFNET_DATASET=str(staged))
    assert "Nothing to be done" in again.stdout
