import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_shelfnet import LogHandler
from snakemake_logger_plugin_shelfnet.time_left import OTHER_SECONDS, TYPICAL_SECONDS


def test_snakemake_finds_the_plugin_in_any_folder(tmp_path):
    find = (
        "from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry as R; R().get_plugin('shelfnet')"
    )
    subprocess.run([sys.executable, "-c", find], cwd=tmp_path, check=True)


def output_settings(**changes) -> SimpleNamespace:
    """Snakemake's settings of the terminal output."""
    plain = {"printshellcmds": False, "nocolor": True, "quiet": set(), "debug_dag": False, "verbose": False}
    return SimpleNamespace(**plain | {"show_failed_logs": False, "stdout": True, "dryrun": False} | changes)


def record(message: str, level: int = logging.INFO, **fields) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "levelno": level, "levelname": logging.getLevelName(level)})
    made.__dict__.update(fields)
    return made


def job_info(job: int, rule: str, message: str | None) -> logging.LogRecord:
    return record("", event=LogEvent.JOB_INFO, jobid=job, rule_name=rule, rule_msg=message)


@pytest.fixture
def emitted(capsys):
    """Emit records and return the lines without the time of day."""

    def emit(*records: logging.LogRecord, **changes) -> list[str]:
        handler = LogHandler(output_settings(**changes), None)
        for one in records:
            handler.emit(one)
        return [line[10:] for line in capsys.readouterr().out.splitlines()]

    return emit


STATS = record("Job stats:", event=LogEvent.RUN_INFO, stats={"train": 2, "all": 1, "total": 3})


def test_a_job_has_one_line_with_its_message_and_the_progress(emitted):
    finished = record("Finished jobid: 7", event=LogEvent.JOB_FINISHED, job_id=7)
    lines = emitted(STATS, job_info(7, "train", "Training base, seed 0"), finished, job_info(8, "train", None))
    train = TYPICAL_SECONDS["train"]
    assert [" ".join(line.split()) for line in lines] == [
        "0 % 3 jobs to run",
        "0 % Training base, seed 0",
        f"{100 * train / (2 * train + OTHER_SECONDS):.0f} %, 1 min left train",
    ]


def test_prose_of_the_scheduler_is_not_shown(emitted):
    prose = [record(text) for text in ("Building DAG of jobs...", "Select jobs to execute...", "Execute 1 jobs...")]
    assert emitted(*prose, record("", event=LogEvent.PROGRESS, done=1, total=3)) == []


def test_a_failed_job_names_its_log(emitted):
    failed = record("Error in rule", logging.ERROR, event=LogEvent.JOB_ERROR, jobid=7, rule_name="train", log=["a.log"])
    lines = emitted(STATS, job_info(7, "train", "Training base, seed 0"), failed)
    assert lines[-1].endswith("FAILED: Training base, seed 0; see a.log")


def test_warnings_and_errors_are_shown(capsys):
    handler = LogHandler(output_settings(), None)
    handler.emit(record("a rule claims more threads", logging.WARNING))
    handler.emit(record("the folder is locked", logging.ERROR, event=LogEvent.ERROR))
    assert capsys.readouterr().out.count("\n") >= 2


def test_dry_runs_print_snakemakes_own_lines(capsys):
    LogHandler(output_settings(dryrun=True), None).emit(record("Building DAG of jobs..."))
    assert "Building DAG of jobs" in capsys.readouterr().out
