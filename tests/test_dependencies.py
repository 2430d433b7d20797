"""Import closure, compared with grimp."""

import shutil
from pathlib import Path

import grimp
import pytest

from shelfnet import dependencies, provenance
from shelfnet.dependencies import WITHOUT_RESULTS, code_digest, needed_modules

STEPS = sorted(path.stem for path in (provenance.PACKAGE / "steps").glob("[a-z]*.py"))


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("shelfnet", cache_dir=None)


@pytest.mark.parametrize("step", STEPS)
def test_needed_modules_match_grimp(graph: grimp.ImportGraph, step: str):
    reached, pending = set(), {f"shelfnet.steps.{step}"}
    while pending:
        module = pending.pop()
        reached.add(module)
        followed = graph.find_modules_directly_imported_by(module)
        pending |= {name for name in followed if name.split(".")[1] not in WITHOUT_RESULTS} - reached
    found = {f"shelfnet.{name}" for name in needed_modules(f"steps.{step}") if not name.endswith("__init__")}
    packages = {name for name in reached if graph.find_children(name)}
    assert found == reached - packages


def test_digest_changes_only_with_imported_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "shelfnet"
    (package / "inner").mkdir(parents=True)
    (package / "inner" / "__init__.py").write_text("")
    (package / "top.py").write_text("def f():\n    from shelfnet.inner import used\n")
    (package / "inner" / "used.py").write_text("import shelfnet.base\n")
    (package / "inner" / "templates").mkdir()
    for name in ("base.py", "inner/unused.py", "inner/templates/page.html", "page.html"):
        (package / name).write_text("")
    monkeypatch.setattr(dependencies, "PACKAGE", package)
    monkeypatch.setattr(provenance, "PACKAGE", package)

    def digest_after(name: str) -> str:
        (package / name).write_text("# edited\n" + (package / name).read_text())
        dependencies._imported_modules.cache_clear()
        return code_digest("top")

    assert needed_modules("top") == ("base", "inner.__init__", "inner.used", "top")
    before = code_digest("top")
    assert digest_after("inner/unused.py") == digest_after("page.html") == before
    edited = ("base.py", "inner/used.py", "inner/__init__.py", "inner/templates/page.html", "top.py")
    assert len({before, *map(digest_after, edited)}) == 1 + len(edited)
    dependencies._imported_modules.cache_clear()


@pytest.mark.parametrize("step", ["write_report", "train"])
def test_templates_affect_only_the_report(step: str, tmp_path: Path):
    shutil.copytree(provenance.PACKAGE, tmp_path / "shelfnet", ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "PACKAGE", tmp_path / "shelfnet")
        before = code_digest(f"steps.{step}")
        for name in ("report.html.j2", "style.css", "tables.js", "viewer.js"):
            with (tmp_path / "shelfnet" / "report" / "templates" / name).open("a") as template:
                template.write(" ")
            changed = code_digest(f"steps.{step}") != before
            assert changed == (step == "write_report")
            before = code_digest(f"steps.{step}")


def test_caches_affect_nothing(tmp_path: Path):
    """Python and numba write their caches next to the modules, at the first run of a fresh checkout."""
    shutil.copytree(provenance.PACKAGE, tmp_path / "shelfnet", ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "PACKAGE", tmp_path / "shelfnet")
        before = code_digest("steps.train")
        cache = tmp_path / "shelfnet" / "renderer" / "__pycache__"
        cache.mkdir()
        for name in ("march_kernels.march-1.py311.nbi", "march_kernels.march-1.py311.1.nbc", "volume.pyc"):
            (cache / name).write_bytes(b"compiled")
        assert code_digest("steps.train") == before


def test_unknown_module_is_named():
    with pytest.raises(ValueError, match=r"shelfnet\.steps\.nope"):
        needed_modules("steps.nope")
