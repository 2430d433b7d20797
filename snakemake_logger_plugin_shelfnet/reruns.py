"""Why jobs run again although their results exist, in a few lines."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

DIGEST = r"'[0-9a-f]{16}'"
"""A digest of code among params."""

FILES = r"'files [0-9a-f]{16}'"
"""A digest of the names and sizes of the user's data files among params."""

CONSEQUENCE = "their inputs are made again"
"""The cause that follows from the others, which are listed before it."""

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
        yield "their settings have changed"
    if "Updated input files:" in reason or "Set of input files has changed" in reason:
        yield "their input files have changed"
    if "Input files updated by another job" in reason:
        yield CONSEQUENCE
    if "Incomplete output files" in reason:
        yield "they were interrupted"


def _rank(item: tuple[str, Counter[str]]) -> tuple[bool, str]:
    return item[0] == CONSEQUENCE, item[0]


def _listed(rules: Counter[str]) -> str:
    return ", ".join(rule if n == 1 else f"{rule} ({n} jobs)" for rule, n in rules.items())
