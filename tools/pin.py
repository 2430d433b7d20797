"""Write ``requirements.lock`` and ``envs/*.yaml`` from what pyproject.toml asks for and what is installed.

``python tools/pin.py`` writes them; ``python tools/pin.py --check`` only compares and fails where they differ.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKED = ("train", "sources", "render", "report", "tracking", "workflow", "test")
ENVIRONMENTS = {
    "render": ("render", "sources"),
    "train": ("train",),
    "report": ("train", "render", "report", "tracking"),
}
LOCK_HEAD = "# Everything that `make` installs, for CPython 3.11 on Linux x86_64. Written by tools/pin.py.\n"
ENVIRONMENT_HEAD = "# The pins of requirements.lock that this stage needs. Written by tools/pin.py.\n"


def direct_requirements(extras: Iterable[str]) -> list[Requirement]:
    """What pyproject.toml asks for: the core and some extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return [Requirement(line) for group in groups for line in group]


def pins(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Name and installed version of everything that requirements need, transitively.

    Raises:
        SystemExit: something needed is not installed.
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


def lock_text() -> str:
    """The lock file: every pin of every extra."""
    needed = pins([*direct_requirements(LOCKED), Requirement("setuptools")])
    return LOCK_HEAD + "".join(f"{name}=={version}\n" for name, version in needed.items())


def environment_text(name: str) -> str:
    """One conda environment: Python from conda, the pins from pip."""
    lines = "".join(f"      - {pin}=={version}\n" for pin, version in pins(_environment_needs(name)).items())
    head = f"{ENVIRONMENT_HEAD}name: shelfnet-{name}\nchannels:\n  - conda-forge\n  - nodefaults\n"
    return f"{head}dependencies:\n  - python=3.11\n  - pip\n  - pip:\n{lines}"


def _environment_needs(name: str) -> list[Requirement]:
    return direct_requirements(ENVIRONMENTS[name])


def pinned_files() -> dict[Path, str]:
    """Every file this tool writes, with its text."""
    environments = {ROOT / "envs" / f"{name}.yaml": environment_text(name) for name in ENVIRONMENTS}
    return {ROOT / "requirements.lock": lock_text(), **environments}


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, write nothing, fail where files differ")
    check = parser.parse_args().check
    stale = [path for path, text in pinned_files().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if not check:
            path.write_text(pinned_files()[path])
        print(f"{path.relative_to(ROOT)}: {'differs from what is installed' if check else 'written'}")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
