"""Inference steps that training's images, validation and reconstruction share."""

from jaxtyping import Float
from torch import Tensor

from shelfnet.config.meshes import ChosenBy
from shelfnet.losses.hypotheses import hypothesis_losses
from shelfnet.networks.encoder import Encoding
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.representations.field import Field


def predict_view(
    model: ShelfNet, field: Field, encoding: Encoding, observed: Rendering, chosen_by: ChosenBy
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    """Select one view hypothesis per image.

    Renders are compared at the model's own size with equal weights for Eq. 4 and 5. Training uses smaller renders and
    the configured loss weights, which are not part of the model.

    Args:
        model: Model that renders the hypotheses.
        field: Decoded objects, one per image.
        encoding: View hypotheses of the images.
        observed: Input images and masks of any size.
        chosen_by: ``"render"`` selects the hypothesis with the lowest reconstruction loss, ``"classifier"`` the one
            with the highest logit.

    Returns:
        Azimuth and elevation in radians.
    """
    if chosen_by == "classifier" or encoding.view_logits.shape[1] == 1:
        return encoding.azimuth, encoding.elevation
    best = hypothesis_losses(model, field, encoding, observed).argmin(dim=1)
    return Encoding.at(encoding.view_azimuths, best), Encoding.at(encoding.view_elevations, best)
