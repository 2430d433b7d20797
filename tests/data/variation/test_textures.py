import numpy as np
import pytest

from shelfnet.data.variation.textures import SIDE_PX, TEXTURES, draw_texture


@pytest.mark.parametrize("kind", TEXTURES, ids=lambda kind: kind.__name__)
def test_textures_vary_and_continue_seamlessly(kind):
    texture = kind(np.random.default_rng(3))
    assert texture.shape == (SIDE_PX, SIDE_PX, 3) and texture.std(axis=(0, 1)).max() > 0.02
    steps = np.abs(np.diff(texture, axis=1)).max()
    assert np.abs(texture[:, 0] - texture[:, -1]).max() <= 1.5 * steps


def test_textures_differ_by_generator_alone():
    first, again, other = (draw_texture(np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
