"""Compiled soft renders on a CPU against the tensor operations in float64."""

import math

import numpy as np
import pytest
import torch
import trimesh

pytest.importorskip("numba")

from shelfnet.geometry.cameras import look_at_origin
from shelfnet.geometry.meshes import Mesh
from shelfnet.renderer import pixel_face_pairs
from shelfnet.renderer.mesh_batch import pack_meshes
from shelfnet.renderer.pixel_face_pairs import nearest_pairs
from shelfnet.renderer.rasterizer import rasterize, to_ndc
from shelfnet.renderer.soft_render import Softness, SoftRender, soft_render

FOV, DISTANCE, PIXELS = math.radians(35.0), 2.6, 24
SOFT = Softness(faces_per_pixel=5, sigma=1e-3, gamma=1e-2)
SHARP = Softness(faces_per_pixel=10, sigma=5e-5, gamma=1e-4)
MANY = Softness(faces_per_pixel=60, sigma=1e-3, gamma=1e-2)
EMPTY = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))


def soup(n_faces: int, seed: int, size: float = 0.3) -> Mesh:
    generator = np.random.default_rng(seed)
    centres = generator.uniform(-0.35, 0.35, (n_faces, 1, 3))
    vertices = (centres + generator.uniform(-size, size, (n_faces, 3, 3))).reshape(-1, 3)
    return Mesh(vertices, np.arange(3 * n_faces).reshape(-1, 3))


def torus() -> Mesh:
    """A closed mesh, whose faces share vertices."""
    mesh = trimesh.creation.torus(0.3, 0.12, 24, 12)
    return Mesh(np.array(mesh.vertices), mesh.faces.astype(np.int64))


MESHES = pack_meshes([EMPTY, soup(30, 0), EMPTY, soup(200, 1, 0.08), EMPTY])
CLOSED = pack_meshes([torus()])
AZIMUTHS = (0.0, 0.3, 0.0, -2.0, 0.5)


def random_like(values: torch.Tensor, seed: int) -> torch.Tensor:
    return torch.rand(values.shape, generator=torch.Generator().manual_seed(seed))


COLOURS = random_like(MESHES.vertices, 2)


def tensor_operations(*arguments):
    """A rasterizer that is not the one which the compiled loops replace."""
    return rasterize(*arguments)


def rendered(
    softness: Softness, dtype: torch.dtype, rasterizer=rasterize, pixels: int = PIXELS, fov: float = FOV, meshes=MESHES
) -> tuple[SoftRender, list[torch.Tensor]]:
    """Renders, and their vertices, azimuths and elevations."""
    azimuth = torch.tensor(AZIMUTHS, dtype=dtype)[-meshes.size :]
    inputs = [value.clone().requires_grad_() for value in (meshes.vertices.to(dtype), azimuth, 0.2 + 0.1 * azimuth)]
    camera = look_at_origin(inputs[1], inputs[2], DISTANCE)
    colours = random_like(meshes.vertices, 2).to(dtype)
    return soft_render(meshes.with_vertices(inputs[0]), colours, camera, fov, pixels, softness, rasterizer), inputs


