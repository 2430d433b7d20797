"""Comparison table, figures and report page."""


localrules:
    collect_rows,


rule collect_rows:
    input:
        tables_of_seeds,
    output:
        "results/{ablation}/chamfer.csv",
    log:
        "results/logs/collect_rows/{ablation}.log",
    benchmark:
        "results/benchmarks/collect_rows/{ablation}.tsv"
    conda:
        "../../envs/train.yaml"
    params:
        code=code_digest("steps.collect_rows"),
    message:
        "Joining the seeds of {wildcards.ablation}"
    script:
        "../scripts/collect_rows.py"


rule compare:
    input:
        manifest="results/dataset/manifest.json",
        tables=TABLES,
        baselines="results/baselines/chamfer.csv",
        memory="results/figures/memory_scaling.csv",
    output:
        csv="results/comparison.csv",
        md="results/comparison.md",
        tex="results/comparison.tex",
        claims="results/claims.csv",
    log:
        "results/logs/compare.log",
    benchmark:
        "results/benchmarks/compare.tsv"
    conda:
        "../../envs/report.yaml"
    threads: CONFIG.resources.report.threads
    resources:
        mem_mb=CONFIG.resources.report.mem_mb,
        runtime=CONFIG.resources.report.runtime_min,
    params:
        settings=settings_json(CONFIG.evaluate, CONFIG.perceptual),
        code=code_digest("steps.compare"),
    message:
        "Comparing ablations and baselines"
    script:
        "../scripts/compare.py"


# mem_mb covers the largest voxel grid that is measured, independent of the settings.
rule measure_memory:
    output:
        "results/figures/memory_scaling.csv",
    log:
        "results/logs/measure_memory.log",
    benchmark:
        "results/benchmarks/measure_memory.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.report.threads
    resources:
        mem_mb=4200,
        runtime=CONFIG.resources.report.runtime_min,
    params:
        settings=settings_json(CONFIG.model, CONFIG.figures),
        code=code_digest("steps.measure_memory"),
    message:
        "Measuring memory against resolution"
    script:
        "../scripts/measure_memory.py"


rule draw_figures:
    input:
        tables=TABLES,
        baselines="results/baselines/chamfer.csv",
        levels=LEVELS,
        memory=rules.measure_memory.output[0],
    output:
        **FIGURES,
    log:
        "results/logs/draw_figures.log",
    benchmark:
        "results/benchmarks/draw_figures.tsv"
    conda:
        "../../envs/report.yaml"
    threads: CONFIG.resources.report.threads
    resources:
        mem_mb=CONFIG.resources.report.mem_mb,
        runtime=CONFIG.resources.report.runtime_min,
    params:
        settings=settings_json(CONFIG),
        code=code_digest("steps.draw_figures"),
    message:
        "Drawing the figures"
    script:
        "../scripts/draw_figures.py"


# Beside draw_figures and not in it: the two take equally long and are the last jobs before the report.
rule draw_reconstructions:
    input:
        tables=TABLES,
        baselines="results/baselines/chamfer.csv",
    output:
        RECONSTRUCTIONS,
    log:
        "results/logs/draw_reconstructions.log",
    benchmark:
        "results/benchmarks/draw_reconstructions.tsv"
    conda:
        "../../envs/report.yaml"
    threads: CONFIG.resources.report.threads
    resources:
        mem_mb=CONFIG.resources.report.mem_mb,
        runtime=CONFIG.resources.report.runtime_min,
    params:
        settings=settings_json(CONFIG),
        code=code_digest("steps.draw_reconstructions"),
    message:
        "Drawing the reconstructions"
    script:
        "../scripts/draw_reconstructions.py"


rule write_report:
    input:
        comparison=rules.compare.output.csv,
        figures=[*FIGURES.values(), RECONSTRUCTIONS],
        tables=TABLES,
        views=DISCOVERED if any(map(starts_from_discovery, map(ablation_by_name, ABLATIONS))) else [],
    output:
        "results/report.html",
    log:
        "results/logs/write_report.log",
    benchmark:
        "results/benchmarks/write_report.tsv"
    conda:
        "../../envs/report.yaml"
    threads: CONFIG.resources.report.threads
    resources:
        mem_mb=CONFIG.resources.report.mem_mb,
        runtime=CONFIG.resources.report.runtime_min,
    params:
        settings=settings_json(CONFIG),
        code=code_digest("steps.write_report"),
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
