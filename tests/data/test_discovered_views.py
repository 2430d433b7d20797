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
        super_category=("Chair", None, "Sofa"),
        shape=np.array([0, 3, 2]),
        azimuth_deg=np.array([-170.0, 0.0, 90.5], dtype=np.float32),
        elevation_deg=np.array([1.0, 2.0, 3.0], dtype=np.float32),
        spread_deg=np.array([5.0, 180.0, 30.0], dtype=np.float32),
        entropy=np.array([0.1, 3.0, 1.0], dtype=np.float32),
        view_probabilities=rng.dirichlet(np.ones(6), 3).astype(np.float32),
    )
    shapes = SharedShapes(rng.random((4, 1, 2, 2, 2), np.float32), rng.random((4, 3, 2, 2, 2), np.float32))
    write_discovery(tmp_path, views, shapes, "digest")
    return tmp_path, views, shapes


def test_round_trip(written):
    folder, views, shapes = written
    read = read_discovered_views(folder, "digest")
    assert read.super_category == views.super_category
    for name in ("shape", "azimuth_deg", "elevation_deg", "spread_deg", "entropy", "view_probabilities"):
        np.testing.assert_array_equal(getattr(read, name), getattr(views, name))
    np.testing.assert_array_equal(read_shared_shapes(folder).occupancy, shapes.occupancy)
    np.testing.assert_array_equal(read_shared_shapes(folder).colours, shapes.colours)


def test_shapes_in_another_memory_layout_are_written_in_order(written):
    """The file format takes the bytes of an array as they lie in memory."""
    folder, views, shapes = written
    turned = SharedShapes(shapes.occupancy.swapaxes(0, 2), shapes.colours.swapaxes(0, 2))
    write_discovery(folder, views, turned, "digest")
    np.testing.assert_array_equal(read_shared_shapes(folder).occupancy, turned.occupancy)


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
