"""Script of the rule ``compare``: compare ablations and baselines in one table."""

import json
from pathlib import Path

from stage import journal, run, sections, tables


def main(job) -> None:
    """Call the step."""
    from shelfnet.config.evaluate import EvaluateSettings
    from shelfnet.config.supervision import PerceptualSettings
    from shelfnet.provenance import code_version
    from shelfnet.steps.compare import compare

    settings, perceptual = sections(job, EvaluateSettings, PerceptualSettings)
    manifest = json.loads(Path(job.input.manifest).read_text(encoding="utf-8"))
    compare(
        settings=settings,
        tables=tables(job.input.tables),
        baselines=Path(job.input.baselines),
        output_csv=Path(job.output.csv),
        output_md=Path(job.output.md),
        output_tex=Path(job.output.tex),
        output_claims=Path(job.output.claims),
        memory=Path(job.input.memory),
        provenance={
            "code version": code_version(),
            "data set": f"{manifest['kind']}, {manifest['models']} listed, digest {manifest['digest'][:16]}",
            "perceptual features": perceptual.weights,
        },
        journal=journal(job),
    )


if __name__ == "__main__":
    run(main, snakemake)
