"""What a renderer, an extractor and a texture baker may ask of a reconstructed object."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

WeightFn = Callable[[Tensor], Tensor]
"""Occupancies ``b r s`` of the samples of rays to what each sample weighs in what its ray shows, of the same shape."""


@runtime_checkable
class Field(Protocol):
    """Occupancy and features over the object frame, batched over objects.

    Points are in object units; everything outside [-1/2, 1/2]^3 is empty.
    """

    voxel_size: float
    """Length of path over which an occupancy is the opacity."""

    def occupancy(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n"]:
        """Occupancy in [0, 1] at points."""
        ...

    def features(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n c"]:
        """Appearance features at points."""
        ...

    def sample(self, points: Float[Tensor, "b n 3"]) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n c"]]:
        """Occupancy and features at points, in one pass where the representation can."""
        ...

    def mixed_features(
        self, points: Float[Tensor, "b r s 3"], weights: Float[Tensor, "b r s"]
    ) -> Float[Tensor, "b r c"]:
        """Features at the points of rays, each times its weight, added up along the rays."""
        ...

    def march(
        self, points: Float[Tensor, "b r s 3"], weigh: WeightFn
    ) -> tuple[Float[Tensor, "b r s"], Float[Tensor, "b r c"]]:
        """Weights that the occupancies at points of rays get, and the features mixed by them."""
        ...
