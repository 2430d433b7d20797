"""Fast OpenGL engine for catalogue models, without shadows or indirect light."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from shelfnet.data.variation.conditions import ViewConditions
from shelfnet.preview.models import load_submeshes
from shelfnet.preview.previewer import Previewer, submesh_primitive


class PyrenderEngine(Previewer):
    """Renderer of OBJ models.

    Args:
        resolution_px: Side of the square images in pixels.
        fov: Field of view in radians.
    """

    def render(
        self, obj_path: Path, cam2world: Float[np.ndarray, "v 4 4"], conditions: Sequence[ViewConditions] | None = None
    ) -> UInt8[np.ndarray, "v h w 4"]:
        """Images of a model from cameras with OpenCV axes in the object frame: sRGB with straight alpha.

        Args:
            obj_path: The model.
            cam2world: Cameras.
            conditions: Field of view of each camera; by default that of the engine. The settings refuse other suns and
                rooms for this engine.

        Raises:
            ModelError: The model cannot be loaded.
        """
        primitives = [submesh_primitive(submesh) for submesh in load_submeshes(obj_path)]
        fovs = [condition.fov for condition in conditions] if conditions else None
        return self.render_primitives(primitives, cam2world, fovs)
