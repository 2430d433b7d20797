import math

import pytest
import torch
import trimesh

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.mesh_extraction import empty_mesh
from shelfnet.reconstruction.silhouettes import mask_iou, mesh_mask_iou

FOV = math.radians(35.0)


def sphere(radius: float) -> Mesh:
    surface = trimesh.creation.icosphere(3, radius)
    return Mesh(surface.vertices.copy(), surface.faces.astype("int64"))


def disc_mask(radius: float, resolution: int) -> torch.Tensor:
    ndc = math.tan(math.asin(radius / 2.6)) / math.tan(FOV / 2)
    centres = (2.0 * torch.arange(resolution) + 1.0) / resolution - 1.0
    return (centres[:, None] ** 2 + centres[None, :] ** 2 < ndc**2).float()


def test_mask_iou_counts_pixels():
    covered = torch.zeros(2, 4, 4, dtype=torch.bool)
    covered[0, :2] = True
    mask = torch.zeros(2, 4, 4)
    mask[0, 1:3] = 0.9
    torch.testing.assert_close(mask_iou(covered, mask), torch.tensor([1.0 / 3.0, 1.0]))


def test_sphere_covers_its_disc():
    assert mesh_mask_iou(sphere(0.4), 0.3, 0.2, disc_mask(0.4, 64), FOV, 2.6) > 0.97


def test_smaller_sphere_covers_less():
    assert mesh_mask_iou(sphere(0.2), 0.0, 0.0, disc_mask(0.4, 64), FOV, 2.6) == pytest.approx(0.25, abs=0.03)


def test_empty_mesh_covers_nothing():
    assert mesh_mask_iou(empty_mesh(), 0.0, 0.0, disc_mask(0.4, 16), FOV, 2.6) == 0.0