def gradients(render: SoftRender, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Gradients of vertices, azimuths and elevations for random gradients of the renders."""
    losses = [(random_like(values, 3) * values).sum() for values in (render.silhouette, render.rgb)]
    return torch.autograd.grad(losses[0] + losses[1], inputs)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize(
    ("softness", "pixels", "fov", "meshes"),
    [
        (SOFT, PIXELS, FOV, MESHES),
        (SHARP, PIXELS, FOV, MESHES),
        (SOFT, PIXELS, 0.2, MESHES),
        (SOFT, 1, FOV, MESHES),
        (MANY, PIXELS, FOV, CLOSED),
    ],
    ids=["soft", "sharp", "partly outside the image", "one pixel", "closed, with empty slots"],
)
def test_values_and_gradients_match_tensor_operations(softness, pixels, fov, meshes):
    found, inputs = rendered(softness, torch.float32, pixels=pixels, fov=fov, meshes=meshes)
    expected, doubles = rendered(softness, torch.float64, pixels=pixels, fov=fov, meshes=meshes)
    assert torch.equal(found.covered, expected.covered)
    for name in ("silhouette", "rgb"):
        values, references = getattr(found, name), getattr(expected, name)
        torch.testing.assert_close(values.double(), references, atol=2e-4, rtol=0)
        weights = random_like(values, 3)
        own = torch.autograd.grad((weights * values).sum(), inputs, retain_graph=True)
        of_references = torch.autograd.grad((weights * references).sum(), doubles, retain_graph=True)
        for gradient, reference in zip(own, of_references, strict=True):
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
    camera = look_at_origin(torch.zeros(MESHES.size), torch.zeros(MESHES.size), DISTANCE)
    soft_render(MESHES, colours, camera, FOV, PIXELS, SOFT).rgb.sum().backward()
    assert colours.grad.abs().max() > 0


def test_threads_change_neither_renders_nor_gradients(monkeypatch):
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        render, inputs = rendered(SOFT, torch.float32)
        results.append((render.rgb, render.silhouette, *gradients(render, inputs)))
    assert all(torch.equal(one, several) for one, several in zip(*results, strict=True))


def test_without_faces_renders_are_white_and_empty():
    vertices = torch.zeros(0, 3, requires_grad=True)
    camera = look_at_origin(torch.zeros(1), torch.zeros(1), DISTANCE)
    render = soft_render(pack_meshes([EMPTY]).with_vertices(vertices), torch.zeros(0, 3), camera, FOV, PIXELS, SOFT)
    assert (render.rgb == 1.0).all()
    assert not render.silhouette.any() and not render.covered.any()
    (render.silhouette.sum() + render.rgb.sum()).backward()
    assert vertices.grad.shape == (0, 3)


def test_culled_faces_do_not_affect_gradients():
    behind, missing = [0.1, 0.1, DISTANCE], [np.nan, 0.0, 0.0]
    vertices = np.array([[-0.4, -0.4, 0.0], [0.4, -0.4, 0.0], [0.0, 0.5, 0.0], behind, [0.0, -0.4, 0.0], missing])
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4], [0, 1, 5]])
    results = []
    for used, rasterizer in ((4, rasterize), (1, tensor_operations)):
        meshes = pack_meshes([Mesh(vertices, faces[:used])])
        moving = meshes.vertices.clone().requires_grad_()
        camera = look_at_origin(torch.zeros(1), torch.zeros(1), DISTANCE)
        colours = random_like(moving, 5)
        render = soft_render(meshes.with_vertices(moving), colours, camera, FOV, PIXELS, SOFT, rasterizer)
        assert render.covered.any()
        results.append(torch.autograd.grad((render.silhouette + render.rgb.square().sum(1)).square().sum(), moving)[0])
    assert results[1].abs().max() > 1e-2
    torch.testing.assert_close(results[0][:3], results[1][:3], rtol=1e-3, atol=1e-3)


def test_a_face_whose_area_rounds_to_zero_gives_no_nan():
    """The search found the face; where a pixel evaluates it, its area is zero."""
    from shelfnet.renderer.raster_kernels import SoftImage, render_backward, render_forward

    corners = np.array([[[-0.5, -0.5, 2.0], [0.5, 0.5, 2.0], [0.0, 0.0, 2.0]]], np.float32)
    colours, found = np.full((1, 3, 3), 0.5, np.float32), np.full((16, 2), -1)
    found[[5, 10], 0] = 0  # the pixels on the diagonal that the face touches
    image = SoftImage(np.zeros(16, np.float32), np.ones((16, 3), np.float32), np.zeros(16, bool))
    render_forward(corners, colours, 4, 1e-3, 1e-2, found, image)
    assert not image.silhouette.any() and (image.rgb == 1.0).all() and not image.covered.any()
    d_image, d_corners = SoftImage(np.ones(16, np.float32), np.ones((16, 3), np.float32), image.covered), 0 * corners
    render_backward(corners, colours, 4, 1e-3, 1e-2, found, image, d_image, d_corners)
    assert not d_corners.any()


@pytest.mark.parametrize(("faces_per_pixel", "blur_radius"), [(1, 0.0), (4, 1e-2)])
def test_nearest_pairs_match_tensor_operations(monkeypatch, faces_per_pixel, blur_radius):
    azimuth = torch.tensor(AZIMUTHS)
    camera = look_at_origin(azimuth, 0.2 + 0.1 * azimuth, DISTANCE)
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
    azimuth = torch.tensor(AZIMUTHS)
    camera = look_at_origin(azimuth, 0.2 + 0.1 * azimuth, DISTANCE)
    together = soft_render(MESHES, COLOURS, camera, FOV, PIXELS, SOFT)
    index, own = 3, MESHES.vertex_mesh == 3
    alone = soft_render(pack_meshes([soup(200, 1, 0.08)]), COLOURS[own], camera[index : index + 1], FOV, PIXELS, SOFT)
    assert torch.equal(together.rgb[index : index + 1], alone.rgb)
