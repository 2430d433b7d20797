"""Compiled soft renders on a CPU against the tensor operations in float64."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from shelfnet.geometry.cameras import look_at_origin
from shelfnet.geometry.meshes import Mesh
from shelfnet.renderer import pixel_face_pairs
from shelfnet.renderer.mesh_batch import MeshBatch, pack_meshes
from shelfnet.renderer.pixel_face_pairs import nearest_pairs
from shelfnet.renderer.rasterizer import rasterize, to_ndc
from shelfnet.renderer.soft_render import Softness, SoftRender, soft_render

FOV, DISTANCE, PIXELS = math.radians(35.0), 2.6, 24
SOFT = Softness(faces_per_pixel=5, sigma=1e-3, gamma=1e-2)
SHARP = Softness(faces_per_pixel=10, sigma=5e-5, gamma=1e-4)
EMPTY = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))


def soup(n_faces: int, seed: int, size: float = 0.3) -> Mesh:
    generator = np.random.default_rng(seed)
    centres = generator.uniform(-0.35, 0.35, (n_faces, 1, 3))
    vertices = (centres + generator.uniform(-size, size, (n_faces, 3, 3))).reshape(-1, 3)
    return Mesh(vertices, np.arange(3 * n_faces).reshape(-1, 3))


MESHES = pack_meshes([soup(30, 0), EMPTY, soup(200, 1, 0.08)])


def random_like(values: torch.Tensor, seed: int) -> torch.Tensor:
    return torch.rand(values.shape, generator=torch.Generator().manual_seed(seed))


COLOURS = random_like(MESHES.vertices, 2)


def tensor_operations(*arguments):
    """A rasterizer that is not the one which the compiled loops replace."""
    return rasterize(*arguments)


def rendered(softness: Softness, dtype: torch.dtype, rasterizer=rasterize) -> tuple[SoftRender, list[torch.Tensor]]:
    """Renders, and their vertices, azimuths and elevations."""
    azimuth = torch.tensor([0.3, 0.0, -2.0], dtype=dtype)
    inputs = [value.clone().requires_grad_() for value in (MESHES.vertices.to(dtype), azimuth, 0.2 + 0.1 * azimuth)]
    camera = look_at_origin(inputs[1], inputs[2], DISTANCE)
    meshes = MESHES.with_vertices(inputs[0])
    return soft_render(meshes, COLOURS.to(dtype), camera, FOV, PIXELS, softness, rasterizer), inputs


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("softness", [SOFT, SHARP], ids=["soft", "sharp"])
def test_values_and_gradients_match_tensor_operations(softness):
    (found, inputs), (expected, doubles) = rendered(softness, torch.float32), rendered(softness, torch.float64)
    assert torch.equal(found.covered, expected.covered)
    assert 0.1 < expected.covered[[0, 2]].double().mean() < 0.9
    for name in ("silhouette", "rgb"):
        values, references = getattr(found, name), getattr(expected, name)
        torch.testing.assert_close(values.double(), references, atol=2e-4, rtol=0)
        weights = random_like(values, 3)
        gradients = torch.autograd.grad((weights * values).sum(), inputs, retain_graph=True)
        of_references = torch.autograd.grad((weights * references).sum(), doubles, retain_graph=True)
        for gradient, reference in zip(gradients, of_references, strict=True):
            assert reference.norm() > 1e-2
            assert relative_error(gradient, reference) < 1e-3


def test_the_loops_are_used_for_float32_alone(monkeypatch):
    monkeypatch.setattr(torch.autograd.Function, "apply", None)
    rendered(SOFT, torch.float64)
    rendered(SOFT, torch.float32, tensor_operations)
    with pytest.raises(TypeError):
        rendered(SOFT, torch.float32)


def test_colours_with_a_gradient_use_tensor_operations():
    colours = COLOURS.clone().requires_grad_()
    camera = look_at_origin(torch.zeros(3), torch.zeros(3), DISTANCE)
    soft_render(MESHES, colours, camera, FOV, PIXELS, SOFT).rgb.sum().backward()
    assert colours.grad.abs().max() > 0


def test_threads_do_not_change_renders(monkeypatch):
    one, _ = rendered(SOFT, torch.float32)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    several, _ = rendered(SOFT, torch.float32)
    assert torch.equal(one.rgb, several.rgb)
    assert torch.equal(one.silhouette, several.silhouette)


def test_without_faces_renders_are_white_and_empty():
    camera = look_at_origin(torch.zeros(1), torch.zeros(1), DISTANCE)
    render = soft_render(pack_meshes([EMPTY]), torch.zeros(0, 3), camera, FOV, PIXELS, SOFT)
    assert (render.rgb == 1.0).all()
    assert not render.silhouette.any() and not render.covered.any()


def test_culled_faces_do_not_affect_gradients():
    behind, missing = [0.1, 0.1, DISTANCE], [np.nan, 0.0, 0.0]
    vertices = np.array([[-0.4, -0.4, 0.0], [0.4, -0.4, 0.0], [0.0, 0.5, 0.0], behind, missing, [0.0, -0.4, 0.0]])
    meshes = pack_meshes([Mesh(vertices, np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4], [0, 1, 5]]))])
    moving = meshes.vertices.clone().requires_grad_()
    camera = look_at_origin(torch.zeros(1), torch.zeros(1), DISTANCE)
    render = soft_render(meshes.with_vertices(moving), torch.rand(6, 3), camera, FOV, PIXELS, SOFT)
    assert render.covered.any() and render.rgb.isfinite().all()
    (render.silhouette.sum() + render.rgb.sum()).backward()
    assert moving.grad[:3].isfinite().all() and moving.grad[:3].abs().sum() > 0


@pytest.mark.parametrize(("faces_per_pixel", "blur_radius"), [(1, 0.0), (4, 1e-2)])
def test_nearest_pairs_match_tensor_operations(monkeypatch, faces_per_pixel, blur_radius):
    camera = look_at_origin(torch.tensor([0.3, 0.0, -2.0]), torch.tensor([0.2, 0.1, 0.0]), DISTANCE)
    corners = to_ndc(MESHES, camera, FOV)[MESHES.faces].permute(2, 1, 0).contiguous()
    arguments = (corners, MESHES.face_mesh, PIXELS, faces_per_pixel, blur_radius)
    found = nearest_pairs(*arguments)
    monkeypatch.setattr(pixel_face_pairs, "can_compile", lambda *_: False)
    expected = nearest_pairs(*arguments)
    assert len(expected.pixel) > 150
    assert torch.equal(found.pixel, expected.pixel)
    assert torch.equal(found.face, expected.face)
    torch.testing.assert_close(found.depth, expected.depth)


def test_of_equal_depths_the_first_face_comes_first():
    triangle = torch.tensor([[-0.9, -0.9, 2.0], [0.9, -0.9, 2.0], [0.0, 0.9, 2.0]])
    corners = torch.stack([triangle, triangle - torch.tensor([0.0, 0.0, 1.0]), triangle]).permute(2, 1, 0)
    pairs = nearest_pairs(corners.contiguous(), torch.zeros(3, dtype=torch.int64), 8, 3, 0.0)
    assert pairs.face.reshape(-1, 3).unique(dim=0).tolist() == [[1, 0, 2]]


def test_meshes_of_a_batch_are_independent():
    camera = look_at_origin(torch.tensor([0.3, 0.0, -2.0]), torch.tensor([0.2, 0.1, 0.0]), DISTANCE)
    together = soft_render(MESHES, COLOURS, camera, FOV, PIXELS, SOFT)
    alone = soft_render(last_of(MESHES), COLOURS[90:], camera[2:], FOV, PIXELS, SOFT)
    assert torch.equal(together.rgb[2:], alone.rgb)


def last_of(meshes: MeshBatch) -> MeshBatch:
    """The last mesh as a batch."""
    vertex, face = meshes.vertex_mesh == meshes.size - 1, meshes.face_mesh == meshes.size - 1
    first = int((~vertex).sum())
    zeros = (torch.zeros_like(meshes.vertex_mesh[vertex]), torch.zeros_like(meshes.face_mesh[face]))
    return replace(
        meshes, vertices=meshes.vertices[vertex], faces=meshes.faces[face] - first,
        vertex_mesh=zeros[0], face_mesh=zeros[1], size=1,
    )  # fmt: skip
