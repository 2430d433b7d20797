"""Models made of boxes, written as OBJ, MTL and texture, of which everything is known."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.spatial import ConvexHull

from shelfnet.geometry.cameras import look_at_origin, project

FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
"""Quads of a box whose corner 4 i + 2 j + k lies at the i-th end of x, j-th of y, k-th of z; normals point outwards."""

ASYMMETRIC = (((-0.5, -0.4, -0.3), (0.5, 0.0, 0.3)), ((0.2, 0.0, 0.0), (0.5, 0.4, 0.3)))
"""Two boxes in the object frame, no view of which is the mirror image of another."""
SINGLE = (((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)),)

RED, BLUE, GREEN, YELLOW = (220, 30, 30), (30, 30, 220), (30, 200, 30), (220, 220, 30)


def corners(box) -> np.ndarray:
    low, high = np.array(box)
    return np.array([[(low, high)[b][axis] for axis, b in enumerate((i, j, k))] for i in (0, 1) for j in (0, 1)
                     for k in (0, 1)])  # fmt: skip


def write_obj(folder: Path, boxes=ASYMMETRIC, *, scale=1.0, shift=(0.0, 0.0, 0.0), head="", uv=True, extra="") -> Path:
    """Boxes as ``raw_model.obj``; the texture coordinates of a vertex are its x and y, over the whole box."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [head] if head else []
    for index, box in enumerate(boxes):
        points = corners(box)
        lines += ["v {:.6f} {:.6f} {:.6f}".format(*(point * scale + shift)) for point in points]
        lines += ["vt {:.6f} {:.6f}".format(*((point - points[0]) / (points[-1] - points[0]))[:2]) for point in points]
        for face in FACES:
            names = [str(8 * index + corner + 1) for corner in face]
            lines.append("f " + " ".join(f"{name}/{name}" if uv else name for name in names))
    path = folder / "raw_model.obj"
    path.write_text("\n".join([*lines, extra, ""]))
    return path


def write_textured(folder: Path, boxes=SINGLE, *, mtl="map_Kd texture.png", alpha=255) -> Path:
    """Boxes with a texture: red top left, blue top right, green bottom left, yellow bottom right (seen from +z)."""
    path = write_obj(folder, boxes, head="mtllib model.mtl\nusemtl wood")
    (folder / "model.mtl").write_text(f"newmtl wood\n{mtl}\n")
    quadrants = np.array([[RED, BLUE], [GREEN, YELLOW]], dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    rgba = np.concatenate([quadrants, np.full((32, 32, 1), alpha, dtype=np.uint8)], axis=-1)
    Image.fromarray(rgba).save(folder / "texture.png")
    return path


def cameras(*angles_deg, distance=2.6) -> np.ndarray:
    """cam2world of (azimuth, elevation) pairs in degrees."""
    azimuth, elevation = torch.tensor(angles_deg, dtype=torch.float64).deg2rad().unbind(-1)
    return look_at_origin(azimuth, elevation, distance).numpy()


def silhouette(boxes, cam2world: np.ndarray, fov: float, resolution_px: int) -> np.ndarray:
    """Analytic mask: every pixel centre inside the convex hull of a box's projected corners."""
    centres = np.arange(resolution_px) + 0.5
    pixels = np.stack(np.meshgrid(centres, centres), axis=-1)
    mask = np.zeros((resolution_px, resolution_px), dtype=bool)
    for box in boxes:
        points, _ = project(torch.from_numpy(corners(box))[None], torch.from_numpy(cam2world)[None], fov, resolution_px)
        edges = ConvexHull(points[0].numpy()).equations
        mask |= (pixels @ edges[:, :2].T + edges[:, 2] <= 0).all(axis=-1)
    return mask


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())
