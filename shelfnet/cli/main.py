"""Command line of ``shelfnet``.

Exit codes: 0, all meshes are written, or the page was closed; 1, some photos were skipped; 2, the arguments, settings
or checkpoint cannot be used and nothing was started; 130, interrupted.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from shelfnet import __version__
from shelfnet.cli.errors import UsageError, missing_package
from shelfnet.data.shown_names import PrintableFormatter, printable

UNUSABLE, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default the one of this process, and return its exit code."""
    options = parser().parse_args(arguments)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(PrintableFormatter("%(message)s"))
    logging.basicConfig(handlers=[terminal])
    logging.getLogger("shelfnet").setLevel(logging.INFO)
    try:
        return options.run(options)
    except UsageError as error:
        print(f"shelfnet {options.command}: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print(f"shelfnet {options.command}: interrupted", file=sys.stderr)
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """Parser whose messages cannot command a terminal."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def parser() -> argparse.ArgumentParser:
    """Parser of all commands; imports nothing slow."""
    top = _Parser(prog="shelfnet", description="Single-view mesh prediction for furniture.")
    top.add_argument("--version", action="version", version=f"shelfnet {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_predict(commands.add_parser("predict", help="photos to meshes", description="Photos to meshes."))
    description = "A local page on which photos become meshes."
    _add_demo(commands.add_parser("demo", help="a local page to try it", description=description))
    return top


def _add_predict(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("photos", nargs="+", type=Path, metavar="PHOTO", help="image files, or folders of images")
    add("-o", "--output", type=Path, required=True, help="a .glb, .obj, .ply or .stl file for one photo, else a folder")
    add("--format", choices=("glb", "obj", "ply", "stl"), help="format of the meshes in a folder; default: glb")
    add("--mask", type=Path, help="mask of the photo; default: chair_mask.png, masks/chair.png, or the photo's alpha")
    add(
        "--refine",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="fit mesh and camera to the photo; --no-refine is faster",
    )
    add("--faces", type=int, metavar="N", help="largest number of faces; default: that of the checkpoint")
    add(
        "--texture",
        choices=("vertex", "atlas"),
        help="vertex colours, or a texture baked from photo and prediction; default: that of the checkpoint",
    )
    add("--texture-size", type=int, metavar="PX", help="side of the texture; default: that of the checkpoint")
    add("--preview", type=Path, help="image of photo and mesh: a .png file for one photo, a folder for several")
    add("--turntable", type=Path, help="animation: a .gif, .webp or .mp4 file for one photo, a folder for several")
    _add_model_options(command)
    command.set_defaults(run=_predict)


def _add_demo(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--host", default="127.0.0.1", help="interface to listen at; default: 127.0.0.1, for this machine alone")
    add("--port", type=int, default=7860, help="default: 7860")
    add("--open", action=argparse.BooleanOptionalAction, default=True, help="open the page in a browser")
    _add_model_options(command)
    command.set_defaults(run=_demo)


def _add_model_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "--checkpoint",
        type=Path,
        help="folder of a model, or of results, of which the best is taken; default: the packaged one",
    )
    add("--config", type=Path, action="append", help="YAML settings that override those of the checkpoint; repeatable")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto")
    add("--segmenter", choices=("none", "mask_rcnn"), help="segmenter for photos without a mask")
    add("--segmenter-weights", type=Path, help="weights of Mask R-CNN; default: torchvision's cache")
    add("--segmenter-category", action="append", help="COCO category to segment, for example chair; repeatable")


def _predict(arguments: argparse.Namespace) -> int:
    try:
        from shelfnet.cli.predict import predict
    except ModuleNotFoundError as error:
        raise UsageError(missing_package(error)) from error
    return predict(arguments)


def _demo(arguments: argparse.Namespace) -> int:
    if find_spec("gradio") is None:
        raise UsageError(missing_package(ModuleNotFoundError(name="gradio")))
    from shelfnet.cli.demo import demo

    return demo(arguments)
