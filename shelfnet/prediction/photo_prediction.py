"""What is predicted from one photo."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from shelfnet.data.photographs.reader import MaskSource
from shelfnet.prediction.mesh_files import save_mesh
from shelfnet.reconstruction.coloured_mesh import ColouredMesh


@dataclass(frozen=True)
class View:
    """Camera that looks at the object in the photo.

    Attributes:
        azimuth_deg: Azimuth about +Y in degrees, 0 in front of the object, in [-180, 180).
        elevation_deg: Elevation above the horizon in degrees.
        fov_deg: Field of view of the crop in degrees.
        distance: Distance from the camera to the origin in object units.
    """

    azimuth_deg: float
    elevation_deg: float
    fov_deg: float
    distance: float


@dataclass(frozen=True)
class PhotoPrediction:
    """Mesh and camera predicted from a photo.

    Attributes:
        mesh: Mesh in the object frame, with vertex colours and, if configured, a texture.
        view: Predicted camera.
        photo: Upright photo in sRGB.
        mask: Mask that was used, at the size of the upright photo; 255 inside the object.
        mask_source: Where the mask comes from.
        crop: Square around the object that the network saw, RGBA.
        mask_iou: IoU of the mesh's silhouette in that view and the mask in the crop.
        seconds: Wall time from reading the photo to the mesh; in a batch, the share of this photo.
    """

    mesh: ColouredMesh
    view: View
    photo: UInt8[np.ndarray, "h w 3"]
    mask: UInt8[np.ndarray, "h w"]
    mask_source: MaskSource
    crop: UInt8[np.ndarray, "s s 4"]
    mask_iou: float
    seconds: float

    def export(self, path: str | Path) -> Path:
        """Write the mesh as ``.glb``, ``.obj`` (with ``.mtl`` and ``.png``), ``.ply`` or ``.stl``, by the suffix.

        Returns:
            The path.

        Raises:
            MeshFormatError: The suffix is another one.
            OSError: The file cannot be written.
        """
        save_mesh(Path(path), self.mesh)
        return Path(path)
