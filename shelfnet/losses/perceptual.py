"""Perceptual loss L_perc (Eq. 6): squared distance of AlexNet features."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.config.supervision import PerceptualSettings
from shelfnet.networks.encoder import resize

FEATURE_LAYERS = (1, 4, 7, 9, 11)
"""Indices of the five ReLU layers in torchvision's AlexNet."""

MIN_INPUT_PX = 64
"""Smaller images are upsampled to this side, below which AlexNet's last feature map is empty."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class PerceptualLoss(nn.Module):
    """Squared distance of channel-normalised features of a frozen AlexNet, averaged over five layers.

    Raises:
        FileNotFoundError: The weights are neither cached, downloadable nor at ``path``.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, settings: PerceptualSettings) -> None:
        super().__init__()
        self.features = _alexnet_features(settings)[: FEATURE_LAYERS[-1] + 1].eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])

    def forward(self, rendered: Float[Tensor, "b 3 h w"], image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b"]:
        """Distance between each render and its image, both in [0, 1]; no gradient flows to the image."""
        distances = [
            (first - second).square().sum(dim=1).mean(dim=(1, 2))
            for first, second in zip(self._feature_maps(rendered), self._feature_maps(image.detach()), strict=True)
        ]
        return torch.stack(distances).mean(dim=0)

    def _feature_maps(self, images: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        x = (resize(images, max(images.shape[-1], MIN_INPUT_PX)) - self.mean) / self.std
        maps = []
        for index, layer in enumerate(self.features):
            x = torch.relu(x) if isinstance(layer, nn.ReLU) else layer(x)
            if index in FEATURE_LAYERS:
                maps.append(x * torch.rsqrt(x.square().sum(dim=1, keepdim=True) + 1e-8))
        return maps


def _alexnet_features(settings: PerceptualSettings) -> nn.Sequential:
    # torchvision imports torch's compiler, seconds that only training should pay.
    from torchvision.models import alexnet

    with torch.device("meta"):  # without memory and time for the 58 million weights of the classifier
        features = alexnet(weights=None).features
    features.to_empty(device="cpu")
    if settings.weights == "untrained":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            for layer in features:
                if isinstance(layer, nn.Conv2d):
                    layer.reset_parameters()
    else:
        weights = _imagenet_weights(settings)
        features.load_state_dict({name: weights[f"features.{name}"] for name in features.state_dict()})
    return features


def _imagenet_weights(settings: PerceptualSettings) -> dict[str, Tensor]:
    from torchvision.models import AlexNet_Weights

    if settings.weights == "file":
        if settings.path is None or not Path(settings.path).is_file():
            raise FileNotFoundError(f"perceptual.path: no AlexNet weights at {settings.path!r}")
        return torch.load(settings.path, map_location="cpu", weights_only=True)
    try:
        return AlexNet_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        cache = Path(torch.hub.get_dir()) / "checkpoints"
        raise FileNotFoundError(
            f"perceptual.weights: imagenet needs AlexNet's weights, which are neither in {cache} nor downloadable "
            f"({error}); put alexnet-owt-7be5be79.pth there, or set perceptual.weights: file and perceptual.path, or "
            "perceptual.weights: untrained"
        ) from error
