"""Script of the rule ``evaluate_sphere``: evaluate the sphere, the one baseline that needs no true shape."""

from pathlib import Path

from stage import journal, paths, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.render import RenderSettings
    from shelfnet.steps.evaluate_silhouettes import evaluate_sphere

    (render,) = sections(job, RenderSettings)
    evaluate_sphere(
        render=render,
        shards=paths(job.input.shards),
        views_per_model=job.params.views_per_model,
        output=Path(job.output[0]),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
