"""Script of the rule ``draw_reconstructions``: draw predicted meshes beside the images and the true meshes."""

from pathlib import Path

from stage import journal, run, sections, tables


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.schema import Config
    from shelfnet.steps.draw_reconstructions import draw_reconstructions

    (config,) = sections(job, Config)
    draw_reconstructions(
        config=config,
        results=Path("results"),
        tables=tables(job.input.tables),
        baselines=Path(job.input.baselines),
        output=Path(job.output[0]),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
