"""Interface between a decoded object and the renderer, mesh extraction and texture baking."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

WeightFn = Callable[[Tensor], Tensor]
"""Maps occupancies of ray samples ``b r s`` to rendering weights of the same shape."""


@runtime_checkable
class Field(Protocol):
    """Occupancy and features over the object frame, batched over objects.

    Points are in object units. Space outside [-1/2, 1/2]^3 is empty.
    """

    @property
    def voxel_size(self) -> float:
        """Path length, in object units, over which an occupancy is the opacity."""
        ...

    def occupancy(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n"]:
        """Occupancy in [0, 1] at points."""
        ...

    def features(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n c"]:
        """Appearance features at points."""
        ...

    def accumulate_features(
        self, points: Float[Tensor, "b r s 3"], weights: Float[Tensor, "b r s"]
    ) -> Float[Tensor, "b r c"]:
        """Weighted sum of the features of each ray's samples."""
        ...

    def march(
        self, points: Float[Tensor, "b r s 3"], weight_fn: WeightFn
    ) -> tuple[Float[Tensor, "b r s"], Float[Tensor, "b r c"]]:
        """Rendering weights of ray samples and the features accumulated with them."""
        ...
