"""Rendered images of the models."""


rule render_views:
    input:
        manifest=rules.stage_dataset.output.manifest,
        models=rules.build_catalogue.output.models,
    output:
        shard="results/renders/shard-{shard}.parquet",
        quarantine="results/renders/quarantine-{shard}.csv",
    log:
        "results/logs/render_views/shard-{shard}.log",
    benchmark:
        "results/benchmarks/render_views/shard-{shard}.tsv"
    conda:
        "../../envs/render.yaml"
    threads: CONFIG.resources.render.threads
    resources:
        mem_mb=CONFIG.resources.render.mem_mb,
        runtime=CONFIG.resources.render.runtime_min,
        gpu=int(CONFIG.render.engine == "cycles" and CONFIG.render.device != "cpu"),
    params:
        settings=settings_json(CONFIG.render),
        code=code_digest("steps.render_views"),
    message:
        f"Rendering shard {{wildcards.shard}} with {CONFIG.render.engine}"
    script:
        "../scripts/render_views.py"
