"""Prints, as JSON, the largest differences between calculations on the CPU and on a pretended second device.

python tests/second_device_cases.py
"""

import copy
import inspect
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from second_device import PRETEND, pretending  # noqa: E402
from tiny_training import CPU, Run, build_run, tiny_settings, untrained_clip_loss  # noqa: E402

from shelfnet.config.load import merge  # noqa: E402
from shelfnet.config.meshes import ReconstructSettings, RefineSettings  # noqa: E402
from shelfnet.config.supervision import ClipTraining  # noqa: E402
from shelfnet.data.shards.reader import TrainingViews  # noqa: E402
from shelfnet.geometry.meshes import Mesh  # noqa: E402
from shelfnet.reconstruction.mesh_extraction import mesh_from_grid  # noqa: E402
from shelfnet.reconstruction.refinement import refine_meshes  # noqa: E402
from shelfnet.reconstruction.single_view import reconstruct_image  # noqa: E402
from shelfnet.training import loop  # noqa: E402
from shelfnet.training.batches import ImageStore  # noqa: E402
from shelfnet.training.clip_training import measure_retrieval, train_small_clip  # noqa: E402

SMALL_CLIP = ClipTraining(width=32, layers=1, embed_dim=16, image_px=16, iterations=3, batch_size=4)
EVERYTHING = {
    "losses": {"r1_gamma": 1.0, "clip": 0.5, "distortion": 0.1, "pose_prior": 0.1},
    "train": {"content_views": 1, "ema_decay": 0.99, "r1_every": 2, "precision": "float32"},
}


def image_views():
    """Eight squares of their own grey, four captions."""
    images = np.zeros((8, 32, 32, 4), dtype=np.uint8)
    for number, image in enumerate(images):
        image[8 : 20 + number, 6:24] = [30 * number, 90, 200 - 20 * number, 255]
    return TrainingViews(images=images, captions=tuple(f"A Chair {number % 4}" for number in range(8)))


def run_with_all_losses(representation, device) -> tuple[Run, ImageStore]:
    """A run with every loss that there is, and its images."""
    decoder = {"model": {"decoder": {"representation": representation}, "discriminator": {"augment": True}}}
    store = ImageStore(image_views(), 16, device)
    clip = untrained_clip_loss(store.captions, ("white", "noise", "checker", "blurred_noise")).to(device)
    return build_run(tiny_settings(merge(EVERYTHING, decoder)), 0, device, clip), store


def training(representation):
    """All logged numbers of a short training."""

    def on(device):
        numbers = []
        run, store = run_with_all_losses(representation, device)
        hooks = loop.Hooks(validate=lambda *_: {}, record=lambda _, new: numbers.append(new), save=lambda _: None)
        loop.train(*run, store, hooks, "run")
        return [[value for name, value in sorted(new.items()) if "speed" not in name] for new in numbers if new]

    return on


def prediction(representation):
    """Mesh and view of an image by untrained networks, whose occupancies are about 0.115."""

    def on(device):
        (state, context), store = run_with_all_losses(representation, device)
        batch = store.take(torch.arange(1, device=device))
        settings = ReconstructSettings(resolution=16, level=0.115).model_copy(update={"texture": "none"})
        with torch.no_grad():  # in inference mode torch refuses tensors of subclasses
            reconstruct = inspect.unwrap(reconstruct_image)
            seen = reconstruct(
                state.model.eval(), batch.images, batch.masks[:, None], settings, context.settings.render
            )
        mesh = seen.surface.mesh
        return [[seen.azimuth, seen.elevation, seen.mask_iou, float(len(mesh.faces))], mesh.vertices.ravel().tolist()]

    return on


def refinement(device):
    """Vertices and cameras of two balls after some steps."""
    centres = (np.mgrid[:16, :16, :16] + 0.5) / 16 - 0.5
    ball = mesh_from_grid(0.5 - np.linalg.norm(centres, axis=0).astype(np.float32), 0.2, False, 400)
    settings = RefineSettings(iterations=4, resolution_px=24, smoothing_length=0.1)
    masks = torch.zeros(2, 24, 24)
    masks[:, 6:18, 8:16] = 1.0
    images = (1.0 - 0.5 * masks)[:, None].expand(-1, 3, -1, -1).contiguous()
    meshes, colours = [ball, Mesh(0.8 * ball.vertices, ball.faces)], [np.full((len(ball.vertices), 3), 0.4)] * 2
    angles = torch.tensor([0.3, 1.0])
    inputs = [tensor.to(device) for tensor in (images, masks, angles, 0.2 * angles)]
    refined = refine_meshes(meshes, colours, *inputs, settings, 0.5, 2.5)
    return [[one.azimuth, one.elevation, *one.mesh.vertices.ravel()] for one in refined]


def small_clip_training(device):
    """Weights of the small CLIP after some steps, and how often it finds a caption."""
    model = train_small_clip(image_views(), SMALL_CLIP, device)
    found = measure_retrieval(copy.deepcopy(model), image_views(), [], 4, torch.Generator(device).manual_seed(0))
    return [[found.top1], *(weight.detach().flatten()[:20].tolist() for weight in model.parameters())]


CASES = {
    **{f"training {kind}": training(kind) for kind in ("voxel", "triplane", "se3")},
    **{f"prediction {kind}": prediction(kind) for kind in ("voxel", "triplane")},
    "refinement": refinement,
    "small CLIP": small_clip_training,
}


def largest_difference(first, second):
    """Largest difference of numbers in lists of lists, relative where they exceed one."""
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(first, second, strict=True)]
    return max(float(np.max(np.abs(a - b) / np.maximum(np.abs(a), 1.0))) for a, b in pairs)


def main():
    """Run every case on both devices."""
    torch.set_num_threads(1)
    differences = {}
    for name, case in CASES.items():
        here = case(CPU)
        with pretending():
            there = case(PRETEND)
        differences[name] = largest_difference(here, there)
    print(json.dumps(differences))


if __name__ == "__main__":
    main()
