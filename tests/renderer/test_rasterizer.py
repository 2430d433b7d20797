import math

import numpy as np
import pytest
import torch
import trimesh

from shelfnet.geometry.cameras import look_at_origin, project
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.mesh_extraction import simplify
from shelfnet.renderer import pixel_face_pairs
from shelfnet.renderer.mesh_batch import MeshBatch, pack_meshes
from shelfnet.renderer.pytorch3d_rasterizer import RasterizerUnavailableError, rasterize_pytorch3d
from shelfnet.renderer.rasterizer import (
    Fragments,
    blur_radius_from_sigma,
    interpolate,
    rasterize,
    soft_rgb,
    soft_silhouette,
    to_ndc,
)

FOV = math.radians(35.0)
DISTANCE = 2.6
TOWARDS_CAMERA = np.array([0.0, 0.0, 0.1])


def front_camera(batch: int = 1, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    zeros = torch.zeros(batch, dtype=dtype)
    return look_at_origin(zeros, zeros, DISTANCE)


def batch_of(*meshes: Mesh) -> MeshBatch:
    packed = pack_meshes(meshes)
    exact = np.concatenate([mesh.vertices for mesh in meshes])
    return packed.with_vertices(torch.as_tensor(exact, dtype=torch.float64))


def triangle_soup(n_faces: int, seed: int, size: float = 0.35) -> Mesh:
    generator = np.random.default_rng(seed)
    centres = generator.uniform(-0.4, 0.4, (n_faces, 1, 3))
    vertices = (centres + generator.uniform(-size, size, (n_faces, 3, 3))).reshape(-1, 3)
    return Mesh(vertices, np.arange(3 * n_faces).reshape(-1, 3))


def sphere(radius: float, rings: int = 24) -> Mesh:
    polar = np.linspace(0.0, math.pi, rings + 1)[1:-1]
    around = np.linspace(0.0, 2 * math.pi, 2 * rings, endpoint=False)
    p, a = (grid.ravel() for grid in np.meshgrid(polar, around, indexing="ij"))
    body = np.stack([np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)], axis=1)
    vertices = radius * np.vstack([body, [[0, 1, 0], [0, -1, 0]]])
    width, top, bottom = 2 * rings, len(body), len(body) + 1
    faces = []
    for column in range(width):
        after = (column + 1) % width
        faces.append([top, column, after])
        for row in range(rings - 2):
            a, b = row * width + column, row * width + after
            faces += [[a, a + width, b], [b, a + width, b + width]]
        last = (rings - 2) * width
        faces.append([bottom, last + after, last + column])
    return Mesh(vertices, np.array(faces))


# --- a naive reference: one pixel and one face at a time, as PyTorch3D defines it


def naive_rasterize(screen, faces, face_mesh, batch, resolution, k, blur_radius):
    found = [[[[] for _ in range(resolution)] for _ in range(resolution)] for _ in range(batch)]
    for index, face in enumerate(faces):
        corners = screen[face]
        if corners[:, 2].min() < pixel_face_pairs.NEAR_DEPTH:
            continue
        for row in range(resolution):
            for column in range(resolution):
                centre = (2.0 * np.array([column, row]) + 1.0) / resolution - 1.0
                fragment = naive_fragment(corners, centre, blur_radius)
                if fragment is not None:
                    found[face_mesh[index]][row][column].append((fragment[0], index, *fragment[1:]))
    return [[[sorted(pixel, key=lambda f: f[:2])[:k] for pixel in line] for line in image] for image in found]


def naive_fragment(corners, centre, blur_radius):
    xy, depth = corners[:, :2], corners[:, 2]
    system = np.vstack([xy.T, np.ones(3)])
    affine = np.linalg.solve(system, np.append(centre, 1.0))
    inside = bool((affine > 0).all())
    distance = min(segment_distance2(centre, xy[i], xy[(i + 1) % 3]) for i in range(3))
    if not inside and distance >= blur_radius:
        return None
    weights = np.maximum(affine, 0.0) / depth
    weights /= weights.sum()
    return weights @ depth, weights, -distance if inside else distance


