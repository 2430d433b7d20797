"""Compare all ablations with one another and with the trivial baselines."""

from collections.abc import Mapping
from pathlib import Path

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.evaluation.comparison import comparison_table
from shelfnet.evaluation.comparison_text import comparison_markdown
from shelfnet.evaluation.results import read_results, write_table
from shelfnet.provenance import publish
from shelfnet.tracking.journal import Journal


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
    table = comparison_table(results, read_results(baselines), settings.bootstrap_samples, settings.seed)
    write_table(table, output_csv)
    _write_text(comparison_markdown(table, provenance), output_md)
    run = Journal(journal, run="comparison")
    run.tags(provenance)
    run.metrics(0, {f"comparison/chamfer_{row.stage}/{row.ablation}": row.mean for row in table.itertuples()})
    run.artifact(output_csv)
    run.artifact(output_md)


def _write_text(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(text, encoding="utf-8")
    publish(temporary, path)
