"""Data-parallel training: every process takes a share of each batch, and all take the same optimiser step.

Every process draws the random numbers of the whole batch from generators in the same state and keeps the rows of its
share. Losses and gradients therefore equal those of one process on the whole batch, with three exceptions: the
augmentation of the discriminator and the random backgrounds of CLIP repeat their draws in every process, and the pose
prior compares the moments of each process's share.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from jaxtyping import Float, Shaped
from torch import Tensor, nn


@dataclass(frozen=True)
class DistributedContext:
    """Place of this process in the process group.

    Attributes:
        rank: Rank of this process.
        world_size: Number of processes.
    """

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process logs, validates and saves."""
        return self.rank == 0

    def local_rows(self, rows: Shaped[Tensor, "all *any"]) -> Shaped[Tensor, "local *any"]:
        """Rows of this process out of the rows of the whole batch."""
        return rows if self.world_size == 1 else rows.chunk(self.world_size)[self.rank]

    def rand(self, generator: torch.Generator, rows: int, *shape: int) -> Float[Tensor, "rows *shape"]:
        """Uniform random numbers in [0, 1) for this process, on the generator's device.

        Args:
            generator: In the same state in every process.
            rows: Number of rows of this process.
            *shape: Further dimensions.
        """
        whole_batch = (rows * self.world_size, *shape)
        return self.local_rows(torch.rand(whole_batch, generator=generator, device=generator.device))

    def average_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by its mean over the processes, in one all-reduce."""
        if self.world_size == 1:
            return
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        means = self._mean(torch.cat([gradient.flatten() for gradient in gradients]))
        pieces = means.split([gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [p.view_as(g) for p, g in zip(pieces, gradients, strict=True)])  # pyright: ignore[reportPrivateImportUsage]

    def mean(self, values: Iterable[Tensor]) -> list[float]:
        """Means of scalars over the processes, in one all-reduce and one transfer to the host."""
        return self._mean(torch.stack([value.detach().float() for value in values])).tolist()

    def _mean(self, values: Tensor) -> Tensor:
        if self.world_size > 1:
            dist.all_reduce(values)
            values /= self.world_size
        return values
