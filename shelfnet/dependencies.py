"""Import closure of a module, read from the source code without importing anything."""

import ast
from collections.abc import Iterator
from functools import cache

from shelfnet.provenance import PACKAGE, modules_digest

WITHOUT_RESULTS = ("config", "dependencies", "provenance", "publishing", "tracking")
"""Modules that cannot change a result: settings are params of the rules, and the rest only describes or moves files."""


def code_digest(module: str) -> str:
    """Digest of the source code behind a module's results, used as a param of rules: an edit reruns what it affects.

    Args:
        module: Dotted name below ``shelfnet``, for example ``"steps.train"``.

    Raises:
        ValueError: There is no such module.
    """
    return modules_digest(*needed_modules(module))


def needed_modules(module: str) -> tuple[str, ...]:
    """A module and the package's modules that it imports, directly or indirectly, sorted.

    A package appears as its ``__init__``, which also stands for its data files (:func:`modules_digest`). The root
    package does not appear: it only re-exports names.

    Raises:
        ValueError: There is no such module.
    """
    needed: set[str] = set()
    pending = {module}
    while pending:
        current = pending.pop()
        needed.add(current)
        pending |= _imported_modules(current) - needed
    return tuple(sorted(needed))


@cache
def _imported_modules(module: str) -> frozenset[str]:
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    if not path.is_file():
        raise ValueError(f"no module shelfnet.{module}")
    names = [name for node in _statements(ast.parse(path.read_bytes())) for name in _imported_names(node)]
    return frozenset(found for name in names for found in _executed_modules(name))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node. Skipping expressions, where nothing is imported, saves most of the time."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(node, block, ()):
            yield statement
            yield from _statements(statement)


def _imported_names(node: ast.AST) -> list[str]:
    """Dotted names in an import statement; the last part may be a module or a name in one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _executed_modules(name: str) -> list[str]:
    """Modules that importing a name executes: the module itself and the ``__init__`` of its packages."""
    first, *parts = name.split(".")
    if first != PACKAGE.name or not parts or parts[0] in WITHOUT_RESULTS:
        return []
    found = []
    for end in range(1, len(parts) + 1):
        path = PACKAGE.joinpath(*parts[:end])
        if path.is_dir():
            found.append(".".join([*parts[:end], "__init__"]))
        elif path.with_suffix(".py").is_file():
            found.append(".".join(parts[:end]))
    return found
