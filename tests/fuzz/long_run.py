"""Read many damaged Parquet files, more than a test has time for.

``python -m tests.fuzz.long_run 100000`` reads this number of files, in turn of every kind, and prints the outcomes.
Files that break a rule are kept in a temporary folder, which is printed. ``--seed`` gives other files.
"""

import argparse
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from shelfnet.isolation import IsolatedWorker, WorkerFailedError
from tests.fuzz import seeds
from tests.fuzz.parquet_files import damage_parquet, rewritten
from tests.fuzz.subjects import SUBJECTS, Case, make_judge

SOUND = {
    "shard": seeds.shard,
    "surfaces": seeds.surface_shard,
    "catalogue": seeds.models,
    "tags": seeds.tags,
    "photographs": seeds.photographs,
    "predictions": seeds.predicted,
    "views": seeds.views,
    "curves": seeds.metrics,
}
"""A valid file of every kind."""

BATCH = 200
"""Files that a child process reads before it reports."""

TIMEOUT_S = 120.0
MEMORY_MB = 1500


@dataclass(frozen=True)
class Batch:
    """Numbers of the damaged files of one kind that a child process makes and reads."""

    kind: str
    seed: int
    numbers: range


@dataclass(frozen=True)
class Outcomes:
    """Number of files by outcome, and the files that broke a rule."""

    counts: Counter[str]
    broken: dict[int, str]


def make_reader(root: Path) -> Callable[[Batch], Outcomes]:
    """The function that a child process applies to each batch; the file ``number`` tells how far it is."""
    logging.disable()
    judge = make_judge(root)
    sound = {kind: make() for kind, make in SOUND.items()}
    files = {kind: [content] if kind == "surfaces" else rewritten(content) for kind, content in sound.items()}
    for kind in SOUND:
        (root / kind).mkdir(exist_ok=True)

    def read(batch: Batch) -> Outcomes:
        path = root / batch.kind / SUBJECTS[batch.kind].file_name
        outcomes = Outcomes(Counter(), {})
        for number in batch.numbers:
            (root / "number").write_text(str(number))
            originals = files[batch.kind]
            generator = np.random.default_rng([batch.seed, number])
            path.write_bytes(damage_parquet(originals[number % len(originals)], generator))
            try:
                outcomes.counts[judge(Case(batch.kind, path))] += 1
            except Exception as error:  # any exception but a refusal breaks a rule
                outcomes.broken[number] = f"{type(error).__name__}: {error}"
                path.rename(root / f"{batch.kind}-{batch.seed}-{number}.parquet")
        return outcomes

    return read


def run(cases: int, seed: int, kinds: tuple[str, ...], root: Path) -> tuple[dict[str, Counter[str]], list[str]]:
    """Outcomes by kind, and the broken rules."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    broken: list[str] = []
    share = -(-cases // len(kinds))
    with IsolatedWorker(partial(make_reader, root), timeout_s=TIMEOUT_S, memory_mb=MEMORY_MB) as worker:
        for start in range(0, share, BATCH):
            for kind in kinds:
                rest = range(start, min(start + BATCH, share))
                while rest:
                    try:
                        found = worker.run(Batch(kind, seed, rest))
                    except WorkerFailedError as error:
                        rest = _after_crash(rest, kind, seed, error, root, counts, broken)
                        continue
                    counts[kind] += found.counts
                    broken += [f"{kind} {number}: {fault}" for number, fault in found.broken.items()]
                    rest = rest[:0]
    return counts, broken


def _after_crash(
    rest: range,
    kind: str,
    seed: int,
    error: WorkerFailedError,
    root: Path,
    counts: dict[str, Counter[str]],
    broken: list[str],
) -> range:
    """Count the file that ended the child process, and return the numbers from which the rest is read again."""
    number = int((root / "number").read_text())
    counts[kind][f"contained: {error}" if SUBJECTS[kind].isolated else str(error)] += 1
    if not SUBJECTS[kind].isolated:
        broken.append(f"{kind} {number}: {error}")
        (root / kind / SUBJECTS[kind].file_name).rename(root / f"{kind}-{seed}-{number}.parquet")
    return rest[rest.index(number) + 1 :]


def main() -> int:
    """Read files as the command line says; 1 if one of them broke a rule."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=tuple(SOUND), help="kind of the files; repeatable")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="shelfnet-fuzz-"))
    started = time.monotonic()
    counts, broken = run(arguments.cases, arguments.seed, tuple(arguments.kind or SOUND), root)
    for kind, outcomes in counts.items():
        print(f"{kind}: {dict(outcomes)}")
    print(
        f"{arguments.cases} files in {time.monotonic() - started:.0f} s; broken rules, files kept in {root}: {broken}"
    )
    return int(bool(broken))


if __name__ == "__main__":
    raise SystemExit(main())
