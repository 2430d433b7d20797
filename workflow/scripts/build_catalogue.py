"""Script of the rule ``build_catalogue``: list the usable models."""

from pathlib import Path

from stage import journal, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.dataset import DatasetSettings
    from shelfnet.steps.build_catalogue import build_catalogue

    (settings,) = sections(job, DatasetSettings)
    build_catalogue(
        settings=settings,
        n_shards=job.params.n_shards,
        manifest=Path(job.input.manifest),
        staging_quarantine=Path(job.input.staging_quarantine),
        models=Path(job.output.models),
        quarantine=Path(job.output.quarantine),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
