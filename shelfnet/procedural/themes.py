"""Patterns that a theme draws over the texture of the body."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from shelfnet.procedural.noise import fractal_noise, pixel_grid, smooth_noise

Rgb = Float[np.ndarray, "3"]
RgbImage = Float[np.ndarray, "h w 3"]
PatternFunction = Callable[[np.random.Generator, np.ndarray, float, np.ndarray], np.ndarray]

GOLD = np.array([0.83, 0.67, 0.32])
INK = np.array([0.08, 0.08, 0.11])
CANDY = np.array([[0.95, 0.35, 0.35], [0.98, 0.78, 0.25], [0.35, 0.7, 0.9], [0.5, 0.8, 0.4], [1.0, 1.0, 1.0]])


def apply_theme(
    theme: str | None, rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb
) -> RgbImage:
    """Draw the pattern of a theme over a texture; geometric themes and ``None`` leave it unchanged."""
    if theme not in THEME_PATTERNS:
        return texture
    return np.clip(THEME_PATTERNS[theme](rng, texture, px_per_m, accent), 0.0, 1.0)


def _blend(texture: RgbImage, colour: Rgb | RgbImage, coverage: Float[np.ndarray, "h w"]) -> RgbImage:
    share = np.clip(coverage, 0.0, 1.0)[..., None]
    return texture * (1.0 - share) + colour * share


def _lines(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    _, columns = pixel_grid(texture.shape[:2])
    period = max(rng.uniform(0.03, 0.07) * px_per_m, 6.0)
    phase = columns / period % 1.0
    stripes = (phase < rng.uniform(0.25, 0.5)).astype(float)
    return _blend(texture, accent, 0.75 * stripes)


def _striped_grid(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Plaid: broad bands in both directions, darkest at crossings, with thin light lines."""
    period = max(rng.uniform(0.07, 0.11) * px_per_m, 12.0)
    phases = [axis / period % 1.0 for axis in pixel_grid(texture.shape[:2])]
    horizontal, vertical = ((phase < 0.42).astype(float) for phase in phases)
    lines = np.maximum(*[(np.abs(phase - 0.7) < 0.04).astype(float) for phase in phases])
    return _blend(_blend(texture, accent, 0.4 * (horizontal + vertical)), np.ones(3) * 0.95, 0.6 * lines)


