"""Speed of one training iteration of every ablation: eager float32 and the fast path, as a table.

    python benchmarks/train_step.py --preset paper --batch-size 32 --ablations base triplane --seconds 5

Images are generated, and the weights of AlexNet and CLIP are random, so that nothing but the package and torch is
needed. On CUDA the fast path is what ``train.precision: auto`` and ``train.compile: auto`` choose there. On a CPU both
paths are the same calculation, unless ``--compile networks`` or ``--precision bfloat16`` change the fast one.
"""

import argparse
import gc
import importlib.util
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

from measuring import (  # noqa: E402
    Ceiling,
    Stopwatch,
    Work,
    count_work,
    measure_ceiling,
    peak_mib,
    seconds_a_call,
    strict_float32,
    wait_for,
)

from shelfnet.config.load import for_ablation, load_config, merge, validate  # noqa: E402
from shelfnet.config.stage_inputs import TrainInputs, train_inputs  # noqa: E402
from shelfnet.data.shards.reader import TrainingViews  # noqa: E402
from shelfnet.devices import device_name, pick_device  # noqa: E402
from shelfnet.training import generator_step as generator_step_module  # noqa: E402
from shelfnet.training.acceleration.devices import tune_backends  # noqa: E402
from shelfnet.training.batches import ImageStore  # noqa: E402
from shelfnet.training.context import TrainContext, build_context  # noqa: E402
from shelfnet.training.loop import Iteration, train_phases  # noqa: E402
from shelfnet.training.state import Scalars, TrainState, build_state  # noqa: E402

PRESETS = {"embedded": (), "paper": ("workflow/presets/paper.yaml",)}
IMAGES, CAPTIONS = 256, 16
EAGER = {"precision": "float32", "compile": "none"}

log = logging.getLogger("benchmark")


@dataclass(frozen=True)
class Speed:
    """Measurements of one path.

    Attributes:
        first_s: Seconds to build the networks and run the first iteration, including compilation.
        step_s: Seconds of a mean iteration, including lazy phases.
        peak_mib: Peak memory.
    """

    first_s: float
    step_s: float
    peak_mib: float


@dataclass(frozen=True)
class Row:
    """Measurements of one ablation on one path.

    Attributes:
        ablation: Name of the ablation and of its random networks.
        path: ``eager`` or ``fast``.
        speed: What was measured.
        work: Operations and bytes of a mean iteration, counted on the eager path.
        phases_s: Seconds of a mean eager iteration by phase, with a synchronisation after each.
    """

    ablation: str
    path: str
    speed: Speed
    work: Work
    phases_s: dict[str, float]


def main() -> None:
    """Measure the chosen ablations and print the tables."""
    options = read_options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    device = pick_device(options.device)
    ceiling = measure_ceiling(device)
    log.info("%s, torch %s: %s", device_name(device), torch.__version__, ceiling)
    rows = []
    for name in options.ablations:
        overlays = [*PRESETS[options.preset], *([options.settings] if options.settings else [])]
        config = build_config(overlays, name, options.batch_size, options.device)
        if config.losses.clip > 0 and importlib.util.find_spec("open_clip") is None:
            log.warning("%s: left out, open_clip is not installed", name)
            continue
        for row in measure_ablation(config, name, device, options):
            rows.append(row)
            log.info("%s %s: %.2f it/s", row.ablation, row.path, 1 / row.speed.step_s)
    if options.json:
        options.json.write_text(
            json.dumps({"ceiling": asdict(ceiling), "rows": [asdict(row) for row in rows]}, indent=1)
        )
    print(phase_table(rows))
    print(table(rows, ceiling, options.batch_size, device))


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="embedded")
    parser.add_argument("--settings", type=Path, help="a further overlay of settings (YAML)")
    parser.add_argument("--batch-size", type=int, help="the preset's where left out")
    parser.add_argument("--ablations", nargs="+", help="all of config.yaml where left out")
    parser.add_argument("--seconds", type=float, default=5.0, help="of measuring, for each ablation and path")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="of the fast path")
    parser.add_argument("--compile", choices=("auto", "none", "networks", "graphs"), default="auto", help="likewise")
    parser.add_argument("--threads", type=int, help="of a CPU")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    options = parser.parse_args()
    base = load_config(ROOT / "config.yaml", *(ROOT / overlay for overlay in PRESETS[options.preset]))
    options.ablations = options.ablations or list(base.ablations)
    options.batch_size = options.batch_size or base.train.batch_size
    if options.threads:
        torch.set_num_threads(options.threads)
    return options


