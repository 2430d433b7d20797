"""Script of the rule ``warm_start``: start the networks of an ablation on the discovered views."""

from pathlib import Path

from stage import paths, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.stage_inputs import WarmStartInputs
    from shelfnet.steps.warm_start import warm_start

    (settings,) = sections(job, WarmStartInputs)
    warm_start(
        settings=settings,
        name=f"{job.wildcards.ablation}/seed{job.wildcards.seed}",
        seed=int(job.wildcards.seed),
        shards=paths(job.input.shards),
        discovery=Path(job.input.views[0]).parent,
        output=Path(job.output.weights),
        threads=job.threads,
    )


if __name__ == "__main__":
    run(main, snakemake)
