"""The colours that a predicted object shows at its surface."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.renderer.volume import visibility_weights
from shelfnet.representations.field import Field

_DEPTH = 0.15
"""How far below the surface, in object units, the renderer's rays still gather colour."""

_SAMPLES = 8

_POINTS_AT_ONCE = 1 << 14

_FAINTEST = 1e-6
"""Visibility that every sample has at least, so that an empty ray has a colour."""


@torch.inference_mode()
def surface_colours(
    model: ShelfNet, field: Field, points: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """Values of sRGB in [0, 1] that short rays into the object see, features weighted by visibility as in Eq. 3.

    The surface lies where occupancy begins; what the networks learned to colour lies behind it.

    Args:
        model: whose colour head decodes features.
        field: of one object.
        points: on its surface, in object units.
        normals: unit vectors that point outwards.
    """
    like = next(model.parameters())
    places = torch.from_numpy(points).to(like)
    inward = -torch.from_numpy(normals).to(like)
    parts = zip(places.split(_POINTS_AT_ONCE), inward.split(_POINTS_AT_ONCE), strict=True)
    colours = [model.colour(_seen_features(field, *part)) for part in parts]
    return torch.cat(colours).cpu().double().numpy() if colours else np.zeros((0, 3))


def _seen_features(field: Field, places: Float[Tensor, "n 3"], inward: Float[Tensor, "n 3"]) -> Float[Tensor, "n c"]:
    distances = (torch.arange(_SAMPLES, device=places.device) + 0.5).to(places) * (_DEPTH / _SAMPLES)
    samples = places[:, None] + distances[:, None] * inward[:, None]
    step_in_voxels = places.new_full((1, len(places), 1), _DEPTH / _SAMPLES / field.voxel_size)

    def weigh(occupancy: Float[Tensor, "1 n s"]) -> Float[Tensor, "1 n s"]:
        weights = visibility_weights(occupancy, step_in_voxels) + _FAINTEST
        return weights / weights.sum(-1, keepdim=True)

    # Surfaces at the border of the unit cube lie half a sample outside it at most, where features have no meaning.
    return field.march(samples.clamp(-0.5, 0.5)[None], weigh)[1][0]
