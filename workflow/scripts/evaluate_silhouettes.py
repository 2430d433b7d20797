"""Script of the rule ``evaluate_silhouettes``: compute the metrics that need no true shape."""

from pathlib import Path

from stage import journal, paths, run


def main(job) -> None:
    """Call the step."""
    from shelfnet.steps.evaluate_silhouettes import evaluate_silhouettes

    evaluate_silhouettes(
        ablation=job.wildcards.ablation,
        seed=int(job.wildcards.seed),
        coarse=paths(job.input.coarse),
        refined=paths(job.input.refined),
        shards=paths(job.input.shards),
        output=Path(job.output[0]),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
