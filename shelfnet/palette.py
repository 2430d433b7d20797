"""The colours that tell ablations and runs apart, in figures and on the tracking server alike."""

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
"""Okabe and Ito's palette for colour-blind readers, without its yellow, which is too faint for lines on white."""
