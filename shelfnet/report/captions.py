"""What each figure shows, in the order of the report."""

FIGURE_CAPTIONS = {
    "reconstructions": (
        "Test views: input, coarse and refined prediction of each ablation, from the view predicted with it"
        " and turned by 100°, and the truth."
    ),
    "chamfer_curves": (
        "Chamfer distance on the validation split during training: mean over seeds, band over all seeds."
        " Grey levels are the trivial rows on the test split. The curve chooses no checkpoint."
    ),
    "chamfer_by_category": "Chamfer distance on the test split by category; the grey bar is the mean shape.",
    "azimuth_confusion": (
        "Predicted against true azimuth of the test views after one rotation per trained model. Points on the dashed"
        " lines take front for back."
    ),
    "view_prior": "Distributions of predicted and true views, and the prior p(v).",
    "floaters": "Surface outside the largest connected piece, and number of pieces, of every test prediction.",
    "loss_curves": "Loss terms during training, unweighted, mean over seeds.",
    "memory_scaling": (
        "Memory and time of one object against resolution N on the CPU, at the same rays for every N. Exponents are"
        " fitted over the three largest N."
    ),
    "contact_sheet": "Random training pictures with their captions.",
}
"""Captions by file name without ending."""
