"""Adapter of the rule ``measure_memory``: how memory grows with resolution."""

from pathlib import Path

from stage import run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.networks import ModelSettings
    from shelfnet.steps.measure_memory import measure_memory

    (settings,) = sections(job, ModelSettings)
    measure_memory(settings=settings, output=Path(job.output[0]))


if __name__ == "__main__":
    run(main, snakemake)
