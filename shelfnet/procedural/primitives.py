"""Primitive parts: sweeps, tubes, lathed bodies, boards, boxes and superellipsoid cushions.

All parts are watertight and oriented outward. Texture coordinates are in metres, with u along the grain: the length of
a sweep or the longest side of a box.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from shelfnet.procedural.curves import Coordinates, chamfered_rectangle, circle
from shelfnet.procedural.meshing import MAX_CHART_M, charts_along, oriented_part, triangulate
from shelfnet.procedural.parts import FurniturePart, MaterialSlot

GROOVE_DEPTH = 0.3
"""Depth of the groove between channels, as a fraction of the cushion's half thickness."""
MAX_GIRTH_M = 0.32
"""Longest chart around a sweep, where the atlas has less room."""


def sweep(
    path: Float[np.ndarray, "n 3"],
    outline: Float[np.ndarray, "k 2"],
    scales: Float[np.ndarray, "n 2"] | float = 1.0,
    reference: Coordinates = (1.0, 0.0, 0.0),
    slot: MaterialSlot = MaterialSlot.FRAME,
    *,
    closed: bool = False,
) -> FurniturePart:
    """Sweep a closed outline along a path, with flat end caps.

    Args:
        path: Stations in metres.
        outline: Star-shaped outline about the origin. Its first axis starts along ``reference`` and is transported
            along the path without twist.
        scales: Factors of both outline axes at every station.
        reference: Direction not parallel to the start of the path.
        slot: Material slot.
        closed: Whether the last station joins the first, without caps.
    """
    n, k = len(path), len(outline)
    factors = np.broadcast_to(np.asarray(scales, float), (n, 2))
    normals, binormals = _frames(path, np.asarray(reference, float), closed)
    section = outline[None] * factors[:, None]
    rings = path[:, None] + section[..., :1] * normals[:, None] + section[..., 1:] * binormals[:, None]
    faces, uvs, charts = _side_strips(path, section, closed)
    vertices = rings.reshape(-1, 3)
    if not closed:
        centres = rings[[0, -1]].mean(axis=1)
        vertices = np.concatenate([vertices, centres])
        caps = [_cap(np.arange(k), n * k), _cap(np.arange(k)[::-1] + (n - 1) * k, n * k + 1)]
        cap_uvs = [_cap_uvs(section[0]), _cap_uvs(section[-1][::-1])]
        last = charts.max() + 1
        faces, uvs = np.concatenate([faces, *caps]), np.concatenate([uvs, *cap_uvs])
        charts = np.concatenate([charts, np.repeat([last, last + 1], k)])
    return oriented_part(vertices, faces, uvs, charts, slot)


def tube(
    path: Float[np.ndarray, "n 3"],
    radii_m: Float[np.ndarray, "n"] | float,
    sides: int = 10,
    slot: MaterialSlot = MaterialSlot.FRAME,
    *,
    closed: bool = False,
) -> FurniturePart:
    """Sweep a circle along a path, with one radius or one per station."""
    radii = np.broadcast_to(np.asarray(radii_m, float), (len(path),))
    tangent = path[1] - path[0]
    reference = np.eye(3)[np.argmin(np.abs(tangent))]
    return sweep(path, circle(sides), np.stack([radii, radii], axis=1), reference, slot, closed=closed)


def lathe(
    heights_m: Coordinates, radii_m: Coordinates, sides: int = 18, slot: MaterialSlot = MaterialSlot.FRAME
) -> FurniturePart:
    """A body of revolution about the y axis."""
    heights = np.asarray(heights_m, float)
    path = np.stack([np.zeros_like(heights), heights, np.zeros_like(heights)], axis=1)
    return tube(path, np.asarray(radii_m, float), sides, slot)


