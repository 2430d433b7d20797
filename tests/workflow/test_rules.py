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
        rf"from shelfnet\.(steps\.\w+) import .*\b{rule}\b",
        (ROOT / "workflow" / "scripts" / f"{rule}.py").read_text(),
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