def segment_distance2(point, start, end):
    along = np.clip((point - start) @ (end - start) / ((end - start) @ (end - start)), 0.0, 1.0)
    return float(((start + along * (end - start) - point) ** 2).sum())


@pytest.mark.parametrize("blur_radius", [0.0, 0.02])
def test_rasterize_matches_a_naive_loop(blur_radius):
    meshes = batch_of(triangle_soup(14, 0, 0.7), triangle_soup(8, 1, 0.7))
    cameras = look_at_origin(torch.tensor([0.3, -2.0]).double(), torch.tensor([0.2, 0.5]).double(), DISTANCE)
    resolution, k = 11, 4
    fragments = rasterize(meshes, cameras, FOV, resolution, k, blur_radius)
    screen = to_ndc(meshes, cameras, FOV).numpy()
    expected = naive_rasterize(screen, meshes.faces.numpy(), meshes.face_mesh.numpy(), 2, resolution, k, blur_radius)
    for b, row, column in np.ndindex(2, resolution, resolution):
        pixel = expected[b][row][column]
        got = fragments.pix_to_face[b, row, column]
        assert got.tolist() == [fragment[1] for fragment in pixel] + [-1] * (k - len(pixel))
        for place, (depth, _, weights, distance) in enumerate(pixel):
            assert fragments.zbuf[b, row, column, place].item() == pytest.approx(depth, abs=1e-10)
            assert fragments.dists[b, row, column, place].item() == pytest.approx(distance, abs=1e-10)
            np.testing.assert_allclose(fragments.bary_coords[b, row, column, place], weights, atol=1e-9)
    assert sum(len(pixel) > 1 for image in expected for line in image for pixel in line) > 20


def test_empty_slots_hold_minus_one():
    fragments = rasterize(batch_of(sphere(0.1, 6)), front_camera(), FOV, 8, 3, 0.0)
    unused = fragments.pix_to_face < 0
    assert unused.any()
    for values in (fragments.zbuf, fragments.dists, fragments.bary_coords[..., 0]):
        assert (values[unused] == -1).all()


@pytest.mark.parametrize("pairs_at_once", [1, 50])
def test_memory_chunks_do_not_change_fragments(monkeypatch, pairs_at_once):
    meshes = batch_of(triangle_soup(9, 2), triangle_soup(9, 3))
    whole = rasterize(meshes, front_camera(2), FOV, 10, 3, 0.01)
    monkeypatch.setattr(pixel_face_pairs, "_PAIRS_IN_MEMORY", pairs_at_once)
    chunked = rasterize(meshes, front_camera(2), FOV, 10, 3, 0.01)
    assert torch.equal(whole.pix_to_face, chunked.pix_to_face)
    assert torch.equal(whole.dists, chunked.dists)


def test_cache_chunks_do_not_change_fragments(monkeypatch):
    meshes = batch_of(triangle_soup(9, 2), triangle_soup(9, 3))
    whole = rasterize(meshes, front_camera(2), FOV, 10, 3, 0.01)
    monkeypatch.setattr(pixel_face_pairs, "_PAIRS_IN_CACHE", 7)
    parted = rasterize(meshes, front_camera(2), FOV, 10, 3, 0.01)
    assert torch.equal(whole.pix_to_face, parted.pix_to_face)
    assert torch.equal(whole.dists, parted.dists)


def test_screen_coordinates_follow_the_camera_convention():
    meshes = batch_of(triangle_soup(5, 4))
    camera = look_at_origin(torch.tensor([0.7]).double(), torch.tensor([-0.3]).double(), DISTANCE)
    resolution = 32
    pixels, depth = project(meshes.vertices[None], camera, FOV, resolution)
    screen = to_ndc(meshes, camera, FOV)
    torch.testing.assert_close(screen[:, :2], 2.0 * pixels[0] / resolution - 1.0)
    torch.testing.assert_close(screen[:, 2], depth[0])


