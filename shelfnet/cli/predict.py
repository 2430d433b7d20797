"""``shelfnet predict``: photos to mesh files."""

import argparse
from dataclasses import replace

from shelfnet.cli.models import load_predictor
from shelfnet.cli.outputs import PhotoOutputs, destinations, plan_outputs
from shelfnet.cli.previews import save_preview
from shelfnet.cli.progress import Progress
from shelfnet.prediction.photo_prediction import PhotoPrediction
from shelfnet.prediction.predictor import PHOTO_ERRORS, Predictor
from shelfnet.prediction.turntable import save_turntable


def predict(arguments: argparse.Namespace) -> int:
    """Predict the meshes of the photos on a command line.

    Returns:
        0 if every photo has a mesh, else 1.

    Raises:
        UsageError: The command cannot start.
    """
    wanted = destinations(arguments.output, arguments.format, arguments.preview, arguments.turntable)
    planned = plan_outputs(arguments.photos, arguments.mask, wanted)
    progress = Progress(len(planned))
    mesh = {"texture": arguments.texture, "texture_px": arguments.texture_size, "max_faces": arguments.faces}
    predictor = replace(load_predictor(arguments, arguments.refine, mesh), on_step=progress.step)
    for outputs in planned:
        progress.start(outputs)
        try:
            predicted = _predict_photo(outputs, predictor)
        except PHOTO_ERRORS as error:
            progress.fail(outputs, error)
        else:
            progress.done(outputs, predicted)
    progress.summarise()
    return 1 if progress.failures else 0


def _predict_photo(outputs: PhotoOutputs, predictor: Predictor) -> PhotoPrediction:
    predicted = predictor(outputs.photo, outputs.mask)
    predicted.export(outputs.mesh)
    if outputs.preview is not None:
        save_preview(outputs.preview, predicted)
    if outputs.turntable is not None:
        save_turntable(outputs.turntable, predicted.mesh, predicted.view)
    return predicted
