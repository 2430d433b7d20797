"""The command ``shelfnet``: arguments in, an exit code out.

0: everything that was asked for is there. 1: something could not be made, and was named. 2: nothing was begun, since
the arguments, the settings or the checkpoint cannot be used. 130: interrupted.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from shelfnet import __version__
from shelfnet.cli.errors import UsageError

UNUSABLE, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of the process, and tell its exit code."""
    chosen = parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("shelfnet").setLevel(logging.INFO)
    try:
        return chosen.run(chosen)
    except UsageError as error:
        print(f"shelfnet {chosen.command}: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print(f"shelfnet {chosen.command}: interrupted", file=sys.stderr)
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments; nothing that takes long to import is imported for it."""
    top = argparse.ArgumentParser(prog="shelfnet", description="One photo of a piece of furniture to a mesh.")
    top.add_argument("--version", action="version", version=f"shelfnet {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_predict(commands.add_parser("predict", help="photos to GLB meshes", description="Photos to GLB meshes."))
    return top


def _add_predict(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("photos", nargs="+", type=Path, metavar="PHOTO", help="images, or folders with images")
    add("-o", "--output", type=Path, required=True, help="the .glb file of one photo; a folder for several")
    add(
        "--mask",
        type=Path,
        help="mask of the one photo; else chair_mask.png or masks/chair.png, or its alpha",
    )
    add("--checkpoint", type=Path, help="folder of a trained model; else the newest trained one of results/*/seed*")
    add(
        "--config",
        type=Path,
        action="append",
        help="settings of meshes and segmenter over those of config.yaml, repeatable",
    )
    add("--refine", action="store_true", help="fit mesh and camera to the photo, which takes longer")
    add(
        "--texture",
        choices=("vertex", "atlas"),
        help="one colour a vertex, or an image baked from photo and prediction; else as the settings say",
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto")
    add("--preview", type=Path, help="an image of photo and mesh: a .png file for one photo; a folder for several")
    add("--segmenter", choices=("none", "mask_rcnn"), help="makes masks for photos without one")
    add("--segmenter-weights", type=Path, help="file with Mask R-CNN's weights; else torchvision's cache")
    add(
        "--segmenter-category",
        action="append",
        help="what to look for, repeatable; as COCO calls it: chair, couch",
    )
    command.set_defaults(run=_predict)


def _predict(arguments: argparse.Namespace) -> int:
    try:
        from shelfnet.cli.predict import predict
    except ModuleNotFoundError as error:
        raise UsageError(f"needs the package {error.name}; install shelfnet with its extra: shelfnet[train]") from error
    return predict(arguments)
