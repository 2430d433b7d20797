"""Script of the rule ``render_views``: render the images of one shard."""

from pathlib import Path

from stage import journal, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.render import RenderSettings
    from shelfnet.steps.render_views import render_views

    (settings,) = sections(job, RenderSettings)
    render_views(
        settings=settings,
        manifest=Path(job.input.manifest),
        models=Path(job.input.models),
        shard=int(job.wildcards.shard),
        threads=job.threads,
        output=Path(job.output.shard),
        quarantine=Path(job.output.quarantine),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
