# pyright: reportAttributeAccessIssue=false
"""Render engine based on Blender's Cycles."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from shelfnet.blender.axes import BLENDER_FROM_OBJECT, blender_camera
from shelfnet.blender.devices import use_device
from shelfnet.blender.models import build_shader, imported_model, temporary_data, used_vertices
from shelfnet.blender.render_border import bounding_rect, set_render_border
from shelfnet.blender.runtime import bpy, mathutils, quiet_stdout
from shelfnet.blender.scene import CyclesQuality, build_scene, set_suns
from shelfnet.data.obj.materials import Material
from shelfnet.data.variation.conditions import Room, Surface, ViewConditions

ROOM_MARGIN = 0.15
"""Width of the part of a room that is rendered around the object, in units of the object's longer side in the image."""


class CyclesEngine:
    """Renders models one after the other in the same scene.

    Blender's state is global to the process: entering resets it, so only one engine can be open at a time. Equal
    models and cameras give equal pixels for any number of threads and any earlier renders.

    Args:
        quality: Resolution, samples and denoising.
        fov: Field of view in radians.
        device: ``cpu`` or a kind of GPU.
        threads: Number of CPU threads.
    """

    def __init__(self, quality: CyclesQuality, fov: float, device: str = "cpu", threads: int = 1) -> None:
        self.quality = quality
        self.fov = fov
        self.device = device
        self.threads = threads

    def __enter__(self) -> "CyclesEngine":
        self._scene = build_scene(self.quality, self.fov, self.threads)
        use_device(self._scene, self.device)
        self._folder = TemporaryDirectory(prefix="shelfnet-cycles-")
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()
        del self._scene
        bpy.ops.wm.read_factory_settings(use_empty=True)

    def render(
        self, obj_path: Path, cam2world: Float[np.ndarray, "v 4 4"], conditions: Sequence[ViewConditions] | None = None
    ) -> UInt8[np.ndarray, "v h w 4"]:
        """Images of a model from all cameras (OpenCV axes, object frame), sRGB with straight alpha.

        Args:
            obj_path: The model.
            cam2world: Cameras.
            conditions: Field of view, suns and room of each camera; by default those of the engine, and no room. With
                a room, pixels around the model have a colour too, and alpha is still the mask of the model.

        Raises:
            ModelError: The model cannot be imported.
        """
        side = self.quality.resolution_px
        images = np.empty((len(cam2world), side, side, 4), dtype=np.uint8)
        conditions = conditions or [ViewConditions(self.fov)] * len(cam2world)
        with imported_model(self._scene, obj_path) as model:
            vertices = used_vertices(model)
            for view, (camera, condition) in enumerate(zip(cam2world, conditions, strict=True)):
                # Cycles keeps its scene between views but not between models: it identifies textures by address, and
                # a new texture at the address of an old one would be rendered as the old one.
                self._scene.render.use_persistent_data = condition.room is None and view + 1 < len(cam2world)
                images[view] = self._render_view(view, camera, condition, vertices)
        return images

    def _render_view(
        self,
        view: int,
        cam2world: Float[np.ndarray, "4 4"],
        conditions: ViewConditions,
        vertices: Float[np.ndarray, "n 3"],
    ) -> UInt8[np.ndarray, "h w 4"]:
        self._scene.camera.matrix_world = mathutils.Matrix(blender_camera(cam2world))
        self._scene.camera.data.angle = conditions.fov
        set_suns(self._scene, conditions.suns)
        side = self.quality.resolution_px
        rect = bounding_rect(vertices, cam2world, conditions.fov, side)
        set_render_border(self._scene, rect)
        rgba = self._render_image(view)
        if conditions.room is not None:
            set_render_border(self._scene, rect.padded(ROOM_MARGIN, side))
            with built_room(self._scene, conditions.room, vertices[:, 1].min(), cam2world[1, 3]):
                rgba[..., :3] = self._render_image(view)[..., :3]
        return rgba

    def _render_image(self, view: int) -> UInt8[np.ndarray, "h w 4"]:
        path = Path(self._folder.name) / f"{view}.png"
        self._scene.cycles.seed = view
        self._scene.render.filepath = str(path)
        with quiet_stdout():
            bpy.ops.render.render(write_still=True, scene=self._scene.name)
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGBA"))
        path.unlink()  # so that a failed write cannot return an older image
        return pixels


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
