"""Assembled meshes: placement, texture packing and normals."""

import numpy as np
import pytest

from shelfnet.procedural.assembly import REGIONS, assemble, corner_normals
from shelfnet.procedural.generate import Furniture, generate_piece
from shelfnet.procedural.parts import MaterialSlot
from shelfnet.procedural.primitives import box, cushion


@pytest.fixture(scope="module")
def pieces() -> list[Furniture]:
    return [generate_piece(7, index, 64) for index in range(40)]


def test_models_stand_on_the_floor_and_are_centred(pieces: list[Furniture]) -> None:
    for piece in pieces:
        low, high = piece.mesh.vertices.min(axis=0), piece.mesh.vertices.max(axis=0)
        assert low[1] == 0.0
        np.testing.assert_allclose((low + high)[[0, 2]], 0.0, atol=2.1e-5)


def test_normalised_models_fill_the_unit_box(pieces: list[Furniture]) -> None:
    for piece in pieces:
        points = piece.mesh.normalised_vertices()
        np.testing.assert_allclose(points.min(axis=0), -points.max(axis=0), atol=1e-9)
        assert np.abs(points).max() == pytest.approx(1.0)


def test_normals_are_unit_and_agree_with_faces(pieces: list[Furniture]) -> None:
    for piece in pieces:
        mesh = piece.mesh
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=2e-4)
        a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
        cross = np.cross(b - a, c - a)
        areas = np.linalg.norm(cross, axis=1)
        sizeable = areas > 1e-6
        corners = mesh.normals[mesh.normal_faces][sizeable]
        agreement = np.einsum("fkd,fd->fk", corners, cross[sizeable] / areas[sizeable, None])
        assert agreement.min() > 0.0


def test_boxes_keep_creases_and_spheres_are_smooth() -> None:
    cube = box((1.0, 1.0, 1.0), bevel_m=0.02)
    normals = corner_normals(cube.vertices, cube.faces)
    top = (cube.vertices[cube.faces][..., 1] > 0.499).all(axis=1)
    np.testing.assert_allclose(normals[top], np.broadcast_to([0.0, 1.0, 0.0], normals[top].shape), atol=0.005)
    ball = cushion((2.0, 2.0, 2.0), 2.0, 2.0, 8)
    normals = corner_normals(ball.vertices, ball.faces)
    np.testing.assert_allclose(normals, ball.vertices[ball.faces], atol=0.08)


def test_texture_coordinates_stay_in_the_region_of_their_slot() -> None:
    for texture_px in (32, 256):
        parts = [box((0.6, 0.1, 0.4), slot=slot) for slot in MaterialSlot]
        mesh = assemble(parts, texture_px, np.random.default_rng(0)).mesh
        for part, (low, high) in enumerate(REGIONS.values()):
            v = mesh.uvs[mesh.uv_faces[part * len(parts[0].faces) : (part + 1) * len(parts[0].faces)]][..., 1]
            assert low + 0.9 / texture_px <= v.min() and v.max() <= high - 0.9 / texture_px


def test_texel_density_is_uniform() -> None:
    small, large = box((0.1, 0.05, 0.1)), box((0.5, 0.05, 0.4)).translated(y=1.0)
    mesh = assemble([small, large], 128, np.random.default_rng(0)).mesh
    world = np.linalg.norm(np.diff(mesh.vertices[mesh.faces][:, :2], axis=1)[:, 0], axis=1)
    atlas = np.linalg.norm(np.diff(mesh.uvs[mesh.uv_faces][:, :2], axis=1)[:, 0], axis=1)
    first = len(small.faces)
    density = [np.median(atlas[rows] / world[rows]) for rows in (slice(0, first), slice(first, None))]
    assert density[0] == pytest.approx(density[1], rel=0.05)
