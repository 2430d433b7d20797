"""Compare all ablations with one another and with the trivial baselines."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.evaluation.claims import claims_table, growth_exponents, judge_claims
from shelfnet.evaluation.claims_text import claim_sentences
from shelfnet.evaluation.comparison import comparison_table, silhouette_table
from shelfnet.evaluation.comparison_latex import comparison_latex
from shelfnet.evaluation.comparison_text import comparison_markdown, silhouette_markdown
from shelfnet.evaluation.results import has_truth, read_results, write_table
from shelfnet.publishing import publish_text
from shelfnet.tracking.journal import Journal


def compare(
    *,
    settings: EvaluateSettings,
    tables: Mapping[str, Path],
    baselines: Path,
    output_csv: Path,
    output_md: Path,
    output_tex: Path,
    output_claims: Path,
    memory: Path,
    provenance: Mapping[str, str],
    journal: Path,
) -> None:
    """Write the comparison of all methods as a table, as a text and in LaTeX.

    Methods are compared by Chamfer distance, or by mask IoU if the data set has no true shapes.

    Args:
        settings: Bootstrap samples and seed.
        tables: ``chamfer.csv`` of all seeds by ablation, in the order of the rows.
        baselines: ``chamfer.csv`` of the trivial baselines.
        output_csv: Table with all digits, one row per method and stage.
        output_md: Table and conclusions for people.
        output_tex: Table of the most important columns for a paper.
        output_claims: Tests of the paper's claims, one row per claim.
        memory: ``memory_scaling.csv``.
        provenance: Origin of the numbers, e.g. code version, data set digest and preset.
        journal: Events for the ``comparison`` run.

    Raises:
        ResultsError: A table is damaged, lacks a column, or has rows of another ablation.
        ValueError: The baselines lack ``mean_shape``.
    """
    results = {name: read_results(path, ablation=name) for name, path in tables.items()}
    trivial = read_results(baselines)
    claims = judge_claims(results, settings.bootstrap_samples, settings.seed)
    if has_truth(trivial):
        metric, mean_column = "chamfer", "mean"
        table = comparison_table(results, trivial, settings.bootstrap_samples, settings.seed)
        sentences = claim_sentences(claims, growth_exponents(pd.read_csv(memory)))
        text = comparison_markdown(table, sentences, provenance)
    else:
        metric = mean_column = "mask_iou"
        table = silhouette_table(results, trivial, settings.bootstrap_samples, settings.seed)
        text = silhouette_markdown(table, provenance)
    write_table(table, output_csv)
    write_table(claims_table(claims), output_claims)
    publish_text(output_md, text)
    publish_text(output_tex, comparison_latex(table))
    run = Journal(journal, run="comparison")
    run.tags(provenance)
    means = table[["ablation", "stage", mean_column]].itertuples(index=False)
    run.metrics(0, {f"comparison/{metric}_{stage}/{name}": mean for name, stage, mean in means})
    for path in (output_csv, output_md, output_tex, output_claims):
        run.artifact(path)
    run.table(output_csv, key=("ablation", "stage"), headline=mean_column)
