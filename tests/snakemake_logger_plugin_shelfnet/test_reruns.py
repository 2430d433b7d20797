import pytest

from snakemake_logger_plugin_shelfnet.reruns import describe_reruns

PARAMS = "Params have changed since last execution: Union of exclusive params before and now across all output: "
CODE = PARAMS + "before: '2398762c94d5029c' now: 'b3ee6b3f8d90aa21' "
SETTINGS = PARAMS + """before: '{"mask": 1.0}','{"seed": 0}' now: '{"mask": 3.0}','{"seed": 0, "more": ", "}' """
BOTH = SETTINGS.replace("before: ", "before: '2398762c94d5029c',").replace("now: ", "now: 'b3ee6b3f8d90aa21',")
CHANGED = """their settings have changed (mask: 1.0 to 3.0, more: none to ", ")"""
FILES = PARAMS + "before: 'files 2398762c94d5029c' now: 'files b3ee6b3f8d90aa21' "


@pytest.mark.parametrize(
    ("reason", "causes"),
    [
        ("Missing output files: a.csv; Input files updated by another job: b.csv", []),
        (CODE, ["their code has changed"]),
        (SETTINGS, [CHANGED]),
        (PARAMS + "before: 4 now: <nothing exclusive> ", ["their settings have changed"]),
        (FILES, ["the data files have changed"]),
        (BOTH, ["their code has changed", CHANGED]),
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


def test_changed_settings_are_named_by_their_place_and_shortened():
    before = """'[{"weights": {"mask": 50, "rgb": 10}, "seeds": [0, 1]}, {"level": 0.2}]',''"""
    now = """'[{"weights": {"mask": 5, "rgb": 10}, "seeds": [0], "name": "%s"}, {"level": 0.3}]',''""" % ("x" * 90)
    (_, line) = describe_reruns([("refine", PARAMS + f"before: {before} now: {now} ")]).splitlines()
    assert line.startswith('  their settings have changed (level: 0.2 to 0.3, name: none to "xxx')
    assert line.endswith("…, seeds: [0, 1] to [0], 1 more): refine") and len(line) < 150


def test_a_setting_is_named_where_two_sections_share_its_name():
    before, now = (f"""'[{{"max_faces": {faces}}}, {{"max_faces": 20}}]'""" for faces in (10, 15))
    (_, line) = describe_reruns([("refine", PARAMS + f"before: {before} now: {now} ")]).splitlines()
    assert line == "  their settings have changed (max_faces: 10 to 15): refine"
