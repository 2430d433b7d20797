"""Script of the rule ``train``: train one network with one seed."""

from pathlib import Path

from stage import journal, paths, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.load import for_ablation, validate
    from shelfnet.config.stage_inputs import TrainInputs
    from shelfnet.steps.train import TrainJob, train

    (settings,) = sections(job, TrainInputs)
    # Not params of the rule, so that other mesh settings do not retrain.
    tree = for_ablation(validate(job.config), job.wildcards.ablation)
    (clip,) = paths(job.input.clip) or [None]
    views = paths(job.input.views)
    (warm_start,) = paths(job.input.warm_start) or [None]
    train(
        TrainJob(
            settings=settings,
            reconstruct=tree.reconstruct,
            refine=tree.refine,
            ablation=job.wildcards.ablation,
            seed=int(job.wildcards.seed),
            shards=paths(job.input.shards),
            surfaces=paths(job.input.surfaces),
            clip=clip and clip.parent,
            discovery=views[0].parent if views else None,
            warm_start=warm_start,
            output=Path(job.output.weights).parent,
            threads=job.threads,
            journal=journal(job),
        )
    )


if __name__ == "__main__":
    run(main, snakemake)
