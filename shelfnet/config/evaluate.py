"""Metrics and their intervals."""

from typing import Annotated, Literal

from pydantic import Field

from shelfnet.config.section import Count, Section


class EvaluateSettings(Section):
    """Metrics and their intervals."""

    n_points: Annotated[int, Field(ge=256)] = 10_000
    fscore_threshold: Annotated[float, Field(gt=0.0)] = 0.05
    alignment_steps: Count = 72
    icp_iterations: Annotated[int, Field(ge=0)] = 20
    bootstrap_samples: Count = 2_000
    random_train_draws: Count = 5
    medoid_candidates: Count = 200
    backend: Literal["scipy", "torch", "pytorch3d"] = "scipy"
    seed: int = 0
