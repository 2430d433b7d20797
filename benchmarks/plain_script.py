"""Baseline of the render benchmark, modelled on published scripts: one process per model, stock importer, plain loop.

    python plain_script.py MODEL.obj OUTPUT_FOLDER VIEWS RESOLUTION_PX SAMPLES [denoise]

All other settings are Blender's defaults.
"""

import math
import sys
from pathlib import Path

import bpy
import mathutils

DISTANCE, FOV_DEG, ELEVATION_DEG = 2.6, 35.0, 15.0


def main(model: str, folder: str, views: str, resolution_px: str, samples: str, *extra: str) -> None:
    """Render PNG files of a model from cameras around it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    _set_up(scene, int(resolution_px), int(samples), denoise="denoise" in extra)
    bpy.ops.wm.obj_import(filepath=model)
    _normalise([item for item in scene.objects if item.type == "MESH"])
    _add_sun(scene)
    for view in range(int(views)):
        _place_camera(scene, 2.0 * math.pi * view / int(views))
        scene.render.filepath = str(Path(folder) / f"{Path(model).parent.name}_{view:03d}.png")
        bpy.ops.render.render(write_still=True)


def _set_up(scene: bpy.types.Scene, resolution_px: int, samples: int, denoise: bool) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = denoise
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.resolution_x = scene.render.resolution_y = resolution_px
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.camera.data.angle = math.radians(FOV_DEG)
    scene.collection.objects.link(scene.camera)


def _normalise(items: list[bpy.types.Object]) -> None:
    bpy.context.view_layer.update()
    corners = [item.matrix_world @ mathutils.Vector(corner) for item in items for corner in item.bound_box]
    low, high = (mathutils.Vector(bound(axis) for axis in zip(*corners, strict=True)) for bound in (min, max))
    transform = mathutils.Matrix.Scale(1.0 / max(high - low), 4) @ mathutils.Matrix.Translation(-(low + high) / 2)
    for item in items:
        item.matrix_world = transform @ item.matrix_world


def _add_sun(scene: bpy.types.Scene) -> None:
    light = bpy.data.lights.new("sun", "SUN")
    light.energy = 2.0
    lamp = bpy.data.objects.new("sun", light)
    lamp.rotation_euler = (0.7, 0.2, 0.0)
    scene.collection.objects.link(lamp)


def _place_camera(scene: bpy.types.Scene, azimuth: float) -> None:
    elevation = math.radians(ELEVATION_DEG)
    direction = mathutils.Vector(
        (math.sin(azimuth) * math.cos(elevation), -math.cos(azimuth) * math.cos(elevation), math.sin(elevation))
    )
    scene.camera.location = DISTANCE * direction
    scene.camera.rotation_euler = direction.to_track_quat("Z", "Y").to_euler()


if __name__ == "__main__":
    main(*sys.argv[1:])
