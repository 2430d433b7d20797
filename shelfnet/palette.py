"""Colours of ablations and runs, the same in figures and on the tracking server."""

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
"""Okabe and Ito's colour-blind-safe palette without its yellow, which is too pale for lines on white."""
