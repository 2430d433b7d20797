"""Photograph data sets: found, catalogued and cropped instead of staged and rendered."""


rule stage_photographs:
    output:
        manifest="results/dataset/manifest.json",
    log:
        "results/logs/stage_photographs.log",
    benchmark:
        "results/benchmarks/stage_photographs.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.catalogue.threads
    resources:
        mem_mb=CONFIG.resources.catalogue.mem_mb,
        runtime=CONFIG.resources.catalogue.runtime_min,
    params:
        **STAGED_FILES,
        settings=staging_settings,
        code=code_digest("steps.stage_photographs"),
    message:
        "Finding the photographs"
    script:
        "../scripts/stage_photographs.py"


rule catalogue_photographs:
    input:
        manifest=rules.stage_photographs.output.manifest,
    output:
        models="results/catalogue/models.parquet",
        photographs="results/catalogue/photographs.parquet",
        quarantine="results/catalogue/quarantine.csv",
    log:
        "results/logs/catalogue_photographs.log",
    benchmark:
        "results/benchmarks/catalogue_photographs.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.catalogue.threads
    resources:
        mem_mb=CONFIG.resources.catalogue.mem_mb,
        runtime=CONFIG.resources.catalogue.runtime_min,
    params:
        settings=settings_json(CONFIG.dataset.for_catalogue()),
        n_shards=CONFIG.render.shards,
        code=code_digest("steps.catalogue_photographs"),
    message:
        "Cataloguing photographs and their objects"
    script:
        "../scripts/catalogue_photographs.py"


rule crop_photographs:
    input:
        manifest=rules.stage_photographs.output.manifest,
        photographs=rules.catalogue_photographs.output.photographs,
    output:
        shard="results/renders/shard-{shard}.parquet",
        quarantine="results/renders/quarantine-{shard}.csv",
    log:
        "results/logs/crop_photographs/shard-{shard}.log",
    benchmark:
        "results/benchmarks/crop_photographs/shard-{shard}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.resources.render.threads
    resources:
        mem_mb=CONFIG.resources.render.mem_mb,
        runtime=CONFIG.resources.render.runtime_min,
    params:
        settings=settings_json(CONFIG.dataset.images),
        resolution_px=CONFIG.render.resolution_px,
        n_shards=CONFIG.render.shards,
        timeout_s=CONFIG.dataset.model_timeout_s,
        memory_mb=CONFIG.dataset.model_memory_mb,
        code=code_digest("steps.crop_photographs"),
    message:
        "Cropping the photographs of shard {wildcards.shard}"
    script:
        "../scripts/crop_photographs.py"
