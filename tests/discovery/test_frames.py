from dataclasses import replace

import pytest
import torch
from known_chair import chair

from shelfnet.config.render import ViewPrior
from shelfnet.discovery.expectation_maximisation import Discovery
from shelfnet.discovery.frames import align_frames, turn_round
from shelfnet.discovery.view_grid import build_view_grid

GRID = build_view_grid(ViewPrior(), 15.0, 17.5, torch.device("cpu"))


def discovery(n: int) -> Discovery:
    """All images are certain of view 5 of the chair."""
    field = chair()
    return Discovery(
        grid=GRID,
        logits=torch.logit(field.occupancy_grid, eps=1e-3),
        colours=field.feature_grid,
        views=torch.nn.functional.one_hot(torch.full((n,), 5), GRID.size).float(),
        shapes=torch.ones(n, 1),
        best=torch.full((n,), 5),
    )


def test_turning_round_keeps_what_is_seen():
    """The shape and all views turn together."""
    turned = turn_round(discovery(2))
    before, after = GRID.azimuth[5], GRID.azimuth[turned.best[0]]
    assert torch.cos(after - before).item() == pytest.approx(-1.0, abs=1e-5)
    assert GRID.elevation[turned.best[0]] == GRID.elevation[5]
    assert turned.views.argmax(dim=1).tolist() == turned.best.tolist()
    twice = turn_round(turned)
    assert torch.equal(twice.logits, discovery(2).logits)
    assert torch.equal(twice.views, discovery(2).views)


def test_small_category_takes_the_frame_of_the_large_one():
    large, small = discovery(50), discovery(10)
    aligned = align_frames([turn_round(small), large])
    assert torch.equal(aligned[0].logits, small.logits)
    assert torch.equal(aligned[0].views, small.views)
    assert torch.equal(aligned[1].logits, large.logits)


def test_a_limited_range_of_views_is_not_turned():
    grid = build_view_grid(ViewPrior(azimuth_min_deg=-60.0, azimuth_max_deg=60.0), 15.0, 17.5, torch.device("cpu"))
    own = replace(discovery(10), grid=grid, views=torch.full((10, grid.size), 1 / grid.size))
    aligned = align_frames([replace(own, logits=own.logits.flip(-3)), discovery(50)])
    assert torch.equal(aligned[0].logits, own.logits.flip(-3))
