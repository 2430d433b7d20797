"""Script of the rule ``write_report``: write the self-contained report page."""

from pathlib import Path

from stage import journal, run, sections, tables


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.schema import Config
    from shelfnet.steps.write_report import write_report

    (config,) = sections(job, Config)
    write_report(
        config=config,
        results=Path("results"),
        comparison=Path(job.input.comparison),
        figures=Path(job.input.figures[0]).parent,
        tables=tables(job.input.tables),
        output=Path(job.output[0]),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
