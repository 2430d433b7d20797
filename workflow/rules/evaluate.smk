"""Evaluation: one row per test view."""


rule evaluate:
    input:
        coarse=parts("coarse"),
        refined=parts("refined"),
        surfaces=SURFACES,
        shards=RENDERS,
    output:
        "results/{ablation}/seed{seed}/chamfer.csv",
    log:
        "results/logs/evaluate/{ablation}-seed{seed}.log",
    benchmark:
        "results/benchmarks/evaluate/{ablation}-seed{seed}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.evaluate.threads
    resources:
        mem_mb=CONFIG.resources.evaluate.mem_mb,
        runtime=CONFIG.resources.evaluate.runtime_min,
    params:
        settings=ablation_settings("evaluate"),
        code=code_digest("steps.evaluate"),
    message:
        "Evaluating {wildcards.ablation}, seed {wildcards.seed}"
    script:
        "../scripts/evaluate.py"


rule evaluate_baselines:
    input:
        surfaces=SURFACES,
        shards=RENDERS,
    output:
        rows="results/baselines/chamfer.csv",
        levels="results/baselines/validation.csv",
    log:
        "results/logs/evaluate_baselines.log",
    benchmark:
        "results/benchmarks/evaluate_baselines.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.evaluate.threads
    resources:
        mem_mb=CONFIG.resources.evaluate.mem_mb,
        runtime=CONFIG.resources.evaluate.runtime_min,
    params:
        settings=settings_json(CONFIG.evaluate),
        views_per_model=CONFIG.reconstruct.views_per_model,
        validation_views=CONFIG.train.validation_views,
        code=code_digest("steps.evaluate_baselines"),
    message:
        "Evaluating the trivial baselines"
    script:
        "../scripts/evaluate_baselines.py"
