"""Occupancy to mesh, and mesh to better mesh."""

from typing import Annotated, Literal

from pydantic import Field

from shelfnet.config.section import Count, Section, Weight

Texture = Literal["vertex", "atlas"]
"""Where a mesh keeps its colours: one a vertex, or an image over a UV atlas."""

ChosenBy = Literal["render", "classifier"]
"""What chooses among an encoder's hypotheses of the view: renders of all, or the classifier that it learned."""

TexturePx = Annotated[int, Field(ge=32, le=4096)]


class ReconstructSettings(Section):
    """Occupancy to mesh."""

    resolution: Annotated[int, Field(ge=8, le=256)] = 64
    level: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    largest_component: bool = False
    choose_view: ChosenBy = "render"
    max_faces: Count = 20_000
    texture: Texture = "vertex"
    texture_px: TexturePx = 512
    views_per_model: Count = 2
    parts: Count = 1


class RefineWeights(Section):
    """Weights of the refinement energy; the defaults are the original code's, whose mask term is a mean distance."""

    mask: Weight = 50.0
    rgb: Weight = 10.0
    laplacian: Weight = 100.0
    edge: Weight = 100.0
    normal: Weight = 1.0
    offset: Weight = 1000.0


class RefineSettings(Section):
    """Vertices and camera through the differentiable rasterizer."""

    enabled: bool = True
    rasterizer: Literal["own", "pytorch3d"] = "own"
    iterations: Annotated[int, Field(ge=0)] = 80
    learning_rate: Annotated[float, Field(gt=0.0)] = 2e-2
    camera_learning_rate: Annotated[float, Field(ge=0.0)] = 1e-2
    smoothing_length: Annotated[float, Field(ge=0.0, le=1.0)] = 0.12
    max_offset: Annotated[float, Field(gt=0.0)] | None = 0.25
    resolution_px: Annotated[int, Field(ge=16, le=512)] = 64
    faces_per_pixel: Count = 10
    sigma: Annotated[float, Field(gt=0.0)] = 3e-5
    max_faces: Count = 5_000
    batch_size: Count = 8
    texture: Texture = "atlas"
    texture_px: TexturePx = 512
    weights: RefineWeights = RefineWeights()
