"""Images by Cycles."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from shelfnet.blender.devices import use_device
from shelfnet.blender.frames import blender_camera
from shelfnet.blender.framing import frame_of, trace_only
from shelfnet.blender.models import imported_model, used_vertices
from shelfnet.blender.quiet import quiet_stdout
from shelfnet.blender.runtime import bpy, mathutils
from shelfnet.blender.studio import CyclesQuality, build_studio


class CyclesEngine:
    """Takes images of one model after the other in one studio.

    Blender's state belongs to the process: entering resets it, so only one engine can be open at a time. Equal
    models and cameras give equal pixels, for any number of threads and whatever was rendered before.

    Args:
        quality: resolution, samples and denoising.
        fov: field of view in radians.
        device: ``cpu`` or a kind of GPU.
        threads: what a render on the CPU may use.
    """

    def __init__(self, quality: CyclesQuality, fov: float, device: str = "cpu", threads: int = 1) -> None:
        self.quality = quality
        self.fov = fov
        self.device = device
        self.threads = threads

    def __enter__(self) -> "CyclesEngine":
        self._scene = build_studio(self.quality, self.fov, self.threads)
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
            ModelError: the model cannot be imported.
        """
        side = self.quality.resolution_px
        images = np.empty((len(cam2world), side, side, 4), dtype=np.uint8)
        with imported_model(self._scene, obj_path) as model:
            vertices = used_vertices(model)
            for view, camera in enumerate(cam2world):
                # Cycles keeps its scene from view to view, but not from model to model: it knows textures by their
                # address, and a new one at the address of an old one would show the old one.
                self._scene.render.use_persistent_data = view + 1 < len(cam2world)
                trace_only(self._scene, frame_of(vertices, camera, self.fov, side))
                images[view] = self._take(view, camera)
        return images

    def _take(self, view: int, cam2world: Float[np.ndarray, "4 4"]) -> UInt8[np.ndarray, "h w 4"]:
        path = Path(self._folder.name) / f"{view}.png"
        self._scene.camera.matrix_world = mathutils.Matrix(blender_camera(cam2world))
        self._scene.cycles.seed = view
        self._scene.render.filepath = str(path)
        with quiet_stdout():
            bpy.ops.render.render(write_still=True, scene=self._scene.name)
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGBA"))
        path.unlink()  # an image that were not written would else be an older one
        return pixels
