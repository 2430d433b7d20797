"""Stack previews of `shelfnet predict` into the picture of the README.

python tools/draw_examples.py results/predictions/previews docs/images/examples.png windsor wing_chair
"""

import argparse
from pathlib import Path

from PIL import Image

GRID_COLUMNS = 4
"""Columns of the grid of cells in a preview."""
SHOWN = (0, 1, 3, 5, 7)
"""Cells of a preview that are shown: the photo, the predicted view, and three turns."""
EXAMPLES_PER_ROW = 2
GAP_PX = 24


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("previews", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    strips = [strip(arguments.previews / f"{name}.png") for name in arguments.names]
    width, height = strips[0].size
    rows = -(-len(strips) // EXAMPLES_PER_ROW)
    sheet = Image.new("RGB", (EXAMPLES_PER_ROW * (width + GAP_PX) - GAP_PX, rows * height), "white")
    for index, image in enumerate(strips):
        row, column = divmod(index, EXAMPLES_PER_ROW)
        sheet.paste(image, (column * (width + GAP_PX), row * height))
    sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.LANCZOS).save(arguments.output, optimize=True)


def strip(preview: Path) -> Image.Image:
    """The shown cells of one preview, side by side."""
    with Image.open(preview) as image:
        side = image.width // GRID_COLUMNS
        places = [(side * (cell % GRID_COLUMNS), side * (cell // GRID_COLUMNS)) for cell in SHOWN]
        cells = [image.crop((left, top, left + side, top + side)) for left, top in places]
    joined = Image.new("RGB", (side * len(cells), side), "white")
    for index, cell in enumerate(cells):
        joined.paste(cell, (index * side, 0))
    return joined


if __name__ == "__main__":
    main()
