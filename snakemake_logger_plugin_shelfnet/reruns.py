"""Why jobs run again although their results exist, in a few lines."""

import ast
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

DIGEST = r"'[0-9a-f]{16}'"
"""A digest of code among params."""

FILES = r"'files [0-9a-f]{16}'"
"""A digest of the names and sizes of the user's data files among params."""

CONSEQUENCE = "their inputs are made again"
"""The cause that follows from the others, which are listed before it."""

SHOWN = 3
"""Largest number of changed settings that are named."""

LONGEST_VALUE = 40
"""Characters of a value that are shown."""

NO_VALUE = r"before:|now:|<nothing exclusive>|[\s,]"


def describe_reruns(jobs: Iterable[tuple[str, str]]) -> str:
    """Which rules run again, by cause; empty if no job has results yet.

    Args:
        jobs: Rule of each job, and the reason that Snakemake gives for it.
    """
    rules: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for rule, reason in jobs:
        if rule != "all":
            for cause in _causes(reason):
                rules[cause][rule] += 1
    lines = [f"  {cause}: {_listed(found)}" for cause, found in sorted(rules.items(), key=_rank)]
    return "\n".join(["These stages have results and run again, because", *lines]) if lines else ""


def _causes(reason: str) -> Iterator[str]:
    """Causes in one of Snakemake's reasons, in plain words."""
    if "Missing output files" in reason:
        return
    reason, _, params = reason.partition("Params have changed since last execution: Union of exclusive params")
    params = params.partition("across all output:")[2]
    if re.search(DIGEST, params):
        yield "their code has changed"
    if re.search(FILES, params):
        yield "the data files have changed"
    if re.sub(f"{DIGEST}|{FILES}|{NO_VALUE}", "", params):
        changes = _changed_settings(params)
        yield "their settings have changed" + (f" ({changes})" if changes else "")
    if "Updated input files:" in reason or "Set of input files has changed" in reason:
        yield "their input files have changed"
    if "Input files updated by another job" in reason:
        yield CONSEQUENCE
    if "Incomplete output files" in reason:
        yield "they were interrupted"


def _changed_settings(params: str) -> str:
    """Names and values of the settings that differ, such as ``iterations: 40 to 50``; empty if they cannot be read."""
    before, _, now = params.partition(" now: ")
    old, new = _settings(before.partition("before: ")[2]), _settings(now)
    if not old or not new:
        return ""
    changes = [
        f"{name}: {before} to {now}"
        for name in sorted(old.keys() | new.keys())
        for before, now in zip_longest(old.get(name, []), new.get(name, []), fillvalue="none")
        if before != now
    ]
    return ", ".join(changes[:SHOWN] + ([f"{len(changes) - SHOWN} more"] if len(changes) > SHOWN else []))


def _settings(values: str) -> dict[str, list[str]]:
    """Values of all settings in params, by name; empty if they cannot be read.

    Params are Python literals; the settings of a stage are one JSON text, in which sections may share names.
    """
    try:
        params = ast.literal_eval(f"[{values}]")
        trees = [json.loads(param) for param in params if isinstance(param, str) and param.startswith(("[", "{"))]
    except (ValueError, SyntaxError):
        return {}
    found: dict[str, list[str]] = {}
    for name, value in (leaf for tree in trees for leaf in _leaves(tree)):
        found.setdefault(name, []).append(value)
    return found


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of the settings in a tree; the sections of a list have no names of their own."""
    if isinstance(tree, list) and tree and all(isinstance(section, dict) for section in tree):
        for section in tree:
            yield from _leaves(section, name)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, f"{name}.{key}" if name else key)
    else:
        text = json.dumps(tree)
        yield name, text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _rank(item: tuple[str, Counter[str]]) -> tuple[bool, str]:
    return item[0] == CONSEQUENCE, item[0]


def _listed(rules: Counter[str]) -> str:
    return ", ".join(rule if n == 1 else f"{rule} ({n} jobs)" for rule, n in rules.items())
