"""Lock files, environments, pyproject.toml and the installed packages agree."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pin
import pytest
import yaml
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = pin.read_lock(pin.LOCK)
OPTIONAL = {"pytorch3d"}


def environment(name: str) -> dict[str, str]:
    tree = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    return dict(line.split("==") for line in tree["dependencies"][-1]["pip"])


@pytest.mark.parametrize("lock", [pin.LOCK, pin.SLURM_LOCK], ids=lambda path: path.name)
def test_lock_holds_only_exact_versions_with_hashes(lock: Path):
    for line in lock.read_text().splitlines():
        assert re.fullmatch(r"#.*|[a-z0-9-]+==[\w.]+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
    assert len(pin.read_lock(lock)) == lock.read_text().count("==")


def test_locks_and_environments_are_up_to_date():
    assert pin.stale_locks() == {}
    assert pin.stale_environments() == {}


def test_a_pin_without_hashes_is_not_read(tmp_path: Path):
    (tmp_path / "lock").write_text(f"one==1.0 \\\n    --hash=sha256:{64 * 'a'}\ntwo==2.0\n")
    assert pin.read_lock(tmp_path / "lock") == {"one": "1.0"}


@pytest.mark.parametrize("name", pin.ENVIRONMENTS)
def test_environment_pins_are_in_the_lock(name: str):
    assert environment(name).items() <= LOCK.items()


def test_lock_meets_the_requirements_of_pyproject():
    for requirement in pin.direct_requirements(pin.LOCKED):
        assert requirement.specifier.contains(LOCK[canonicalize_name(requirement.name)]), requirement


STAGES = {
    "render": ("stage_dataset", "build_catalogue", "sample_surfaces", "render_views"),
    "train": (
        "train_clip",
        "warm_start",
        "train",
        "reconstruct",
        "refine",
        "evaluate",
        "evaluate_baselines",
        "measure_memory",
    ),
    "report": ("compare", "draw_figures", "draw_reconstructions", "write_report"),
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "shelfnet", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


@pytest.mark.parametrize(("name", "step"), [(name, step) for name, steps in STAGES.items() for step in steps])
def test_environment_has_the_imports_of_its_steps(graph: grimp.ImportGraph, name: str, step: str):
    module = f"shelfnet.steps.{step}"
    imported = {found for found in graph.find_upstream_modules(module) if graph.is_module_squashed(found)}
    third_party = {found for found in imported if found not in sys.stdlib_module_names} - OPTIONAL
    providers = {"mathutils": ["bpy"], "xatlas": ["xatlas"]} | packages_distributions()
    pinned = environment(name).keys()
    missing = {found for found in third_party if not {canonicalize_name(p) for p in providers[found]} & pinned}
    assert third_party
    assert missing == set()
