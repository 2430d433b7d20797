import pytest

from snakemake_logger_plugin_shelfnet.reruns import describe_reruns

PARAMS = "Params have changed since last execution: Union of exclusive params before and now across all output: "
CODE = PARAMS + "before: '2398762c94d5029c' now: 'b3ee6b3f8d90aa21' "
SETTINGS = PARAMS + """before: '{"mask": 1.0}','{"seed": 0}' now: '{"mask": 3.0}','{"seed": 0, "more": ", "}' """
FILES = PARAMS + "before: 'files 2398762c94d5029c' now: 'files b3ee6b3f8d90aa21' "


@pytest.mark.parametrize(
    ("reason", "causes"),
    [
        ("Missing output files: a.csv; Input files updated by another job: b.csv", []),
        (CODE, ["their code has changed"]),
        (SETTINGS, ["their settings have changed"]),
        (PARAMS + "before: 4 now: <nothing exclusive> ", ["their settings have changed"]),
        (FILES, ["the data files have changed"]),
        (SETTINGS + CODE, ["their code has changed", "their settings have changed"]),
        ("Updated input files: a.csv", ["their input files have changed"]),
        ("Input files updated by another job: a.csv", ["their inputs are made again"]),
        ("Incomplete output files: a.csv; " + CODE, ["their code has changed", "they were interrupted"]),
    ],
)
def test_reasons_are_told_in_plain_words(reason: str, causes: list[str]):
    assert describe_reruns([("train", reason)]).splitlines()[1:] == [f"  {cause}: train" for cause in causes]


def test_jobs_of_a_rule_are_counted():
    again = "Input files updated by another job: a.csv"
    text = describe_reruns(
        [("stage_dataset", CODE), ("train", again), ("refine", again), ("train", again), ("all", again)]
    )
    assert text.splitlines() == [
        "These stages have results and run again, because",
        "  their code has changed: stage_dataset",
        "  their inputs are made again: train (2 jobs), refine",
    ]
