import io

import numpy as np
import pytest
import trimesh

from shelfnet.data.obj.materials import Material
from shelfnet.geometry.meshes import Mesh
from shelfnet.preview.models import Submesh
from shelfnet.report.true_glb import MAX_TEXTURE_PX, true_glb


def part(mesh, material):
    """A submesh: no two triangles share a vertex."""
    corners = np.asarray(mesh.triangles, dtype=np.float64).reshape(-1, 3)
    normals = np.repeat(np.asarray(mesh.face_normals), 3, axis=0)
    faces = np.arange(len(corners)).reshape(-1, 3)
    return Submesh(Mesh(corners, faces), normals, corners[:, :2] + 0.5, material)


def loaded(data):
    return trimesh.load_scene(io.BytesIO(data), file_type="glb", process=False)


RED, TEXTURE = Material((1.0, 0.0, 0.0)), np.full((1024, 8, 3), [0, 128, 0], np.uint8)


def test_small_model_keeps_its_shape_and_its_materials():
    box, ball = trimesh.creation.box(), trimesh.creation.icosphere(subdivisions=1, radius=0.5)
    scene = loaded(true_glb([part(box, RED), part(ball, Material(texture=TEXTURE))]))
    plain, textured = scene.geometry.values()
    assert (len(plain.faces), len(plain.vertices)) == (12, 24)  # four corners of each side share a normal
    np.testing.assert_allclose(scene.bounds, [[-0.5] * 3, [0.5] * 3], atol=1e-6)
    np.testing.assert_allclose(plain.visual.material.baseColorFactor[:3], [255, 0, 0])
    texture = textured.visual.material.baseColorTexture
    assert texture.format == "JPEG" and max(texture.size) == MAX_TEXTURE_PX
    np.testing.assert_allclose(np.asarray(texture).mean(axis=(0, 1)), [0, 128, 0], atol=3)


def test_large_model_is_simplified_and_keeps_its_colours():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    scene = loaded(true_glb([part(ball, Material(texture=TEXTURE))], max_faces=800))
    (mesh,) = scene.geometry.values()
    assert 400 < len(mesh.faces) <= 800
    assert mesh.volume == pytest.approx(ball.volume, rel=0.05)
    linear_green = 255 * ((128 / 255 + 0.055) / 1.055) ** 2.4
    colours = np.asarray(mesh.visual.vertex_attributes["color"])[:, :3]
    np.testing.assert_allclose(colours, np.tile([0.0, linear_green, 0.0], (len(colours), 1)), atol=2)
