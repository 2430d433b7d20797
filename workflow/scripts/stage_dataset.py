"""Script of the rule ``stage_dataset``: stage the data set on disk."""

from pathlib import Path

from stage import journal, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.dataset import DatasetSettings
    from shelfnet.steps.stage_dataset import stage_dataset

    (settings,) = sections(job, DatasetSettings)
    manifest = Path(job.output.manifest)
    stage_dataset(
        settings=settings,
        output_dir=manifest.parent,
        manifest=manifest,
        quarantine=Path(job.output.quarantine),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
