"""Thicken a surface grid into a closed part with a rounded rim."""

import numpy as np
from jaxtyping import Float, Int

from shelfnet.procedural.meshing import MAX_CHART_M, charts_along, triangulate
from shelfnet.procedural.parts import FurniturePart, MaterialSlot, oriented_outward


def solidify(
    grid: Float[np.ndarray, "m n 3"],
    thickness_m: float,
    slot: MaterialSlot = MaterialSlot.BODY,
    rim: MaterialSlot | None = None,
) -> FurniturePart:
    """Thicken a grid of points along its normals and close it with a rounded rim.

    The first grid axis follows the grain. The rim may use another material slot than the two sides.
    """
    m, n = grid.shape[:2]
    normals = _grid_normals(grid)
    layers = [grid + 0.5 * thickness_m * normals, grid - 0.5 * thickness_m * normals]
    border = _border(m, n)
    middle = grid.reshape(-1, 3)[border] + 0.4 * thickness_m * _outward(grid).reshape(-1, 3)[border]
    vertices = np.concatenate([layers[0].reshape(-1, 3), layers[1].reshape(-1, 3), middle])
    side = _grid_faces(m, n)
    side_uvs = _grid_uvs(grid)[side]
    rim_faces, rim_uvs, rim_charts = _rim(grid, border, thickness_m)
    faces = np.concatenate([side, side[:, ::-1] + m * n, rim_faces])
    uvs = np.concatenate([side_uvs, side_uvs[:, ::-1], rim_uvs])
    rows = np.linalg.norm(np.diff(grid, axis=0), axis=2).mean(axis=1)
    side_charts = np.repeat(charts_along(rows, MAX_CHART_M), 2 * (n - 1))
    charts = np.concatenate([side_charts, side_charts + m, rim_charts + 2 * m])
    slots = np.full(len(faces), slot, dtype=np.int64)
    slots[2 * len(side) :] = slot if rim is None else rim
    return oriented_outward(FurniturePart(vertices, faces, uvs, charts, slots))


def _grid_normals(grid: Float[np.ndarray, "m n 3"]) -> Float[np.ndarray, "m n 3"]:
    normals = np.cross(np.gradient(grid, axis=0), np.gradient(grid, axis=1))
    return normals / np.linalg.norm(normals, axis=2, keepdims=True)


def _outward(grid: Float[np.ndarray, "m n 3"]) -> Float[np.ndarray, "m n 3"]:
    """In-surface directions that point outward at the border, zero elsewhere."""
    m, n = grid.shape[:2]
    weights = np.zeros((m, n, 2))
    weights[0, :, 0], weights[-1, :, 0] = -1.0, 1.0
    weights[:, 0, 1], weights[:, -1, 1] = -1.0, 1.0
    along = [np.gradient(grid, axis=axis) for axis in (0, 1)]
    along = [step / np.linalg.norm(step, axis=2, keepdims=True) for step in along]
    direction = weights[..., :1] * along[0] + weights[..., 1:] * along[1]
    return direction / np.maximum(np.linalg.norm(direction, axis=2, keepdims=True), 1.0)


def _border(m: int, n: int) -> Int[np.ndarray, "b"]:
    """Indices of the border of a grid, in order around it."""
    index = np.arange(m * n).reshape(m, n)
    return np.concatenate([index[:-1, 0], index[-1, :-1], index[:0:-1, -1], index[0, :0:-1]])


def _grid_faces(m: int, n: int) -> Int[np.ndarray, "f 3"]:
    index = np.arange(m * n).reshape(m, n)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1)
    return triangulate(quads.reshape(-1, 4))


def _grid_uvs(grid: Float[np.ndarray, "m n 3"]) -> Float[np.ndarray, "v 2"]:
    """Arc lengths along both axes, v measured from the middle line so that a tapering grid stays undistorted."""
    m, n = grid.shape[:2]
    steps = [np.linalg.norm(np.diff(grid, axis=axis), axis=2) for axis in (0, 1)]
    u = np.concatenate([[0.0], np.cumsum(steps[0].mean(axis=1))])
    v = np.concatenate([np.zeros((m, 1)), np.cumsum(steps[1], axis=1)], axis=1)
    v -= v[:, -1:] / 2.0
    return np.stack([np.broadcast_to(u[:, None], (m, n)), v], axis=2).reshape(-1, 2)


def _rim(
    grid: Float[np.ndarray, "m n 3"], border: Int[np.ndarray, "b"], thickness_m: float
) -> tuple[Int[np.ndarray, "f 3"], Float[np.ndarray, "f 3 2"], Int[np.ndarray, "f"]]:
    """Two strips that join the border of one side, a middle ring, and the border of the other side."""
    m, n = grid.shape[:2]
    count = len(border)
    ring = np.arange(count)
    following = (ring + 1) % count
    points = grid.reshape(-1, 3)[border]
    step = np.linalg.norm(points[following] - points, axis=1)
    u = np.concatenate([[0.0], np.cumsum(step)])
    middle = 2 * m * n + ring
    rows = [border, middle, border + m * n]
    faces, uvs = [], []
    for k in range(2):
        upper, lower = rows[k], rows[k + 1]
        quads = np.stack([upper, lower, lower[following], upper[following]], axis=1)
        v = np.array([k, k + 1, k + 1, k]) * 0.6 * thickness_m
        uv = np.stack([u[:-1], u[:-1], u[1:], u[1:]], axis=1)
        faces.append(triangulate(quads))
        uvs.append(triangulate(np.stack([uv, np.broadcast_to(v, uv.shape)], axis=2)))
    charts = np.tile(np.repeat(charts_along(step, MAX_CHART_M), 2), 2)
    return np.concatenate(faces), np.concatenate(uvs), charts
