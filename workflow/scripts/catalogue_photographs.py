"""Script of the rule ``catalogue_photographs``: list the usable photographs and their objects."""

from pathlib import Path

from stage import journal, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.dataset import DatasetSettings
    from shelfnet.steps.catalogue_photographs import catalogue_photographs

    (settings,) = sections(job, DatasetSettings)
    catalogue_photographs(
        settings=settings,
        n_shards=job.params.n_shards,
        manifest=Path(job.input.manifest),
        models=Path(job.output.models),
        photographs=Path(job.output.photographs),
        quarantine=Path(job.output.quarantine),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