def _floral(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Five-petalled flowers and leaves, scattered on a jittered grid."""
    size = max(0.075 * px_per_m, 14.0)
    height, width = texture.shape[:2]
    canvas = Image.fromarray((255 * texture).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    leaf = _rgb(0.5 * np.array([0.35, 0.5, 0.25]) + 0.25 * accent)
    for y in np.arange(0.0, height + size, size):
        for x in np.arange(0.0, width + size, size):
            centre = np.array([x, y]) + rng.uniform(-0.25, 0.25, 2) * size
            turn, scale = rng.uniform(0.0, 2.0 * np.pi), size * rng.uniform(0.13, 0.19)
            for angle in (turn + 0.6, turn + 2.9):
                _disc(draw, centre + 2.2 * scale * _direction(angle), 0.75 * scale, leaf)
            for petal in range(5):
                _disc(draw, centre + scale * _direction(turn + 1.2566 * petal), 0.82 * scale, _rgb(accent))
            _disc(draw, centre, 0.6 * scale, _rgb(0.5 * GOLD + 0.45))
    return np.asarray(canvas, dtype=np.float64) / 255.0


def _cartoon(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Bright balls and stars."""
    size = max(0.085 * px_per_m, 12.0)
    height, width = texture.shape[:2]
    canvas = Image.fromarray((255 * texture).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for y in np.arange(0.5 * size, height + size, size):
        for x in np.arange(0.5 * size, width + size, size):
            centre = np.array([x, y]) + rng.uniform(-0.2, 0.2, 2) * size
            colour, radius = _rgb(CANDY[rng.integers(len(CANDY))]), size * rng.uniform(0.22, 0.36)
            if rng.random() < 0.5:
                _disc(draw, centre, radius, colour)
            else:
                spikes = [centre + radius * (1.15 if k % 2 else 0.5) * _direction(0.6283 * k) for k in range(10)]
                draw.polygon([tuple(spike) for spike in spikes], fill=colour)
    return np.asarray(canvas, dtype=np.float64) / 255.0


def _chinese_pattern(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Meander fret: square spirals on a grid."""
    cell = np.array(
        [
            [1, 1, 1, 1, 1, 1, 1, 1],
            [1, 0, 0, 0, 0, 0, 0, 0],
            [1, 0, 1, 1, 1, 1, 1, 0],
            [1, 0, 1, 0, 0, 0, 1, 0],
            [1, 0, 1, 0, 1, 1, 1, 0],
            [1, 0, 1, 0, 0, 0, 0, 0],
            [1, 0, 1, 1, 1, 1, 1, 1],
            [0, 0, 0, 0, 0, 0, 0, 0],
        ]
    )
    pixel = max(0.011 * px_per_m, 2.0)
    rows, columns = (np.floor(axis / pixel).astype(int) for axis in pixel_grid(texture.shape[:2]))
    ink = GOLD if texture.mean() < 0.45 else 0.6 * accent
    return _blend(texture, ink, 0.75 * cell[rows % 8, columns % 8])


def _inlay(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Thin gold lines in a diamond lattice, a lozenge at each crossing."""
    period = max(0.09 * px_per_m, 16.0)
    rows, columns = pixel_grid(texture.shape[:2])
    diagonals = [np.abs((columns + sign * rows) / period % 1.0 - 0.5) for sign in (1.0, -1.0)]
    lines = np.maximum(*[(d < 0.7 / period * 1.4).astype(float) for d in diagonals])
    lozenge = (np.maximum(*diagonals) < 0.1).astype(float)
    sheen = 1.0 + 0.12 * smooth_noise(rng, texture.shape[:2], (9.0, 9.0))[..., None]
    return _blend(texture, GOLD * sheen, 0.9 * np.maximum(lines, lozenge))


def _gold_foil(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Torn gold leaf with crinkles."""
    leaf = fractal_noise(rng, texture.shape[:2], (0.12 * px_per_m, 0.12 * px_per_m), 4)
    crinkle = 1.0 + 0.13 * smooth_noise(rng, texture.shape[:2], (3.0, 3.0))[..., None]
    return _blend(texture, GOLD * crinkle, 0.92 * (leaf > -0.1))


def _rivets(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Rows of domed nail heads, lit from above left."""
    period = max(0.05 * px_per_m, 12.0)
    radius = 0.17 * period
    rows, columns = pixel_grid(texture.shape[:2])
    y, x = ((axis / period % 1.0 - 0.5) * period for axis in (rows, columns))
    inside = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0)
    shadow = np.clip(radius + 1.5 - np.hypot(x - 0.8, y - 0.8), 0.0, 1.0)
    dome = np.clip(0.85 - 0.3 * (x + y) / radius, 0.2, 1.6)[..., None]
    return _blend(_blend(texture, INK, 0.6 * shadow), np.clip(np.array([0.72, 0.6, 0.4]) * dome, 0.0, 1.0), inside)


def _smooth_net(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """A net of fine threads with dark meshes between them."""
    mesh = max(0.012 * px_per_m, 4.0)
    rows, columns = pixel_grid(texture.shape[:2])
    shift = np.where(np.floor(rows / mesh) % 2, 0.5, 0.0)
    y, x = rows / mesh % 1.0 - 0.5, (columns / mesh + shift) % 1.0 - 0.5
    return _blend(texture, 0.3 * texture.mean(axis=(0, 1)), 0.85 * (np.hypot(x, y) < 0.34))


def _texture_mark(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Embossed chevrons: one flank light, the other dark."""
    period = max(0.04 * px_per_m, 10.0)
    rows, columns = pixel_grid(texture.shape[:2])
    zigzag = np.abs(columns / period % 2.0 - 1.0)
    phase = (rows / period + zigzag) % 1.0
    relief = np.where(phase < 0.2, 0.22, np.where(phase < 0.4, -0.28, 0.0))
    return texture * (1.0 + gaussian_filter(relief, 0.6))[..., None]


def _granite(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Crystals of black mica and pale quartz."""
    shape, cell = texture.shape[:2], max(0.008 * px_per_m, 2.2)
    mica, quartz = smooth_noise(rng, shape, (cell, cell)), smooth_noise(rng, shape, (1.3 * cell, 1.3 * cell))
    return _blend(_blend(texture, np.full(3, 0.93), 0.65 * (quartz > 0.75)), INK + 0.08, 0.85 * (mica > 1.0))


def _vertical_grain(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Bold dark grain in straight lines along the board, with joints between staves."""
    shape = texture.shape[:2]
    rows, _ = pixel_grid(shape)
    stave = max(0.055 * px_per_m, 10.0)
    index = np.floor(rows / stave).astype(int)
    tone = rng.normal(0.0, 0.1, index.max() + 1)[index]
    grain = smooth_noise(rng, shape, (max(0.006 * px_per_m, 2.0), 0.9 * px_per_m))
    joint = rows / stave % 1.0 * stave < 1.2
    return texture * (1.0 + tone - 0.16 * (grain > 0.6) - 0.4 * joint)[..., None]


def _ink_stain(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Washes and splashes of ink."""
    shape = texture.shape[:2]
    wash = fractal_noise(rng, shape, (0.22 * px_per_m, 0.22 * px_per_m), 4)
    drops = smooth_noise(rng, shape, (max(0.018 * px_per_m, 3.0), max(0.018 * px_per_m, 3.0)))
    stained = _blend(texture, 0.5 * (INK + accent), 0.8 * np.clip(2.5 * (wash - 0.4), 0.0, 1.0))
    return _blend(stained, INK, 0.9 * np.clip(4.0 * (drops - 1.9), 0.0, 1.0))


def _linen(rng: np.random.Generator, texture: RgbImage, px_per_m: float, accent: Rgb) -> RgbImage:
    """Slubs: long thick threads in both directions, light and dark."""
    shape, length = texture.shape[:2], max(0.06 * px_per_m, 14.0)
    weft, warp = smooth_noise(rng, shape, (1.4, length)), smooth_noise(rng, shape, (length, 1.4))
    return texture * (1.0 + 0.09 * weft + 0.09 * warp)[..., None] * 0.94 + 0.06


def _disc(draw: ImageDraw.ImageDraw, centre: Float[np.ndarray, "2"], radius: float, colour: tuple[int, ...]) -> None:
    low, high = centre - radius, centre + radius
    draw.ellipse([low[0], low[1], high[0], high[1]], fill=colour)


def _direction(angle: float) -> Float[np.ndarray, "2"]:
    return np.array([np.cos(angle), np.sin(angle)])


def _rgb(colour: Rgb) -> tuple[int, ...]:
    return tuple(int(channel) for channel in np.clip(255.0 * colour, 0.0, 255.0))


THEME_PATTERNS: dict[str, PatternFunction] = {
    "Lines": _lines,
    "Striped Grid": _striped_grid,
    "Floral": _floral,
    "Cartoon": _cartoon,
    "Chinese Pattern": _chinese_pattern,
    "Inlay Gold Carve": _inlay,
    "Gold Foil": _gold_foil,
    "Rivet": _rivets,
    "Smooth Net": _smooth_net,
    "Texture Mark": _texture_mark,
    "Granite Texture": _granite,
    "Wooden Vertical Texture": _vertical_grain,
    "Graffiti Ink Stain": _ink_stain,
    "Linen Texture": _linen,
}
"""Patterns by theme. Soft Case (quilting) and Wrought Iron (scrolls) are geometry, see ``archetypes``."""
