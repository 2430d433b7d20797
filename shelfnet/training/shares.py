"""One training in several processes: each takes a share of the rows of every batch, and all take the same step.

Everything random is drawn for the whole batch by every process alike, from generators of the same state; a process
keeps the rows of its share. So losses and gradients are those of one process on the whole batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from jaxtyping import Shaped
from torch import Tensor, nn


@dataclass(frozen=True)
class Share:
    """Which rows of a batch are this process's.

    Attributes:
        rank: of this process.
        processes: how many there are.
    """

    rank: int = 0
    processes: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that logs, measures and saves."""
        return self.rank == 0

    def whole(self, rows: int) -> int:
        """Rows of the whole batch where a share has ``rows``."""
        return rows * self.processes

    def take(self, drawn: Shaped[Tensor, "all *any"]) -> Shaped[Tensor, "mine *any"]:
        """The rows of this share, of rows drawn for the whole batch."""
        return drawn if self.processes == 1 else drawn.chunk(self.processes)[self.rank]

    def average_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by its mean over the processes, in one exchange."""
        if self.processes == 1:
            return
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        means = self._mean(torch.cat([gradient.flatten() for gradient in gradients]))
        pieces = means.split([gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [p.view_as(g) for p, g in zip(pieces, gradients, strict=True)])

    def mean(self, values: Iterable[Tensor]) -> list[float]:
        """Numbers of this process as means over the processes, fetched in one exchange and one transfer."""
        return self._mean(torch.stack([value.detach().float() for value in values])).tolist()

    def _mean(self, values: Tensor) -> Tensor:
        if self.processes > 1:
            dist.all_reduce(values)
            values /= self.processes
        return values
