"""Script of the rule ``measure_memory``: measure memory against resolution."""

from pathlib import Path

from stage import run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.evaluate import FiguresSettings
    from shelfnet.config.networks import ModelSettings
    from shelfnet.steps.measure_memory import measure_memory

    model, figures = sections(job, ModelSettings, FiguresSettings)
    measure_memory(settings=model, resolutions=figures.memory_resolutions, output=Path(job.output[0]))


if __name__ == "__main__":
    run(main, snakemake)
