"""Evaluation without true shapes: metrics from masks and meshes, one row per test view."""


rule evaluate_silhouettes:
    input:
        coarse=parts("coarse"),
        refined=parts("refined"),
        shards=RENDERS,
    output:
        "results/{ablation}/seed{seed}/chamfer.csv",
    log:
        "results/logs/evaluate_silhouettes/{ablation}-seed{seed}.log",
    benchmark:
        "results/benchmarks/evaluate_silhouettes/{ablation}-seed{seed}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.evaluate.threads
    resources:
        mem_mb=CONFIG.resources.evaluate.mem_mb,
        runtime=CONFIG.resources.evaluate.runtime_min,
    params:
        code=code_digest("steps.evaluate_silhouettes"),
    message:
        "Evaluating silhouettes of {wildcards.ablation}, seed {wildcards.seed}"
    script:
        "../scripts/evaluate_silhouettes.py"


rule evaluate_sphere:
    input:
        shards=RENDERS,
    output:
        "results/baselines/chamfer.csv",
    log:
        "results/logs/evaluate_sphere.log",
    benchmark:
        "results/benchmarks/evaluate_sphere.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.evaluate.threads
    resources:
        mem_mb=CONFIG.resources.evaluate.mem_mb,
        runtime=CONFIG.resources.evaluate.runtime_min,
    params:
        settings=settings_json(CONFIG.render),
        views_per_model=CONFIG.reconstruct.views_per_model,
        code=code_digest("steps.evaluate_silhouettes"),
    message:
        "Evaluating the sphere baseline"
    script:
        "../scripts/evaluate_sphere.py"
