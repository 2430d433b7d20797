"""Copy a trained model into the package, as the weights that `shelfnet predict` uses by default.

    python tools/package_weights.py results/best/seed0 --table results/comparison.csv

Weights are stored in half precision: float32 holds every stored value exactly, and the largest rounding error is
printed. The part of the model card below its marker is written from the description, the curves and the tables; what
stands above the marker is kept.
"""

import argparse
import csv
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from shelfnet.networks.checkpoint import DESCRIPTION, WEIGHTS, RunDescription, load_model, read_run_description
from shelfnet.training.curves import last_validation, read_curves

TARGET = Path(__file__).parents[1] / "shelfnet" / "weights"
CARD = "MODEL_CARD.md"
MARKER = "<!-- Everything below is written by tools/package_weights.py. -->"
MAX_BYTES = 12_000_000


def package_weights(run: Path, tables: Sequence[Path], target: Path) -> float:
    """Write weights, description and card to a folder.

    Args:
        run: Folder of a trained model.
        tables: CSV files that the card shows.
        target: Output folder.

    Returns:
        Largest rounding error of a weight, relative to the largest weight of its tensor.

    Raises:
        CheckpointError: The run cannot be used.
        ValueError: A weight is too large for half precision, or the files exceed :data:`MAX_BYTES`.
    """
    description = read_run_description(run)
    card = target / CARD
    kept = card.read_text().partition(MARKER)[0] if card.is_file() else "# Model card\n\n"
    weights = load_file(run / WEIGHTS)
    halves = {name: half_precision(name, value) for name, value in weights.items()}
    save_file(halves, target / WEIGHTS)
    (target / DESCRIPTION).write_bytes((run / DESCRIPTION).read_bytes())
    card.write_text(kept + MARKER + "\n\n" + card_text(description, run, tables))
    load_model(target)
    size = sum((target / name).stat().st_size for name in (WEIGHTS, DESCRIPTION, CARD))
    if size > MAX_BYTES:
        raise ValueError(f"{target}: expected at most {MAX_BYTES} bytes, got {size}")
    return max(rounding_error(weights[name], halves[name]) for name in weights)


def half_precision(name: str, value: Tensor) -> Tensor:
    """A float32 tensor in float16; tensors of other types are unchanged.

    Raises:
        ValueError: A value would become infinite.
    """
    if value.dtype != torch.float32:
        return value
    half = value.half()
    if not half.isfinite().all():
        raise ValueError(f"{name}: expected finite values below 65 504, which float16 can hold")
    return half


def rounding_error(value: Tensor, stored: Tensor) -> float:
    """Largest absolute difference relative to the largest absolute value."""
    if value.numel() == 0:
        return 0.0
    largest = float(value.double().abs().max())
    return float((value.double() - stored.double()).abs().max()) / largest if largest > 0.0 else 0.0


def card_text(description: RunDescription, run: Path, tables: Sequence[Path]) -> str:
    """Facts of the run, its last validation, and the tables."""
    facts = [
        ("ablation", description.ablation),
        ("seed", description.seed),
        ("iterations", description.iterations),
        ("image size", f"{description.render.resolution_px} px"),
        ("surface level", description.reconstruct.level),
        ("code version", description.code_version),
        ("training images (digest)", description.dataset_digest[:12]),
        *((f"validation {name}", f"{value:.4g}") for name, value in last_validation(read_curves(run)).items()),
    ]
    parts = [markdown_table(["fact", "value"], [[name, str(value)] for name, value in facts])]
    for path in tables:
        with path.open(newline="") as stream:
            header, *lines = csv.reader(stream)
        rounded = [[_rounded(cell) for cell in line] for line in lines]
        parts.append(f"`{path.name}`:\n\n{markdown_table(header, rounded)}")
    return "\n".join(parts)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rounded(cell: str) -> str:
    try:
        value = float(cell)
    except ValueError:
        return cell
    return cell if value.is_integer() or not math.isfinite(value) else f"{value:.4f}"


def main() -> None:
    """Package a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a trained model")
    parser.add_argument("--table", type=Path, action="append", default=[], help="CSV file for the card; repeatable")
    arguments = parser.parse_args()
    error = package_weights(arguments.run, arguments.table, TARGET)
    print(f"{TARGET}: written; largest relative rounding error {error:.1e}")


if __name__ == "__main__":
    main()
