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


def same_opacity(occupancy: Float[Tensor, "*n"], voxel_size: float, other_voxel_size: float) -> Float[Tensor, "*n"]:
    """Occupancy that gives paths the same opacity in a field of another voxel size.

    Args:
        occupancy: Opacity of a path of length ``voxel_size``.
        voxel_size: Voxel size of the field, in any unit.
        other_voxel_size: Voxel size of the other field, in the same unit.
    """
    return 1.0 - (1.0 - occupancy.clamp(max=1.0 - 1e-6)) ** (other_voxel_size / voxel_size)
