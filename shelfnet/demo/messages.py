"""Sentences of the page about a prediction, as HTML."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from shelfnet.data.photographs.reader import MaskSource, MissingMaskError
from shelfnet.prediction.photo_prediction import PhotoPrediction

MASK_WORDS = {
    MaskSource.FILE: "the mask file",
    MaskSource.ALPHA: "the alpha channel of the photo",
    MaskSource.PLAIN_BACKGROUND: "the plain background of the photo",
    MaskSource.SEGMENTER: "the segmentation network",
}
MASK_ADVICE = "use a photo on a plain background, an image with a transparent background, or a mask of your own"


def summary(predicted: PhotoPrediction) -> str:
    """Say where the mask comes from, from where the photo was taken, and how large and good the mesh is."""
    view, mesh = predicted.view, predicted.mesh
    surface = "vertex colours" if mesh.texture is None else f"a texture of {len(mesh.texture.pixels)} pixels"
    sentences = (
        f"The mask comes from <b>{MASK_WORDS[predicted.mask_source]}</b>.",
        f"The photo is taken at azimuth <b>{view.azimuth_deg:.0f}°</b> and elevation <b>{view.elevation_deg:.0f}°</b>.",
        f"The mesh has {len(mesh.faces)} faces and {surface}; its silhouette overlaps the mask with an IoU of "
        f"{predicted.mask_iou:.2f}.",
        f"The prediction took <b>{predicted.seconds:.1f} s</b>.",
    )
    return f"<p>{' '.join(sentences)}</p>"


def fault(error: Exception, photo: Path, uploads: Iterable[Path]) -> str:
    """Say in one line what is wrong with a photo or its mask.

    Args:
        error: Error of the prediction.
        photo: The photo.
        uploads: Files whose folders are left out of the message.
    """
    text = " ".join(str(error).split())
    if isinstance(error, MissingMaskError):
        text = f"{photo}: {error.fault or 'the photo has no mask'}; {MASK_ADVICE}"
    for upload in uploads:
        text = text.replace(f"{upload.parent}/", "")
    return f'<p class="fault">{escape(text)}</p>'
