"""Write the lock files and ``envs/*.yaml`` from the requirements in pyproject.toml and the installed versions.

``python tools/pin.py`` writes what is out of date; ``python tools/pin.py --check`` reports it and fails.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
SLURM_LOCK = ROOT / "requirements-slurm.lock"
LOCKED = ("train", "sources", "render", "report", "tracking", "workflow", "demo", "test", "docs")
ENVIRONMENTS = {
    "render": ("render", "sources"),
    "train": ("train",),
    "report": ("train", "render", "report", "tracking"),
}
LOCK_HEADS = {
    LOCK: "# Everything that `make` installs, for CPython 3.11 on Linux x86_64. Written by tools/pin.py.\n",
    SLURM_LOCK: "# Installed beside requirements.lock, with pip install --no-deps. Hashes written by tools/pin.py.\n",
}
ENVIRONMENT_HEAD = "# The pins of requirements.lock that this stage needs. Written by tools/pin.py.\n"


def direct_requirements(extras: Iterable[str]) -> list[Requirement]:
    """Return the requirements in pyproject.toml: the core ones and those of some extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return [Requirement(line) for group in groups for line in group]


def pins(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Return the installed version of every package that the requirements need, transitively.

    Raises:
        SystemExit: A package is missing or has a version that a requirement excludes.
    """
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    pending = [(requirement, "") for requirement in requirements]
    while pending:
        requirement, wanted_by_extra = pending.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": wanted_by_extra}):
            continue
        try:
            package = distribution(requirement.name)
        except PackageNotFoundError:
            raise SystemExit(f"{requirement}: needed, but not installed") from None
        if not requirement.specifier.contains(package.version, prereleases=True):
            raise SystemExit(f"{requirement}: installed is {package.version}")
        found[canonicalize_name(requirement.name)] = package.version
        for extra in {"", *requirement.extras}:
            if (requirement.name, extra) not in seen:
                seen.add((requirement.name, extra))
                pending += [(Requirement(line), extra) for line in package.requires or ()]
    return dict(sorted(found.items()))


def read_lock(path: Path) -> dict[str, str]:
    """Return the pinned version of every package that a lock file lists with at least one hash."""
    return dict(re.findall(r"^([\w.-]+)==(\S+) \\\n    --hash=sha256:", path.read_text(), re.MULTILINE))


def lock_text(path: Path, pinned: Mapping[str, str]) -> str:
    """Return the text of a lock file: every pin with the hashes of all files of its release, from the registry."""
    lines = "".join(f"{name}=={version}\n" for name, version in pinned.items())
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--no-deps", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--python-version", "3.11"]
    done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True)
    return LOCK_HEADS[path] + done.stdout


def environment_text(name: str) -> str:
    """Return the text of a conda environment: Python from conda, the pinned packages from pip."""
    needed = pins(direct_requirements(ENVIRONMENTS[name]))
    lines = "".join(f"      - {package}=={version}\n" for package, version in needed.items())
    head = f"{ENVIRONMENT_HEAD}name: shelfnet-{name}\nchannels:\n  - conda-forge\n  - nodefaults\n"
    return f"{head}dependencies:\n  - python=3.11\n  - pip\n  - pip:\n{lines}"


def stale_locks() -> dict[Path, dict[str, str]]:
    """Return the pins of each lock file that lacks a pin or a hash; needs no network."""
    slurm = dict(re.findall(r"^([\w.-]+)==(\S+)", SLURM_LOCK.read_text(), re.MULTILINE))
    wanted = {LOCK: pins([*direct_requirements(LOCKED), Requirement("setuptools")]), SLURM_LOCK: slurm}
    return {path: pinned for path, pinned in wanted.items() if read_lock(path) != pinned}


def stale_environments() -> dict[Path, str]:
    """Return the text of each conda environment that differs from its file."""
    texts = {ROOT / "envs" / f"{name}.yaml": environment_text(name) for name in ENVIRONMENTS}
    return {path: text for path, text in texts.items() if path.read_text() != text}


def main() -> None:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="report stale files and fail; write nothing")
    check = parser.parse_args().check
    locks, environments = stale_locks(), stale_environments()
    if not check:
        environments |= {path: lock_text(path, pinned) for path, pinned in locks.items()}
        for path, text in environments.items():
            path.write_text(text)
    for path in sorted({*locks, *environments}):
        print(f"{path.relative_to(ROOT)}: {'differs from what is installed' if check else 'written'}")
    sys.exit(1 if check and (locks or environments) else 0)


if __name__ == "__main__":
    main()
