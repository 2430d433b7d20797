"""Adversarial loss L_adv (Eq. 7): non-saturating logistic losses and the R1 penalty."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def discriminator_loss(
    real: Float[Tensor, "b heads"], at_view: Float[Tensor, "b heads"], at_novel_view: Float[Tensor, "b heads"]
) -> Float[Tensor, ""]:
    """Discriminator loss; renders at v and at v' ~ p(v) have half the weight of real images each."""
    fake = 0.5 * functional.softplus(at_view).mean() + 0.5 * functional.softplus(at_novel_view).mean()
    return functional.softplus(-real).mean() + fake


def generator_loss(at_view: Float[Tensor, "b heads"], at_novel_view: Float[Tensor, "b heads"]) -> Float[Tensor, ""]:
    """Generator loss, the mean over renders at v and at v' ~ p(v)."""
    return 0.5 * functional.softplus(-at_view).mean() + 0.5 * functional.softplus(-at_novel_view).mean()


def r1_penalty(real: Float[Tensor, "b heads"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Half the squared gradient norm of D on real images, which must require gradients."""
    (gradient,) = torch.autograd.grad(real.mean(dim=1).sum(), images, create_graph=True)
    return 0.5 * gradient.square().sum(dim=(1, 2, 3)).mean()


def discriminator_accuracy(real: Float[Tensor, "r heads"], fake: Float[Tensor, "f heads"]) -> Float[Tensor, ""]:
    """Fraction of real images and renders that D's mean logit classifies correctly."""
    correct = torch.cat([real.mean(dim=1) > 0, fake.mean(dim=1) <= 0])
    return correct.to(real.dtype).mean()
