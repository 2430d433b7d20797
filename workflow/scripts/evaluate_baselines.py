"""Script of the rule ``evaluate_baselines``: evaluate the trivial baselines."""

from pathlib import Path

from stage import journal, paths, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.evaluate import EvaluateSettings
    from shelfnet.steps.evaluate_baselines import evaluate_baselines

    (settings,) = sections(job, EvaluateSettings)
    evaluate_baselines(
        settings=settings,
        surfaces=paths(job.input.surfaces),
        shards=paths(job.input.shards),
        views_per_model=job.params.views_per_model,
        validation_views=job.params.validation_views,
        output=Path(job.output.rows),
        levels=Path(job.output.levels),
        threads=job.threads,
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
