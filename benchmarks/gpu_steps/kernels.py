"""Where the time of a captured iteration goes: kernels, and operators with their FLOP and bytes."""

from collections.abc import Callable
from typing import Any

import torch
from measuring import ByteCounter, wait_for
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from train_step import build_config, generated_store, make_step, with_train

from gpu_steps.iteration_speed import PATHS
from gpu_steps.task import Recorder, Task
from shelfnet.devices import pick_device
from shelfnet.training.acceleration.devices import tune_backends

SHOWN = 25
ITERATIONS = 4
"""A multiple of the discriminator's period, so that means are those of a whole period."""


def run(task: Task, recorder: Recorder) -> None:
    """Profile the captured iteration by kernel, then the eager one by operator.

    The kernels of a replayed graph carry no shapes. FLOP and bytes are therefore those of operators of the same
    iteration in eager bfloat16.
    """
    device = pick_device(task.device)
    config = build_config(task.paper_sizes, "base", 2 if task.rehearse else None)
    tune_backends(device, "bfloat16")
    store = generated_store(config, device)
    *_, step = make_step(with_train(config, PATHS["captured"]), store, device)
    recorder.put(iterations=ITERATIONS, **kernels(step, device, warm_up=1 if task.rehearse else 20))
    state, _, step = make_step(with_train(config, PATHS["eager bfloat16"]), store, device)

    def whole_period() -> None:
        state.iteration = 0
        for _ in range(ITERATIONS):
            step()

    recorder.put(operators=operators(whole_period, device))


def kernels(step: Callable[[], Any], device: torch.device, warm_up: int) -> dict[str, Any]:
    """Kernels by their time in an iteration; on a CPU, operators."""
    for _ in range(warm_up * ITERATIONS):
        step()
    wait_for(device)
    with profile(activities=_activities(device)) as profiler:
        for _ in range(ITERATIONS):
            step()
        wait_for(device)
    events = [
        {"name": event.key[:160], "calls": event.count / ITERATIONS, "ms": _own_ms(event, device) / ITERATIONS}
        for event in profiler.key_averages()
        if event.device_type == (DeviceType.CUDA if device.type == "cuda" else DeviceType.CPU)
    ]
    events.sort(key=lambda event: -event["ms"])
    return {
        "kernel_ms": sum(event["ms"] for event in events),
        "kernel_calls": sum(event["calls"] for event in events),
        "kernels": events[:SHOWN],
    }


def operators(call: Callable[[], Any], device: torch.device) -> list[dict[str, Any]]:
    """Operators by their time in an iteration, with FLOP and the bytes of their arguments and results."""
    call()
    with FlopCounterMode(display=False) as flops:
        call()
    with ByteCounter() as counted:
        call()
    with profile(activities=_activities(device)) as profiler:
        call()
        wait_for(device)
    operations = {str(name): count for name, count in flops.get_flop_counts().get("Global", {}).items()}
    rows = []
    for event in profiler.key_averages():
        name = event.key.replace("aten::", "aten.")
        if event.device_type != DeviceType.CPU or name not in counted.by_operator:
            continue
        row = {"name": name, "calls": event.count / ITERATIONS, "ms": _whole_ms(event, device) / ITERATIONS}
        row["gigabytes"] = counted.by_operator[name] / ITERATIONS / 1e9
        row["gflop"] = operations.get(name, 0) / ITERATIONS / 1e9
        rows.append(row)
    return sorted(rows, key=lambda row: -row["ms"])[:SHOWN]


def _activities(device: torch.device) -> list[ProfilerActivity]:
    return [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device.type == "cuda" else [])


def _own_ms(event: Any, device: torch.device) -> float:
    """Time of an event without those that it called."""
    own = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
    return own / 1e3


def _whole_ms(event: Any, device: torch.device) -> float:
    """Time of an operator with those that implement it."""
    return (event.device_time_total if device.type == "cuda" else event.cpu_time_total) / 1e3
