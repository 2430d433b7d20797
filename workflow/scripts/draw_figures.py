"""Adapter of the rule ``draw_figures``: the three figures."""

from pathlib import Path

from stage import journal, run, sections, tables


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.schema import Config
    from shelfnet.steps.draw_figures import draw_figures

    (config,) = sections(job, Config)
    draw_figures(
        config=config,
        results=Path("results"),
        comparison=Path(job.input.comparison),
        tables=tables(job.input.tables),
        output=Path(job.output.reconstructions).parent,
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
