"""An interrupted rendering resumes with the missing shards."""

from pathlib import Path

from tests.workflow.conftest import Snakemake
from tests.workflow.test_dag import jobs

PRESENT = (
    "dataset/manifest.json",
    "dataset/quarantine.csv",
    "catalogue/models.parquet",
    "catalogue/quarantine.csv",
    "renders/shard-0000.parquet",
    "renders/quarantine-0000.csv",
)


def test_only_missing_shard_is_rendered(project: Path, snakemake: Snakemake):
    for name in PRESENT:
        (project / "results" / name).parent.mkdir(parents=True, exist_ok=True)
        (project / "results" / name).write_bytes(b"from an earlier run")
    shards = [f"results/renders/shard-{shard:04d}.parquet" for shard in (0, 1)]
    run = snakemake("--dry-run", "--config", 'render={"shards": 2}', "--", *shards)
    assert jobs(run) == {"render_views": 1, "total": 1}
    assert "Rendering shard 0001" in run.stdout
