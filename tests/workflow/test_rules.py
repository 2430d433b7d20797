"""Structure of the rules, their scripts and steps."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = {
    name: body
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", path.read_text(), re.MULTILINE | re.DOTALL)
}


def test_rules_are_found():
    assert {"render_views", "train", "reconstruct", "refine", "evaluate", "compare"} <= RULES.keys()


@pytest.mark.parametrize("rule", RULES)
def test_rule_script_and_step_share_a_name(rule: str):
    script = (ROOT / "workflow" / "scripts" / f"{rule}.py").read_text()
    assert f'"../scripts/{rule}.py"' in RULES[rule]
    assert re.search(rf"from shelfnet\.steps\.\w+ import .*\b{rule}\b", script)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("directive", ["output", "params", "log", "benchmark", "message", "conda", "script"])
def test_rule_has_every_directive(rule: str, directive: str):
    assert re.search(rf"^    {directive}:", RULES[rule], re.MULTILINE)


@pytest.mark.parametrize("rule", RULES)
def test_rule_depends_on_code_of_its_step(rule: str):
    imported = re.search(
        rf"from shelfnet\.(steps\.\w+) import .*\b{rule}\b", (ROOT / "workflow" / "scripts" / f"{rule}.py").read_text()
    )
    assert imported
    assert f'code=code_digest("{imported[1]}")' in RULES[rule]


def test_profiles_name_existing_rules():
    slurm = yaml.safe_load((ROOT / "workflow" / "profiles" / "slurm" / "config.yaml").read_text())
    named = {re.split("[:=]", entry)[0] for entry in [*slurm["set-threads"], *slurm["set-resources"]]}
    assert named <= RULES.keys()


def test_default_profile_is_found_by_snakemake():
    assert (ROOT / "profiles").resolve() == ROOT / "workflow" / "profiles"
    assert yaml.safe_load((ROOT / "profiles" / "default" / "config.yaml").read_text())["cores"] == "all"


def test_profile_names_a_rule_for_all_work_on_many_files():
    """Without an entry, a job would get the resources of the smallest machine on a cluster."""
    slurm = yaml.safe_load((ROOT / "workflow" / "profiles" / "slurm" / "config.yaml").read_text())
    sized = {re.split("[:=]", entry)[0] for entry in slurm["set-resources"]}
    assert sized >= RULES.keys() - {
        *("collect_rows", "compare", "draw_figures", "draw_reconstructions"),
        *("write_report", "measure_memory", "evaluate_sphere"),
    }
    arrays = set(slurm["slurm-array-jobs"].split(","))
    assert arrays == {rule for rule in RULES if re.search(r"\{(shard|part)\}", RULES[rule])}


def test_profile_gives_every_rule_a_partition():
    folder = ROOT / "workflow" / "profiles" / "slurm"
    slurm = yaml.safe_load((folder / "config.yaml").read_text())
    partitions = yaml.safe_load((folder / "partitions.yaml").read_text())["partitions"].values()
    for entry in slurm["set-resources"]:
        _, name, value = re.split("[:=]", entry)
        assert any(int(value) <= partition[f"max_{name}"] for partition in partitions), entry
    for entry in slurm["set-threads"]:
        assert all(int(entry.split("=")[1]) <= partition["max_threads"] for partition in partitions), entry


@pytest.mark.parametrize(("settings", "warned"), [([], False), (['resources={"train": {"mem_mb": 128000}}'], True)])
def test_resources_of_the_settings_that_a_profile_replaces_are_named(snakemake, settings, warned):
    overlay = ["--config", *settings] if settings else []
    target = ("--dry-run", "--cores", "2", "results/base/seed0/model.json")
    run = snakemake(*target, "--set-resources", "train:mem_mb=64000", *overlay)
    expected = "resources.train.mem_mb of the settings does not apply to train: the profile or an option sets mem_mb"
    assert run.returncode == 0, run.stdout
    assert (expected in run.stdout) == warned