def build_config(
    overlays: Sequence[Path | str], ablation: str, batch_size: int | None = None, device: str = "auto"
) -> TrainInputs:
    """The ablation's settings, with renders of full size from the start; nothing that would need a download.

    Args:
        overlays: YAML files over ``config.yaml``, relative to the root of the repository.
        ablation: Name of the ablation.
        batch_size: Images per step; that of the overlays if ``None``.
        device: ``auto``, ``cpu`` or ``cuda``.
    """
    base = load_config(ROOT / "config.yaml", *(ROOT / overlay for overlay in overlays))
    tree = for_ablation(base, ablation).model_dump(mode="json")
    train = {"batch_size": batch_size or base.train.batch_size, "device": device, "coarse_iterations": 0}
    return train_inputs(validate(merge(tree, {"train": train, "perceptual": {"weights": "untrained"}})))


def with_train(config: TrainInputs, values: dict[str, Any]) -> TrainInputs:
    """The same inputs with other settings of the training."""
    return TrainInputs.model_validate(merge(config.model_dump(mode="json"), {"train": values}))


def measure_ablation(
    config: TrainInputs, name: str, device: torch.device, options: argparse.Namespace
) -> Iterator[Row]:
    """Measure both paths of one ablation on the same images."""
    fast = {"precision": options.precision, "compile": options.compile}
    label = f"{name} ({clip_name(config)}, random)" if config.losses.clip > 0 else name
    store = generated_store(config, device)
    with strict_float32():
        tune_backends(device, "float32")
        state, context, step = make_step(with_train(config, EAGER), store, device)
        work = mean_work(state, context, step)
        parts = phase_seconds(state, context, store)
        del state, context, step
    for path, settings, precision in (("eager", EAGER, strict_float32()), ("fast", fast, nullcontext())):
        with precision:
            chosen = with_train(config, settings)
            tune_backends(device, chosen.train.precision if path == "fast" else "float32")
            yield Row(label, path, measure_speed(chosen, store, device, options.seconds), work, parts)


def measure_speed(config: TrainInputs, store: ImageStore, device: torch.device, seconds: float) -> Speed:
    """Build a fresh run, warm up and measure its iterations for some seconds."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    began = time.perf_counter()
    *_, step = make_step(config, store, device)
    step()
    wait_for(device)
    first = time.perf_counter() - began
    for _ in range(2 if device.type == "cpu" else 4 * config.train.r1_every):
        step()
    return Speed(first, seconds_a_call(step, device, seconds), peak_mib(device))


def make_step(
    config: TrainInputs, store: ImageStore, device: torch.device
) -> tuple[TrainState, TrainContext, Callable[[], Scalars]]:
    """State and context of a fresh run, and a function that runs one whole iteration of it."""
    state = build_state(config.model, config.render, config.train, 0, device)
    clip = random_clip(config, store.captions).to(device) if config.losses.clip > 0 else None
    context = build_context(config, device, clip)
    state.model.train()
    run_iteration = Iteration(state, context)

    def step() -> Scalars:
        terms = run_iteration(store.draw(config.train.batch_size, state.rng))
        state.iteration += 1
        state.update_average(config.train.ema_decay)
        return terms

    return state, context, step


def mean_work(state: TrainState, context: TrainContext, step: Callable[[], Any]) -> Work:
    """Operations and bytes of an iteration, as a mean over the discriminator's period."""
    works = []
    for iteration in range(context.settings.train.discriminator_every):

        def step_at(iteration: int = iteration) -> None:
            state.iteration = iteration
            step()

        works.append(count_work(step_at))
    return Work(*(float(np.mean(values)) for values in zip(*(asdict(work).values() for work in works), strict=True)))


