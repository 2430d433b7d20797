"""Benchmark of soft renders: compiled loops, tensor operations, and PyTorch3D's rasterizer if it is installed.

    python benchmarks/rasterizer.py                       # 10 000 faces, 128 pixels, 10 faces per pixel, on the CPU
    python benchmarks/rasterizer.py --device cuda --faces 1000 --batch 8 --pixels 64

Forward is rasterization and both blends, backward their gradient in the vertices. The compiled loops need a CPU and
numba; elsewhere the first two rows are the same. If other programs share the CPU, compare the rows of one run only.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import trimesh

from shelfnet.geometry.cameras import look_at_origin
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.mesh_extraction import simplify
from shelfnet.renderer.mesh_batch import MeshBatch, pack_meshes
from shelfnet.renderer.pytorch3d_rasterizer import RasterizerUnavailableError, rasterize_pytorch3d
from shelfnet.renderer.rasterizer import Fragments, rasterize
from shelfnet.renderer.soft_render import Softness, soft_render

SIGMA = 1e-4
GAMMA = 1e-4
FOV = math.radians(35.0)
CAMERA_DISTANCE = 2.6
RASTERIZERS: dict[str, Callable[..., Fragments]] = {
    "shelfnet": rasterize,
    "shelfnet, tensor operations": partial(rasterize),  # blends without the compiled loops, but searches in them
    "pytorch3d": rasterize_pytorch3d,
}


@dataclass(frozen=True)
class Times:
    """Wall time and processor time of one pass in milliseconds."""

    forward_ms: float
    backward_ms: float
    processor_ms: float


def main() -> None:
    """Print one row per rasterizer."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    meshes = pack_meshes([ball(arguments.faces)] * arguments.batch, arguments.device)
    print(
        f"{arguments.batch} x {arguments.faces} faces, {arguments.pixels} px, {arguments.faces_per_pixel} per pixel"
        f"; {arguments.device}, {arguments.threads} thread(s), torch {torch.__version__}; median of {arguments.repeats}"
    )
    print("| rasterizer | forward ms | backward ms | both ms | processor ms |\n|---|---|---|---|---|")
    for name, rasterizer in RASTERIZERS.items():
        try:
            runs = [one_pass(rasterizer, meshes, arguments) for _ in range(arguments.repeats + 1)][1:]
        except RasterizerUnavailableError:
            print(f"| {name} | not installed | | | |")
            continue
        print(_row(name, runs))


def ball(faces: int) -> Mesh:
    """A simplified sphere of about ``faces`` uneven triangles."""
    subdivisions = math.ceil(math.log(faces / 20, 4)) if faces > 20 else 0
    surface = trimesh.creation.icosphere(subdivisions, 0.4)
    return simplify(Mesh(np.array(surface.vertices), surface.faces.astype(np.int64)), faces)


def one_pass(rasterizer: Callable[..., Fragments], meshes: MeshBatch, arguments: argparse.Namespace) -> Times:
    """One forward and backward pass."""
    vertices = meshes.vertices.clone().requires_grad_()
    angles = torch.linspace(0.0, 2.0, meshes.size, device=vertices.device)
    cameras = look_at_origin(angles, torch.full_like(angles, 0.2), CAMERA_DISTANCE)
    started, processor = _now(vertices.device), time.process_time()
    render = soft_render(
        meshes.with_vertices(vertices),
        torch.full_like(meshes.vertices, 0.5),
        cameras,
        FOV,
        arguments.pixels,
        Softness(arguments.faces_per_pixel, SIGMA, GAMMA),
        rasterizer,
    )
    energy = render.silhouette.sum() + render.rgb.sum()
    halfway = _now(vertices.device)
    energy.backward()
    ended = _now(vertices.device)
    return Times(1e3 * (halfway - started), 1e3 * (ended - halfway), 1e3 * (time.process_time() - processor))


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _row(name: str, runs: list[Times]) -> str:
    forward = statistics.median(run.forward_ms for run in runs)
    backward = statistics.median(run.backward_ms for run in runs)
    both = statistics.median(run.forward_ms + run.backward_ms for run in runs)
    processor = statistics.median(run.processor_ms for run in runs)
    return f"| {name} | {forward:.0f} | {backward:.0f} | {both:.0f} | {processor:.0f} |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--faces", type=int, default=10_000)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--faces-per-pixel", type=int, default=10)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
