"""Script of the rule ``evaluate``: compute the metrics of every test view."""

from pathlib import Path

from stage import journal, paths, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.evaluate import EvaluateSettings
    from shelfnet.steps.evaluate import evaluate

    (settings,) = sections(job, EvaluateSettings)
    evaluate(
        settings=settings,
        ablation=job.wildcards.ablation,
        seed=int(job.wildcards.seed),
        coarse=paths(job.input.coarse),
        refined=paths(job.input.refined),
        surfaces=paths(job.input.surfaces),
        shards=paths(job.input.shards),
        output=Path(job.output[0]),
        threads=job.threads,
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
