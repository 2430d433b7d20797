"""Script of the rule ``reconstruct``: reconstruct meshes from images."""

from pathlib import Path

from stage import journal, paths, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.meshes import ReconstructSettings
    from shelfnet.config.render import RenderSettings
    from shelfnet.steps.reconstruct import reconstruct

    settings, render = sections(job, ReconstructSettings, RenderSettings)
    reconstruct(
        settings=settings,
        render=render,
        checkpoint=Path(job.input.checkpoint[0]).parent,
        shards=paths(job.input.shards),
        part=int(job.wildcards.part),
        device=job.params.device,
        output=Path(job.output.meshes),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
