"""From a data set to a report: images, training, meshes, metrics."""

import os
import re
import sys

from snakemake.utils import min_version

try:
    from shelfnet.gpus import requested_gpus
    from shelfnet.config.load import UNTRAINED, ConfigError, for_ablation, settings_json, validate
    from shelfnet.config.place import find_place, listing_digest, unread_variable
    from shelfnet.config.stage_inputs import train_inputs, warm_start_inputs
    from shelfnet.dependencies import code_digest
    from shelfnet.tracking.job_status import mark_killed
except ModuleNotFoundError as error:
    raise SystemExit(
        f"{sys.executable}, which runs Snakemake, has no package {error.name!r}: "
        "source .venv/bin/activate (`make setup` makes .venv)"
    ) from None

if re.search(r"[^\w@%+=:,./~-]", sys.executable):
    raise SystemExit(
        f"{sys.executable!r}: Snakemake cannot run jobs with this interpreter, because its path contains a blank or "
        "another character that is special to the shell; move the environment (or the project) to another path"
    )

min_version("9.0")


# Path of the project's config.yaml, which also holds with --directory.
configfile: os.path.relpath(os.path.join(workflow.basedir, "config.yaml"))


try:
    CONFIG = validate(config)
except ConfigError as error:
    raise SystemExit(str(error)) from None


include: "workflow/rules/common.smk"


localrules:
    all,


rule all:
    input:
        "results/comparison.csv",
        "results/comparison.md",
        "results/comparison.tex",
        "results/claims.csv",
        FIGURES.values(),
        RECONSTRUCTIONS,
        "results/report.html",


if CONFIG.dataset.has_truth:

    include: "workflow/rules/catalogue.smk"
    include: "workflow/rules/render.smk"
    include: "workflow/rules/evaluate.smk"

else:

    include: "workflow/rules/photographs.smk"
    include: "workflow/rules/silhouettes.smk"


include: "workflow/rules/train.smk"
include: "workflow/rules/reconstruct.smk"
include: "workflow/rules/report.smk"


onstart:
    announce_submitted()
    tell_reruns()
    follow_tracking()


onsuccess:
    finish_tracking()
    summarise_run()


onerror:
    finish_tracking()
