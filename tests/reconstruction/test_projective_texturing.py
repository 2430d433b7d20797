import math

import numpy as np
import pytest
import torch
import trimesh

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.projective_texturing import PosedImage, WeightedColours, project_image

FOV, DISTANCE, PX = math.radians(35.0), 2.6, 64


def photograph(image: torch.Tensor, mask: torch.Tensor | None = None, azimuth: float = 0.0) -> PosedImage:
    return PosedImage(image, torch.ones(PX, PX) if mask is None else mask, azimuth, 0.0, FOV, DISTANCE)


def ramp() -> torch.Tensor:
    """Red grows to the right, green downwards."""
    centres = (torch.arange(PX) + 0.5) / PX
    down, right = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([right, down, torch.full_like(right, 0.5)])


def wall(z: float = 0.0, half: float = 0.4, x: float = 0.0) -> Mesh:
    corners = np.array([[x - half, -half, z], [x + half, -half, z], [x + half, half, z], [x - half, half, z]])
    return Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]]))


def towards(points: np.ndarray, axis: int = 2) -> np.ndarray:
    return np.tile(np.eye(3)[axis], (len(points), 1))


def test_colours_are_sampled_at_projections():
    points = np.array([[0.0, 0.0, 0.0], [0.2, 0.1, 0.0], [-0.3, 0.25, 0.0]])
    seen = project_image(photograph(ramp()), wall(), points, towards(points))
    half_side = DISTANCE * math.tan(FOV / 2)
    np.testing.assert_allclose(seen.colours[:, 0], 0.5 + 0.5 * points[:, 0] / half_side, atol=1e-4)
    np.testing.assert_allclose(seen.colours[:, 1], 0.5 - 0.5 * points[:, 1] / half_side, atol=1e-4)
    np.testing.assert_allclose(seen.weights, 1.0)


def test_occluded_and_back_facing_points_have_no_weight():
    front, back = wall(0.2, 0.15), wall(-0.2, 0.4)
    scene = Mesh(np.vstack([front.vertices, back.vertices]), np.vstack([front.faces, back.faces + 4]))
    points = np.array([[0.0, 0.0, 0.2], [0.0, 0.0, -0.2], [0.35, 0.0, -0.2]])
    seen = project_image(photograph(ramp()), scene, points, towards(points))
    np.testing.assert_allclose(seen.weights, [1.0, 0.0, 1.0])
    away = project_image(photograph(ramp()), scene, points, -towards(points))
    np.testing.assert_allclose(away.weights, 0.0)


def test_weights_fade_next_to_occluders():
    front, back = wall(0.2, 0.15), wall(-0.2, 0.4)
    scene = Mesh(np.vstack([front.vertices, back.vertices]), np.vstack([front.faces, back.faces + 4]))
    edge = 0.15 * (DISTANCE + 0.2) / (DISTANCE - 0.2)
    across = np.linspace(edge - 0.02, edge + 0.06, 60)
    points = np.column_stack([across, np.zeros(60), np.full(60, -0.2)])
    weights = project_image(photograph(ramp()), scene, points, towards(points)).weights
    assert weights[across < edge].max() == 0.0
    pixel = 2.0 * (DISTANCE + 0.2) * math.tan(FOV / 2) / PX
    assert weights[across < edge + 0.6 * pixel].max() < 0.01
    assert weights[-1] == pytest.approx(1.0)
    assert (np.diff(weights) >= -1e-9).all()


def test_background_does_not_bleed_in():
    mask = torch.zeros(PX, PX)
    mask[:, : PX // 2] = 1.0
    mask[:, PX // 2] = 0.5
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    image = mask * red + (1.0 - mask)
    points = np.column_stack([np.linspace(-0.1, 0.1, 50), np.zeros(50), np.zeros(50)])
    seen = project_image(photograph(image, mask), wall(), points, towards(points))
    believed = seen.weights > 0.0
    assert 0 < believed.sum() < 50
    np.testing.assert_allclose(seen.colours[believed], np.tile([1.0, 0.0, 0.0], (believed.sum(), 1)), atol=1e-5)
    assert (np.diff(seen.weights) <= 1e-9).all()


def test_weights_fall_at_grazing_angles():
    points = np.zeros((5, 3))
    angles = np.radians([0.0, 50.0, 65.0, 75.0, 85.0])
    normals = np.column_stack([np.sin(angles), np.zeros(5), np.cos(angles)])
    weights = project_image(photograph(ramp()), wall(), points, normals).weights
    np.testing.assert_allclose(weights[[0, 1, 4]], [1.0, 1.0, 0.0])
    assert weights[1] > weights[2] > weights[3] > 0.0


def test_sphere_does_not_occlude_its_front():
    ball = trimesh.creation.icosphere(4, 0.4)
    mesh = Mesh(ball.vertices.copy(), ball.faces.astype(np.int64))
    seen = project_image(photograph(ramp(), azimuth=0.7), mesh, mesh.vertices, mesh.vertices / 0.4)
    direction = np.array([math.sin(0.7), 0.0, math.cos(0.7)])
    facing = mesh.vertices @ direction / 0.4
    assert seen.weights[facing > 0.75].min() == pytest.approx(1.0)
    assert seen.weights[facing < 0.1].max() == 0.0


def test_mirrored_image_shows_mirrored_points():
    image = PosedImage(ramp(), torch.ones(PX, PX), 0.4, 0.3, FOV, DISTANCE)
    points = np.array([[0.1, 0.2, 0.15], [-0.3, 0.1, 0.2]])
    flip = np.array([-1.0, 1.0, 1.0])
    normals = np.tile(image.cam2world()[0, :3, 3].numpy() / DISTANCE, (2, 1)).astype(np.float64)
    nothing = Mesh(np.full((3, 3), -5.0), np.array([[0, 1, 2]]))
    seen = project_image(image, nothing, points, normals)
    mirrored = project_image(image.mirrored(), nothing, points * flip, normals * flip)
    np.testing.assert_allclose(seen.weights, 1.0)
    np.testing.assert_allclose(mirrored.weights, seen.weights, atol=1e-6)
    np.testing.assert_allclose(mirrored.colours, seen.colours, atol=1e-5)


def test_sources_follow_each_other():
    red, green, blue = np.eye(3)
    first = WeightedColours(np.tile(red, (3, 1)), np.array([1.0, 0.5, 0.0]))
    second = WeightedColours(np.tile(green, (3, 1)), np.array([1.0, 0.5, 0.0]))
    both = first.or_else(second)
    np.testing.assert_allclose(both.weights, [1.0, 0.75, 0.0])
    below = np.tile(blue, (3, 1))
    np.testing.assert_allclose(both.over(below), [red, 0.5 * red + 0.25 * green + 0.25 * blue, blue])
    np.testing.assert_allclose(both.over(below), first.over(second.over(below)))


def test_points_outside_the_image_have_no_weight():
    points = np.array([[2.0, 0.0, 0.0]])
    assert project_image(photograph(ramp()), wall(half=3.0), points, towards(points)).weights[0] == 0.0
