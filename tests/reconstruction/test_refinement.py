import math

import numpy as np
import pytest
import torch
import trimesh

from shelfnet.config.meshes import RefineSettings, RefineWeights
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction import refinement_objective
from shelfnet.reconstruction.mesh_extraction import empty_mesh
from shelfnet.reconstruction.refinement import RefinedMesh, refine_meshes
from shelfnet.reconstruction.regularisers import build_topology, normal_loss
from shelfnet.reconstruction.silhouettes import mesh_mask_iou
from shelfnet.renderer.mesh_batch import pack_meshes
from shelfnet.renderer.rasterizer import blur_radius_from_sigma, interpolate, rasterize, soft_rgb, soft_silhouette

FOV, DISTANCE = math.radians(35.0), 2.6
PIXELS = 32
SETTINGS = RefineSettings(
    iterations=40,
    learning_rate=4e-3,
    camera_learning_rate=0.0,
    smoothing_length=0.25,
    resolution_px=PIXELS,
    sigma=1e-4,
    faces_per_pixel=12,
)


def ellipsoid(x: float, y: float, z: float) -> Mesh:
    surface = trimesh.creation.icosphere(2, 1.0)
    return Mesh(surface.vertices * np.array([x, y, z]), surface.faces.astype(np.int64))


def grey(mesh: Mesh) -> np.ndarray:
    return np.full((len(mesh.vertices), 3), 0.5)


def photograph(mesh: Mesh, azimuth: float, elevation: float, colours: np.ndarray | None = None):
    batch = pack_meshes([mesh])
    camera = look_at_origin(torch.tensor([azimuth]), torch.tensor([elevation]), DISTANCE)
    fragments = rasterize(batch, camera, FOV, PIXELS, 20, blur_radius_from_sigma(1e-5))
    paint = torch.as_tensor(grey(mesh) if colours is None else colours).float()
    image = soft_rgb(fragments, interpolate(fragments, batch.faces, paint), 1e-5, 1e-4)
    return image, soft_silhouette(fragments, 1e-5)


def refine_one(start: Mesh, target: Mesh, settings: RefineSettings, azimuth: float = 0.0) -> RefinedMesh:
    image, mask = photograph(target, 0.0, 0.1)
    angles = torch.tensor([azimuth]), torch.tensor([0.1])
    (result,) = refine_meshes([start], [grey(start)], image, mask, *angles, settings, FOV, DISTANCE)
    return result


def roughness(mesh: Mesh) -> float:
    batch = pack_meshes([mesh])
    return normal_loss(batch, build_topology(batch)).item()


def test_refinement_matches_silhouette_and_stays_smooth():
    start = ellipsoid(0.28, 0.28, 0.28)
    settings = SETTINGS.model_copy(
        update={"iterations": 60, "learning_rate": 8e-3, "weights": RefineWeights(offset=100)}
    )
    result = refine_one(start, ellipsoid(0.2, 0.4, 0.3), settings)
    assert result.mask_iou_before < 0.7
    assert 1.0 - result.mask_iou_after < 0.5 * (1.0 - result.mask_iou_before)
    assert roughness(result.mesh) < 1.5 * roughness(start)
    np.testing.assert_array_equal(result.mesh.faces, start.faces)


def test_the_mirrored_image_shapes_the_hidden_side():
    start, target, azimuth, elevation = ellipsoid(0.28, 0.28, 0.28), ellipsoid(0.16, 0.3, 0.45), 0.7, 0.1
    image, mask = photograph(target, azimuth, elevation)
    angles = torch.tensor([azimuth]), torch.tensor([elevation])
    update = {"iterations": 60, "learning_rate": 8e-3}
    from_the_other_side = []
    for mirror in (0.0, 1.0):
        settings = SETTINGS.model_copy(update=update | {"weights": RefineWeights(offset=100, mirror=mirror)})
        (result,) = refine_meshes([start], [grey(start)], image, mask, *angles, settings, FOV, DISTANCE)
        _, other_mask = photograph(target, -azimuth, elevation)
        iou = mesh_mask_iou(result.mesh, -azimuth, elevation, other_mask[0], FOV, DISTANCE)
        from_the_other_side.append((iou, result.mask_iou_after))
    (without, seen_without), (mirrored, seen_mirrored) = from_the_other_side
    assert mirrored > without + 0.1
    assert seen_mirrored > seen_without - 0.05


@pytest.mark.parametrize("most", [0.005, None])
def test_max_offset_limits_vertices(most):
    start = ellipsoid(0.28, 0.28, 0.28)
    settings = SETTINGS.model_copy(update={"learning_rate": 1e-2, "iterations": 20, "max_offset": most})
    result = refine_one(start, ellipsoid(0.2, 0.4, 0.3), settings)
    farthest = np.linalg.norm(result.mesh.vertices - start.vertices, axis=1).max()
    assert result.mask_iou_after > result.mask_iou_before
    assert farthest == pytest.approx(most, rel=1e-4) if most else farthest > 0.015


