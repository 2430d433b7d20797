"""L_adv (Eq. 7): non-saturating logistic losses, and R1."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def discriminator_loss(
    real: Float[Tensor, "b heads"], at_view: Float[Tensor, "b heads"], at_novel_view: Float[Tensor, "b heads"]
) -> Float[Tensor, ""]:
    """What D minimises: real images are real; renders at v and at v' ~ p(v), half each, are not."""
    fake = 0.5 * functional.softplus(at_view).mean() + 0.5 * functional.softplus(at_novel_view).mean()
    return functional.softplus(-real).mean() + fake


def generator_loss(at_view: Float[Tensor, "b heads"], at_novel_view: Float[Tensor, "b heads"]) -> Float[Tensor, ""]:
    """What the decoder minimises: D takes both renders, half each, for real."""
    return 0.5 * functional.softplus(-at_view).mean() + 0.5 * functional.softplus(-at_novel_view).mean()


def r1_penalty(real: Float[Tensor, "b heads"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Half the squared norm of D's gradient on real images (which must require gradients)."""
    (gradient,) = torch.autograd.grad(real.mean(dim=1).sum(), images, create_graph=True)
    return 0.5 * gradient.square().sum(dim=(1, 2, 3)).mean()


def discriminator_accuracy(real: Float[Tensor, "r heads"], fake: Float[Tensor, "f heads"]) -> Float[Tensor, ""]:
    """Share of real images and of renders that D's mean logit gets right; 1/2 is a draw."""
    right = torch.cat([real.mean(dim=1) > 0, fake.mean(dim=1) <= 0])
    return right.to(real.dtype).mean()
