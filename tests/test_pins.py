"""Lock, environments, pyproject and what is installed agree."""

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pin
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = {
    canonicalize_name(line.split("==")[0]): line.split("==")[1]
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if not line.startswith("#")
}
OPTIONAL = {"pytorch3d"}


def environment(name: str) -> dict[str, str]:
    tree = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    return dict(line.split("==") for line in tree["dependencies"][-1]["pip"])


def test_lock_holds_plain_pins_alone():
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert line.startswith("#") or len(list(Requirement(line).specifier)) == 1
        assert not any(word in line for word in ("://", "file:", "@", "--"))


def test_what_the_tool_would_write_is_what_is_there():
    assert [path.name for path, text in pin.pinned_files().items() if path.read_text() != text] == []


@pytest.mark.parametrize("name", pin.ENVIRONMENTS)
def test_an_environments_pins_are_the_locks(name: str):
    assert environment(name).items() <= LOCK.items()


def test_the_lock_meets_what_pyproject_asks_for():
    for requirement in pin.direct_requirements(pin.LOCKED):
        assert requirement.specifier.contains(LOCK[canonicalize_name(requirement.name)]), requirement


STAGES = {
    "render": ("stage_dataset", "build_catalogue", "sample_surfaces", "render_views"),
    "train": (
        "train_clip",
        "train",
        "reconstruct",
        "refine",
        "evaluate",
        "evaluate_baselines",
        "measure_memory",
    ),
    "report": ("compare", "draw_figures", "write_report"),
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("shelfnet", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize(("name", "step"), [(name, step) for name, steps in STAGES.items() for step in steps])
def test_an_environment_has_what_its_steps_import(graph: grimp.ImportGraph, name: str, step: str):
    module = f"shelfnet.steps.{step}"
    imported = {found for found in graph.find_upstream_modules(module) if graph.is_module_squashed(found)}
    third_party = {found for found in imported if found not in sys.stdlib_module_names} - OPTIONAL
    providers = {"mathutils": ["bpy"], "xatlas": ["xatlas"]} | packages_distributions()
    pinned = environment(name).keys()
    missing = {found for found in third_party if not {canonicalize_name(p) for p in providers[found]} & pinned}
    assert third_party
    assert missing == set()
