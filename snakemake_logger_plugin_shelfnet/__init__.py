"""Terminal output of the workflow: one line per job, with the progress of the run and the time left.

Snakemake finds this package by its name; the profiles in ``workflow/profiles`` name it as their logger. Dry runs,
``--verbose`` and ``--debug-dag`` print Snakemake's own lines, which are all in the log in ``.snakemake/log``.
"""

import logging
import sys
import time
from typing import Any

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import OutputSettingsLoggerInterface

from snakemake_logger_plugin_shelfnet.reruns import describe_reruns
from snakemake_logger_plugin_shelfnet.time_left import TimeLeft

SHOWN_MESSAGES = ("Nothing to be done", "Complete log", "Unlock")
"""Beginnings of Snakemake's messages at level INFO that are shown."""

END_OF_DRY_RUN = "This was a dry-run"
"""Beginning of Snakemake's last message of a dry run."""


class LogHandler(LogHandlerBase):
    """Handler that Snakemake instantiates."""

    def __post_init__(self) -> None:
        """Set up the handler, after its constructor has stored the settings."""
        self.stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self.plain = _plain_handler(self.common_settings)
        self.progress = TimeLeft({})
        self.messages: dict[int, str] = {}
        self.reasons: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, or nothing."""
        settings = self.common_settings
        fields: Any = record  # Snakemake adds attributes to its records
        if settings.dryrun or settings.verbose or settings.debug_dag or settings.quiet:
            if settings.dryrun and getattr(record, "event", None) == LogEvent.JOB_INFO:
                self.reasons.append((fields.rule_name, fields.reason))
            elif record.getMessage().startswith(END_OF_DRY_RUN) and (text := describe_reruns(self.reasons)):
                self.plain.handle(logging.makeLogRecord(record.__dict__ | {"msg": text + "\n", "args": ()}))
            self.plain.handle(record)
            return
        match getattr(record, "event", None):
            case LogEvent.RUN_INFO:
                self.progress = TimeLeft({rule: n for rule, n in fields.stats.items() if rule != "total"})
                self._print(f"{self.progress.total} jobs to run")
            case LogEvent.JOB_INFO:
                self.progress.start(fields.jobid, fields.rule_name)
                self.messages[fields.jobid] = fields.rule_msg or fields.rule_name
                self._print(self.messages[fields.jobid])
            case LogEvent.JOB_FINISHED:
                self.progress.finish(fields.job_id)
                if self.progress.finished == self.progress.total:
                    self._print("all jobs have finished")
            case LogEvent.JOB_ERROR:
                self.progress.fail(fields.jobid)
                logs = "".join(f"; see {path}" for path in fields.log or [])
                self._print(f"FAILED: {self.messages.get(fields.jobid, fields.rule_name)}{logs}")
            case None if record.levelno >= logging.WARNING or record.getMessage().startswith(SHOWN_MESSAGES):
                self.plain.handle(record)
            case LogEvent.ERROR | LogEvent.GROUP_ERROR:
                self.plain.handle(record)

    def close(self) -> None:
        """Release the handler."""
        self.plain.close()
        super().close()

    def _print(self, text: str) -> None:
        left = None if self.progress.finished == self.progress.total else self.progress.seconds
        shown = "" if left is None else f", {_duration(left)} left"
        state = f"{100 * self.progress.fraction:3.0f} %{shown}"
        print(f"{time.strftime('%H:%M:%S')}  {state:<20}  {text}", file=self.stream, flush=True)

    @property
    def writes_to_stream(self) -> bool:
        """Whether the terminal is written to."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether a file is written to."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether records are chosen here."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Whether records are formatted here."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Whether the graph of the rules is needed."""
        return False


def _plain_handler(settings: OutputSettingsLoggerInterface) -> logging.Handler:
    """Snakemake's own handler of the terminal."""
    handler = ColorizingTextHandler(settings.nocolor, sys.stdout if settings.stdout else sys.stderr)
    handler.addFilter(
        DefaultFilter(
            settings.quiet,
            settings.debug_dag,
            settings.verbose,
            settings.dryrun,
            getattr(settings, "printshellcmds", False),
        )
    )
    handler.setFormatter(DefaultFormatter(settings.quiet, settings.show_failed_logs))
    return handler


def _duration(seconds: float) -> str:
    """A duration in words, coarse enough to be an estimate."""
    minutes = max(round(seconds / 60), 1)
    return f"{minutes} min" if minutes < 100 else f"{round(minutes / 60)} h"
