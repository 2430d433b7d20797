"""The import closure, against an independent reader of imports."""

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
def test_closure_is_that_of_grimp(graph: grimp.ImportGraph, step: str):
    reached, pending = set(), {f"shelfnet.steps.{step}"}
    while pending:
        module = pending.pop()
        reached.add(module)
        followed = graph.find_modules_directly_imported_by(module)
        pending |= {name for name in followed if name.split(".")[1] not in WITHOUT_RESULTS} - reached
    found = {f"shelfnet.{name}" for name in needed_modules(f"steps.{step}") if not name.endswith("__init__")}
    packages = {name for name in reached if graph.find_children(name)}
    assert found == reached - packages


def test_a_digest_follows_what_is_imported_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "shelfnet"
    (package / "inner").mkdir(parents=True)
    (package / "inner" / "__init__.py").write_text("")
    (package / "top.py").write_text("def f():\n    from shelfnet.inner import used\n")
    (package / "inner" / "used.py").write_text("import shelfnet.base\n")
    for name in ("base.py", "inner/unused.py"):
        (package / name).write_text("")
    monkeypatch.setattr(dependencies, "PACKAGE", package)
    monkeypatch.setattr(provenance, "PACKAGE", package)

    def digest_after(name: str) -> str:
        (package / name).write_text("# edited\n" + (package / name).read_text())
        dependencies._imported_modules.cache_clear()
        return code_digest("top")

    assert needed_modules("top") == ("base", "inner.__init__", "inner.used", "top")
    before = code_digest("top")
    assert digest_after("inner/unused.py") == before
    digests = [before, *(digest_after(name) for name in ("base.py", "inner/used.py", "inner/__init__.py", "top.py"))]
    assert len(set(digests)) == 5
    dependencies._imported_modules.cache_clear()


def test_an_unknown_module_is_named():
    with pytest.raises(ValueError, match=r"shelfnet\.steps\.nope"):
        needed_modules("steps.nope")
