"""List the missing system libraries of Blender and off-screen OpenGL.

Exits with 1 if one is missing. ``--apt`` prints only the missing Debian packages, on one line.
"""

import argparse
import ctypes
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    """A shared library and the packages that provide it."""

    soname: str
    apt: str
    dnf: str


LIBRARIES = (
    Library("libstdc++.so.6", "libstdc++6", "libstdc++"),
    Library("libEGL.so.1", "libegl1", "libglvnd-egl"),
    Library("libGL.so.1", "libgl1", "libglvnd-glx"),
    Library("libX11.so.6", "libx11-6", "libX11"),
    Library("libXext.so.6", "libxext6", "libXext"),
    Library("libXi.so.6", "libxi6", "libXi"),
    Library("libXrender.so.1", "libxrender1", "libXrender"),
    Library("libXfixes.so.3", "libxfixes3", "libXfixes"),
    Library("libSM.so.6", "libsm6", "libSM"),
    Library("libICE.so.6", "libice6", "libICE"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
)
MESA = Library("libEGL_mesa.so.0", "libegl-mesa0 libgl1-mesa-dri", "mesa-libEGL mesa-dri-drivers")
NVIDIA = "libEGL_nvidia.so.0"


def is_there(soname: str) -> bool:
    """Return whether the dynamic linker can load a library and its dependencies."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def missing_libraries() -> list[Library]:
    """Return the missing libraries; one of the two EGL drivers is enough."""
    missing = [library for library in LIBRARIES if not is_there(library.soname)]
    return missing if is_there(MESA.soname) or is_there(NVIDIA) else [*missing, MESA]


def main() -> None:
    """Report missing libraries and fail if there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apt", action="store_true", help="print only the missing Debian packages")
    only_apt = parser.parse_args().apt
    missing = missing_libraries() if sys.platform == "linux" else []
    if not missing:
        return
    apt, dnf = (" ".join(getattr(library, tool) for library in missing) for tool in ("apt", "dnf"))
    if only_apt:
        print(apt)
    else:
        print(f"setup: missing {', '.join(library.soname for library in missing)}. Install with", file=sys.stderr)
        print(f"    sudo apt-get install {apt}      Debian, Ubuntu", file=sys.stderr)
        print(f"    sudo dnf install {dnf}      Fedora, RHEL", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