def test_nearer_of_two_overlapping_triangles_comes_first():
    corners = np.array([[-0.4, -0.4, 0.0], [0.4, -0.4, 0.0], [0.0, 0.5, 0.0]])
    vertices = np.vstack([corners - 3 * TOWARDS_CAMERA, corners + 3 * TOWARDS_CAMERA])
    fragments = rasterize(batch_of(Mesh(vertices, np.array([[0, 1, 2], [3, 4, 5]]))), front_camera(), FOV, 16, 2, 0.0)
    assert fragments.pix_to_face[0, 8, 8].tolist() == [1, 0]
    torch.testing.assert_close(fragments.zbuf[0, 8, 8], torch.tensor([2.3, 2.9]).double())


def test_sphere_silhouette_is_the_projected_disc():
    radius, resolution = 0.45, 96
    fragments = rasterize(batch_of(sphere(radius, 48)), front_camera(), FOV, resolution, 1, 0.0)
    disc_ndc = math.tan(math.asin(radius / DISTANCE)) / math.tan(FOV / 2)
    covered = (fragments.pix_to_face[0, ..., 0] >= 0).double().mean().item()
    assert covered == pytest.approx(math.pi * disc_ndc**2 / 4, rel=0.01)
    nearest = fragments.zbuf[fragments.pix_to_face >= 0].min().item()
    assert nearest == pytest.approx(DISTANCE - radius, abs=2e-3)


def test_soft_silhouette_sharpens_to_the_covered_pixels():
    meshes = batch_of(sphere(0.4, 12))
    fragments = rasterize(meshes, front_camera(), FOV, 24, 40, blur_radius_from_sigma(1e-9))
    covered = (rasterize(meshes, front_camera(), FOV, 24, 1, 0.0).pix_to_face[..., 0] >= 0).double()
    torch.testing.assert_close(soft_silhouette(fragments, 1e-9), covered, atol=1e-3, rtol=0)


def hand_made_fragments() -> Fragments:
    faces = torch.tensor([[0, 1, -1]]).reshape(1, 1, 1, 3)
    zbuf = torch.tensor([2.0, 2.5, -1.0]).double().reshape(1, 1, 1, 3)
    dists = torch.tensor([2e-4, -1e-4, -1.0], dtype=torch.float64).reshape(1, 1, 1, 3)
    weights = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [-1.0, -1.0, -1.0]]).double().reshape(1, 1, 1, 3, 3)
    return Fragments(faces, zbuf, weights, dists)


def sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))


def test_soft_silhouette_matches_its_formula():
    expected = 1.0 - (1.0 - sigmoid(-2.0)) * (1.0 - sigmoid(1.0))
    assert soft_silhouette(hand_made_fragments(), 1e-4).item() == pytest.approx(expected, rel=1e-12)


def test_soft_rgb_matches_its_formula():
    gamma = 1e-2
    red, green = torch.eye(3).double()[:2]
    colours = torch.stack([red, green, torch.full((3,), 9.0).double()]).reshape(1, 1, 1, 3, 3)
    blended = soft_rgb(hand_made_fragments(), colours, 1e-4, gamma)
    first, second = sigmoid(-2.0), sigmoid(1.0) * math.exp(-(0.5 / 99.0) / gamma)
    total = first + second + 1e-10
    expected = torch.tensor([first, second, 0.0]).double() / total + 1e-10 / total
    torch.testing.assert_close(blended.flatten(), expected)


def test_soft_rgb_is_white_without_faces():
    fragments = rasterize(batch_of(sphere(0.1, 6)), front_camera(), FOV, 8, 2, 1e-4)
    colours = torch.zeros(1, 8, 8, 2, 3).double()
    image = soft_rgb(fragments, colours, 1e-4, 1e-4)
    torch.testing.assert_close(image[0, :, 0, 0], torch.ones(3).double())


def test_interpolate_weights_corner_attributes():
    faces = torch.tensor([[0, 1, 2], [1, 2, 3]])
    attributes = torch.tensor([[0.0], [1.0], [10.0], [100.0]]).double()
    values = interpolate(hand_made_fragments(), faces, attributes)
    torch.testing.assert_close(values.flatten(), torch.tensor([0.5, 0.2 + 3.0 + 50.0, 0.0]).double())


