"""Animations of a mesh that turns about the vertical axis: GIF and WebP by Pillow, MP4 where PyAV is installed."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from shelfnet.prediction.photo_prediction import View
from shelfnet.prediction.rendering import MeshRenderer
from shelfnet.publishing import complete_file
from shelfnet.reconstruction.coloured_mesh import ColouredMesh

FRAMES = 36
FRAMES_PER_S = 12
SIZE_PX = 256
ELEVATION_DEG = 20.0
"""Elevation of the camera, slightly above the horizon."""


class TurntableFormatError(ValueError):
    """An animation cannot be written in the format of a path; the message names the path and formats that can."""


def check_turntable(path: Path) -> None:
    """Refuse a path whose suffix is none of the formats, or whose encoder is not installed.

    Raises:
        TurntableFormatError: The path is one of these.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise TurntableFormatError(f"{path}: expected a name that ends with {', '.join(TURNTABLE_SUFFIXES)}")
    if suffix == ".mp4" and find_spec("av") is None:
        raise TurntableFormatError(f"{path}: MP4 needs the package av, which is not installed; use .gif or .webp")


def save_turntable(path: Path, mesh: ColouredMesh, view: View) -> None:
    """Publish an animation of one turn that starts at the azimuth of a view.

    Raises:
        TurntableFormatError: The format of the suffix cannot be written.
    """
    check_turntable(path)
    render = MeshRenderer(mesh, view.fov_deg, view.distance, SIZE_PX)
    turns = np.linspace(0.0, 360.0, FRAMES, endpoint=False)
    frames = [on_white(Image.fromarray(render(view.azimuth_deg + turn, ELEVATION_DEG))) for turn in turns.tolist()]
    with complete_file(path) as temporary:
        _WRITERS[path.suffix.lower()](temporary, frames)


def on_white(image: Image.Image) -> Image.Image:
    """RGBA image on a white background."""
    sheet = Image.new("RGBA", image.size, "white")
    sheet.alpha_composite(image)
    return sheet.convert("RGB")


def _write_gif(path: Path, frames: Sequence[Image.Image]) -> None:
    # One palette for all frames: palettes of their own make colours flicker.
    palette = frames[0].quantize(256)
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for frame in frames]
    first.save(path, "GIF", save_all=True, append_images=others, duration=1000 // FRAMES_PER_S, loop=0)


def _write_webp(path: Path, frames: Sequence[Image.Image]) -> None:
    first, *others = frames
    first.save(path, "WEBP", save_all=True, append_images=others, duration=1000 // FRAMES_PER_S, loop=0, quality=85)


def _write_mp4(path: Path, frames: Sequence[Image.Image]) -> None:
    import av  # pyright: ignore[reportMissingImports]

    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_S)
        stream.width, stream.height, stream.pix_fmt = *frames[0].size, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())


_WRITERS: dict[str, Callable[[Path, Sequence[Image.Image]], None]] = {
    ".gif": _write_gif,
    ".webp": _write_webp,
    ".mp4": _write_mp4,
}

TURNTABLE_SUFFIXES = tuple(_WRITERS)
"""Suffixes of the formats that :func:`save_turntable` writes."""