def plate(
    outline: Float[np.ndarray, "k 2"], thickness_m: float, bevel_m: float, slot: MaterialSlot = MaterialSlot.BODY
) -> FurniturePart:
    """A flat board with an outline in (x, z) and bevelled edges, between y = 0 and its thickness."""
    half = np.abs(outline).max(axis=0)
    bevel = min(bevel_m, 0.45 * thickness_m, 0.45 * float(half.min()))
    inset = 1.0 - bevel / half
    heights = [0.0, bevel, thickness_m - bevel, thickness_m]
    scales = np.stack([inset, np.ones(2), np.ones(2), inset])
    rings = [np.insert(outline * scale, 1, y, axis=1) for y, scale in zip(heights, scales, strict=True)]
    inner = [np.insert(outline * scales[0] * 0.6, 1, y, axis=1) for y in (0.0, thickness_m)]
    centres = np.array([[0.0, 0.0, 0.0], [0.0, thickness_m, 0.0]])
    vertices = np.concatenate([inner[0], *rings, inner[1], centres])
    return box_mapped(vertices, _capped_rings(6, len(outline)), slot)


def box(size_m: Sequence[float], bevel_m: float = 0.004, slot: MaterialSlot = MaterialSlot.FRAME) -> FurniturePart:
    """A bevelled box of size (x, y, z), centred on the origin."""
    x, y, z = size_m
    outline = chamfered_rectangle(0.5 * x, 0.5 * z, bevel_m)
    return plate(outline, y, bevel_m, slot).translated(y=-0.5 * y)


def cushion(
    size_m: Sequence[float],
    plan_exponent: float = 6.0,
    profile_exponent: float = 3.0,
    divisions: int = 8,
    axis: int = 1,
    slot: MaterialSlot = MaterialSlot.BODY,
    channels: int = 0,
) -> FurniturePart:
    """A superellipsoid centred on the origin.

    Args:
        size_m: Full extents (x, y, z).
        plan_exponent: Exponent of the outline seen along ``axis``; 2 is round, 8 nearly square.
        profile_exponent: Exponent of sections parallel to ``axis``; small values are pillowy, large ones boxy.
        divisions: Cells along each edge of the inflated cube.
        axis: Index of the thin axis.
        slot: Material slot.
        channels: Number of padded channels along x, separated by grooves; ``divisions`` should be twice as many.
    """
    lattice, faces = _cube_lattice(divisions)
    unit = np.sin(0.5 * np.pi * lattice)
    flat = np.delete(np.abs(unit), axis, axis=1)
    plan = (flat**plan_exponent).sum(axis=1) ** (profile_exponent / plan_exponent)
    gauge = (plan + np.abs(unit[:, axis]) ** profile_exponent) ** (1.0 / profile_exponent)
    points = unit / gauge[:, None] * (0.5 * np.asarray(size_m, float))
    if channels:
        groove = np.cos(0.5 * np.pi * channels * (lattice[:, 0] + 1.0)) ** 2 * (np.abs(lattice[:, 0]) < 1.0)
        points[:, axis] *= 1.0 - GROOVE_DEPTH * groove
    return box_mapped(points, faces, slot)


