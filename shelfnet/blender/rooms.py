# pyright: reportAttributeAccessIssue=false
"""Floors and walls around a model."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from jaxtyping import Float

from shelfnet.blender.axes import BLENDER_FROM_OBJECT
from shelfnet.blender.models import build_shader, temporary_data
from shelfnet.blender.runtime import bpy, mathutils
from shelfnet.data.obj.materials import Material
from shelfnet.data.variation.conditions import Room, Surface

HALF_SIDE = 20.0
"""Half the side of floors and walls in object units."""
CLEARANCE = 0.05
"""Height above the floor in object units below which a camera sees no floor, as if the object stood on a shelf."""


@contextmanager
def built_room(scene: bpy.types.Scene, room: Room, floor_y: float, camera_y: float) -> Iterator[None]:
    """Floor and wall in the scene, which is opaque until the ``with`` block ends.

    Args:
        scene: The scene.
        room: Floor and wall.
        floor_y: Height of the floor in the object frame.
        camera_y: Height of the camera. One below the floor sees no floor.
    """
    with temporary_data():
        if camera_y > floor_y + CLEARANCE:
            _add_plane(scene, room.floor, np.array([0.0, floor_y, 0.0]), np.eye(3)[[0, 2]])
        if room.wall is not None:
            azimuth = math.radians(room.wall_azimuth_deg)
            outward = np.array([math.sin(azimuth), 0.0, math.cos(azimuth)])
            along = np.array([math.cos(azimuth), 0.0, -math.sin(azimuth)])
            _add_plane(scene, room.wall, room.wall_distance * outward, np.stack([along, np.array([0.0, 1.0, 0.0])]))
        scene.render.film_transparent = False
        try:
            yield
        finally:
            scene.render.film_transparent = True


def _add_plane(
    scene: bpy.types.Scene, surface: Surface, centre: Float[np.ndarray, "3"], sides: Float[np.ndarray, "2 3"]
) -> None:
    """A square with a repeated texture; centre and directions of its sides are in the object frame."""
    corners = HALF_SIDE * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    mesh = bpy.data.meshes.new("surface")
    mesh.from_pydata((centre + corners @ sides).tolist(), [], [(0, 1, 2, 3)])
    mesh.uv_layers.new().uv.foreach_set("vector", (corners / surface.tile_size).astype(np.float32).ravel())
    material = bpy.data.materials.new("surface")
    build_shader(material, Material(texture=surface.texture), {})
    mesh.materials.append(material)
    plane = bpy.data.objects.new("surface", mesh)
    plane.matrix_world = mathutils.Matrix(BLENDER_FROM_OBJECT)
    scene.collection.objects.link(plane)
