# pyright: reportAttributeAccessIssue=false
"""The Blender scene of an engine: render settings, sky, suns and camera."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shelfnet.blender.axes import blender_camera
from shelfnet.blender.runtime import bpy, mathutils
from shelfnet.data.lighting import SKY_RADIANCE, SUNS, Sun
from shelfnet.geometry.cameras import camera_from_degrees

SUN_DISTANCE = 5.0
CLIP_START, CLIP_END = 0.01, 100.0
ADAPTIVE_THRESHOLD = 0.02
"""Noise level below which a pixel is not sampled further."""
PIXEL_FILTER = "BOX"
"""With a box filter, alpha is the covered fraction of a pixel, with half the noise of a wider filter."""


@dataclass(frozen=True)
class CyclesQuality:
    """Quality settings of Cycles.

    Attributes:
        resolution_px: Side of the square image.
        samples: Maximum number of paths per pixel.
        denoise: Whether to run Open Image Denoise.
    """

    resolution_px: int
    samples: int
    denoise: bool


def build_scene(quality: CyclesQuality, fov: float, threads: int) -> bpy.types.Scene:
    """Reset Blender to an empty file and build the scene in it, with ``fov`` in radians."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    _set_output(scene, quality.resolution_px, threads)
    _set_sampling(scene, quality)
    _add_sky(scene)
    for index, sun in enumerate(SUNS):
        _add_sun(scene, _sun_name(index), sun)
    _add_camera(scene, fov)
    return scene


def set_suns(scene: bpy.types.Scene, suns: Sequence[Sun]) -> None:
    """Replace the suns of the scene by as many others."""
    for index, sun in enumerate(suns):
        _set_sun(scene.objects[_sun_name(index)], sun)


def _set_output(scene: bpy.types.Scene, resolution_px: int, threads: int) -> None:
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x = render.resolution_y = resolution_px
    render.resolution_percentage = 100
    render.film_transparent = True
    render.dither_intensity = 0.0
    render.threads_mode = "FIXED"
    render.threads = threads
    render.use_file_extension = False
    render.use_compositing = render.use_sequencer = False
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA"
    render.image_settings.color_depth = "8"
    render.image_settings.compression = 0
    scene.display_settings.display_device = "sRGB"
    scene.view_settings.view_transform = "Standard"


def _set_sampling(scene: bpy.types.Scene, quality: CyclesQuality) -> None:
    cycles = scene.cycles
    cycles.samples = quality.samples
    cycles.use_denoising = quality.denoise
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = ADAPTIVE_THRESHOLD
    cycles.max_bounces = cycles.diffuse_bounces = 2
    cycles.glossy_bounces = 1
    cycles.transmission_bounces = cycles.volume_bounces = cycles.transparent_max_bounces = 0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.pixel_filter_type = PIXEL_FILTER


def _add_sky(scene: bpy.types.Scene) -> None:
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    background.inputs["Strength"].default_value = SKY_RADIANCE
    # Rays scattered by surfaces sample a uniform sky well enough: no shadow rays are spent on it.
    world.cycles.sampling_method = "NONE"
    scene.world = world


def _add_sun(scene: bpy.types.Scene, name: str, sun: Sun) -> None:
    light = bpy.data.lights.new(name, "SUN")
    # Scattered rays seldom hit a sun: it is sampled by shadow rays alone.
    light.cycles.use_multiple_importance_sampling = False
    lamp = bpy.data.objects.new(name, light)
    _set_sun(lamp, sun)
    scene.collection.objects.link(lamp)


def _set_sun(lamp: bpy.types.Object, sun: Sun) -> None:
    lamp.data.energy = sun.irradiance
    lamp.data.angle = math.radians(sun.angular_diameter_deg)
    lamp.data.color = sun.colour
    # A lamp shines along its -z axis, like the view direction of a Blender camera.
    lamp.matrix_world = mathutils.Matrix(
        blender_camera(camera_from_degrees(sun.azimuth_deg, sun.elevation_deg, SUN_DISTANCE))
    )


def _sun_name(index: int) -> str:
    return f"sun_{index}"


def _add_camera(scene: bpy.types.Scene, fov: float) -> None:
    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit = "HORIZONTAL"
    camera.angle = fov
    camera.clip_start, camera.clip_end = CLIP_START, CLIP_END
    scene.camera = bpy.data.objects.new("camera", camera)
    scene.collection.objects.link(scene.camera)
