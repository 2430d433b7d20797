"""Script of the rule ``sample_surfaces``: sample true points and occupancies of one shard."""

from pathlib import Path

from stage import run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.dataset import DatasetSettings
    from shelfnet.steps.sample_surfaces import sample_surfaces

    (settings,) = sections(job, DatasetSettings)
    sample_surfaces(
        settings=settings,
        manifest=Path(job.input.manifest),
        models=Path(job.input.models),
        shard=int(job.wildcards.shard),
        output=Path(job.output.surfaces),
        quarantine=Path(job.output.quarantine),
    )


if __name__ == "__main__":
    run(main, snakemake)
