"""Captions of the figures."""

from shelfnet.config.evaluate import CURVE_POINTS

FIGURE_CAPTIONS = {
    "reconstructions": (
        "Test views: the input, the coarse and refined prediction of each ablation from the predicted view and from"
        " two novel views. The last images show the truth, if it is known, from its own view and two novel views."
    ),
    "chamfer_by_method": (
        "Chamfer distance on the test split by method: markers are runs, bars are means with 95 % intervals over"
        " objects and, if there are several, runs. The dashed line is the mean shape. Untrained is off the scale."
    ),
    "chamfer_curves": (
        "Chamfer distance on the validation split during training, log scale: mean over seeds and, if there are"
        " several, a band from the lowest to the highest. Grey lines are the trivial baselines, measured like the"
        f" curves: on validation views, with {CURVE_POINTS:,} points per side. The test table has other objects and"
        " more points, which make every distance smaller. No checkpoint is selected by this curve. At the dotted"
        " line, the renders of training become larger. Untrained is far off the scale; the legend gives its value."
    ),
    "mask_iou_curves": (
        "Mask IoU of neural renders from the predicted views on the validation split during training: mean over seeds"
        " and, if there are several, a band from the lowest to the highest."
    ),
    "chamfer_by_category": (
        "Chamfer distance on the test split by category (number of objects), log scale; the grey bar is the mean shape."
    ),
    "azimuth_confusion": (
        "Predicted (coarse) by true azimuth of the test views after one rotation per trained model: points, and"
        " fractions of each 30° of true azimuths. On the dashed lines, front and back are confused; such views count as"
        " turned round."
    ),
    "view_prior": "Predicted and true test views, and the range of the prior p(v).",
    "floaters": (
        "Surface outside the largest connected piece, and number of pieces, of every test prediction with a surface,"
        " without untrained; means with 95 % intervals over objects and, if there are several, seeds. Below: effect of"
        " random backgrounds behind CLIP's renders, paired by object."
    ),
    "loss_curves": (
        "Unweighted loss terms during training: mean over seeds (faint) and its running mean over nine logged values."
    ),
    "memory_scaling": (
        "Memory (bytes of tensors) and time of one object by resolution N on the CPU, with the same rays for every N."
        " Exponents are fitted to the three largest N. The voxel grid has only two channels so that 256³ fits into"
        " memory: compare the growth, not the height of the lines."
    ),
    "contact_sheet": "Random training images with their captions.",
    "view_sphere": "Views of all images on the sphere around the object.",
}
"""Captions by file name without suffix, in the order of the report."""
COLUMN_FIGURES = frozenset({"chamfer_by_method", "chamfer_curves", "mask_iou_curves", "chamfer_by_category"})
"""Figures as wide as one column of a paper; the others are as wide as its text."""
DATA_FIGURES = ("contact_sheet", "view_sphere")
"""Figures in the data section of the page."""
NEED_TRUTH = frozenset(
    {"chamfer_by_method", "chamfer_curves", "chamfer_by_category", "azimuth_confusion", "view_sphere"}
)
"""Figures that are empty without true shapes and views."""
