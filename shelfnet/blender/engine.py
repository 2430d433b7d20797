# pyright: reportAttributeAccessIssue=false
"""Render engine based on Blender's Cycles."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from shelfnet.blender.axes import blender_camera
from shelfnet.blender.devices import use_device
from shelfnet.blender.models import imported_model, used_vertices
from shelfnet.blender.render_border import bounding_rect, set_render_border
from shelfnet.blender.runtime import bpy, mathutils, quiet_stdout
from shelfnet.blender.scene import CyclesQuality, build_scene


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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._folder.cleanup()
        del self._scene
        bpy.ops.wm.read_factory_settings(use_empty=True)

    def render(self, obj_path: Path, cam2world: Float[np.ndarray, "v 4 4"]) -> UInt8[np.ndarray, "v h w 4"]:
        """Images of a model from all cameras (OpenCV axes, object frame), sRGB with straight alpha.

        Raises:
            ModelError: The model cannot be imported.
        """
        side = self.quality.resolution_px
        images = np.empty((len(cam2world), side, side, 4), dtype=np.uint8)
        with imported_model(self._scene, obj_path) as model:
            vertices = used_vertices(model)
            for view, camera in enumerate(cam2world):
                # Cycles keeps its scene between views but not between models: it identifies textures by address, and
                # a new texture at the address of an old one would be rendered as the old one.
                self._scene.render.use_persistent_data = view + 1 < len(cam2world)
                set_render_border(self._scene, bounding_rect(vertices, camera, self.fov, side))
                images[view] = self._render_view(view, camera)
        return images

    def _render_view(self, view: int, cam2world: Float[np.ndarray, "4 4"]) -> UInt8[np.ndarray, "h w 4"]:
        path = Path(self._folder.name) / f"{view}.png"
        self._scene.camera.matrix_world = mathutils.Matrix(blender_camera(cam2world))
        self._scene.cycles.seed = view
        self._scene.render.filepath = str(path)
        with quiet_stdout():
            bpy.ops.render.render(write_still=True, scene=self._scene.name)
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGBA"))
        path.unlink()  # so that a failed write cannot return an older image
        return pixels
