"""Starts the processes of one training, on this machine or where ``torchrun`` has started them already."""

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from shelfnet.training.shares import Share


def in_processes(processes: int, device: str, function: Callable[..., None], arguments: dict[str, Any]) -> None:
    """Call ``function(share, **arguments)``: once here, or in so many processes that take a share each.

    Under ``torchrun``, which says so in the environment, this process is one of those that it started.

    Args:
        processes: on this machine.
        device: as in the settings; on CUDA each process has a GPU of its own.
        function: of a module, so that other processes can import it.
        arguments: that can be pickled.

    Raises:
        RuntimeError: there are fewer GPUs than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        share = Share(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
        _take_part("env://", share, int(os.environ["LOCAL_RANK"]), device, function, arguments)
    elif processes == 1:
        function(Share(), **arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            meeting_point = Path(folder, "meeting_point").as_uri()
            torch.multiprocessing.start_processes(
                _start_one, (processes, meeting_point, device, function, arguments), processes, start_method="spawn"
            )


def _start_one(
    rank: int, processes: int, meeting_point: str, device: str, function: Callable[..., None], arguments: dict[str, Any]
) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    _take_part(meeting_point, Share(rank, processes), rank, device, function, arguments)


def _take_part(
    meeting_point: str,
    share: Share,
    local_rank: int,
    device: str,
    function: Callable[..., None],
    arguments: dict[str, Any],
) -> None:
    on_cuda = device != "cpu" and torch.cuda.is_available()
    if on_cuda:
        if torch.cuda.device_count() <= local_rank:
            raise RuntimeError(f"train.processes: process {local_rank} has no GPU, of {torch.cuda.device_count()}")
        torch.cuda.set_device(local_rank)
    backend = "nccl" if on_cuda else "gloo"
    dist.init_process_group(backend, init_method=meeting_point, rank=share.rank, world_size=share.processes)
    try:
        function(share, **arguments)
    finally:
        dist.destroy_process_group()
