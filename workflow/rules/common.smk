"""Shared helpers of the rules: file names, and settings of the ablation in a wildcard."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from snakemake_interface_executor_plugins.executors.base import AbstractExecutor
from snakemake_logger_plugin_shelfnet.reruns import describe_reruns

SHARDS = [f"{shard:04d}" for shard in range(CONFIG.render.shards)]
RENDERS = [f"results/renders/shard-{shard}.parquet" for shard in SHARDS]
SURFACES = [f"results/surfaces/shard-{shard}.parquet" for shard in SHARDS if CONFIG.dataset.has_truth]
ABLATIONS = [*CONFIG.ablations, *([] if UNTRAINED in CONFIG.ablations else [UNTRAINED])]
TABLES = [f"results/{ablation}/chamfer.csv" for ablation in ABLATIONS]
DISCOVERED = ["results/views/views.parquet", "results/views/shapes.safetensors"]
LEVELS = ["results/baselines/validation.csv"] if CONFIG.dataset.has_truth else []
RECONSTRUCTIONS = "results/figures/reconstructions.png"
FIGURES = {
    "curves": "results/figures/chamfer_curves.png",
    "memory": "results/figures/memory_scaling.png",
}

FOLLOWERS = []  # the process of follow_tracking


wildcard_constraints:
    ablation="(?!baselines/)[A-Za-z0-9_-]+",
    seed="[0-9]+",
    shard="[0-9]{4}",
    part="[0-9]+",


def staging_settings(wildcards):
    """Settings of staging, with the resolved path of the data set: a path that is only spelt differently reruns nothing.

    A missing path stops the run here, before a job deletes what was staged earlier.
    """
    place = data_place()
    if place is None:
        return settings_json(CONFIG.dataset.for_staging())
    return settings_json(CONFIG.dataset.for_staging().model_copy(update={"path": str(place), "path_env": None}))


def staging_files(wildcards):
    """Digest of the names and sizes of the data set's files; a change reruns staging."""
    return f"files {listing_digest(data_place())}"


@cache
def data_place():
    """Path of the user's folder or zip file; ``None`` for data sets that are generated or downloaded."""
    try:
        return find_place(CONFIG.dataset, os.environ)
    except ConfigError as error:
        raise SystemExit(str(error)) from None


# Extra params of the staging rules, for data sets that the user provides.
STAGED_FILES = {"files": staging_files} if CONFIG.dataset.has_place else {}


@cache
def ablation_by_name(name):
    """Configuration of an ablation, built once instead of once per job."""
    return for_ablation(CONFIG, name)


@cache
def ablation_json(name, sections):
    """Sections of an ablation's configuration as a param, built once as well."""
    return settings_json(*(getattr(ablation_by_name(name), section) for section in sections))


def ablation_config(wildcards):
    """Configuration of the wildcard's ablation; an unknown name stops the run here, before any job.

    Snakemake prints only the message of a ``SystemExit``, without a traceback.
    """
    try:
        return ablation_by_name(wildcards.ablation)
    except ConfigError as error:
        raise SystemExit(str(error)) from None


def ablation_settings(*sections):
    """Params function for sections of the ablation's configuration: only settings that a rule reads rerun it."""

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
    """GPUs of rules that all ablations share."""
    return requested_gpus(CONFIG.train.device, on_cluster=not workflow.local_exec)


def training_gpus(wildcards):
    """One GPU per training process."""
    return ablation_gpus(wildcards) * ablation_config(wildcards).train.processes


def clip_weights(wildcards):
    """CLIP model of the rule ``train_clip``, for ablations that use it."""
    tree = ablation_config(wildcards)
    return ["results/clip_model/model.safetensors"] if tree.losses.clip > 0 and tree.clip.source == "trained" else []


def starts_from_discovery(tree):
    """Whether training with these settings starts from the views and shapes of the rule ``discover_views``."""
    return tree.train.warm_start.enabled and tree.train.iterations > 0


@cache
def warm_start_settings(name):
    """Settings of an ablation that its warm start reads."""
    return settings_json(warm_start_inputs(ablation_by_name(name)))


@cache
def shared_warm_start(name):
    """The first ablation whose warm start has equal settings: all ablations that share them start from its result."""
    names = (other for other in CONFIG.ablations if starts_from_discovery(ablation_by_name(other)))
    return next(other for other in names if warm_start_settings(other) == warm_start_settings(name))


def warm_start_weights(wildcards):
    """Weights of the rule ``warm_start``, for ablations that start from discovered views."""
    if not starts_from_discovery(ablation_config(wildcards)):
        return []
    return [f"results/warm_starts/{shared_warm_start(wildcards.ablation)}/seed{wildcards.seed}.safetensors"]


def discovered_views(wildcards):
    """Views and shapes of the rule ``discover_views``, for ablations that start from them."""
    return DISCOVERED if starts_from_discovery(ablation_config(wildcards)) else []


