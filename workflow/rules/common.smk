"""What several rules share: names of files, and what a wildcard's ablation stands for."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

SHARDS = [f"{shard:04d}" for shard in range(CONFIG.render.shards)]
RENDERS = [f"results/renders/shard-{shard}.parquet" for shard in SHARDS]
SURFACES = [f"results/surfaces/shard-{shard}.parquet" for shard in SHARDS if CONFIG.dataset.has_truth]
ABLATIONS = [*CONFIG.ablations, *([] if UNTRAINED in CONFIG.ablations else [UNTRAINED])]
TABLES = [f"results/{ablation}/chamfer.csv" for ablation in ABLATIONS]
LEVELS = ["results/baselines/validation.csv"] if CONFIG.dataset.has_truth else []
FIGURES = {
    "reconstructions": "results/figures/reconstructions.png",
    "curves": "results/figures/chamfer_curves.png",
    "memory": "results/figures/memory_scaling.png",
}


wildcard_constraints:
    ablation="(?!baselines/)[A-Za-z0-9_-]+",
    seed="[0-9]+",
    shard="[0-9]{4}",
    part="[0-9]+",


def staging_settings(wildcards):
    """What staging reads, with the data set's place found, so that no other way to write it reruns anything.

    A place that is not there stops here, before a job has deleted what an earlier one staged.
    """
    place = data_place()
    if place is None:
        return settings_json(CONFIG.dataset.for_staging())
    return settings_json(CONFIG.dataset.for_staging().model_copy(update={"path": str(place), "path_env": None}))


def staging_files(wildcards):
    """Digest of the names and sizes of the data set's files: new or other files stage anew."""
    return listing_digest(data_place())


@cache
def data_place():
    """The user's own folder or zip file; none for data sets that are generated or fetched."""
    try:
        return find_place(CONFIG.dataset, os.environ)
    except ConfigError as error:
        raise SystemExit(str(error)) from None


# Further params of the rules that stage: absent where there are no files of the user's to look at.
STAGED_FILES = {"files": staging_files} if CONFIG.dataset.has_place else {}


@cache
def ablation_tree(name):
    """What an ablation stands for, put together once and not once a job."""
    return for_ablation(CONFIG, name)


@cache
def ablation_json(name, sections):
    """Sections of an ablation's tree as a rule's params, likewise."""
    return settings_json(*(getattr(ablation_tree(name), section) for section in sections))


def ablation_config(wildcards):
    """The tree of a wildcard's ablation; a name that nobody configured stops here, before any job.

    ``SystemExit`` is the one exception that Snakemake shows as its message alone.
    """
    try:
        return ablation_tree(wildcards.ablation)
    except ConfigError as error:
        raise SystemExit(str(error)) from None


def ablation_settings(*sections):
    """A params function: these sections of the ablation's tree, so that only what a rule reads reruns it."""

    def settings(wildcards):
        ablation_config(wildcards)
        return ablation_json(wildcards.ablation, sections)

    return settings


def train_settings(wildcards):
    """Settings of the ablation that training reads."""
    return settings_json(train_inputs(ablation_config(wildcards)))


def ablation_device(wildcards):
    return ablation_config(wildcards).train.device


def ablation_gpus(wildcards):
    return requested_gpus(ablation_device(wildcards), on_cluster=not workflow.local_exec)


def shared_gpus(wildcards):
    """Of what all ablations share."""
    return requested_gpus(CONFIG.train.device, on_cluster=not workflow.local_exec)


def training_gpus(wildcards):
    """A GPU for each process of a training."""
    return ablation_gpus(wildcards) * ablation_config(wildcards).train.processes


def clip_weights(wildcards):
    """The CLIP model that the rule train_clip makes, for ablations that use it."""
    tree = ablation_config(wildcards)
    return ["results/clip_model/model.safetensors"] if tree.losses.clip > 0 and tree.clip.source == "trained" else []


def parts(stage):
    """An input function: the folders of meshes that a stage makes for one ablation and seed."""

    def folders(wildcards):
        n_parts = ablation_config(wildcards).reconstruct.parts
        return expand(f"results/{{{{ablation}}}}/seed{{{{seed}}}}/{stage}/part-{{part}}", part=range(n_parts))

    return folders


def tables_of_seeds(wildcards):
    """One table a seed; nothing changes from seed to seed where nothing was trained, so ``untrained`` has one."""
    seeds = ablation_config(wildcards).seeds[: 1 if wildcards.ablation == UNTRAINED else None]
    return expand("results/{ablation}/seed{seed}/chamfer.csv", ablation=wildcards.ablation, seed=seeds)


def mirror_tracking():
    """Copy what the journals say to MLflow, in a process of its own that can neither fail nor hold up the run."""
    if not CONFIG.tracking.enabled:
        return
    script = Path(workflow.basedir, "workflow/scripts/mirror_tracking.py")
    subprocess.run([sys.executable, script, settings_json(CONFIG.tracking)], check=False)


def warn_of_unread():
    """Name, once, what a user gave and this run does not read."""
    variable = unread_variable(CONFIG.dataset, os.environ)
    if variable is not None:
        logger.warning(
            f"{variable} is set and not read: dataset.kind is {CONFIG.dataset.kind}"
            + (" with dataset.urls" if CONFIG.dataset.urls else "")
            + " (docs/data.md)"
        )
    own = Path(workflow.basedir, "config.yaml")
    if Path("config.yaml").is_file() and not own.samefile("config.yaml"):
        logger.warning(f"{Path('config.yaml').resolve()} is not read; settings over {own} are given by --configfile")


if workflow.is_main_process:
    warn_of_unread()
