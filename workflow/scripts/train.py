"""Adapter of the rule ``train``: one network, one seed."""

import json
from pathlib import Path

from stage import journal, paths, run


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.schema import Config
    from shelfnet.steps.train import Run, train

    (clip,) = paths(job.input.clip) or [None]
    train(
        Run(
            config=Config.model_validate(json.loads(job.params.settings)),
            ablation=job.wildcards.ablation,
            seed=int(job.wildcards.seed),
            shards=paths(job.input.shards),
            surfaces=paths(job.input.surfaces),
            clip=clip and clip.parent,
            output=Path(job.output.weights).parent,
            threads=job.threads,
            journal=journal(job),
        )
    )


if __name__ == "__main__":
    run(main, snakemake)
