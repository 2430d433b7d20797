import math

import numpy as np
import torch
import trimesh
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction import colour_transfer
from shelfnet.reconstruction.projective_texturing import PosedImage
from shelfnet.reconstruction.texture_baking import bake_texture, interpolated_colours
from shelfnet.renderer.texels import rasterize_uv

FOV, DISTANCE, PX = math.radians(35.0), 2.6, 48
RED, BLUE = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])


def ball(radius: float = 0.4) -> Mesh:
    surface = trimesh.creation.icosphere(3, radius)
    return Mesh(surface.vertices.copy(), surface.faces.astype(np.int64))


def red_photograph() -> PosedImage:
    image = torch.zeros(3, PX, PX)
    image[0] = 1.0
    return PosedImage(image, torch.ones(PX, PX), 0.6, 0.2, FOV, DISTANCE)


def blue(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)
    return np.tile(BLUE, (len(points), 1))


def painted_points(texture, mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    side = len(texture.pixels)
    atlas = texture.atlas
    texels = rasterize_uv(torch.from_numpy(atlas.uv).float(), torch.from_numpy(atlas.faces), side)
    points = texels.interpolate(torch.from_numpy(mesh.faces), torch.from_numpy(mesh.vertices)).numpy()
    return points, texture.pixels.reshape(-1, 3)[texels.texel.numpy()] / 255.0


def test_visible_texels_show_photo_and_distant_ones_prediction(monkeypatch):
    # So that parts of the ball are far from what is visible.
    monkeypatch.setattr(colour_transfer, "MAX_ANGLE_DEG", 90.0)
    monkeypatch.setattr(colour_transfer, "MAX_DISTANCE", 0.5)
    texture = bake_texture(ball(), red_photograph(), blue, 96)
    points, colours = painted_points(texture, ball())
    direction = np.array([math.sin(0.6) * math.cos(0.2), math.sin(0.2), math.cos(0.6) * math.cos(0.2)])
    facing, mirrored = points @ direction / 0.4, points @ (direction * [-1.0, 1.0, 1.0]) / 0.4
    np.testing.assert_allclose(colours[facing > 0.8], np.tile(RED, ((facing > 0.8).sum(), 1)))
    distant = (facing < -0.6) & (mirrored < -0.6)
    assert distant.any()
    np.testing.assert_allclose(colours[distant], np.tile(BLUE, (distant.sum(), 1)))
    assert ((colours[:, 0] > 0.05) & (colours[:, 0] < 0.95)).any()


def test_hidden_texels_show_the_photo_of_their_mirror_image():
    """A ball seen from the right: its left half has the colours of the right half."""
    centres = (torch.arange(PX) + 0.5) / PX
    down, right = torch.meshgrid(centres, centres, indexing="ij")
    image = torch.stack([down, right, torch.zeros_like(right)])
    photograph = PosedImage(image, torch.ones(PX, PX), 0.5 * math.pi, 0.2, FOV, DISTANCE)
    points, colours = painted_points(bake_texture(ball(), photograph, blue, 96), ball())
    left = np.flatnonzero(points[:, 0] < -0.3)
    distances, nearest = cKDTree(points).query(points[left] * [-1.0, 1.0, 1.0])
    assert len(left) > 100
    assert distances.max() < 0.03
    np.testing.assert_allclose(colours[left], colours[nearest], atol=0.04)
    assert np.ptp(colours[left], axis=0)[:2].min() > 0.15


def test_the_photo_precedes_its_mirror_image():
    """Seen from the front, both halves keep their own colours."""
    image = torch.zeros(3, PX, PX)
    image[0, :, : PX // 2], image[1, :, PX // 2 :] = 1.0, 1.0
    photograph = PosedImage(image, torch.ones(PX, PX), 0.0, 0.0, FOV, DISTANCE)
    points, colours = painted_points(bake_texture(ball(), photograph, blue, 96), ball())
    front = points[:, 2] > 0.3
    for side, channel in ((-1.0, 0), (1.0, 1)):
        np.testing.assert_allclose(colours[front & (side * points[:, 0] > 0.03)][:, channel], 1.0, atol=0.01)


def test_colours_change_gradually_between_the_sources():
    """On a ball, no two neighbouring texels differ much, although photo and prediction do."""
    points, colours = painted_points(bake_texture(ball(), red_photograph(), blue, 128), ball())
    one, other = cKDTree(points).query_pairs(0.015, output_type="ndarray").T
    assert (colours[:, 0].min(), colours[:, 0].max()) == (0.0, 1.0)
    assert np.abs(colours[one] - colours[other]).max() < 0.2


def test_texture_has_no_gaps():
    texture = bake_texture(ball(), red_photograph(), blue, 64)
    assert texture.pixels.shape == (64, 64, 3)
    np.testing.assert_allclose(texture.pixels.astype(int).sum(-1), 255, atol=1)


def test_colours_are_predicted_at_original_vertices():
    moved = Mesh(ball().vertices * 0.5, ball().faces)
    image = torch.ones(3, PX, PX)
    nothing = PosedImage(image, torch.zeros(PX, PX), 0.0, 0.0, FOV, DISTANCE)
    texture = bake_texture(moved, nothing, lambda points, _: 0.5 + points, 96, ball().vertices)
    points, colours = painted_points(texture, moved)
    np.testing.assert_allclose(colours, 0.5 + 2.0 * points, atol=0.01)


def test_interpolated_colours():
    field = interpolated_colours(np.array([[0.0, 0, 0], [1, 0, 0]]), np.array([RED, BLUE]))
    normals = np.tile([0.0, 0.0, 1.0], (3, 1))
    colours = field(np.array([[0.0, 0, 0], [0.5, 0, 0], [1, 0, 0]]), normals)
    np.testing.assert_allclose(colours, [RED, 0.5 * (RED + BLUE), BLUE], atol=1e-6)


def test_interpolation_from_one_vertex():
    field = interpolated_colours(np.zeros((1, 3)), RED[None])
    np.testing.assert_allclose(field(np.ones((2, 3)), np.ones((2, 3))), [RED, RED])
