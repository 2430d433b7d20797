"""Occupancy to mesh, and mesh to better mesh."""

from typing import Annotated, Literal

from pydantic import Field

from shelfnet.config.section import Count, Section, Weight


class ReconstructSettings(Section):
    """Occupancy to mesh."""

    resolution: Annotated[int, Field(ge=8, le=256)] = 64
    level: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    largest_component: bool = False
    max_faces: Count = 20_000
    views_per_model: Count = 2
    parts: Count = 1


class RefineWeights(Section):
    """Weights of the refinement energy; the defaults are the original code's."""

    mask: Weight = 50.0
    rgb: Weight = 10.0
    laplacian: Weight = 100.0
    edge: Weight = 1.0
    normal: Weight = 0.01
    offset: Weight = 1000.0


class RefineSettings(Section):
    """Vertices and camera through the differentiable rasterizer."""

    enabled: bool = True
    rasterizer: Literal["own", "pytorch3d"] = "own"
    iterations: Annotated[int, Field(ge=0)] = 80
    learning_rate: Annotated[float, Field(gt=0.0)] = 3e-3
    camera_learning_rate: Annotated[float, Field(ge=0.0)] = 1e-2
    smoothing: Annotated[float, Field(ge=0.0)] = 10.0
    resolution_px: Annotated[int, Field(ge=16, le=512)] = 64
    faces_per_pixel: Count = 10
    sigma: Annotated[float, Field(gt=0.0)] = 3e-5
    max_faces: Count = 5_000
    batch_size: Count = 8
    weights: RefineWeights = RefineWeights()
