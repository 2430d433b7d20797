import math

import bpy
import mathutils
import numpy as np
import pytest
import torch
from box_models import cameras
from bpy_extras.object_utils import world_to_camera_view

from shelfnet.blender.axes import BLENDER_FROM_OBJECT, blender_camera
from shelfnet.blender.scene import CyclesQuality, build_scene
from shelfnet.geometry.cameras import project

FOV = math.radians(35)
RESOLUTION_PX = 100


def test_object_axes():
    front, up = BLENDER_FROM_OBJECT @ [0, 0, 1, 0], BLENDER_FROM_OBJECT @ [0, 1, 0, 0]
    np.testing.assert_array_equal(front, [0, -1, 0, 0])
    np.testing.assert_array_equal(up, [0, 0, 1, 0])
    assert np.linalg.det(BLENDER_FROM_OBJECT) == pytest.approx(1.0)


@pytest.mark.parametrize("angles", [(0, 0), (90, 0), (-130, 25), (200, -5)])
def test_projection_matches_blender(angles):
    scene = build_scene(CyclesQuality(RESOLUTION_PX, samples=1, denoise=False), FOV, threads=1)
    camera = cameras(angles)
    scene.camera.matrix_world = mathutils.Matrix(blender_camera(camera[0]))
    bpy.context.view_layer.update()
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))
    expected, depth = project(torch.from_numpy(points)[None], torch.from_numpy(camera), FOV, RESOLUTION_PX)
    for point, pixel, z in zip(points, expected[0].numpy(), depth[0].numpy(), strict=True):
        seen = world_to_camera_view(scene, scene.camera, mathutils.Vector(BLENDER_FROM_OBJECT[:3, :3] @ point))
        assert (seen.x * RESOLUTION_PX, (1 - seen.y) * RESOLUTION_PX) == pytest.approx(tuple(pixel), abs=1e-2)
        assert seen.z == pytest.approx(z, abs=1e-4)
