"""Reconstruction and refinement of meshes."""


rule reconstruct:
    input:
        checkpoint=multiext("results/{ablation}/seed{seed}/model", ".safetensors", ".json"),
        shards=RENDERS,
    output:
        meshes=directory("results/{ablation}/seed{seed}/coarse/part-{part}"),
    log:
        "results/logs/reconstruct/{ablation}-seed{seed}-part{part}.log",
    benchmark:
        "results/benchmarks/reconstruct/{ablation}-seed{seed}-part{part}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.reconstruct.threads
    resources:
        mem_mb=CONFIG.resources.reconstruct.mem_mb,
        runtime=CONFIG.resources.reconstruct.runtime_min,
        gpu=ablation_gpus,
    params:
        settings=ablation_settings("reconstruct", "render"),
        device=ablation_device,
        code=code_digest("steps.reconstruct"),
    message:
        "Reconstructing meshes of {wildcards.ablation}, seed {wildcards.seed}, part {wildcards.part}"
    script:
        "../scripts/reconstruct.py"


rule refine:
    input:
        coarse=rules.reconstruct.output.meshes,
        shards=RENDERS,
    output:
        meshes=directory("results/{ablation}/seed{seed}/refined/part-{part}"),
    log:
        "results/logs/refine/{ablation}-seed{seed}-part{part}.log",
    benchmark:
        "results/benchmarks/refine/{ablation}-seed{seed}-part{part}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.refine.threads
    resources:
        mem_mb=CONFIG.resources.refine.mem_mb,
        runtime=CONFIG.resources.refine.runtime_min,
        gpu=ablation_gpus,
    params:
        settings=ablation_settings("refine", "reconstruct", "render"),
        device=ablation_device,
        code=code_digest("steps.refine"),
    message:
        "Refining meshes of {wildcards.ablation}, seed {wildcards.seed}, part {wildcards.part}"
    script:
        "../scripts/refine.py"
