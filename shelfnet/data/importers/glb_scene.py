"""The scene of a GLB file: which mesh primitives it shows, and where."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from trimesh.transformations import quaternion_matrix

from shelfnet.data.importers.glb_container import GlbContainer
from shelfnet.data.importers.material_parts import MAX_PARTS
from shelfnet.data.obj.reader import ModelError

TRIANGLES, STRIP, FAN = 4, 5, 6
INSTANCING = "EXT_mesh_gpu_instancing"
VISIBILITY = "KHR_node_visibility"

Pose = Float[np.ndarray, "4 4"]


@dataclass(frozen=True)
class PosedPrimitive:
    """A triangle primitive as a node shows it.

    Attributes:
        primitive: Entry in the JSON.
        pose: Transform of the primitive, unless it is skinned.
        morph_weights: Weights of its morph targets.
        joints: Transform of each joint of its skin, or ``None`` without a skin.
    """

    primitive: dict[str, Any]
    pose: Pose
    morph_weights: tuple[float, ...] = ()
    joints: Float[np.ndarray, "j 4 4"] | None = None


@dataclass(frozen=True)
class _PosedNode:
    node: dict[str, Any]
    pose: Pose
    is_visible: bool


def posed_primitives(container: GlbContainer) -> Iterator[PosedPrimitive]:
    """Triangle primitives of all visible nodes and their instances, in the pose without animation.

    Raises:
        ModelError: The node hierarchy, a skin or an instance is broken, or there are too many parts.
    """
    nodes = _posed_nodes(container)
    skins: dict[int, Float[np.ndarray, "j 4 4"]] = {}
    n_parts = 0
    for posed in nodes.values():
        node = posed.node
        if "mesh" not in node or not posed.is_visible:
            continue
        mesh = container.entry("meshes", node["mesh"])
        weights = tuple(map(float, node.get("weights", mesh.get("weights", ()))))
        joints = None
        if "skin" in node:
            if node["skin"] not in skins:
                skins[node["skin"]] = _joint_transforms(container, container.entry("skins", node["skin"]), nodes)
            joints = skins[node["skin"]]
        for pose in _instance_poses(container, posed):
            for primitive in mesh["primitives"]:
                if primitive.get("mode", TRIANGLES) in (TRIANGLES, STRIP, FAN):
                    n_parts += 1
                    if n_parts > MAX_PARTS:
                        raise ModelError(f"expected at most {MAX_PARTS} parts")
                    yield PosedPrimitive(primitive, pose, weights, joints)


def _posed_nodes(container: GlbContainer) -> dict[int, _PosedNode]:
    """Nodes of the scene by index, in depth-first order; a node with two parents is refused."""
    if "scenes" in container.header:
        roots = container.entry("scenes", container.header.get("scene", 0)).get("nodes", [])
    else:
        children = {child for node in container.header.get("nodes", []) for child in node.get("children", [])}
        roots = [index for index in range(len(container.header.get("nodes", []))) if index not in children]
    pending = [(index, np.eye(4), True) for index in reversed(roots)]
    posed: dict[int, _PosedNode] = {}
    while pending:
        index, parent, is_visible = pending.pop()
        if index in posed:
            raise ModelError(f"node {index} has two parents or is its own ancestor")
        node = container.entry("nodes", index)
        pose = parent @ _local_pose(node)
        is_visible = is_visible and node.get("extensions", {}).get(VISIBILITY, {}).get("visible", True) is not False
        posed[index] = _PosedNode(node, pose, is_visible)
        pending.extend((child, pose, is_visible) for child in reversed(node.get("children", [])))
    return posed


def _local_pose(node: dict[str, Any]) -> Pose:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = map(float, node.get("rotation", (0.0, 0.0, 0.0, 1.0)))
    pose = quaternion_matrix([w, x, y, z])
    pose[:3, :3] *= np.array(node.get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    pose[:3, 3] = np.array(node.get("translation", (0.0, 0.0, 0.0)), dtype=np.float64)
    return pose


def _instance_poses(container: GlbContainer, posed: _PosedNode) -> Iterator[Pose]:
    """Poses of the instances of a node, or that of the node if it has none."""
    extension = posed.node.get("extensions", {}).get(INSTANCING)
    if extension is None:
        yield posed.pose
        return
    if "skin" in posed.node:
        raise ModelError(f"a node with a skin and {INSTANCING}")
    names = {"TRANSLATION": "translation", "ROTATION": "rotation", "SCALE": "scale"}
    accessors = {names[name]: index for name, index in extension["attributes"].items() if name in names}
    counts = {container.count(index) for index in accessors.values()}
    if len(counts) != 1 or max(counts) > MAX_PARTS:
        raise ModelError(f"expected up to {MAX_PARTS} instances of a mesh, got {sorted(counts)} transforms")
    columns = {name: container.array(index) for name, index in accessors.items()}
    for rows in zip(*columns.values(), strict=True):
        yield posed.pose @ _local_pose(dict(zip(columns, rows, strict=True)))


def _joint_transforms(
    container: GlbContainer, skin: dict[str, Any], nodes: dict[int, _PosedNode]
) -> Float[np.ndarray, "j 4 4"]:
    """Transforms from the bind pose to the scene: joint pose times inverse bind matrix."""
    joints = skin["joints"]
    missing = [joint for joint in joints if joint not in nodes]
    if missing or not 1 <= len(joints) <= MAX_PARTS:
        raise ModelError(f"expected 1 to {MAX_PARTS} joints in the scene, got {len(joints)}, {len(missing)} not in it")
    poses = np.stack([nodes[joint].pose for joint in joints])
    if "inverseBindMatrices" not in skin:
        return poses
    inverse = container.array(skin["inverseBindMatrices"])
    if inverse.shape[1] != 16 or len(inverse) < len(joints):
        raise ModelError(f"expected {len(joints)} inverse bind matrices, got an array of {inverse.shape}")
    return poses @ inverse[: len(joints)].astype(np.float64).reshape(-1, 4, 4).transpose(0, 2, 1)


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
