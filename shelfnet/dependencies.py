"""Which modules a module imports, directly or not, read from the source and without importing anything."""

import ast
from collections.abc import Iterator
from functools import cache

from shelfnet.provenance import PACKAGE, modules_digest

WITHOUT_RESULTS = ("config", "dependencies", "provenance", "publishing", "tracking")
"""Parts that change no result: settings are params of their own, journals and digests describe what was made, and how
files come to their names is nothing that is in them."""


def code_digest(module: str) -> str:
    """Digest of the source that a module's results depend on: a rule's param, so that an edit reruns what it affects.

    Args:
        module: dotted below ``shelfnet``, such as ``"steps.train"``.

    Raises:
        ValueError: no such module.
    """
    return modules_digest(*needed_modules(module))


def needed_modules(module: str) -> tuple[str, ...]:
    """A module and all of ours that it imports, directly or not, sorted; packages as their ``__init__``.

    What a package holds beside Python, :func:`~shelfnet.provenance.modules_digest` takes with its ``__init__``.

    Raises:
        ValueError: no such module.
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
    return frozenset(found for name in names for found in _modules_behind(name))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node; expressions, most of a syntax tree, are not entered, for nothing imports there."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(node, block, ()):
            yield statement
            yield from _statements(statement)


def _imported_names(node: ast.AST) -> list[str]:
    """What an import statement names, each perhaps a module and perhaps something in one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _modules_behind(name: str) -> list[str]:
    """The modules that importing a name runs: its own and its packages' ``__init__``."""
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
