"""What each figure shows."""

from shelfnet.evaluation.metrics import CURVE_POINTS

FIGURE_CAPTIONS = {
    "reconstructions": (
        "Test views: input, coarse and refined prediction of each ablation, from the view predicted with it"
        " and from two novel views, and the truth where it is known, from the same turns of its own view."
    ),
    "chamfer_curves": (
        "Chamfer distance on the validation split during training, log scale: mean over seeds, and where there are"
        " several a band from the lowest to the highest. Grey levels are the trivial rows, measured as the curves are:"
        f" on validation views, with {CURVE_POINTS:,} points a side. The test table has other objects, and more points,"
        " which make every distance smaller. The curve chooses no checkpoint."
    ),
    "mask_iou_curves": (
        "Mask IoU of neural renders from the predicted views on the validation split during training: mean over seeds,"
        " and where there are several a band from the lowest to the highest."
    ),
    "chamfer_by_category": (
        "Chamfer distance on the test split by category (objects in it), log scale; the grey bar is the mean shape."
    ),
    "azimuth_confusion": (
        "Predicted (coarse) against true azimuth of the test views after one rotation per trained model: points, and"
        " shares of each 30° of true azimuths. The dashed lines take front for back, as do the views counted as turned."
    ),
    "view_prior": "Predicted and true test views, and the range of the prior p(v).",
    "floaters": (
        "Surface outside the largest connected piece, and number of pieces, of every test prediction that has a"
        " surface; means with 95 % intervals over objects and, where there are several, seeds. Below, what random"
        " backgrounds behind CLIP's renders change, paired by object."
    ),
    "loss_curves": (
        "Loss terms during training, unweighted: mean over seeds (faint), and its running mean over nine logged values."
    ),
    "memory_scaling": (
        "Memory (bytes of tensors) and time of one object against resolution N on the CPU, at the same rays for every"
        " N. Exponents are fitted over the three largest N. The voxel grid is narrowed to two channels, so that 256³"
        " fits into memory: compare growth, not height."
    ),
    "contact_sheet": "Random training images with their captions.",
    "view_sphere": "Where the images of all splits were taken from.",
}
"""Captions by file name without ending, in the order of the report."""
ABOUT_DATA = ("contact_sheet", "view_sphere")
"""Figures that stand on the page's data section."""
NEED_TRUTH = frozenset({"chamfer_curves", "chamfer_by_category", "azimuth_confusion", "view_sphere"})
"""Figures that say nothing but that there is no truth, where there is none."""