def test_interpolated_position_lies_on_the_pixels_ray():
    meshes = batch_of(sphere(0.4, 16))
    camera = look_at_origin(torch.tensor([0.4]).double(), torch.tensor([0.3]).double(), DISTANCE)
    fragments = rasterize(meshes, camera, FOV, 16, 1, 0.0)
    points = interpolate(fragments, meshes.faces, meshes.vertices)
    used = (fragments.pix_to_face >= 0)[0, ..., 0]
    pixels, depth = project(points[0, used, 0][None], camera, FOV, 16)
    row, column = used.nonzero().double().unbind(1)
    torch.testing.assert_close(pixels[0], torch.stack([column, row], dim=1) + 0.5)
    torch.testing.assert_close(depth[0], fragments.zbuf[0, ..., 0][used])


def test_gradients_match_finite_differences():
    meshes = batch_of(triangle_soup(3, 5, 0.5), triangle_soup(2, 6, 0.5))
    colours = torch.rand(len(meshes.vertices), 3, generator=torch.Generator().manual_seed(0)).double()
    weights = torch.rand(2, 6, 6, generator=torch.Generator().manual_seed(1)).double()

    def render(vertices, azimuth, elevation):
        moved = meshes.with_vertices(vertices)
        fragments = rasterize(moved, look_at_origin(azimuth, elevation, DISTANCE), FOV, 6, 4, 0.05)
        rgb = soft_rgb(fragments, interpolate(fragments, meshes.faces, colours), 1e-2, 1e-1)
        return (weights * soft_silhouette(fragments, 1e-2)).sum(), (weights[:, None] * rgb).sum()

    inputs = (meshes.vertices, torch.tensor([0.3, -1.0]).double(), torch.tensor([0.2, 0.4]).double())
    assert torch.autograd.gradcheck(render, [value.clone().requires_grad_() for value in inputs], atol=1e-5)


def test_silhouette_gradient_pulls_the_outline_outwards():
    meshes = batch_of(sphere(0.3, 10))
    vertices = meshes.vertices.clone().requires_grad_()
    fragments = rasterize(meshes.with_vertices(vertices), front_camera(), FOV, 24, 20, blur_radius_from_sigma(1e-3))
    soft_silhouette(fragments, 1e-3).sum().backward()
    assert (vertices.grad * vertices).sum() > 0


def test_culled_faces_do_not_affect_gradients():
    visible = np.array([[-0.4, -0.4, 0.0], [0.4, -0.4, 0.0], [0.0, 0.5, 0.0]])
    vertices = np.vstack([visible, visible + 40 * TOWARDS_CAMERA, [[0.1, 0.1, DISTANCE]], [[np.nan, 0.0, 0.0]]])
    faces = np.array([[0, 1, 2], [3, 4, 5], [0, 1, 6], [0, 1, 7]])
    meshes = batch_of(Mesh(vertices, faces))
    moving = meshes.vertices.clone().requires_grad_()
    fragments = rasterize(meshes.with_vertices(moving), front_camera(), FOV, 16, 4, 1e-3)
    assert set(fragments.pix_to_face.unique().tolist()) == {-1, 0}
    soft_silhouette(fragments, 1e-4).sum().backward()
    assert moving.grad[:7].isfinite().all()


def test_a_degenerate_face_is_culled():
    vertices = np.array([[-0.4, 0.0, 0.0], [0.4, 0.0, 0.0], [0.0, 0.0, 0.0]])
    fragments = rasterize(batch_of(Mesh(vertices, np.array([[0, 1, 2]]))), front_camera(), FOV, 8, 2, 0.01)
    assert (fragments.pix_to_face == -1).all()


def test_meshes_of_a_batch_are_independent():
    first, second = sphere(0.2, 6), triangle_soup(4, 7)
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    together = rasterize(batch_of(first, empty, second), front_camera(3), FOV, 12, 3, 1e-3)
    alone = rasterize(batch_of(second), front_camera(), FOV, 12, 3, 1e-3)
    assert (together.pix_to_face[1] == -1).all()
    torch.testing.assert_close(together.dists[2], alone.dists[0])
    used = alone.pix_to_face[0] >= 0
    assert torch.equal(together.pix_to_face[2][used], alone.pix_to_face[0][used] + len(first.faces))


