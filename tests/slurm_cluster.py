"""A Slurm cluster of one node on this machine, with its own ports, sockets and folder, for the user who starts it."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun")
START_S, STOP_S = 60.0, 30.0

CONFIGURATION = """\
ClusterName=shelfnet-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={requeue_wait_s}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
MpiDefault=none
MailProg=/bin/true
KillWait=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 Port={node_port} CPUs=32 RealMemory=140000 State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES MaxTime=UNLIMITED State=UP
"""
"""Contents of slurm.conf; the node is declared large enough for two jobs of the profile."""


class NoClusterError(RuntimeError):
    """No cluster can be started here; the message says why."""


@contextmanager
def slurm_cluster(folder: Path, requeue_wait_s: int = 10) -> Iterator[dict[str, str]]:
    """Run a cluster; all of its jobs and daemons have ended afterwards.

    Args:
        folder: Folder with a short path, since the path of a socket has at most 107 bytes.
        requeue_wait_s: Lifetime of credentials in seconds; a requeued job waits at least this long.

    Yields:
        Environment variables with which Slurm's commands use this cluster.

    Raises:
        NoClusterError: A program is missing, or a daemon does not start.
    """
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        raise NoClusterError(f"{', '.join(missing)} not found (Debian: apt-get install slurm-wlm munge)")
    environment = {"PATH": f"{folder}{os.pathsep}{path}", "SLURM_CONF": str(folder / "slurm.conf")}
    srun = folder / "srun"  # Snakemake's plugin removes SLURM_CONF from the environment of a job
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun", path=path)} "$@"\n')
    srun.chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host = socket.gethostname().partition(".")[0]
    controller_port, node_port = _free_ports(2)
    text = CONFIGURATION.format_map(locals() | {"user": getpass.getuser()})
    (folder / "slurm.conf").write_text(text)
    munge_files = {
        "key-file": "munge.key",
        "pid-file": "munged.pid",
        "seed-file": "munged.seed",
        "log-file": "munged.log",
    }
    munge = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket"]
    munge += [f"--{option}={folder / name}" for option, name in munge_files.items()]

    def answers(*command: str) -> str:
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
        return done.stdout

    with ExitStack() as stack:
        _start(stack, folder, environment, munge, lambda: (folder / "munge.socket").is_socket())
        _start(stack, folder, environment, ["slurmctld", "-D"], lambda: "UP" in answers("scontrol", "ping"))
        _start(stack, folder, environment, ["slurmd", "-D"], lambda: answers("sinfo", "-h", "-o", "%T") == "idle\n")
        try:
            yield environment
        finally:
            answers("scancel", f"--user={getpass.getuser()}")
            _wait(lambda: not answers("squeue", "--noheader"), STOP_S)


def _start(
    stack: ExitStack, folder: Path, environment: dict[str, str], command: list[str], is_up: Callable[[], bool]
) -> None:
    """Start a daemon, which ends with the stack, and wait until it works."""
    with (folder / f"{command[0]}.out").open("wb") as output:
        daemon = subprocess.Popen(
            command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    stack.callback(_stop, daemon)
    if not _wait(lambda: daemon.poll() is not None or is_up(), START_S) or daemon.poll() is not None:
        said = "".join(path.read_text(errors="replace") for path in sorted(folder.glob(f"{command[0]}.[lo]*")))
        raise NoClusterError(f"{command[0]} does not start: {said[-2000:]}")


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(STOP_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _wait(is_true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
