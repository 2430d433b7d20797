"""Errors of the command line."""


class UsageError(Exception):
    """The command cannot start with these arguments, settings or checkpoint."""


EXTRAS = {"torchvision": "masks", "e3nn": "se3", "gradio": "demo"}
"""Optional dependency group of ``pyproject.toml`` by the package that an import missed."""


def missing_package(error: ModuleNotFoundError) -> str:
    """Message that names the missing package and how to install it."""
    extra = EXTRAS.get(error.name or "")
    if extra is None:
        return f"package {error.name} is missing; install shelfnet with pip"
    return f"package {error.name} is missing; run pip install 'shelfnet[{extra}]', or '.[{extra}]' in a checkout"
