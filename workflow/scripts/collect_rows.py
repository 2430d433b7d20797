"""Script of the rule ``collect_rows``: join the seeds' tables of an ablation."""

from pathlib import Path

from stage import paths, run


def main(job) -> None:
    """Call the step."""
    from shelfnet.steps.collect_rows import collect_rows

    collect_rows(inputs=paths(job.input), output=Path(job.output[0]))


if __name__ == "__main__":
    run(main, snakemake)
