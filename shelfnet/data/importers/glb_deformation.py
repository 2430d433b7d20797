"""Morph targets and skins of GLB files, applied to positions and normals."""

import numpy as np
from jaxtyping import Float

from shelfnet.data.importers.glb_container import GlbContainer
from shelfnet.data.importers.glb_scene import PosedPrimitive
from shelfnet.data.obj.reader import ModelError

INFLUENCES = 4
"""Joints per attribute set."""


def morphed(
    container: GlbContainer, posed: PosedPrimitive, attribute: str, n_vertices: int
) -> Float[np.ndarray, "v 3"]:
    """Positions or normals of a primitive with its morph targets in the weights of the file.

    Raises:
        ModelError: The attribute or a target has another number of vertices.
    """
    values = container.attribute(posed.primitive["attributes"][attribute], n_vertices)[:, :3].astype(np.float64)
    for weight, target in zip(posed.morph_weights, posed.primitive.get("targets", ()), strict=False):
        if weight != 0.0 and attribute in target:
            values = values + weight * container.attribute(target[attribute], n_vertices)[:, :3]
    return values


def vertex_transforms(
    container: GlbContainer, posed: PosedPrimitive, n_vertices: int
) -> Float[np.ndarray, "v 3 4"] | Float[np.ndarray, "1 3 4"]:
    """Affine transforms to the scene: one per vertex of a skinned primitive, or one for all vertices.

    A skinned vertex moves by the weighted mean of the transforms of its joints (linear blend skinning).

    Raises:
        ModelError: The joints or weights of a skin are broken.
    """
    attributes, joints = posed.primitive["attributes"], posed.joints
    if joints is None or "JOINTS_0" not in attributes:
        return posed.pose[None, :3]
    blended, total = np.zeros((n_vertices, 3, 4)), np.zeros(n_vertices)
    sets = 0
    while f"JOINTS_{sets}" in attributes:
        names = container.attribute(attributes[f"JOINTS_{sets}"], n_vertices).astype(np.int64)
        weights = container.attribute(attributes[f"WEIGHTS_{sets}"], n_vertices).astype(np.float64)
        if names.min() < 0 or names.max() >= len(joints):
            raise ModelError(f"a vertex names joint {names.max()} of {len(joints)}")
        for influence in range(INFLUENCES):
            blended += weights[:, influence, None, None] * joints[names[:, influence], :3]
            total += weights[:, influence]
        if sets == 0:
            first = names[:, 0]
        sets += 1
    free = ~(total > 0.0)
    blended[free], total[free] = joints[first[free], :3], 1.0
    return blended / total[:, None, None]


def transform_positions(
    transforms: Float[np.ndarray, "#v 3 4"], positions: Float[np.ndarray, "v 3"]
) -> Float[np.ndarray, "v 3"]:
    """Positions in the scene."""
    return (transforms[:, :, :3] @ positions[:, :, None])[..., 0] + transforms[:, :, 3]


def transform_normals(
    transforms: Float[np.ndarray, "#v 3 4"], normals: Float[np.ndarray, "v 3"]
) -> Float[np.ndarray, "v 3"] | None:
    """Unit normals in the scene, by the inverse transpose; ``None`` if one of them has no direction."""
    a, b, c = np.moveaxis(transforms[:, :, :3], 1, 0)
    cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    turned = (cofactors @ normals[:, :, None])[..., 0] * np.sign(determinants(transforms))[:, None]
    lengths = np.linalg.norm(turned, axis=1, keepdims=True)
    return turned / lengths if np.isfinite(turned).all() and (lengths > 0.0).all() else None


def determinants(transforms: Float[np.ndarray, "#v 3 4"]) -> Float[np.ndarray, "#v"]:
    """Determinants of the linear parts; negative where a transform mirrors."""
    return np.linalg.det(transforms[:, :, :3])
