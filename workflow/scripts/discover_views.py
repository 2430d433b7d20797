"""Script of the rule ``discover_views``: find views and shared shapes of the training images."""

from pathlib import Path

from stage import journal, paths, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.discovery import DiscoverySettings
    from shelfnet.config.render import RenderSettings
    from shelfnet.steps.discover_views import discover_views

    settings, render = sections(job, DiscoverySettings, RenderSettings)
    discover_views(
        settings=settings,
        render=render,
        shards=paths(job.input.shards),
        output=Path(job.output.views).parent,
        device=job.params.device,
        threads=job.threads,
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
