"""Script of the rule ``stage_photographs``: find the photographs."""

from pathlib import Path

from stage import journal, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.dataset import DatasetSettings
    from shelfnet.steps.stage_photographs import stage_photographs

    (settings,) = sections(job, DatasetSettings)
    manifest = Path(job.output.manifest)
    stage_photographs(
        settings=settings, output_dir=manifest.parent / "photographs", manifest=manifest, journal=journal(job)
    )


if __name__ == "__main__":
    run(main, snakemake)