def phase_seconds(state: TrainState, context: TrainContext, store: ImageStore, rounds: int = 3) -> dict[str, float]:
    """Seconds of the parts of a mean iteration, with a synchronisation after each."""
    watch, batch_size = Stopwatch(state.device), context.settings.train.batch_size
    generator, *lazy_phases = train_phases(state, context)
    stops = [watch.watch(state.model, name, name) for name in ("encode", "decode", "render")]
    stops += [
        watch.watch(state.generator_optimiser, "step", "optimiser"),
        watch.watch(generator_step_module, "backward_generator", "backward"),
    ]
    wait_for(state.device)
    began = time.perf_counter()
    for _ in range(rounds):
        with watch.running("data"):
            batch = store.draw(batch_size, state.rng)
        _, renders = generator.step(batch, None)
    wait_for(state.device)
    watch.seconds["losses"] = time.perf_counter() - began - sum(watch.seconds.values())
    for stop in stops:
        stop()
    for phase in lazy_phases:
        with watch.running(phase.name):
            for _ in range(rounds):
                phase.step(batch, renders)
        watch.seconds[phase.name] /= phase.every
    return {name: seconds / rounds for name, seconds in watch.seconds.items()}


def generated_store(config: TrainInputs, device: torch.device) -> ImageStore:
    """Images of ellipses on nothing, at the size of the shards."""
    generator, size = np.random.default_rng(0), config.render.resolution_px
    y, x = np.mgrid[:size, :size] / size - 0.5
    images = np.zeros((IMAGES, size, size, 4), dtype=np.uint8)
    for image in images:
        width, height = generator.uniform(0.15, 0.45, 2)
        image[(x / width) ** 2 + (y / height) ** 2 < 1] = [*generator.integers(0, 255, 3), 255]
    captions = tuple(f"A Style Chair {number % CAPTIONS} made out of Wood" for number in range(IMAGES))
    return ImageStore(TrainingViews(images=images, captions=captions), config.model.renderer.resolution_px, device)


def clip_name(config: TrainInputs) -> str:
    """Which CLIP stands in."""
    return "small CLIP" if config.clip.source == "trained" else config.clip.model


def random_clip(config: TrainInputs, captions: Sequence[str]) -> torch.nn.Module:
    """The loss of a CLIP of the right size with random weights."""
    import open_clip

    from shelfnet.losses.clip import ClipLoss
    from shelfnet.networks.clip import small_clip, with_own_preprocessing

    if config.clip.source == "trained":
        clip = small_clip(config.clip.training)
    else:
        clip = with_own_preprocessing(open_clip.create_model(config.clip.model), config.clip.model, "random")
    return ClipLoss(clip.eval().requires_grad_(False), list(captions), config.clip.backgrounds)


def phase_table(rows: Sequence[Row]) -> str:
    """Milliseconds of an eager iteration by phase."""
    eager = [row for row in rows if row.path == "eager"]
    names = list(dict.fromkeys(name for row in eager for name in row.phases_s))
    lines = [["ablation, ms of the eager step", *names]]
    lines += [[row.ablation, *(f"{1e3 * row.phases_s.get(name, 0.0):.2f}" for name in names)] for row in eager]
    return markdown(lines)


def table(rows: Sequence[Row], ceiling: Ceiling, batch_size: int, device: torch.device) -> str:
    """One line an ablation and path."""
    head = (
        "ablation|path|it/s|images/s|s per 1000 images|speed-up|first it., s|peak MiB|GFLOP|TFLOP/s|of bf16|GB unfused"
    )
    lines = [head.split("|")]
    eager = {row.ablation: row.speed.step_s for row in rows if row.path == "eager"}
    for row in rows:
        speed = row.speed
        rate, achieved = 1 / speed.step_s, row.work.flops / speed.step_s
        lines.append(
            [
                row.ablation,
                row.path,
                f"{rate:.2f}",
                f"{batch_size * rate:.1f}",
                f"{1000 * speed.step_s / batch_size:.3f}",
                f"{eager[row.ablation] / speed.step_s:.2f}",
                f"{speed.first_s:.1f}",
                f"{speed.peak_mib:.0f}",
                f"{row.work.flops / 1e9:.1f}",
                f"{achieved / 1e12:.3f}",
                f"{100 * achieved / ceiling.bfloat16_flops:.1f} %",
                f"{row.work.unfused_bytes / 1e9:.2f}",
            ]
        )
    machine = (
        f"{device_name(device)}, torch {torch.__version__}, batch {batch_size}; measured ceilings: "
        f"float32 {ceiling.float32_flops / 1e12:.2f} TFLOP/s, bfloat16 {ceiling.bfloat16_flops / 1e12:.2f} TFLOP/s, "
        f"copy {ceiling.copy_bytes / 1e9:.0f} GB/s"
    )
    return f"{machine}\n\n{markdown(lines)}"


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Lines as a table, the first as its head."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([padded[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *padded[1:]]) + "\n"


if __name__ == "__main__":
    main()
