"""Predicted colours at the surface of a feature field."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.renderer.ray_march import visibility_weights
from shelfnet.representations.field import Field

_DEPTH = 0.15
"""Length of a ray below the surface in object units."""

_SAMPLES = 8

_CHUNK_POINTS = 1 << 14

_MIN_WEIGHT = 1e-6
"""Added to each sample's weight, so that rays through empty space have a colour as well."""


@torch.inference_mode()
def surface_colours(
    model: ShelfNet, field: Field, points: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """Render sRGB in [0, 1] along short rays into the object, with the visibility weights of Eq. 3.

    Occupancy begins at the surface, but the networks learn the colours of the samples behind it.

    Args:
        model: Network whose colour head decodes the features.
        field: Field of one object.
        points: Surface points in object units.
        normals: Outward unit normals.
    """
    like = next(model.parameters())
    origins = torch.from_numpy(points).to(like)
    directions = -torch.from_numpy(normals).to(like)
    chunks = zip(origins.split(_CHUNK_POINTS), directions.split(_CHUNK_POINTS), strict=True)
    colours = [model.colour(_ray_features(field, *chunk)) for chunk in chunks]
    return torch.cat(colours).cpu().double().numpy() if colours else np.zeros((0, 3))


def _ray_features(
    field: Field, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
) -> Float[Tensor, "n c"]:
    distances = (torch.arange(_SAMPLES, device=origins.device) + 0.5).to(origins) * (_DEPTH / _SAMPLES)
    samples = origins[:, None] + distances[:, None] * directions[:, None]
    step_in_voxels = origins.new_full((1, len(origins), 1), _DEPTH / _SAMPLES / field.voxel_size)

    def weigh(occupancy: Float[Tensor, "1 n s"]) -> Float[Tensor, "1 n s"]:
        weights = visibility_weights(occupancy, step_in_voxels) + _MIN_WEIGHT
        return weights / weights.sum(-1, keepdim=True)

    # A surface at the border of the unit cube may lie up to half a cell outside, where features are undefined.
    return field.march(samples.clamp(-0.5, 0.5)[None], weigh)[1][0]
