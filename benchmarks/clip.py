"""Compare the small CLIP of a finished run with released weights of open_clip on the run's held-out images.

Both are measured alike: retrieval of captions, of captions that the small one was not trained on, and recognition of
style, category and material alone::

    python benchmarks/clip.py results --model ViT-B-16 --pretrained laion2b_s34b_b88k

Released weights are downloaded into open_clip's cache on first use; ``--pretrained`` also takes a local file.
"""

import argparse
import json
import logging
from pathlib import Path

import torch

from shelfnet.config.supervision import ClipSettings
from shelfnet.networks.clip import load_clip
from shelfnet.steps.train_clip import measure_clip


def main() -> None:
    """Print the measurements of both models as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of a finished run")
    parser.add_argument("--model", default="ViT-B-16", help="name of a model of open_clip")
    parser.add_argument("--pretrained", help="tag or file of its weights; without it, the small CLIP alone is measured")
    parser.add_argument("--device", default="cpu", help="PyTorch device")
    parser.add_argument("--seed", type=int, default=0, help="seed of the negative captions")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    models = {"trained": ClipSettings()}
    if arguments.pretrained:
        name = f"{arguments.model}/{arguments.pretrained}"
        models[name] = ClipSettings(source="pretrained", model=arguments.model, pretrained=arguments.pretrained)
    shards = sorted((arguments.results / "renders").glob("shard-*.parquet"))
    found = {}
    for name, settings in models.items():
        model = load_clip(settings, arguments.results / "clip_model").to(torch.device(arguments.device))
        found[name] = measure_clip(model, shards, arguments.seed).as_dict()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
