"""Runs Snakemake in forks of a process that has imported it: a dry run takes a fraction of a second instead of seconds.

Each line of standard input is a command in JSON: ``arguments``, ``folder``, ``environment`` and the file ``output``,
which receives standard output and error. The answer is a line with the exit status.
"""

import json
import os
import sys

from snakemake.cli import main, parse_args

from shelfnet.config import load, place, stage_inputs  # noqa: F401 - what the Snakefile imports
from shelfnet.dependencies import needed_modules
from shelfnet.provenance import PACKAGE


def warm_up() -> None:
    """Load Snakemake's plugins, and read the imports of all steps."""
    parse_args([])
    for step in (PACKAGE / "steps").glob("*.py"):
        needed_modules(f"steps.{step.stem}")


def become(command: dict) -> None:
    """Give this process the folder, environment and files of a command."""
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.path[0] = command["folder"]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    output = os.open(command["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.argv = ["snakemake", *command["arguments"]]


def serve() -> None:
    """Answer commands; returns in every fork, which then is a Snakemake of its own."""
    for line in sys.stdin:
        command = json.loads(line)
        process = os.fork()
        if process == 0:
            return become(command)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    sys.exit()


if __name__ == "__main__":
    warm_up()
    serve()
    main(sys.argv[1:])
