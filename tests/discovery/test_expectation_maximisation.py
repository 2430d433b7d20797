"""The discovery finds views of a known shape, is deterministic, and continues where it was interrupted."""

import numpy as np
import pytest
import torch
from known_chair import RENDER, SMALL, median_azimuth_error_deg

from shelfnet.discovery import expectation_maximisation as em
from shelfnet.discovery.image_pyramid import ImagePyramid
from shelfnet.discovery.progress import FinishedStage, Progress

CPU = torch.device("cpu")


def pyramid(rgba: np.ndarray) -> ImagePyramid:
    return ImagePyramid(rgba, np.arange(len(rgba)), em.pyramid_sizes(SMALL), CPU)


@pytest.fixture(scope="module")
def found(chair_views):
    return em.discover(pyramid(chair_views[0]), SMALL, RENDER, "chairs")


def test_views_of_a_known_shape(chair_views, found):
    azimuth = found.grid.azimuth[found.views.argmax(dim=1)]
    assert median_azimuth_error_deg(azimuth, chair_views[1]) < 12.0  # the grid alone makes 7.5 on average


def test_posteriors_sum_to_one(found):
    torch.testing.assert_close(found.views.sum(dim=1), torch.ones(160))
    torch.testing.assert_close(found.shapes.sum(dim=1), torch.ones(160))


def test_shapes_are_symmetric(found):
    torch.testing.assert_close(found.logits, found.logits.flip(-1))
    assert 0.01 < torch.sigmoid(found.logits).mean() < 0.5


def test_deterministic(chair_views, found):
    again = em.discover(pyramid(chair_views[0]), SMALL, RENDER, "chairs")
    assert torch.equal(again.views, found.views)
    assert torch.equal(again.logits, found.logits)


def test_interrupted_discovery_continues(chair_views, found, tmp_path, monkeypatch):
    """After the second stage is interrupted, the first is not repeated and the result is the same."""
    progress = Progress(tmp_path / "0.safetensors", "signature")
    original = em.run_stage

    def interrupted(*arguments):
        if any("stage 2" in str(argument) for argument in arguments):
            raise KeyboardInterrupt
        original(*arguments)

    monkeypatch.setattr(em, "run_stage", interrupted)
    with pytest.raises(KeyboardInterrupt):
        em.discover(pyramid(chair_views[0]), SMALL, RENDER, "chairs", progress)
    monkeypatch.setattr(em, "run_stage", original)
    monkeypatch.setattr(em, "fit_single_shape", None)
    resumed = em.discover(pyramid(chair_views[0]), SMALL, RENDER, "chairs", progress)
    assert torch.equal(resumed.views, found.views)


def test_other_signature_starts_anew(tmp_path, found):
    Progress(tmp_path / "0.safetensors", "first").save(FinishedStage(1, found.logits, found.colours))
    assert Progress(tmp_path / "0.safetensors", "first").load() is not None
    assert Progress(tmp_path / "0.safetensors", "second").load() is None


def test_damaged_progress_starts_anew(tmp_path):
    path = tmp_path / "0.safetensors"
    path.write_bytes(b"damaged")
    assert Progress(path, "signature").load() is None


def test_chunks_do_not_change_the_result(chair_views, found, monkeypatch):
    monkeypatch.setattr(em, "CHUNK_IMAGES", 33)
    again = em.discover(pyramid(chair_views[0]), SMALL, RENDER, "chairs")
    assert (again.views.argmax(dim=1) == found.views.argmax(dim=1)).float().mean() > 0.95


def test_subsets_bound_the_cost(chair_views, monkeypatch):
    """With fewer images per E-step than there are, all images still get a view."""
    monkeypatch.setattr(em, "E_STEP_IMAGES", 80)
    found = em.discover(pyramid(chair_views[0]), SMALL, RENDER, "chairs")
    assert len(found.views) == 160
    azimuth = found.grid.azimuth[found.views.argmax(dim=1)]
    assert median_azimuth_error_deg(azimuth, chair_views[1]) < 15.0


def test_one_image_is_uncertain(chair_views):
    found = em.discover(pyramid(chair_views[0][:1]), SMALL, RENDER, "chairs")
    assert found.views.max() < 0.2


def test_images_that_are_all_alike_are_uncertain(chair_views):
    found = em.discover(pyramid(np.repeat(chair_views[0][:1], 40, axis=0)), SMALL, RENDER, "chairs")
    assert found.views.max() < 0.2


def test_mean_images_include_mirrored_views(chair_views):
    """A posterior that is certain of one view has that image as its mean, averaged with mirrored views."""
    images = pyramid(chair_views[0][:2])
    grid = em.build_view_grid(RENDER.prior, 30.0, 17.5, CPU)
    certain = torch.zeros(2, grid.size)
    certain[0, 4], certain[1, grid.mirrored()[4]] = 1.0, 1.0
    means = em.mean_images(images, torch.arange(2), certain, grid, 8)
    first, second = images.take(torch.arange(2), 8)
    torch.testing.assert_close(means.images[4], (first + second.flip(-1)) / 2)
    assert means.shares[4].item() == pytest.approx(0.5)
