from dataclasses import replace

import pytest
import torch
from known_chair import chair

from shelfnet.config.render import ViewPrior
from shelfnet.discovery.expectation_maximisation import Discovery
from shelfnet.discovery.frames import align_frames, lay_across, turn_round
from shelfnet.discovery.view_grid import build_view_grid
from shelfnet.renderer.volume import render_features
from shelfnet.representations.voxels import VoxelField

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


def deep_bench() -> tuple[torch.Tensor, torch.Tensor]:
    """Occupancy logits and colours of a bench along z."""
    occupancy = torch.zeros(1, 1, 16, 16, 16)
    occupancy[..., 1:15, 7:9, 6:10] = 1.0
    occupancy[..., 1:3, 3:7, 6:10] = occupancy[..., 13:15, 3:7, 6:10] = 1.0
    colours = torch.rand(1, 3, 16, 16, 16)
    return torch.logit(occupancy, eps=1e-3), 0.5 * (colours + colours.flip(-3))


def test_a_bench_lies_across_and_is_seen_as_before():
    """The shape is turned together with the views of its own images."""
    own, (logits, colours) = discovery(3), deep_bench()
    seats = replace(
        own,
        logits=torch.cat([own.logits, logits]),
        colours=torch.cat([own.colours, colours]),
        shapes=torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]),
        best=torch.tensor([5, GRID.size + 5, GRID.size + 5]),
    )
    turned = lay_across(seats)
    assert torch.equal(turned.logits[0], seats.logits[0])
    width, depth = (torch.sigmoid(turned.logits[1, 0]).amax(dim=dims).gt(0.5).sum() for dims in ((0, 1), (1, 2)))
    assert width > 2 * depth
    assert turned.best[0] == 5
    assert turned.views.argmax(dim=1).tolist() == (turned.best % GRID.size).tolist()
    for row in (1, 2):
        before, after = (_rendered(own, row) for own in (seats, turned))
        torch.testing.assert_close(after, before, atol=1e-4, rtol=0.0)
    assert torch.equal(lay_across(turned).best, turned.best)


def _rendered(own: Discovery, row: int) -> torch.Tensor:
    """What an image shows, by its best shape and view."""
    shape, view = divmod(int(own.best[row]), GRID.size)
    field = VoxelField(torch.sigmoid(own.logits[shape : shape + 1]), own.colours[shape : shape + 1])
    rendered = render_features(field, GRID.cameras(2.6)[view : view + 1], 0.6, 32, 24)
    return torch.cat([rendered.mask[..., None], rendered.mask[..., None] * rendered.features], dim=-1)
