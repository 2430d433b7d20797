"""Checks and times shelfnet on your GPU: one command, a time budget, a report.

    python benchmarks/gpu.py OUTPUT                          # 9 minutes on a CUDA GPU; nothing is downloaded
    python benchmarks/gpu.py OUTPUT --minutes 20 --data build/gpu_data
    python benchmarks/gpu.py OUTPUT --only machine iteration_speed:se3
    python benchmarks/gpu.py OUTPUT --rehearse               # every step at small sizes on a CPU

The report says what the machine is, whether training, prediction, refinement and discovery agree with the CPU, how fast
an iteration of the paper's networks is on each path, where its time goes, and how a training of the paper's sizes goes
for the time that is left. ``benchmarks/gpu_data.py`` renders the images of that training.

OUTPUT receives ``report.json`` and ``report.txt``, rewritten after every step, and samples, curves and weights of the
training. Each step is a process with its own time limit: a step that fails, hangs or crashes costs the others nothing.
The exit status is 1 if a step failed.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from gpu_steps.process import preload, run_in_process
from gpu_steps.report import as_text
from gpu_steps.task import Task

CLOSING_S = 5.0
"""Time kept back at the end, for the report and for processes that are slow to end."""

LEAST_S = 10.0
"""A step with less time than this is skipped: it would not get past its warm-up."""

LOG_LINES = 30


@dataclass(frozen=True)
class Step:
    """A step of the plan.

    Attributes:
        name: Module in ``gpu_steps``.
        cap_s: Most time that it may take.
        subject: Ablation that it is about, if it is about one.
    """

    name: str
    cap_s: float
    subject: str | None = None

    @property
    def title(self) -> str:
        """Name in the report and on the command line."""
        return self.name if self.subject is None else f"{self.name}:{self.subject}"


PLAN = (
    Step("machine", 45),
    Step("iteration_speed", 170, "base"),
    Step("losses", 90),
    Step("acceleration", 75),
    Step("functions", 75),
    Step("kernels", 60),
    Step("refinement_speed", 40),
    Step("iteration_speed", 70, "triplane"),
    Step("iteration_speed", 70, "se3"),
    Step("iteration_speed", 70, "clip"),
)
"""Steps in order: what matters most comes first, in case time runs short."""

TRAINING_SHARE = 0.28
"""Share of the budget that no step before the training may use."""


def main() -> None:
    """Run the plan."""
    options = read_options()
    options.output.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * options.minutes - CLOSING_S
    report: dict[str, Any] = {"minutes": options.minutes, "rehearsal": options.rehearse, "steps": []}
    write_report(options.output, report)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # an exception, so that the running step is ended
    with tempfile.TemporaryDirectory(prefix="shelfnet-gpu-") as scratch:
        preload(Path(scratch), rehearse=options.rehearse)
        steps = plan(options)
        for step in steps:
            trains_later = steps[-1].name == "training" and step is not steps[-1]
            kept_back = 60 * options.minutes * TRAINING_SHARE if trains_later else 0.0
            cap_s = float("inf") if options.rehearse else step.cap_s  # a busy CPU must not end a rehearsal
            entry = run_step(step, min(cap_s, deadline - time.monotonic() - kept_back), options, Path(scratch))
            report["steps"].append(entry)
            write_report(options.output, report)
            print(f"{step.title}: {entry['status']} in {entry['seconds']:.0f} s", flush=True)
    print((options.output / "report.txt").read_text())
    sys.exit(any(each["status"] not in ("passed", "skipped") for each in report["steps"]))


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder for report, samples and weights")
    parser.add_argument("--minutes", type=float, default=9.0, help="time for everything (9)")
    parser.add_argument("--data", type=Path, help="folder that gpu_data.py wrote; without it, training sees discs")
    titles = [step.title for step in PLAN] + ["training"]
    parser.add_argument("--only", nargs="+", choices=titles, metavar="STEP", help=f"some of: {', '.join(titles)}")
    parser.add_argument("--rehearse", action="store_true", help="small sizes on the CPU")
    options = parser.parse_args()
    if options.data is not None and not options.data.is_dir():
        parser.error(f"{options.data}: no such folder; make it with: python benchmarks/gpu_data.py {options.data}")
    return options


def plan(options: argparse.Namespace) -> list[Step]:
    """Steps in order, the training last, or those of them that are asked for."""
    steps = [*PLAN, Step("training", 60 * options.minutes)]
    return [step for step in steps if not options.only or step.title in options.only]


def run_step(step: Step, seconds: float, options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Run a step in a process of its own and collect what it recorded, however it ended."""
    entry: dict[str, Any] = {"step": step.name, "subject": step.subject, "cap_s": round(seconds, 1)}
    if seconds < LEAST_S:
        return {**entry, "status": "skipped", "seconds": 0.0, "results": {}}
    stem = step.title.replace(":", "-")
    results, log = scratch / f"{stem}.json", scratch / f"{stem}.log"
    task = Task(
        step=step.name,
        subject=step.subject,
        rehearse=options.rehearse,
        data=None if options.data is None else options.data.resolve(),
        output=options.output.resolve(),
        scratch=scratch,
        results=results,
        report=options.output.resolve() / "report.json",
        seconds=seconds,
    )
    began = time.monotonic()
    status = run_in_process(task, log)
    recorded = json.loads(results.read_text()) if results.exists() else {}
    entry |= {"status": status, "seconds": round(time.monotonic() - began, 1), "results": recorded}
    if status != "passed":
        entry["log"] = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
    return entry


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Write both forms of the report; each file is complete at any time."""
    for name, text in (("report.json", json.dumps(report, indent=1)), ("report.txt", as_text(report))):
        temporary = folder / f"{name}.partial"
        temporary.write_text(text)
        temporary.replace(folder / name)


if __name__ == "__main__":
    main()