def parts(stage):
    """Input function for a stage's folders of meshes, of one ablation and seed."""

    def folders(wildcards):
        n_parts = ablation_config(wildcards).reconstruct.parts
        return expand(f"results/{{{{ablation}}}}/seed{{{{seed}}}}/{stage}/part-{{part}}", part=range(n_parts))

    return folders


def tables_of_seeds(wildcards):
    """One table per seed; ``untrained`` has one seed, because the seed only affects training."""
    seeds = ablation_config(wildcards).seeds[: 1 if wildcards.ablation == UNTRAINED else None]
    return expand("results/{ablation}/seed{seed}/chamfer.csv", ablation=wildcards.ablation, seed=seeds)


def announce_submitted():
    """Have the Slurm plugin log every job that it submits, as Snakemake's own executors do; version 2.6 does not."""
    executor = workflow.executor_plugin.executor
    submit = executor.run_jobs
    if submit is AbstractExecutor.run_jobs:
        return

    def run_jobs(self, jobs):
        for job in jobs:
            self.run_job_pre(job)
        submit(self, jobs)

    executor.run_jobs = run_jobs


def tell_reruns():
    """Say which stages run again although they have results, and why."""
    dag = workflow.dag
    jobs = [job for level in dag.toposorted() for job in level if dag.needrun(job)]
    if text := describe_reruns((job.rule.name, str(dag.reason(job))) for job in jobs):
        logger.warning(text)


def follow_tracking():
    """Mirror the journals to MLflow while the run goes on, in a separate process that cannot fail or slow the run.

    The process sees the end of the run, even a violent one, by the end of its standard input.
    """
    if CONFIG.tracking.enabled:
        command = tracking_command("mirror_tracking.py", "--follow")
        FOLLOWERS.append(subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True))


def finish_tracking():
    """Wait until the rest of the journals is mirrored."""
    for follower in FOLLOWERS:
        follower.communicate()


def tell_killed():
    """Mirror jobs that were killed in an earlier run, even if nothing is left to do in this one."""
    if CONFIG.tracking.enabled and mark_killed(Path("results/journal")):
        subprocess.run(tracking_command("mirror_tracking.py"), check=False)


def summarise_run():
    """Print result, report, curves and the command that predicts a mesh, after all jobs have succeeded."""
    subprocess.run(tracking_command("summarise_run.py"), check=False)


def tracking_command(script, *arguments):
    """Command that runs a script with the tracking settings."""
    path = Path(workflow.basedir, "workflow/scripts", script)
    return [sys.executable, path, settings_json(CONFIG.tracking), *arguments]


def warn_about_unread():
    """Warn once about a variable or file that is set but not read."""
    variable = unread_variable(CONFIG.dataset, os.environ)
    if variable is not None:
        logger.warning(
            f"{variable} is set and not read, because dataset.kind is {CONFIG.dataset.kind}"
            + (" with dataset.urls" if CONFIG.dataset.urls else "")
            + " (docs/data.md)"
        )
    own = Path(workflow.basedir, "config.yaml")
    if Path("config.yaml").is_file() and not own.samefile("config.yaml"):
        logger.warning(f"{Path('config.yaml').resolve()} is not read; pass --configfile to override settings of {own}")


# Rules by the section of ``resources`` that they request, apart from sections of the name of their rule.
SECTIONS_OF_RULES = {
    **dict.fromkeys(["stage_dataset", "build_catalogue", "sample_surfaces"], "catalogue"),
    **dict.fromkeys(["stage_photographs", "catalogue_photographs"], "catalogue"),
    **dict.fromkeys(["render_views", "crop_photographs"], "render"),
    "warm_start": "train",
    **dict.fromkeys(["evaluate_baselines", "evaluate_silhouettes", "evaluate_sphere"], "evaluate"),
    **dict.fromkeys(["compare", "draw_figures", "draw_reconstructions", "write_report", "measure_memory"], "report"),
}


def warn_about_replaced():
    """Warn about resources of the settings that a profile or an option of Snakemake replaces."""
    replaced = workflow.resource_settings
    given = CONFIG.resources.model_dump()
    defaults = type(CONFIG.resources)().model_dump()
    for job in {**replaced.overwrite_resources, **replaced.overwrite_threads}:
        section = SECTIONS_OF_RULES.get(job, job)
        names = {"runtime": "runtime_min", "mem_mb": "mem_mb"}
        names = {key: name for key, name in names.items() if key in replaced.overwrite_resources.get(job, {})}
        if job in replaced.overwrite_threads:
            names["threads"] = "threads"
        for key, name in names.items():
            if given.get(section, {}).get(name) != defaults.get(section, {}).get(name):
                option = f"--set-threads {job}=..." if key == "threads" else f"--set-resources {job}:{key}=..."
                logger.warning(
                    f"resources.{section}.{name} of the settings does not apply to {job}: the profile or an option "
                    f"sets {key} of this rule; change it there, or with {option}"
                )


if workflow.is_main_process:
    warn_about_unread()
    tell_killed()
    warn_about_replaced()
