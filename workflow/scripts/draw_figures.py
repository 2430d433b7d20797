"""Script of the rule ``draw_figures``: draw all figures but the reconstructions."""

from pathlib import Path

from stage import journal, paths, run, sections, tables


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.schema import Config
    from shelfnet.steps.draw_figures import draw_figures

    (config,) = sections(job, Config)
    levels = paths(job.input.levels)
    draw_figures(
        config=config,
        results=Path("results"),
        tables=tables(job.input.tables),
        baselines=Path(job.input.baselines),
        levels=levels[0] if levels else None,
        output=Path(job.output.curves).parent,
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
