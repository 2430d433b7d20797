"""Script of the rule ``refine``: refine meshes."""

from pathlib import Path

from stage import journal, paths, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.meshes import ReconstructSettings, RefineSettings
    from shelfnet.config.render import RenderSettings
    from shelfnet.steps.refine import refine

    settings, reconstruct, render = sections(job, RefineSettings, ReconstructSettings, RenderSettings)
    refine(
        settings=settings,
        reconstruct=reconstruct,
        render=render,
        coarse=Path(job.input.coarse),
        shards=paths(job.input.shards),
        device=job.params.device,
        output=Path(job.output.meshes),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
