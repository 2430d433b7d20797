"""Google's ``<model-viewer>``, which the package holds, as HTML of the page."""

from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from shelfnet.prediction.photo_prediction import View

MODEL_VIEWER = Path(str(files("shelfnet.report") / "vendor" / "model-viewer" / "model-viewer.min.js"))
"""The script that defines the element."""


def script_html(path: Path) -> str:
    """Element that loads a script."""
    return f'<script type="module" src="{_url(path)}"></script>'


def viewer_html(mesh: Path, view: View) -> str:
    """Element that shows a mesh as the photo does, until it is turned.

    Args:
        mesh: GLB file in a folder that Gradio serves.
        view: Camera of the photo. The element takes the same azimuth, about +Y from +Z, and the polar angle from +Y.
    """
    orbit = f"{view.azimuth_deg:.1f}deg {90.0 - view.elevation_deg:.1f}deg {view.distance}m"
    return (
        f'<model-viewer src="{_url(mesh)}" alt="predicted mesh" camera-target="0m 0m 0m" camera-orbit="{orbit}" '
        f'field-of-view="{view.fov_deg}deg" camera-controls touch-action="pan-y" interaction-prompt="none" '
        'exposure="0.65" shadow-intensity="0.7" tone-mapping="neutral"></model-viewer>'
    )


def _url(path: Path) -> str:
    """Address at which Gradio serves a file."""
    return f"/gradio_api/file={quote(str(path))}"
