"""Experiment tracking, and the resources that jobs request."""

from pydantic import Field

from shelfnet.config.section import Count, Section


class TrackingSettings(Section):
    """MLflow, which mirrors the journals in results/journal."""

    enabled: bool = True
    """Whether runs are mirrored to MLflow; false keeps the journals alone."""
    uri: str = "sqlite:///results/mlflow.db"
    """Tracking URI: a local database or a server's address."""
    experiment: str = "shelfnet"
    """Name of the MLflow experiment."""
    timeout_s: float = Field(default=30.0, gt=0.0)
    """Time limit in seconds without progress; the next run sends what is missing."""


class StageResources(Section):
    """Resources of one job."""

    threads: Count = 1
    """Number of threads."""
    mem_mb: Count = 1_500
    """Memory in MB."""
    runtime_min: Count = 480
    """Time limit in minutes."""


class ResourceSettings(Section):
    """Threads, memory in MB and time limit in minutes that one job of a stage requests; profiles may override them.

    GPUs follow from render.device and train.device.
    """

    catalogue: StageResources = StageResources()
    """Also staging and true surfaces."""
    render: StageResources = StageResources(runtime_min=720)
    discover_views: StageResources = StageResources()
    train_clip: StageResources = StageResources()
    train: StageResources = StageResources(runtime_min=2_880)
    reconstruct: StageResources = StageResources()
    refine: StageResources = StageResources(runtime_min=1_440)
    evaluate: StageResources = StageResources()
    report: StageResources = StageResources(mem_mb=4_500)
    """Also comparison and figures."""
