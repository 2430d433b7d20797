"""Metrics, and figures that need measurements of their own."""

from typing import Literal

from pydantic import Field

from shelfnet.config.section import Count, Section

Resolution = Literal[16, 32, 64, 128, 256, 512]

CURVE_POINTS = 2_048
"""Points per surface for validation curves and the baseline levels in them; the test table has ``n_points``."""


class EvaluateSettings(Section):
    """Metrics and their intervals."""

    n_points: int = Field(default=10_000, ge=256)
    """Number of area-uniform points per surface."""
    fscore_threshold: float = Field(default=0.05, gt=0.0)
    """Distance threshold of the F-score, relative to the longest side."""
    alignment_steps: Count = 72
    """Number of azimuths tried for the one rotation per trained model."""
    icp_iterations: int = Field(default=20, ge=0)
    """Maximum number of ICP iterations for chamfer_icp; 0 makes it equal to chamfer."""
    unicorn_points: int = Field(default=100_000, ge=256)
    """Number of area-uniform points per surface for chamfer_unicorn."""
    unicorn_iterations: int = Field(default=100, ge=0)
    """Number of steps of the fit with one scale per axis in chamfer_unicorn."""
    bootstrap_samples: Count = 2_000
    """Number of bootstrap samples over objects and seeds, for the intervals."""
    random_train_draws: Count = 5
    """Number of training shapes per object that random_train averages over."""
    medoid_candidates: Count = 200
    """Number of training shapes from which mean_shape is chosen."""
    backend: Literal["scipy", "torch", "pytorch3d"] = "scipy"
    """Nearest-neighbour search: scipy | torch | pytorch3d."""
    seed: int = 0
    """Random seed of sampled points and intervals."""


class FiguresSettings(Section):
    """Figures that need measurements of their own."""

    memory_resolutions: tuple[Resolution, ...] = Field(default=(16, 32, 64, 128), min_length=2)
    """Grid resolutions of memory_scaling.png; 256 needs 3.8 GB."""
