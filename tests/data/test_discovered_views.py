import numpy as np
import pytest

from shelfnet.data.discovered_views import (
    SHAPES,
    VIEWS,
    DiscoveredViews,
    DiscoveryError,
    SharedShapes,
    read_discovered_views,
    read_shared_shapes,
    write_discovery,
)


@pytest.fixture
def written(tmp_path):
    rng = np.random.default_rng(0)
    views = DiscoveredViews(
        super_categories=("Chair", None, "Sofa"),
        shapes=np.array([0, 3, 2]),
        azimuths_deg=np.array([-170.0, 0.0, 90.5], dtype=np.float32),
        elevations_deg=np.array([1.0, 2.0, 3.0], dtype=np.float32),
        spreads_deg=np.array([5.0, 180.0, 30.0], dtype=np.float32),
        entropies=np.array([0.1, 3.0, 1.0], dtype=np.float32),
        probabilities=rng.dirichlet(np.ones(6), 3).astype(np.float32),
    )
    shapes = SharedShapes(rng.random((4, 1, 2, 2, 2), np.float32), rng.random((4, 3, 2, 2, 2), np.float32))
    write_discovery(tmp_path, views, shapes, "digest")
    return tmp_path, views, shapes


def test_round_trip(written):
    folder, views, shapes = written
    read = read_discovered_views(folder, "digest")
    assert read.super_categories == views.super_categories
    for name in ("shapes", "azimuths_deg", "elevations_deg", "spreads_deg", "entropies", "probabilities"):
        np.testing.assert_array_equal(getattr(read, name), getattr(views, name))
    np.testing.assert_array_equal(read_shared_shapes(folder).occupancy, shapes.occupancy)
    np.testing.assert_array_equal(read_shared_shapes(folder).colours, shapes.colours)


def test_views_of_other_images_are_refused(written):
    with pytest.raises(DiscoveryError, match=VIEWS):
        read_discovered_views(written[0], "other")


@pytest.mark.parametrize("name", [VIEWS, SHAPES])
@pytest.mark.parametrize("content", [None, b"damaged"])
def test_missing_or_damaged_files(written, name, content):
    (written[0] / name).unlink()
    if content is not None:
        (written[0] / name).write_bytes(content)
    with pytest.raises(DiscoveryError, match=name):
        read_discovered_views(written[0], "digest")
        read_shared_shapes(written[0])
