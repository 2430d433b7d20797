"""Damaged files of every kind are either read or refused with a reason.

A case is reproduced by its kind, number and seed, which a failure reports together with the file.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from shelfnet.isolation import IsolatedWorker, WorkerFailedError
from tests.fuzz import seeds
from tests.fuzz.mutations import BYTES, JSON, PNG, TEXT, mutate
from tests.fuzz.parquet_files import damage_parquet, rewritten
from tests.fuzz.subjects import SUBJECTS, Case, make_judge
from tests.fuzz.tables import damage_table

SEED = 20
CASE_TIMEOUT_S = 20.0
MEMORY_MB = 1500


@dataclass(frozen=True)
class Plan:
    """Number of files of a kind, their valid originals, and their mutations."""

    cases: int
    sound: Callable[[], list[bytes]]
    damage: Callable[[bytes, np.random.Generator], bytes]


def _damage_table_file(content: bytes, generator: np.random.Generator) -> bytes:
    damage = (damage_table, damage_table, damage_parquet, damage_parquet, _damage(BYTES))
    return damage[int(generator.integers(len(damage)))](content, generator)


def _damage(mutations) -> Callable[[bytes, np.random.Generator], bytes]:
    return lambda content, generator: mutate(content, mutations, generator)


PLANS = {
    "obj": Plan(700, lambda: [seeds.OBJ], _damage(TEXT)),
    "mtl": Plan(300, lambda: [seeds.MTL], _damage(TEXT)),
    "model_info": Plan(300, lambda: [seeds.INFO], _damage(JSON)),
    "texture": Plan(250, seeds.png_files, _damage(PNG)),
    "image": Plan(250, seeds.png_files, _damage(PNG)),
    "shard": Plan(200, lambda: rewritten(seeds.shard()), _damage_table_file),
    "surfaces": Plan(150, lambda: [seeds.surface_shard()], _damage_table_file),
    "catalogue": Plan(150, lambda: rewritten(seeds.models()), _damage_table_file),
    "tags": Plan(150, lambda: rewritten(seeds.tags()), _damage_table_file),
    "photographs": Plan(150, lambda: rewritten(seeds.photographs()), _damage_table_file),
    "predictions": Plan(150, lambda: rewritten(seeds.predicted()), _damage_table_file),
    "views": Plan(100, lambda: rewritten(seeds.views()), _damage_table_file),
    "curves": Plan(100, lambda: rewritten(seeds.metrics()), _damage_table_file),
}


def test_enough_cases():
    assert set(PLANS) == set(SUBJECTS)
    assert sum(plan.cases for plan in PLANS.values()) >= 2_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def judge(folder):
    with IsolatedWorker(partial(make_judge, folder), timeout_s=CASE_TIMEOUT_S, memory_mb=MEMORY_MB) as worker:
        yield worker.run


@pytest.mark.parametrize("kind", PLANS)
def test_damaged_file_read_or_refused(kind, judge, folder):
    plan = PLANS[kind]
    sound = plan.sound()
    path = folder / kind / "model" / SUBJECTS[kind].file_name
    path.parent.mkdir(parents=True)
    path.with_name("texture.png").write_bytes(seeds.png_files()[0])
    outcomes: Counter[str] = Counter()
    for content in sound:
        path.write_bytes(content)
        assert judge(Case(kind, path)) == "accepted", "the sound file"
    for case in range(plan.cases):
        generator = np.random.default_rng([SEED, case])
        path.write_bytes(plan.damage(sound[case % len(sound)], generator))
        outcomes[_judged(judge, kind, path, case)] += 1
    print(f"{kind}: {dict(outcomes)} of {plan.cases} cases, seed {SEED}")
    assert set(outcomes) == ({"accepted"} if kind == "mtl" else {"accepted", "refused"})
    assert {entry.name for entry in folder.iterdir()} <= set(PLANS)
    assert [entry.name for entry in path.parents[1].iterdir()] == ["model"]


def _judged(judge, kind: str, path: Path, case: int) -> str:
    try:
        return judge(Case(kind, path))
    except Exception as error:
        if SUBJECTS[kind].isolated and isinstance(error, WorkerFailedError):
            return "refused"
        kept = path.rename(path.parents[2] / f"failing-{kind}-seed{SEED}-case{case}{path.suffix}")
        pytest.fail(f"case {case} of {kind}, seed {SEED}, kept as {kept}: {type(error).__name__}: {error}")
