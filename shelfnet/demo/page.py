"""The page of ``shelfnet demo``: a photo in; its mask, and a mesh that can be turned and downloaded, out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Default
from gradio.themes.utils import colors

from shelfnet.demo.mask_overlay import mask_overlay
from shelfnet.demo.messages import fault, summary
from shelfnet.demo.model_viewer import MODEL_VIEWER, script_html, viewer_html
from shelfnet.demo.tab_files import TabFiles
from shelfnet.prediction.photo_prediction import View
from shelfnet.prediction.predictor import PHOTO_ERRORS, Predictor
from shelfnet.reconstruction.coloured_mesh import save_glb

HEAD = """# shelfnet
One photo of a chair, a stool or a small sofa in, a textured mesh out."""
PANEL_PX = 380
WELCOME = "<p>Drop a photo or take an example below. Photos stay on this machine and are not kept.</p>"
KEEP_S = 3600
"""Files are removed after this time even if their tab is open."""
MAX_WAITING = 16
"""Predictions that may wait for the running one."""
PROGRESS = gr.Progress()
"""Gradio replaces this default by the progress of the running event."""

THEME = Default(
    primary_hue=colors.blue,
    neutral_hue=colors.slate,
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)
CSS = """
.gradio-container > .main { max-width: 1200px; margin: 0 auto; padding: 16px; }
#mesh model-viewer { width: 100%; height: 340px; --poster-color: transparent; --progress-bar-height: 0; }
@media (max-width: 720px) { #panels { flex-direction: column; } }
#told p { margin: 0; line-height: 1.6; }
#told .fault { color: var(--error-text-color); font-weight: 600; }
"""
SCRIPTS = script_html(MODEL_VIEWER)


class TabClosedError(Exception):
    """The tab was closed during a prediction, so that its folder is gone."""


@dataclass(frozen=True)
class _Shown:
    """What the page shows: one line of text, and the files of a prediction if there is one."""

    text: str = WELCOME
    overlay: Path | None = None
    mesh: Path | None = None
    view: View | None = None

    def values(self) -> tuple[Any, ...]:
        """Values of the outputs of the page: mask, viewer, text, download."""
        viewer = viewer_html(self.mesh, self.view) if self.mesh and self.view else ""
        return self.overlay, viewer, self.text, gr.DownloadButton(value=self.mesh, interactive=self.mesh is not None)


def build_page(predictor: Predictor, examples: Sequence[Path], root: Path) -> gr.Blocks:
    """The page.

    Args:
        predictor: Trained model, with the settings of the refinement.
        examples: Photos to try.
        root: Folder for the files of open tabs, in Gradio's own temporary folder.
    """
    tabs = TabFiles(root)
    gr.set_static_paths([MODEL_VIEWER, *examples])
    with gr.Blocks(title="shelfnet", analytics_enabled=False, delete_cache=(60, KEEP_S), fill_width=True) as page:
        gr.Markdown(HEAD)
        with gr.Row(elem_id="panels"):
            photo = _photo_input(label="Photo", height=PANEL_PX, elem_id="photo")
            overlay = gr.Image(label="Mask", height=PANEL_PX, buttons=[], interactive=False, elem_id="mask")
            viewer = gr.HTML(label="Mesh", show_label=True, container=True, min_height=PANEL_PX, elem_id="mesh")
        with gr.Row():
            with gr.Column(scale=2):
                text = gr.HTML(WELCOME, elem_id="told")
            with gr.Column(scale=1):
                download = gr.DownloadButton("Download GLB", variant="primary", interactive=False, elem_id="download")
                refine = gr.Checkbox(True, label="Fit the mesh to the photo (slower)", elem_id="refine")
                with gr.Accordion("Use a mask of your own", open=False):
                    mask = _photo_input(show_label=False, height=PANEL_PX // 2)
        if examples:
            gr.Examples([[str(path)] for path in examples], photo, label="Examples", cache_examples=False)

        def predict(
            photo: str | None, mask: str | None, refine: bool, request: gr.Request, progress: gr.Progress = PROGRESS
        ) -> tuple[Any, ...]:
            files = [Path(path) for path in (photo, mask) if path is not None]
            folder = tabs.start(str(request.session_hash), files)
            if photo is None:
                return _Shown().values()

            def on_step(done: int, total: int) -> None:
                if not folder.is_dir():
                    raise TabClosedError(str(folder))
                progress((done, total), desc="Fitting the mesh to the photo")

            chosen = replace(predictor, refine=predictor.refine if refine else None, on_step=on_step)
            return _predict(chosen, files[0], files[1] if mask else None, folder).values()

        gr.on(
            [photo.change, mask.change, refine.change],
            predict,
            [photo, mask, refine],
            [overlay, viewer, text, download],
            trigger_mode="always_last",
            concurrency_limit=1,
            show_progress_on=viewer,
            api_visibility="private",
        )

        def close(request: gr.Request) -> None:
            tabs.close(str(request.session_hash))

        page.unload(close)
    return page.queue(max_size=MAX_WAITING)


def _photo_input(**options: Any) -> gr.Image:
    """An input whose file arrives as it was uploaded, for shelfnet's own reader to judge."""
    image = gr.Image(sources=["upload"], buttons=[], **options)
    image.preprocess = lambda payload: None if payload is None else payload.path  # pyright: ignore[reportAttributeAccessIssue]
    return image


def _predict(predictor: Predictor, photo: Path, mask: Path | None, folder: Path) -> _Shown:
    """Write the results for one photo into a folder."""
    try:
        predicted = predictor(photo, mask)
        overlay = folder / "mask.png"
        mask_overlay(predicted.photo, predicted.mask).save(overlay)
        mesh = folder / f"{photo.stem}.glb"
        save_glb(mesh, predicted.mesh)
    except TabClosedError:
        return _Shown()
    except PHOTO_ERRORS as error:
        return _Shown(fault(error, photo, [path for path in (photo, mask) if path is not None]))
    return _Shown(summary(predicted), overlay, mesh, predicted.view)
