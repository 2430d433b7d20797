"""What a run asks of its surroundings: tracking and resources."""

from typing import Annotated

from pydantic import Field

from shelfnet.config.section import Count, Section


class TrackingSettings(Section):
    """MLflow, the mirror of the local journal."""

    enabled: bool = True
    uri: str = "sqlite:///results/mlflow.db"
    experiment: str = "shelfnet"
    timeout_s: Annotated[float, Field(gt=0.0)] = 30.0


class StageResources(Section):
    """What one job of a stage asks the scheduler for."""

    threads: Count = 1
    mem_mb: Count = 1_500
    runtime_min: Count = 480


class ResourceSettings(Section):
    """Resources by stage; profiles may override them. GPUs follow from ``render.device`` and ``train.device``."""

    catalogue: StageResources = StageResources()
    render: StageResources = StageResources(runtime_min=720)
    train_clip: StageResources = StageResources()
    train: StageResources = StageResources(runtime_min=2_880)
    reconstruct: StageResources = StageResources()
    refine: StageResources = StageResources(runtime_min=1_440)
    evaluate: StageResources = StageResources()
    report: StageResources = StageResources(mem_mb=4_500)
