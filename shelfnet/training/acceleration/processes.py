"""Starts the processes of one training, on this machine or within an existing ``torchrun`` job."""

import logging
import os
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

from shelfnet.temporary import temporary_folder
from shelfnet.training.acceleration.distributed import DistributedContext


def run_in_processes(processes: int, device: str, function: Callable[..., None], arguments: dict[str, Any]) -> None:
    """Call ``function(distributed, **arguments)`` here, or once in each of several processes.

    Under ``torchrun`` (``WORLD_SIZE`` in the environment) this process joins the group that ``torchrun`` started.

    Args:
        processes: Number of processes on this machine.
        device: ``auto``, ``cpu`` or ``cuda``; on CUDA every process has its own GPU.
        function: Module-level function, so that spawned processes can import it.
        arguments: Picklable keyword arguments of ``function``.

    Raises:
        RuntimeError: There are fewer GPUs than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        distributed = DistributedContext(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
        _join_group("env://", distributed, int(os.environ["LOCAL_RANK"]), device, function, arguments)
    elif processes == 1:
        function(DistributedContext(), **arguments)
    else:
        with temporary_folder("training") as folder:
            rendezvous = (folder / "rendezvous").as_uri()
            torch.multiprocessing.start_processes(  # pyright: ignore[reportPrivateImportUsage]
                _spawned, (processes, rendezvous, device, function, arguments), processes, start_method="spawn"
            )


def _spawned(
    rank: int, processes: int, rendezvous: str, device: str, function: Callable[..., None], arguments: dict[str, Any]
) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    _join_group(rendezvous, DistributedContext(rank, processes), rank, device, function, arguments)


def _join_group(
    rendezvous: str,
    distributed: DistributedContext,
    local_rank: int,
    device: str,
    function: Callable[..., None],
    arguments: dict[str, Any],
) -> None:
    on_cuda = device != "cpu" and torch.cuda.is_available()
    if on_cuda:
        gpus = torch.cuda.device_count()
        if gpus <= local_rank:
            raise RuntimeError(f"train.processes: expected a GPU for process {local_rank}, found {gpus} GPUs")
        torch.cuda.set_device(local_rank)
    backend = "nccl" if on_cuda else "gloo"
    dist.init_process_group(backend, init_method=rendezvous, rank=distributed.rank, world_size=distributed.world_size)
    try:
        function(distributed, **arguments)
    finally:
        dist.destroy_process_group()
