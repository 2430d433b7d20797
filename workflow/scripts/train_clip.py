"""Script of the rule ``train_clip``: train a small CLIP on images and captions."""

from pathlib import Path

from stage import journal, paths, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.supervision import ClipSettings
    from shelfnet.steps.train_clip import train_clip

    (settings,) = sections(job, ClipSettings)
    train_clip(
        settings=settings,
        shards=paths(job.input.shards),
        output=Path(job.output.weights).parent,
        device=job.params.device,
        threads=job.threads,
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
