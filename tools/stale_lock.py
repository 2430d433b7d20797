"""Remove a lock that a killed run of Snakemake left in the working directory, or say what to do about it.

Snakemake removes its lock when a run ends, but a run that is killed (a lost terminal, a power failure) leaves it, and
the same command then stops. A lock is stale if its run was started on this machine and no process of a run is left in
this directory. Jobs can outlive a killed Snakemake, so that they count too. Without a lock, nothing happens.

Exits with 1 if the lock may belong to a run.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

LOCKS, LOGS = Path(".snakemake/locks"), Path(".snakemake/log")
PROCESSES = Path("/proc")
HOST = re.compile(r"^\s*Host: (\S+)$", re.MULTILINE)
HEAD_BYTES = 64 * 1024
"""The log names the host in its first lines."""
SHOWN_CHARACTERS = 120


def has_lock() -> bool:
    """Return whether Snakemake's lock is in the working directory."""
    return any(LOCKS.glob("*.lock"))


def hosts_of_locks() -> set[str]:
    """Return the machines whose runs wrote the locks: of each lock, that of the last run started before it."""
    return {_host(path.stat().st_mtime) for path in LOCKS.glob("*.lock")}


def runs_here() -> dict[int, str]:
    """Return the command lines of Snakemake and its jobs in the working directory, by process id.

    A process whose directory this user may not see counts, since it may be a run here.
    """
    here = Path.cwd()
    found = {pid: command for pid, command in _commands() if "snakemake" in command and _is_in(pid, here)}
    return {pid: command for pid, command in found.items() if pid not in _ancestors()}


def problem() -> str | None:
    """Return why the lock may belong to a run, and what to do; ``None`` if it is stale."""
    unlock = f"{sys.executable} -m snakemake --unlock"
    others = hosts_of_locks() - {socket.gethostname()}
    if others or not PROCESSES.is_dir():
        where = " and ".join(sorted(others)) or "this machine"
        return f"a run on {where} holds the lock. If no such run is left, type\n    {unlock}"
    runs = runs_here()
    if not runs:
        return None
    lines = "".join(f"    {pid}  {command[:SHOWN_CHARACTERS]}\n" for pid, command in sorted(runs.items()))
    kill = f"kill {' '.join(map(str, sorted(runs)))}"
    return f"a run is in progress here:\n{lines}Wait for it, or end it with `{kill}`, then repeat the command"


def main() -> None:
    """Remove a stale lock; explain any other one."""
    if not has_lock():
        return
    reason = problem()
    if reason is not None:
        sys.exit(f"lock: {Path.cwd()} is locked: {reason}")
    print("lock: the last run here was killed and left a lock; removing it", file=sys.stderr)
    sys.exit(subprocess.run([sys.executable, "-m", "snakemake", "--unlock", "--quiet"], check=False).returncode)


def _host(locked_s: float) -> str:
    """Machine of the last run that started before this time, as its log says."""
    locked = datetime.fromtimestamp(locked_s).strftime("%Y-%m-%dT%H%M%S.%f")  # as in the names of the logs
    logs = [path for path in sorted(LOGS.glob("*.snakemake.log")) if path.name <= locked]
    if not logs:
        return "an unknown machine"
    with logs[-1].open("rb") as stream:
        found = HOST.search(stream.read(HEAD_BYTES).decode(errors="replace"))
    return found[1] if found else "an unknown machine"


def _commands() -> Iterator[tuple[int, str]]:
    for folder in PROCESSES.glob("[0-9]*"):
        try:
            yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # the process has just ended
            continue


def _is_in(pid: int, folder: Path) -> bool:
    try:
        return (PROCESSES / str(pid) / "cwd").readlink() == folder
    except PermissionError:
        return True
    except OSError:
        return False


def _ancestors() -> set[int]:
    """Process ids of this process and those that started it, such as a shell with Snakemake in its command line."""
    found, pid = set(), os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        status = (PROCESSES / str(pid) / "status").read_text()
        pid = int(re.findall(r"^PPid:\s*(\d+)", status, re.MULTILINE)[0])
    return found


if __name__ == "__main__":
    main()
