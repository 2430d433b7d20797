"""Nearest neighbours between point sets: one small function, three exact backends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

Backend = Literal["scipy", "torch", "pytorch3d"]
_PAIRS_PER_CHUNK = 50_000_000
_LEAF_POINTS = 40
"""Points in a leaf of the k-d tree: of 10 to 64, what is fast for surfaces that touch and for those that do not."""


@dataclass(frozen=True)
class Neighbours:
    """For every query its distance to the nearest target, and which target that is."""

    distances: Float[np.ndarray, "n"]
    indices: Int[np.ndarray, "n"]


NeighbourIndex = Callable[[Float[np.ndarray, "n 3"]], Neighbours]
"""Targets made ready once: maps queries ``n 3`` to their nearest targets."""


def neighbour_index(targets: Float[np.ndarray, "m 3"], backend: Backend = "scipy") -> NeighbourIndex:
    """Make ``targets`` ready for any number of nearest-neighbour queries.

    Args:
        targets: at least one point.
        backend: ``scipy`` (k-d tree on one core), ``torch`` (all pairs, in chunks, on the GPU where there is one) or
            ``pytorch3d`` (its k-nearest-neighbour kernel).

    Raises:
        ValueError: no targets, or no such backend.
        ModuleNotFoundError: the backend is ``pytorch3d`` and that is not installed.
    """
    if len(targets) == 0:
        raise ValueError("expected at least one point to search, got none")
    if backend not in _BACKENDS:
        raise ValueError(f"expected a backend out of {', '.join(_BACKENDS)}, got {backend!r}")
    return _BACKENDS[backend](targets)


def _scipy_index(targets: Float[np.ndarray, "m 3"]) -> NeighbourIndex:
    # Without balancing and shrinking, building and one query together take three quarters of the time.
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
        # The matrix-product form of cdist loses half of the digits for close points.
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
