"""Data set: staging, catalogue of usable models, and their true surfaces."""

# Files named in the settings, as inputs: editing one reruns the rules that read it.
EXCLUDED = [CONFIG.dataset.exclude] if isinstance(CONFIG.dataset.exclude, str) else []
STAGING_TABLES = {"folder": [*EXCLUDED, *filter(None, [CONFIG.dataset.folder.tags])], "objaverse": EXCLUDED}.get(
    CONFIG.dataset.kind, []
)


rule stage_dataset:
    input:
        tables=STAGING_TABLES,
    output:
        manifest="results/dataset/manifest.json",
        quarantine="results/dataset/quarantine.csv",
    log:
        "results/logs/stage_dataset.log",
    benchmark:
        "results/benchmarks/stage_dataset.tsv"
    conda:
        "../../envs/render.yaml"
    threads: CONFIG.resources.catalogue.threads
    resources:
        mem_mb=CONFIG.resources.catalogue.mem_mb,
        runtime=CONFIG.resources.catalogue.runtime_min,
    params:
        **STAGED_FILES,
        settings=staging_settings,
        code=code_digest("steps.stage_dataset"),
    message:
        f"Staging the {CONFIG.dataset.kind} data set"
    script:
        "../scripts/stage_dataset.py"


rule build_catalogue:
    input:
        manifest=rules.stage_dataset.output.manifest,
        staging_quarantine=rules.stage_dataset.output.quarantine,
        excluded=EXCLUDED,
    output:
        models="results/catalogue/models.parquet",
        quarantine="results/catalogue/quarantine.csv",
    log:
        "results/logs/build_catalogue.log",
    benchmark:
        "results/benchmarks/build_catalogue.tsv"
    conda:
        "../../envs/render.yaml"
    threads: CONFIG.resources.catalogue.threads
    resources:
        mem_mb=CONFIG.resources.catalogue.mem_mb,
        runtime=CONFIG.resources.catalogue.runtime_min,
    params:
        settings=settings_json(CONFIG.dataset.for_catalogue()),
        n_shards=CONFIG.render.shards,
        code=code_digest("steps.build_catalogue"),
    message:
        "Checking every model: usable or quarantined"
    script:
        "../scripts/build_catalogue.py"


rule sample_surfaces:
    input:
        manifest=rules.stage_dataset.output.manifest,
        models=rules.build_catalogue.output.models,
    output:
        surfaces="results/surfaces/shard-{shard}.parquet",
        quarantine="results/surfaces/quarantine-{shard}.csv",
    log:
        "results/logs/sample_surfaces/shard-{shard}.log",
    benchmark:
        "results/benchmarks/sample_surfaces/shard-{shard}.tsv"
    conda:
        "../../envs/render.yaml"
    threads: CONFIG.resources.catalogue.threads
    resources:
        mem_mb=CONFIG.resources.catalogue.mem_mb,
        runtime=CONFIG.resources.catalogue.runtime_min,
    params:
        settings=settings_json(CONFIG.dataset.for_catalogue()),
        code=code_digest("steps.sample_surfaces"),
    message:
        "Sampling true surfaces of shard {wildcards.shard}"
    script:
        "../scripts/sample_surfaces.py"
