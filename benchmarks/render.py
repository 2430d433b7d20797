"""Compares rendering speed: a plain script, the pyrender engine and ours, on the same generated furniture.

    .venv/bin/python benchmarks/render.py --models 8 --views 24

Every method renders the same number of views of the same models, import included, in one single-threaded process per
core. Times on busy machines are noisy: compare only the ratios of one run.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.render import RenderSettings
from shelfnet.data.catalogue.manifest import Manifest, write_manifest
from shelfnet.data.catalogue.models import make_catalogue, read_models, write_models
from shelfnet.data.seeding import named_generator
from shelfnet.data.view_sampling import sample_views
from shelfnet.procedural.generate import generate_furniture
from shelfnet.procedural.writer import FOLDER
from shelfnet.steps.render_engines import open_engine
from shelfnet.steps.render_views import render_views

PLAIN_SCRIPT = Path(__file__).with_name("plain_script.py")
TEXTURE_PX = 256


@dataclass(frozen=True)
class Workload:
    """Models on disk and render settings; ``jobs`` processes share the models."""

    folder: Path
    settings: RenderSettings
    n_models: int
    jobs: int

    @property
    def n_views(self) -> int:
        """Number of images of all models."""
        return self.n_models * self.settings.views_per_model


@dataclass(frozen=True)
class Usage:
    """Resources used by one process and its children: stored bytes, CPU seconds, peak memory of a process in MB."""

    stored_bytes: int
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Result:
    """A row of the table."""

    method: str
    views_per_s: float
    cpu_ms_per_view: float
    peak_mb: float
    bytes_per_view: float


def plain(workload: Workload, job: int) -> int:
    """The plain script, one process per model; returns the bytes of its PNG files."""
    return _plain(workload, job)


def plain_denoised(workload: Workload, job: int) -> int:
    """The plain script with Blender's denoiser, which is on by default."""
    return _plain(workload, job, "denoise")


def pyrender(workload: Workload, job: int) -> int:
    """The pyrender engine in the workflow's step."""
    return _step(workload, job, workload.settings.model_copy(update={"engine": "pyrender"}))


def ours(workload: Workload, job: int) -> int:
    """Cycles in the workflow's step: one child process for all models."""
    return _step(workload, job, workload.settings)


def ours_unguarded(workload: Workload, job: int) -> int:
    """Cycles without the child process, the checks and the shard: nothing is stored."""
    settings = workload.settings
    with open_engine(settings, threads=1) as engine:
        for model in read_models(workload.folder / "models.parquet", job):
            generator = named_generator(settings.seed, model.model_id)
            views = sample_views(settings.prior, settings.views_per_model, generator)
            engine.render(workload.folder / FOLDER / model.obj_path, views.cam2world(settings.camera_distance))
    return 0


METHODS: dict[str, Callable[[Workload, int], int]] = {
    method.__name__: method for method in (plain, plain_denoised, pyrender, ours_unguarded, ours)
}


def main() -> None:
    """Generate furniture, run every method, print the table."""
    arguments = _parse_arguments()
    with tempfile.TemporaryDirectory(prefix="shelfnet-benchmark-") as folder:
        workload = _make_workload(Path(folder), arguments)
        print(f"{workload.n_models} models x {arguments.views} views, {arguments.resolution_px} px, "
              f"{arguments.samples} samples, {workload.jobs} processes")  # fmt: skip
        results = []
        for name in arguments.methods:
            print(f"{name} ...", flush=True)
            results.append(measure(name, workload))
    print_table(results)


def measure(name: str, workload: Workload) -> Result:
    """Run a method in new processes and add up their resources."""
    started = time.perf_counter()
    with ProcessPoolExecutor(workload.jobs, mp_context=get_context("spawn")) as pool:
        usages = list(pool.map(_run, [name] * workload.jobs, [workload] * workload.jobs, range(workload.jobs)))
    elapsed_s = time.perf_counter() - started
    return Result(
        method=name,
        views_per_s=workload.n_views / elapsed_s,
        cpu_ms_per_view=1e3 * sum(usage.cpu_s for usage in usages) / workload.n_views,
        peak_mb=max(usage.peak_mb for usage in usages),
        bytes_per_view=sum(usage.stored_bytes for usage in usages) / workload.n_views,
    )


def print_table(results: list[Result]) -> None:
    """Print a Markdown table with ratios to the first row."""
    print("\n| method | views/s | ratio | CPU ms per view | peak MB per process | bytes per view |")
    print("|---|---|---|---|---|---|")
    for row in results:
        ratio = row.views_per_s / results[0].views_per_s
        stored = f"{row.bytes_per_view:.0f}" if row.bytes_per_view else ""
        print(f"| `{row.method}` | {row.views_per_s:.3g} | {ratio:.3g} | {row.cpu_ms_per_view:.0f} | "
              f"{row.peak_mb:.0f} | {stored} |")  # fmt: skip


def _run(name: str, workload: Workload, job: int) -> Usage:
    before = _cpu_s()
    stored = METHODS[name](workload, job)
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Usage(stored, _cpu_s() - before, max(usage.ru_maxrss for usage in usages) / 1024)


def _cpu_s() -> float:
    return sum(os.times()[:4])


def _plain(workload: Workload, job: int, *extra: str) -> int:
    settings = workload.settings
    with tempfile.TemporaryDirectory(dir=workload.folder) as output:
        sizes = [str(size) for size in (settings.views_per_model, settings.resolution_px, settings.samples)]
        for model in read_models(workload.folder / "models.parquet", job):
            obj_path = workload.folder / FOLDER / model.obj_path
            command = [sys.executable, PLAIN_SCRIPT, obj_path, output, *sizes, *extra]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return sum(path.stat().st_size for path in Path(output).iterdir())


def _step(workload: Workload, job: int, settings: RenderSettings) -> int:
    with tempfile.TemporaryDirectory(dir=workload.folder) as folder:
        output = Path(folder) / "shard.parquet"
        render_views(
            settings=settings,
            manifest=workload.folder / "manifest.json",
            models=workload.folder / "models.parquet",
            shard=job,
            threads=1,
            output=output,
            quarantine=Path(folder) / "quarantine.csv",
            journal=Path(folder) / "journal.jsonl",
        )
        return output.stat().st_size


def _make_workload(folder: Path, arguments: argparse.Namespace) -> Workload:
    generate_furniture(folder, arguments.models, arguments.seed, TEXTURE_PX)
    root = folder / FOLDER
    catalogue = make_catalogue(root, DatasetSettings(), arguments.jobs)
    write_models(folder / "models.parquet", catalogue.models)
    write_manifest(folder / "manifest.json", Manifest("showroom", root, "benchmark", arguments.models))
    settings = RenderSettings(
        resolution_px=arguments.resolution_px,
        views_per_model=arguments.views,
        samples=arguments.samples,
        shards=arguments.jobs,
    )
    return Workload(folder, settings, len(catalogue.models), arguments.jobs)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--views", type=int, default=24)
    parser.add_argument("--resolution-px", type=int, default=128)
    parser.add_argument("--samples", type=int, default=41)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="concurrent processes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
