"""Refinement steps a second for a batch of meshes, whole steps as `refine` takes them.

    python benchmarks/refine.py                    # 8 meshes of 1 000 faces, 64 pixels: the embedded default
    python benchmarks/refine.py --device cuda

A step is rasterizing, both blends, all energies, their gradients, and the smoothed move of vertices and cameras. The
meshes are uneven balls; their targets are ellipsoids, so that vertices have somewhere to go.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from measuring import peak_mib, wait_for
from rasterizer import CAMERA_DISTANCE, FOV, ball

from shelfnet.config.meshes import RefineSettings
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.refinement import refine_meshes
from shelfnet.renderer.mesh_batch import pack_meshes
from shelfnet.renderer.rasterizer import blur_radius_from_sigma, rasterize, soft_silhouette

STRETCH = (0.8, 1.2, 0.7)


def main() -> None:
    """Print one row: the median of several refinements."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    settings = RefineSettings(
        iterations=arguments.steps,
        smoothing_length=0.07,
        resolution_px=arguments.pixels,
        sigma=5e-5,
        rasterizer=arguments.rasterizer,
    )
    rates = steps_a_second(arguments.batch, arguments.faces, settings, device, arguments.repeats)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {arguments.threads} thread(s)"
    print("| meshes x faces, pixels | rasterizer | hardware | steps/s | slowest | fastest | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {arguments.batch} x {arguments.faces}, {arguments.pixels} | {arguments.rasterizer} | {name}"
        f" | {statistics.median(rates):.1f} | {min(rates):.1f} | {max(rates):.1f} | {peak_mib(device):.0f} |"
    )


def steps_a_second(batch: int, faces: int, settings: RefineSettings, device: torch.device, repeats: int) -> list[float]:
    """Rates of several refinements, each with what it prepares, after a short one to warm up.

    Args:
        batch: Number of meshes.
        faces: Number of faces of each.
        settings: Settings of the refinement, with the number of steps.
        device: Device to measure.
        repeats: Number of refinements.
    """
    inputs = problem(batch, faces, settings, device)
    refine_meshes(*inputs, settings.model_copy(update={"iterations": 2}), FOV, CAMERA_DISTANCE)
    return [_rate(inputs, settings, device) for _ in range(repeats)]


def _rate(inputs: tuple, settings: RefineSettings, device: torch.device) -> float:
    wait_for(device)
    began = time.perf_counter()
    refine_meshes(*inputs, settings, FOV, CAMERA_DISTANCE)
    wait_for(device)
    return settings.iterations / (time.perf_counter() - began)


def problem(batch: int, faces: int, settings: RefineSettings, device: torch.device) -> tuple:
    """Meshes, colours, images, masks and views, as `refine_meshes` takes them."""
    round_mesh = ball(faces)
    wanted = Mesh(round_mesh.vertices * np.array(STRETCH), round_mesh.faces)
    azimuth = torch.linspace(0.0, 2.0, batch, device=device)
    elevation = torch.full_like(azimuth, 0.2)
    fragments = rasterize(
        pack_meshes([wanted] * batch, device),
        look_at_origin(azimuth, elevation, CAMERA_DISTANCE),
        FOV,
        settings.resolution_px,
        settings.faces_per_pixel,
        blur_radius_from_sigma(settings.sigma),
    )
    masks = soft_silhouette(fragments, settings.sigma).detach()
    images = (1.0 - 0.5 * masks)[:, None].expand(-1, 3, -1, -1).contiguous()
    colours = np.full((len(round_mesh.vertices), 3), 0.4)
    return [round_mesh] * batch, [colours] * batch, images, masks, azimuth + 0.1, elevation


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rasterizer", default="own", choices=["own", "pytorch3d"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--faces", type=int, default=1_000)
    parser.add_argument("--pixels", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
