"""Extraction and refinement of meshes."""

from typing import Annotated, Literal

from pydantic import Field

from shelfnet.config.section import Count, Section, Weight

Texture = Literal["vertex", "atlas"]
"""Storage of a mesh's colours: one per vertex, or an image over a UV atlas."""

ChosenBy = Literal["render", "classifier"]
"""Criterion that chooses among the camera hypotheses: their renders, or the encoder's classifier."""

TexturePx = Annotated[int, Field(ge=32, le=4096)]
FaceBudget = Annotated[int, Field(ge=4)]
"""At least the faces of a tetrahedron, the smallest closed surface."""


class ReconstructSettings(Section):
    """Extraction of meshes from occupancy."""

    resolution: int = Field(default=48, ge=8, le=256)
    """Resolution of the marching-cubes grid in cells per side."""
    level: float = Field(default=0.2, gt=0.0, lt=1.0)
    """Occupancy at the surface, of meshes and validation; the original code has 0.05."""
    choose_view: ChosenBy = "render"
    """Choice of the view hypothesis: render (render nearest to the image) | classifier."""
    largest_component: bool = False
    """Whether only the largest component is kept; this hides floaters from the metrics."""
    max_faces: FaceBudget = 20_000
    """Maximum number of faces; larger meshes are simplified."""
    texture: Texture = "vertex"
    """Colours: vertex (one per vertex) | atlas (baked image, 1 to 3 s per mesh of this size)."""
    texture_px: TexturePx = 256
    """Texture size in pixels per side, for atlas only."""
    views_per_model: Count = 1
    """Number of test views per model."""
    parts: Count = 1
    """Number of jobs that the views are split into."""


class RefineWeights(Section):
    """Weights of the refinement energy, those of the original code."""

    mask: Weight = 50.0
    """Weight of the mask loss (Eq. 5) of the silhouette."""
    rgb: Weight = 10.0
    """Weight of the colour loss (Eq. 4)."""
    mirror: Weight = 1.0
    """Weight of the mirrored image from the mirrored camera, relative to the image; 0 ignores symmetry."""
    laplacian: Weight = 100.0
    """Weight of Laplacian smoothing."""
    edge: Weight = 100.0
    """Weight of the mean squared edge length."""
    normal: Weight = 1.0
    """Weight of the consistency of neighbouring face normals."""
    offset: Weight = 1000.0
    """Weight of the distance of vertices from their start."""


class RefineSettings(Section):
    """Refinement of vertices and camera through the differentiable rasterizer."""

    enabled: bool = True
    """Whether meshes are refined; false copies the coarse meshes."""
    rasterizer: Literal["own", "pytorch3d"] = "own"
    """Rasterizer: own | pytorch3d (where it is installed)."""
    iterations: int = Field(default=40, ge=0, le=10_000)
    """Number of optimiser steps per mesh."""
    learning_rate: float = Field(default=2e-2, gt=0.0)
    """Step size of the fastest vertex in object units."""
    camera_learning_rate: float = Field(default=1e-2, ge=0.0)
    """Step size of the camera in radians."""
    smoothing_length: float = Field(default=0.07, ge=0.0, le=1.0)
    """Length in object units over which vertices move together."""
    max_offset: Annotated[float, Field(gt=0.0)] | None = 0.25
    """Maximum distance in object units of a vertex from its start; null sets no limit."""
    resolution_px: int = Field(default=64, ge=16, le=512)
    """Size in pixels per side of the renders compared with the image."""
    faces_per_pixel: int = Field(default=10, ge=1, le=1_000)
    """Maximum number of faces blended per pixel, nearest first."""
    sigma: float = Field(default=5e-5, gt=0.0)
    """Softness of silhouettes in squared NDC distance; edges fade over about sqrt(9.2 sigma)."""
    max_faces: FaceBudget = 1_000
    """Maximum number of faces; meshes are simplified to it first."""
    batch_size: Count = 8
    """Number of meshes refined in parallel."""
    texture: Texture = "atlas"
    """Colours: vertex | atlas (baked from the image where it shows the surface or its mirror image)."""
    texture_px: TexturePx = 256
    """Texture size in pixels per side, for atlas only."""
    weights: RefineWeights = RefineWeights()
