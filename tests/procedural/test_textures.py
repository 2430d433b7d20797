"""Textures of materials and patterns of themes."""

import numpy as np
import pytest

from shelfnet.procedural.finishes import BODY_TEXTURES
from shelfnet.procedural.generate import build_piece
from shelfnet.procedural.noise import fractal_noise, smooth_noise
from shelfnet.procedural.themes import THEME_PATTERNS, apply_theme

COLOUR = np.array([0.6, 0.4, 0.3])
SHAPE, PX_PER_M = (96, 128), 250.0


def swatch(material: str, seed: int = 0) -> np.ndarray:
    return BODY_TEXTURES[material](np.random.default_rng(seed), SHAPE, PX_PER_M, COLOUR)


def roughness(image: np.ndarray, axis: int) -> float:
    """Mean step between neighbouring pixels along an axis."""
    return float(np.abs(np.diff(image.mean(axis=2), axis=axis)).mean())


@pytest.mark.parametrize("material", BODY_TEXTURES)
def test_textures_keep_their_colour_and_are_not_flat(material: str) -> None:
    image = swatch(material)
    assert image.shape == (*SHAPE, 3)
    assert image.min() >= 0.0 and image.max() <= 1.0
    assert image.std(axis=(0, 1)).mean() > 0.008
    np.testing.assert_allclose(image.mean(axis=(0, 1)), COLOUR, atol=0.13)


@pytest.mark.parametrize("material", ["Solid Wood", "Wood", "Metal"])
def test_grain_runs_along_the_texture(material: str) -> None:
    image = swatch(material)
    assert roughness(image, 0) > 1.7 * roughness(image, 1)


@pytest.mark.parametrize("material", ["Cloth", "Leather", "Marble", "Bamboo Rattan"])
def test_materials_without_grain_are_isotropic(material: str) -> None:
    image = swatch(material)
    assert roughness(image, 0) < 1.5 * roughness(image, 1)


def test_roughness_orders_cloth_and_leather() -> None:
    rough, cloth, smooth = (roughness(swatch(name), 1) for name in ("Rough Cloth", "Cloth", "Smooth Leather"))
    assert rough > 1.3 * cloth > 1.3 * smooth


@pytest.mark.parametrize("theme", THEME_PATTERNS)
def test_themes_change_the_texture(theme: str) -> None:
    ground = swatch("Wood")
    image = apply_theme(theme, np.random.default_rng(1), ground, PX_PER_M, np.array([0.2, 0.3, 0.5]))
    assert image.shape == ground.shape
    assert image.min() >= 0.0 and image.max() <= 1.0
    assert np.abs(image - ground).mean() > 0.01


def test_geometric_themes_leave_the_texture_unchanged() -> None:
    ground = swatch("Wood")
    for theme in (None, "Soft Case", "Wrought Iron"):
        assert apply_theme(theme, np.random.default_rng(1), ground, PX_PER_M, COLOUR) is ground


def test_theme_covers_only_the_body(tagged) -> None:
    plain, striped = (
        build_piece(tagged("dining_chair", "Modern", "Cloth", theme), 0, 0, 128).texture.astype(int)
        for theme in (None, "Texture Mark")
    )
    differs = np.abs(plain - striped).sum(axis=(1, 2)) > 0
    body_rows = round(0.54 * 128)
    assert differs[:body_rows].mean() > 0.9
    frame = slice(body_rows, round(0.9 * 128))
    assert plain[frame].mean() == pytest.approx(striped[frame].mean(), abs=6.0)


def test_noise_is_standardised_and_scaled() -> None:
    rng = np.random.default_rng(0)
    for field in (smooth_noise(rng, SHAPE, (4.0, 32.0)), fractal_noise(rng, SHAPE, (16.0, 16.0))):
        assert field.mean() == pytest.approx(0.0, abs=1e-6) and field.std() == pytest.approx(1.0, abs=1e-6)
    stretched = smooth_noise(rng, SHAPE, (4.0, 32.0))
    assert np.abs(np.diff(stretched, axis=0)).mean() > 4.0 * np.abs(np.diff(stretched, axis=1)).mean()
