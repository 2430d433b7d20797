import torch

from shelfnet.discovery.posterior import fit_view_potentials, log_posterior_of, posterior, squared_distances

WEIGHTS = torch.tensor([0.3, 0.3, 0.3, 1.0]).view(1, 4, 1, 1)


def test_squared_distances():
    images, renders = torch.rand(5, 4, 3, 3), torch.rand(7, 4, 3, 3)
    expected = (WEIGHTS * (images[:, None] - renders[None]).square()).sum(dim=(2, 3, 4)) / 9
    torch.testing.assert_close(squared_distances(images, renders, WEIGHTS), expected, atol=1e-5, rtol=1e-4)


def test_potentials_make_views_equally_frequent():
    distances = torch.rand(400, 6) + torch.tensor([0.0, 0.3, 0.6]).repeat(2)  # the first view is nearest to all
    potentials = fit_view_potentials(distances, 0.2, 3)
    probabilities = log_posterior_of(-distances / 0.2, potentials).exp()
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(400))
    share = probabilities.view(400, 2, 3).sum(dim=1).mean(dim=0)
    torch.testing.assert_close(share, torch.full((3,), 1 / 3), atol=0.01, rtol=0)
    without = torch.softmax(-distances / 0.2, dim=1).view(400, 2, 3).sum(dim=1).mean(dim=0)
    assert without[0] > 0.6


def test_posterior_finds_the_nearest_render():
    renders = torch.rand(8, 4, 4, 4)
    images = renders[[3, 0, 6, 5, 1, 2, 4, 7]] + 0.01 * torch.randn(8, 4, 4, 4)
    found = posterior(squared_distances(images, renders, WEIGHTS), 0.01, 4).argmax(dim=1)
    assert found.tolist() == [3, 0, 6, 5, 1, 2, 4, 7]
