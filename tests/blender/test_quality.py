"""Cycles at 41 samples, as in the presets for real data, against 512 samples."""

import math
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float, UInt8

from shelfnet.blender.engine import CyclesEngine, CyclesQuality
from shelfnet.config.render import RenderSettings
from shelfnet.data.seeding import named_generator
from shelfnet.data.view_sampling import sample_views
from shelfnet.procedural.generate import generate_furniture

REAL = Path(__file__).parents[3] / "shared" / "real" / "dev" / "3D-FUTURE-model"
SETTINGS = RenderSettings(resolution_px=128, samples=41)
REFERENCE_SAMPLES = 512
REFERENCE_SEED = 1000
N_GENERATED, N_REAL = 4, 8


class OtherNoise(CyclesEngine):
    """Renders with other noise seeds than the default's views."""

    def _take(self, view, cam2world):
        return super()._take(view + REFERENCE_SEED, cam2world)


@pytest.fixture(params=["showroom", "real"], scope="module")
def models(request, tmp_path_factory) -> list[Path]:
    if request.param == "showroom":
        root = tmp_path_factory.mktemp("showroom")
        generate_furniture(root, N_GENERATED, seed=3, texture_px=128)
        return sorted(root.glob("*/*/raw_model.obj"))
    found = sorted(REAL.glob("*/raw_model.obj"))
    if not found:
        pytest.skip(f"no real models in {REAL}")
    return found[:: max(len(found) // N_REAL, 1)][:N_REAL]


def render(engine: type[CyclesEngine], models: list[Path], samples: int) -> UInt8[np.ndarray, "v h w 4"]:
    """One view of every model."""
    quality = CyclesQuality(SETTINGS.resolution_px, samples, SETTINGS.denoise)
    with engine(quality, math.radians(SETTINGS.fov_deg)) as cycles:
        return np.concatenate([cycles.render(path, camera(path)) for path in models])


def camera(path: Path) -> Float[np.ndarray, "1 4 4"]:
    views = sample_views(SETTINGS.prior, 1, named_generator(0, path.parent.name))
    return views.cam2world(SETTINGS.camera_distance)


def test_41_samples_close_to_512(models):
    default = render(CyclesEngine, models, SETTINGS.samples)
    reference = render(OtherNoise, models, REFERENCE_SAMPLES)
    assert psnr_on_white(default, reference).mean() >= 30.0
    assert mask_iou(default, reference).mean() >= 0.995
    assert soft_iou(default, reference).mean() >= 0.99


def psnr_on_white(a: UInt8[np.ndarray, "v h w 4"], b: UInt8[np.ndarray, "v h w 4"]) -> Float[np.ndarray, "v"]:
    """Peak signal-to-noise ratio in dB of the images as training sees them."""
    return -10.0 * np.log10(((on_white(a) - on_white(b)) ** 2).mean(axis=(1, 2, 3)))


def on_white(rgba: UInt8[np.ndarray, "v h w 4"]) -> Float[np.ndarray, "v h w 3"]:
    unit = rgba / 255.0
    return unit[..., :3] * unit[..., 3:] + 1.0 - unit[..., 3:]


def mask_iou(a: UInt8[np.ndarray, "v h w 4"], b: UInt8[np.ndarray, "v h w 4"]) -> Float[np.ndarray, "v"]:
    """Intersection over union of the pixels that are covered by more than half."""
    a, b = a[..., 3] > 127, b[..., 3] > 127
    return (a & b).sum(axis=(1, 2)) / (a | b).sum(axis=(1, 2))


def soft_iou(a: UInt8[np.ndarray, "v h w 4"], b: UInt8[np.ndarray, "v h w 4"]) -> Float[np.ndarray, "v"]:
    """Intersection over union of coverage fractions, so that edge pixels count partially."""
    a, b = a[..., 3].astype(float), b[..., 3].astype(float)
    return np.minimum(a, b).sum(axis=(1, 2)) / np.maximum(a, b).sum(axis=(1, 2))