def test_camera_is_optimised():
    shape = ellipsoid(0.15, 0.3, 0.45)
    settings = SETTINGS.model_copy(update={"learning_rate": 1e-9, "camera_learning_rate": 2e-2})
    result = refine_one(shape, shape, settings, azimuth=0.35)
    assert abs(result.azimuth) < 0.15
    assert result.mask_iou_after > result.mask_iou_before


def test_perfect_start_is_not_made_worse():
    shape = ellipsoid(0.3, 0.4, 0.2)
    result = refine_one(shape, shape, SETTINGS.model_copy(update={"iterations": 8}))
    assert result.mask_iou_before > 0.95
    assert result.mask_iou_after >= result.mask_iou_before


def test_mask_iou_never_falls():
    weights = RefineWeights(mask=0.0, rgb=0.0, laplacian=0.0, edge=1e4, normal=0.0, offset=0.0)
    shape = ellipsoid(0.4, 0.4, 0.4)
    result = refine_one(shape, shape, SETTINGS.model_copy(update={"weights": weights, "iterations": 15}))
    assert result.mask_iou_after >= result.mask_iou_before


def test_colours_align_camera_of_a_sphere():
    shape = ellipsoid(0.35, 0.35, 0.35)
    painted = 0.5 + shape.vertices
    image, mask = photograph(shape, 0.0, 0.1, painted)
    angles = torch.tensor([0.2]), torch.tensor([0.1])
    weights = RefineWeights(mask=1.0, rgb=50.0, offset=1e6)
    settings = SETTINGS.model_copy(update={"weights": weights, "camera_learning_rate": 1e-2})
    (result,) = refine_meshes([shape], [painted], image, mask, *angles, settings, FOV, DISTANCE)
    assert abs(result.azimuth) < 0.08


def test_objects_in_a_batch_are_independent():
    starts = [ellipsoid(0.3, 0.3, 0.3), empty_mesh(), ellipsoid(0.2, 0.4, 0.2)]
    image, mask = photograph(ellipsoid(0.25, 0.38, 0.3), 0.0, 0.1)
    settings = SETTINGS.model_copy(update={"iterations": 5, "camera_learning_rate": 1e-2})

    def together(meshes):
        count = len(meshes)
        return refine_meshes(
            meshes,
            [grey(mesh) for mesh in meshes],
            image.repeat(count, 1, 1, 1),
            mask.repeat(count, 1, 1),
            torch.full((count,), 0.1),
            torch.full((count,), 0.1),
            settings,
            FOV,
            DISTANCE,
        )

    batch, (alone,) = together(starts), together([starts[2]])
    np.testing.assert_allclose(batch[2].mesh.vertices, alone.mesh.vertices, atol=1e-5)
    assert batch[2].azimuth == pytest.approx(alone.azimuth, abs=1e-5)
    assert not np.allclose(batch[0].mesh.vertices, starts[0].vertices, atol=1e-4)
    assert batch[1].mesh.is_empty
    assert (batch[1].mask_iou_before, batch[1].mask_iou_after) == (0.0, 0.0)


def test_non_finite_object_stops_alone(caplog):
    good, image_and_mask = ellipsoid(0.3, 0.3, 0.3), photograph(ellipsoid(0.2, 0.4, 0.3), 0.0, 0.1)
    image, mask = (value.repeat(2, *[1] * (value.ndim - 1)) for value in image_and_mask)
    image[0, :, 16, 16] = math.nan
    settings = SETTINGS.model_copy(update={"iterations": 25})
    angles = torch.zeros(2), torch.full((2,), 0.1)
    broken, fine = refine_meshes([good, good], [grey(good)] * 2, image, mask, *angles, settings, FOV, DISTANCE)
    np.testing.assert_allclose(broken.mesh.vertices, good.vertices, atol=1e-6)
    assert fine.mask_iou_after > fine.mask_iou_before + 0.05
    assert "1 of 2 objects stopped" in caplog.text


def test_zero_iterations_return_start():
    shape = ellipsoid(0.3, 0.3, 0.3)
    result = refine_one(shape, ellipsoid(0.2, 0.4, 0.2), SETTINGS.model_copy(update={"iterations": 0}), azimuth=4.0)
    np.testing.assert_allclose(result.mesh.vertices, shape.vertices, atol=1e-7)
    assert result.azimuth == pytest.approx(4.0 - 2 * math.pi, abs=1e-5)


def test_configured_rasterizer_is_used(monkeypatch):
    used = []

    def spy(*arguments):
        used.append(arguments)
        return rasterize(*arguments)

    monkeypatch.setitem(refinement_objective.RASTERIZERS, "pytorch3d", spy)
    shape = ellipsoid(0.3, 0.3, 0.3)
    refine_one(shape, shape, SETTINGS.model_copy(update={"iterations": 1, "rasterizer": "pytorch3d"}))
    assert len(used) == 2 * 2, "before and after a step, from the camera and the mirrored one"
