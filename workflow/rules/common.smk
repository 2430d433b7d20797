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


def located(dataset):
    """The data set's settings with the place that the environment variable names, where it is set."""
    return dataset.model_copy(update={"path": os.environ.get(dataset.path_env or "") or dataset.path})


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
    """What training reads of the ablation's tree."""
    return training_json(ablation_config(wildcards))


def ablation_device(wildcards):
    return ablation_config(wildcards).train.device


def ablation_gpus(wildcards):
    return int(ablation_device(wildcards) == "cuda")


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
