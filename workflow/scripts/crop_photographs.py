"""Script of the rule ``crop_photographs``: crop the photographs of one shard."""

from pathlib import Path

from stage import journal, run, sections


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.images import ImagesSettings
    from shelfnet.steps.crop_photographs import crop_photographs

    (settings,) = sections(job, ImagesSettings)
    crop_photographs(
        settings=settings,
        resolution_px=job.params.resolution_px,
        timeout_s=job.params.timeout_s,
        memory_mb=job.params.memory_mb,
        manifest=Path(job.input.manifest),
        photographs=Path(job.input.photographs),
        shard=int(job.wildcards.shard),
        n_shards=job.params.n_shards,
        output=Path(job.output.shard),
        quarantine=Path(job.output.quarantine),
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
