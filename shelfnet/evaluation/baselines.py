"""Trivial baselines: predictions that ignore the image, which a trained model must beat."""

from collections.abc import Sequence

import numpy as np
import trimesh
from jaxtyping import Float

from shelfnet.evaluation.neighbours import Backend, neighbour_index
from shelfnet.geometry.meshes import Mesh

SPHERE_RADIUS = 0.4
_SPHERE_SUBDIVISIONS = 4


def sphere_mesh() -> Mesh:
    """A fine icosphere around the origin."""
    sphere = trimesh.creation.icosphere(subdivisions=_SPHERE_SUBDIVISIONS, radius=SPHERE_RADIUS)
    return Mesh(np.asarray(sphere.vertices, dtype=np.float64), np.asarray(sphere.faces, dtype=np.int64))


def draw_training_models(model_ids: Sequence[str], draws: int, generator: np.random.Generator) -> tuple[str, ...]:
    """Random distinct models of the training set; all models if there are fewer than ``draws``."""
    chosen = generator.choice(len(model_ids), size=min(draws, len(model_ids)), replace=False)
    return tuple(model_ids[int(index)] for index in chosen)


def spread_candidates(model_ids: Sequence[str], limit: int) -> tuple[str, ...]:
    """At most ``limit`` ids, evenly spread over the sorted ids, so that the choice is deterministic."""
    ordered = sorted(model_ids)
    if len(ordered) <= limit:
        return tuple(ordered)
    return tuple(ordered[index] for index in np.linspace(0, len(ordered) - 1, limit).round().astype(int))


def medoid(surfaces: Sequence[Float[np.ndarray, "n 3"]], backend: Backend = "scipy") -> int:
    """Index of the surface with the lowest mean Chamfer distance to all others; the first of several equal ones.

    Args:
        surfaces: Points of every candidate, the same number for each.
        backend: Nearest-neighbour backend.

    Raises:
        ValueError: There are no surfaces.
    """
    if not surfaces:
        raise ValueError("expected at least one surface to choose the medoid from, got none")
    return int(chamfer_matrix(surfaces, backend).mean(axis=1).argmin())


def chamfer_matrix(
    surfaces: Sequence[Float[np.ndarray, "n 3"]], backend: Backend = "scipy"
) -> Float[np.ndarray, "k k"]:
    """CD-L1 between all pairs; each surface is queried once, with the points of all surfaces."""
    points = np.concatenate(surfaces)
    one_sided = np.stack(
        [
            neighbour_index(surface, backend)(points).distances.reshape(len(surfaces), -1).mean(axis=1)
            for surface in surfaces
        ]
    )
    return 0.5 * (one_sided + one_sided.T)
