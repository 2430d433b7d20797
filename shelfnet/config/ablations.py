"""Ablations of the embedded default: named sets of overrides, and what each is for."""

from typing import Any

OVERRIDABLE = ("clip", "perceptual", "model", "losses", "train", "reconstruct", "refine", "seeds")
"""Sections that an ablation can change: networks, learning and meshes."""

SHARED_KEYS = {"clip": ("training",), "reconstruct": ("views_per_model",)}
"""Keys in these sections that an ablation cannot change: all share one small CLIP model and the same test views."""

DESCRIPTIONS = {
    "base": "The paper's method.",
    "triplane": "Tri-planes instead of a voxel grid (section 2.3 of the paper).",
    "clip": "CLIP loss on captions (Eq. 11).",
    "triplane_clip": "Both.",
    "se3": "SE(3)-equivariant decoder (section 2.4 of the paper).",
    "clip_bg": "Ours: CLIP loss on renders over random backgrounds, so that the network cannot paint a background.",
    "base_scratch": "base trained from scratch, as in the paper: without discovered views, with weights that suit it.",
    "best": "Beyond the paper: the changes to base that helped in docs/experiments.md.",
}


def default_ablations() -> dict[str, dict[str, Any]]:
    """Overrides of every ablation of the embedded default."""
    return {
        "base": {},
        "triplane": {"model": {"decoder": {"representation": "triplane"}}},
        "clip": {"losses": {"clip": 1.0}},
        "triplane_clip": {"model": {"decoder": {"representation": "triplane"}}, "losses": {"clip": 1.0}},
        "se3": {"model": {"decoder": {"representation": "se3"}}},
        "clip_bg": {"losses": {"clip": 1.0}, "clip": {"backgrounds": ["noise", "checker", "blurred_noise"]}},
        "base_scratch": {
            "model": {"decoder": {"blended_shapes": 0}},
            "losses": {"mask": 10.0, "rgb": 10.0, "adversarial": 0.3},
            "train": {"warm_start": {"enabled": False}, "learning_rate": 2e-3},
        },
        "best": {"losses": {"distortion": 3.0}, "train": {"content_views": 2}},
    }
