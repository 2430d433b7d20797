"""Compare all ablations with one another and with the trivial baselines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.evaluation.comparison import comparison_table
from shelfnet.evaluation.comparison_text import comparison_markdown
from shelfnet.evaluation.results import has_truth, read_results, write_table
from shelfnet.evaluation.without_truth import silhouette_markdown, silhouette_table
from shelfnet.publishing import complete_file
from shelfnet.tracking.journal import Journal


@dataclass(frozen=True)
class Comparison:
    """How methods are summed up and told about.

    Attributes:
        table: from tables by ablation, rows of the baselines, bootstrap samples and seed.
        text: from that table and the provenance.
        metric: what the headline is called in the journal.
        column: of the table, that holds its mean.
    """

    table: Callable[[Mapping[str, pd.DataFrame], pd.DataFrame, int, int], pd.DataFrame]
    text: Callable[[pd.DataFrame, Mapping[str, str]], str]
    metric: str
    column: str


WITH_TRUTH = Comparison(comparison_table, comparison_markdown, "chamfer", "mean")
WITHOUT_TRUTH = Comparison(silhouette_table, silhouette_markdown, "mask_iou", "mask_iou")


def compare(
    *,
    settings: EvaluateSettings,
    tables: Mapping[str, Path],
    baselines: Path,
    output_csv: Path,
    output_md: Path,
    provenance: Mapping[str, str],
    journal: Path,
) -> None:
    """Write one row an ablation and stage and one a baseline, as a table and in plain words.

    Where the data set has no true shapes, that is said first, and silhouettes are compared.

    Args:
        settings: bootstrap samples and seed.
        tables: ``chamfer.csv`` of all seeds, by ablation, in the order of the rows.
        baselines: ``chamfer.csv`` of the trivial baselines.
        output_csv: the comparison with all digits.
        output_md: the comparison for people.
        provenance: what the numbers come from, such as code version, data set digest and preset.
        journal: events for the ``comparison`` run.

    Raises:
        ResultsError: a table is damaged, lacks a column, or holds rows of another ablation.
        ValueError: the baselines lack ``mean_shape``.
    """
    results = {name: read_results(path, ablation=name) for name, path in tables.items()}
    trivial = read_results(baselines)
    comparison = WITH_TRUTH if has_truth(trivial) else WITHOUT_TRUTH
    table = comparison.table(results, trivial, settings.bootstrap_samples, settings.seed)
    write_table(table, output_csv)
    _write_text(comparison.text(table, provenance), output_md)
    run = Journal(journal, run="comparison")
    run.tags(provenance)
    means = table[["ablation", "stage", comparison.column]].itertuples(index=False)
    run.metrics(0, {f"comparison/{comparison.metric}_{stage}/{name}": mean for name, stage, mean in means})
    run.artifact(output_csv)
    run.artifact(output_md)
    run.table(output_csv, key=("ablation", "stage"), headline=comparison.column)


def _write_text(text: str, path: Path) -> None:
    with complete_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
