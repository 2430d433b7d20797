"""Meshes for the report's viewer: decimated, in the object frame, as base64 typed arrays."""

import base64
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import trimesh
from jaxtyping import Float, Int, UInt8
from scipy.spatial import cKDTree

from shelfnet.data.glb import read_glb
from shelfnet.geometry.cameras import rotation_about_y
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.mesh_extraction import simplify
from shelfnet.report.shown_views import PredictedMesh, ShownView

MAX_FACES = 2500
TRUTH = "truth"
TRUTH_COLOUR = (150, 150, 155)
INT16_MAX = 32767


@dataclass(frozen=True)
class ViewerMesh:
    """One mesh in the format of the viewer.

    Attributes:
        scale: Coordinate of the int16 position 32767, in unit sides.
        positions: Base64 of int16, three per vertex.
        colours: Base64 of uint8, three per vertex.
        indices: Base64 of uint16, or of uint32 with more than 65535 vertices, three per face.
        wide: Whether the indices are uint32.
        faces: Number of triangles.
    """

    scale: float
    positions: str
    colours: str
    indices: str
    wide: bool
    faces: int


def viewer_row(runs: Sequence[ShownView]) -> dict[str, dict]:
    """Truth and all predictions of one test view, in the object frame.

    Args:
        runs: The same view with the predictions of the first, second, ... seed of each ablation.

    Returns:
        Meshes by ``truth`` (if known) and ``ablation/stage/run``.
    """
    meshes = {}
    if runs[0].truth is not None:
        truth = decimate(runs[0].truth, MAX_FACES)
        meshes[TRUTH] = encode(truth.vertices, truth.faces, _grey(len(truth.vertices)))
    for run, view in enumerate(runs):
        for (ablation, stage), prediction in view.predictions.items():
            meshes[f"{ablation}/{stage}/{run}"] = _encode_prediction(prediction)
    return {name: asdict(mesh) for name, mesh in meshes.items()}


def _encode_prediction(prediction: PredictedMesh) -> ViewerMesh:
    loaded = read_glb(prediction.path)
    mesh = decimate(loaded, MAX_FACES)
    rotation = rotation_about_y(torch.tensor(math.radians(prediction.alignment_deg), dtype=torch.float64)).numpy()
    return encode(mesh.vertices @ rotation.T, mesh.faces, _nearest_colours(mesh, loaded))


def decimate(mesh: trimesh.Trimesh, max_faces: int) -> trimesh.Trimesh:
    """The mesh itself if it is small enough, otherwise a quadric simplification to about ``max_faces``."""
    if len(mesh.faces) <= max_faces:
        return mesh
    merged = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
    simple = simplify(Mesh(np.asarray(merged.vertices), np.asarray(merged.faces)), max_faces)
    return trimesh.Trimesh(simple.vertices, simple.faces, process=False)


def encode(
    vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"], colours: UInt8[np.ndarray, "v 3"]
) -> ViewerMesh:
    """Quantise positions to 16 bits and encode all arrays."""
    scale = float(np.abs(vertices).max(initial=1e-9))
    positions = np.rint(vertices / scale * INT16_MAX).astype("<i2")
    wide = len(vertices) > np.iinfo(np.uint16).max
    indices = faces.astype("<u4" if wide else "<u2")
    return ViewerMesh(scale, _base64(positions), _base64(colours), _base64(indices), wide, len(faces))


def _nearest_colours(mesh: trimesh.Trimesh, coloured: trimesh.Trimesh) -> UInt8[np.ndarray, "v 3"]:
    """Colours of the nearest vertices before decimation, from vertex colours or texture; grey without either."""
    if coloured.visual.kind is None:
        return _grey(len(mesh.vertices))
    visual = coloured.visual.to_color() if coloured.visual.kind == "texture" else coloured.visual
    nearest = cKDTree(coloured.vertices).query(mesh.vertices)[1]
    return np.asarray(visual.vertex_colors, dtype=np.uint8)[nearest, :3]


def _grey(count: int) -> UInt8[np.ndarray, "v 3"]:
    return np.tile(np.array(TRUTH_COLOUR, dtype=np.uint8), (count, 1))


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