def box_mapped(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"], slot: MaterialSlot) -> FurniturePart:
    """A part with box-projected texture coordinates: each face along its dominant axis, u along the longer side."""
    part = oriented_part(vertices, faces, np.zeros((len(faces), 3, 2)), np.zeros(len(faces), dtype=np.int64), slot)
    a, b, c = np.moveaxis(vertices[part.faces], 1, 0)
    normals = np.cross(b - a, c - a)
    axes = np.argmax(np.abs(normals) - np.array([0.0, 1e-9, 2e-9]), axis=1)
    positive = np.take_along_axis(normals, axes[:, None], axis=1)[:, 0] > 0.0
    by_length = np.argsort(-np.ptp(vertices, axis=0), kind="stable")
    across = np.array([[other for other in by_length if other != axis] for axis in range(3)])[axes]
    uvs = np.take_along_axis(vertices[part.faces], across[:, None, :], axis=2)
    return FurniturePart(vertices, part.faces, uvs, (axes * 2 + positive).astype(np.int64), part.slots)


def _frames(
    path: Float[np.ndarray, "n 3"], reference: Float[np.ndarray, "3"], closed: bool
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Rotation-minimising normals and binormals along the path."""
    if closed:
        tangents = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    else:
        steps = np.diff(path, axis=0)
        steps /= np.linalg.norm(steps, axis=1, keepdims=True)
        tangents = np.concatenate([steps[:1], steps[:-1] + steps[1:], steps[-1:]])
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    normals = np.empty_like(path)
    normal = reference
    for i, tangent in enumerate(tangents):
        normal = normal - tangent * (normal @ tangent)
        normal = normal / np.linalg.norm(normal)
        normals[i] = normal
    return normals, np.cross(tangents, normals)


def _side_strips(
    path: Float[np.ndarray, "n 3"], section: Float[np.ndarray, "n k 2"], closed: bool
) -> tuple[Int[np.ndarray, "f 3"], Float[np.ndarray, "f 3 2"], Int[np.ndarray, "f"]]:
    """Triangles between neighbouring rings; u along the path, v around the outline."""
    n, k = section.shape[:2]
    steps = np.linalg.norm(np.diff(path, axis=0, append=path[:1]), axis=1)
    u = np.concatenate([[0.0], np.cumsum(steps)])
    around = np.linalg.norm(np.roll(section, -1, axis=1) - section, axis=2).mean(axis=0)
    v = np.concatenate([[0.0], np.cumsum(around)])
    i, j = np.meshgrid(np.arange(n if closed else n - 1), np.arange(k), indexing="ij")
    i, j = i.ravel(), j.ravel()
    corners = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
    index = np.stack([(a % n) * k + b % k for a, b in corners], axis=1)
    uv = np.stack([np.stack([u[a], v[b]], axis=1) for a, b in corners], axis=1)
    along = charts_along(steps[: n if closed else n - 1], MAX_CHART_M)
    girth = charts_along(around, MAX_GIRTH_M)
    charts = (along[:, None] * (girth.max() + 1) + girth).ravel()
    return triangulate(index), triangulate(uv), np.repeat(charts, 2)


def _cap(ring: Int[np.ndarray, "k"], centre: int) -> Int[np.ndarray, "k 3"]:
    return np.stack([np.full(len(ring), centre), np.roll(ring, -1), ring], axis=1)


def _cap_uvs(section: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "k 3 2"]:
    centre = np.broadcast_to(section.mean(axis=0), section.shape)
    return np.stack([centre, np.roll(section, -1, axis=0), section], axis=1)


def _capped_rings(rings: int, k: int) -> Int[np.ndarray, "f 3"]:
    """Faces of stacked rings of ``k`` vertices, closed by fans about the last two vertices."""
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(k), indexing="ij")
    i, j = i.ravel(), j.ravel()
    quads = np.stack([i * k + j, i * k + (j + 1) % k, (i + 1) * k + (j + 1) % k, (i + 1) * k + j], axis=1)
    last = (rings - 1) * k
    caps = [_cap(np.arange(k), rings * k), _cap(np.arange(k)[::-1] + last, rings * k + 1)]
    return np.concatenate([triangulate(quads), *caps])


@cache
def _cube_lattice(divisions: int) -> tuple[Float[np.ndarray, "v 3"], Int[np.ndarray, "f 3"]]:
    """Surface of the cube [-1, 1]^3 on a regular lattice, with shared vertices, oriented outward."""
    a, b = np.meshgrid(np.arange(divisions), np.arange(divisions), indexing="ij")
    a, b = a.ravel(), b.ravel()
    square = np.stack([np.stack([a + p, b + q], axis=1) for p, q in ((0, 0), (1, 0), (1, 1), (0, 1))], axis=1)
    quads = []
    for axis in range(3):
        high = np.roll(np.insert(square, 2, divisions, axis=2), axis + 1, axis=2)
        low = np.roll(np.insert(square[:, ::-1], 2, 0, axis=2), axis + 1, axis=2)
        quads += [high, low]
    points, index = np.unique(np.concatenate(quads).reshape(-1, 3), axis=0, return_inverse=True)
    return 2.0 * points / divisions - 1.0, triangulate(index.reshape(-1, 4))
