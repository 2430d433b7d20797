"""Meshes for the report's viewer: few triangles, in the object frame, as base64 typed arrays."""

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
    """One mesh as the viewer unpacks it.

    Attributes:
        scale: what an int16 position of 32767 stands for, in unit sides.
        positions: base64 of int16, three a vertex.
        colours: base64 of uint8, three a vertex.
        indices: base64 of uint16 (uint32 where there are more than 65535 vertices), three a face.
        wide: whether the indices are uint32.
        faces: number of triangles.
    """

    scale: float
    positions: str
    colours: str
    indices: str
    wide: bool
    faces: int


def viewer_row(runs: Sequence[ShownView]) -> dict[str, dict]:
    """Truth and all predictions of one test view, turned into the object frame.

    Args:
        runs: the same view with the predictions of the first, second, ... seed of each ablation.

    Returns:
        meshes by ``truth`` (left out where nobody knows it) and ``ablation/stage/run``.
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
    """The mesh itself where it is small enough, else a quadric simplification to about ``max_faces``."""
    if len(mesh.faces) <= max_faces:
        return mesh
    merged = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
    simple = simplify(Mesh(np.asarray(merged.vertices), np.asarray(merged.faces)), max_faces)
    return trimesh.Trimesh(simple.vertices, simple.faces, process=False)


def encode(
    vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"], colours: UInt8[np.ndarray, "v 3"]
) -> ViewerMesh:
    """Quantise positions to 16 bits and pack everything."""
    scale = float(np.abs(vertices).max(initial=1e-9))
    positions = np.rint(vertices / scale * INT16_MAX).astype("<i2")
    wide = len(vertices) > np.iinfo(np.uint16).max
    indices = faces.astype("<u4" if wide else "<u2")
    return ViewerMesh(scale, _base64(positions), _base64(colours), _base64(indices), wide, len(faces))


def _nearest_colours(mesh: trimesh.Trimesh, coloured: trimesh.Trimesh) -> UInt8[np.ndarray, "v 3"]:
    """Colours of the nearest vertices before decimation, from the texture where there is one; grey without either."""
    if coloured.visual.kind is None:
        return _grey(len(mesh.vertices))
    visual = coloured.visual.to_color() if coloured.visual.kind == "texture" else coloured.visual
    nearest = cKDTree(coloured.vertices).query(mesh.vertices)[1]
    return np.asarray(visual.vertex_colors, dtype=np.uint8)[nearest, :3]


def _grey(count: int) -> UInt8[np.ndarray, "v 3"]:
    return np.tile(np.array(TRUTH_COLOUR, dtype=np.uint8), (count, 1))


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
