"""Training: views of the training images, a small CLIP model, warm starts, and one network per ablation and seed."""


rule discover_views:
    input:
        shards=RENDERS,
    output:
        views="results/views/views.parquet",
        shapes="results/views/shapes.safetensors",
        sheet="results/views/discovery.png",
    log:
        "results/logs/discover_views.log",
    benchmark:
        "results/benchmarks/discover_views.tsv"
    priority: 3  # nearly all trainings depend on it
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.discover_views.threads
    resources:
        mem_mb=CONFIG.resources.discover_views.mem_mb,
        runtime=CONFIG.resources.discover_views.runtime_min,
        gpu=shared_gpus,
    params:
        settings=settings_json(CONFIG.discovery, CONFIG.render),
        device=CONFIG.train.device,
        code=code_digest("steps.discover_views"),
    message:
        "Discovering views and shared shapes of the training images"
    script:
        "../scripts/discover_views.py"


rule train_clip:
    input:
        shards=RENDERS,
    output:
        weights="results/clip_model/model.safetensors",
        description="results/clip_model/model.json",
    log:
        "results/logs/train_clip.log",
    benchmark:
        "results/benchmarks/train_clip.tsv"
    priority: 2  # ablations with CLIP depend on it
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.train_clip.threads
    resources:
        mem_mb=CONFIG.resources.train_clip.mem_mb,
        runtime=CONFIG.resources.train_clip.runtime_min,
        gpu=shared_gpus,
    params:
        settings=settings_json(CONFIG.clip),
        device=CONFIG.train.device,
        code=code_digest("steps.train_clip"),
    message:
        "Training a small CLIP on images and captions"
    script:
        "../scripts/train_clip.py"


rule warm_start:
    input:
        shards=RENDERS,
        views=DISCOVERED,
    output:
        weights="results/warm_starts/{ablation}/seed{seed}.safetensors",
    log:
        "results/logs/warm_start/{ablation}-seed{seed}.log",
    benchmark:
        "results/benchmarks/warm_start/{ablation}-seed{seed}.tsv"
    priority: 2  # several trainings depend on it
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.train.threads
    resources:
        mem_mb=CONFIG.resources.train.mem_mb,
        runtime=CONFIG.resources.train.runtime_min,
        gpu=ablation_gpus,
    params:
        settings=lambda wildcards: warm_start_settings(wildcards.ablation),
        code=code_digest("steps.warm_start"),
    message:
        "Warm start of {wildcards.ablation}, seed {wildcards.seed}"
    script:
        "../scripts/warm_start.py"


rule train:
    input:
        shards=RENDERS,
        surfaces=SURFACES,  # for validation curves; training reads image, mask and caption alone
        clip=clip_weights,
        views=discovered_views,
        warm_start=warm_start_weights,
    output:
        weights="results/{ablation}/seed{seed}/model.safetensors",
        description="results/{ablation}/seed{seed}/model.json",
        metrics="results/{ablation}/seed{seed}/metrics.parquet",
        samples="results/{ablation}/seed{seed}/samples.png",
    log:
        "results/logs/train/{ablation}-seed{seed}.log",
    benchmark:
        "results/benchmarks/train/{ablation}-seed{seed}.tsv"
    priority: 1  # the longest jobs first, so that no core waits for the last one
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.train.threads
    resources:
        mem_mb=CONFIG.resources.train.mem_mb,
        runtime=CONFIG.resources.train.runtime_min,
        gpu=training_gpus,
    params:
        settings=train_settings,
        code=code_digest("steps.train"),
    message:
        "Training {wildcards.ablation}, seed {wildcards.seed}"
    script:
        "../scripts/train.py"
