"""Exact nearest neighbours between point sets, with three backends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]

Backend = Literal["scipy", "torch", "pytorch3d"]
_PAIRS_PER_CHUNK = 50_000_000
_LEAF_POINTS = 40
"""Leaf size of the k-d tree: among 10 to 64, fast for overlapping and for distant surfaces."""


@dataclass(frozen=True)
class Neighbours:
    """Distance of every query to its nearest target, and the index of that target."""

    distances: Float[np.ndarray, "n"]
    indices: Int[np.ndarray, "n"]


NeighbourIndex = Callable[[Float[np.ndarray, "n 3"]], Neighbours]
"""Maps queries ``n 3`` to their nearest neighbours among indexed targets."""


def neighbour_index(targets: Float[np.ndarray, "m 3"], backend: Backend = "scipy") -> NeighbourIndex:
    """Index ``targets`` for any number of nearest-neighbour queries.

    Args:
        targets: At least one point.
        backend: ``scipy`` (k-d tree on one core), ``torch`` (all pairs in chunks, on a GPU if available) or
            ``pytorch3d`` (its k-nearest-neighbour kernel).

    Raises:
        ModuleNotFoundError: The backend is ``pytorch3d``, which is not installed.
    """
    return _BACKENDS[backend](targets)


def _scipy_index(targets: Float[np.ndarray, "m 3"]) -> NeighbourIndex:
    # An unbalanced tree with loose nodes saves a quarter of the time to build it and query it once.
    tree = cKDTree(targets, leafsize=_LEAF_POINTS, balanced_tree=False, compact_nodes=False)

    def query(points: Float[np.ndarray, "n 3"]) -> Neighbours:
        distances, indices = tree.query(points, workers=1)
        return Neighbours(distances, indices)

    return query


def _torch_index(targets: Float[np.ndarray, "m 3"]) -> NeighbourIndex:
    device = _device()
    resident = torch.as_tensor(targets, dtype=torch.float32, device=device)
    chunk = max(1, _PAIRS_PER_CHUNK // len(targets))

    def query(points: Float[np.ndarray, "n 3"]) -> Neighbours:
        queries = torch.as_tensor(points, dtype=torch.float32, device=device)
        # The matrix-product form of cdist loses half of the digits of small distances.
        exact = "donot_use_mm_for_euclid_dist"
        nearest = [torch.cdist(part, resident, compute_mode=exact).min(dim=1) for part in queries.split(chunk)]
        distances, indices = (torch.cat(parts) for parts in zip(*nearest, strict=True))
        return Neighbours(distances.double().cpu().numpy(), indices.cpu().numpy())

    return query


def _pytorch3d_index(targets: Float[np.ndarray, "m 3"]) -> NeighbourIndex:
    from pytorch3d.ops import knn_points

    device = _device()
    resident = torch.as_tensor(targets, dtype=torch.float32, device=device)[None]

    def query(points: Float[np.ndarray, "n 3"]) -> Neighbours:
        queries = torch.as_tensor(points, dtype=torch.float32, device=device)[None]
        nearest = knn_points(queries, resident, K=1)
        return Neighbours(nearest.dists[0, :, 0].sqrt().double().cpu().numpy(), nearest.idx[0, :, 0].cpu().numpy())

    return query


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


_BACKENDS = {"scipy": _scipy_index, "torch": _torch_index, "pytorch3d": _pytorch3d_index}