def test_pack_meshes_rejects_an_invalid_face():
    with pytest.raises(ValueError, match="mesh 0"):
        pack_meshes([Mesh(np.zeros((3, 3)), np.array([[0, 1, 3]]))])


def test_packed_faces_index_packed_vertices():
    first, second = sphere(0.2, 6), triangle_soup(2, 8)
    packed = pack_meshes([first, second])
    assert packed.vertex_counts().tolist() == [len(first.vertices), 6]
    assert packed.face_counts().tolist() == [len(first.faces), 2]
    np.testing.assert_array_equal(packed.faces[-2:] - len(first.vertices), second.faces)


def test_missing_pytorch3d_is_an_error():
    if _has_pytorch3d():
        pytest.skip("PyTorch3D is installed")
    meshes = pack_meshes([sphere(0.2, 6)])
    with pytest.raises(RasterizerUnavailableError, match=r"refine\.rasterizer: own"):
        rasterize_pytorch3d(meshes, front_camera(dtype=torch.float32), FOV, 8, 1, 0.0)


def test_fragments_match_pytorch3d():
    pytest.importorskip("pytorch3d", reason="PyTorch3D is not installed")
    meshes = pack_meshes([sphere(0.4, 10), triangle_soup(6, 9)])
    arguments = (meshes, front_camera(2, torch.float32), FOV, 16, 5, 1e-3)
    ours, theirs = rasterize(*arguments), rasterize_pytorch3d(*arguments)
    assert (ours.pix_to_face == theirs.pix_to_face).float().mean() > 0.999
    same = ours.pix_to_face == theirs.pix_to_face
    torch.testing.assert_close(ours.dists[same], theirs.dists[same], atol=1e-5, rtol=1e-4)


def furniture() -> list[Mesh]:
    """A chair of boxes and a torus, simplified as the workflow does: uneven triangles, thin parts, a hole."""
    seat, back = ((0.6, 0.08, 0.6), (0.0, 0.0, 0.0)), ((0.6, 0.5, 0.06), (0.0, 0.28, -0.27))
    legs = [((0.06, 0.45, 0.06), (x, -0.26, z)) for x in (-0.26, 0.26) for z in (-0.26, 0.26)]
    chair = trimesh.util.concatenate(
        [trimesh.creation.box(size).apply_translation(at) for size, at in (seat, back, *legs)]
    )
    chair = chair.subdivide().subdivide()
    torus = trimesh.creation.torus(0.3, 0.12, 48, 24)
    meshes = [Mesh(np.array(mesh.vertices), mesh.faces.astype(np.int64)) for mesh in (chair, torus)]
    return [simplify(mesh, 900) for mesh in meshes]


def test_furniture_silhouettes_and_gradients_match_pytorch3d():
    pytest.importorskip("pytorch3d", reason="PyTorch3D is not installed")
    meshes = pack_meshes(furniture())
    cameras = look_at_origin(torch.tensor([0.5, -2.2]), torch.tensor([0.3, 0.1]), DISTANCE)
    weights = torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(0))
    silhouettes, gradients = [], []
    for rasterizer in (rasterize, rasterize_pytorch3d):
        vertices = meshes.vertices.clone().requires_grad_()
        moving = meshes.with_vertices(vertices)
        fragments = rasterizer(moving, cameras, FOV, 64, 10, blur_radius_from_sigma(1e-4))
        silhouette = soft_silhouette(fragments, 1e-4)
        (weights * silhouette).sum().backward()
        silhouettes.append(silhouette.detach())
        gradients.append(vertices.grad)
    assert (silhouettes[0] - silhouettes[1]).abs().max() < 1e-3
    assert (gradients[0] - gradients[1]).norm() < 1e-3 * gradients[1].norm()


def _has_pytorch3d() -> bool:
    try:
        import pytorch3d  # noqa: F401
    except ImportError:
        return False
    return True
