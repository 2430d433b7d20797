"""Names of the methods that are compared: trained ablations, the untrained network and the trivial baselines."""

from shelfnet.config.load import UNTRAINED

SPHERE = "sphere"
RANDOM_TRAIN = "random_train"
MEAN_SHAPE = "mean_shape"
BASELINES = (SPHERE, RANDOM_TRAIN, MEAN_SHAPE)


def is_trained(ablation: str) -> bool:
    """Whether a name is that of a trained model: no trivial baseline, and not the network before training."""
    return ablation not in (*BASELINES, UNTRAINED)
