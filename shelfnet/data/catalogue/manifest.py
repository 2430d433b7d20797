"""The manifest of a staged data set: its location and identity."""

import json
from dataclasses import dataclass
from pathlib import Path

from shelfnet.publishing import publish_text


@dataclass(frozen=True)
class Manifest:
    """A staged data set: kind, folder with ``model_info.json``, digest of the content, number of listed models."""

    kind: str
    root: Path
    digest: str
    models: int


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Publish a manifest; a root inside its folder is stored as a relative path, so that results can be moved."""
    folder, root = path.parent.resolve(), manifest.root.resolve()
    written = root.relative_to(folder) if root.is_relative_to(folder) else root
    fields = {"kind": manifest.kind, "root": written.as_posix(), "digest": manifest.digest, "models": manifest.models}
    publish_text(path, json.dumps(fields, indent=2) + "\n")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; its root is returned as an absolute path.

    Raises:
        ValueError: The file is not a manifest, or its data set does not exist any more.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        root = (path.parent / fields["root"]).resolve()
        manifest = Manifest(str(fields["kind"]), root, str(fields["digest"]), int(fields["models"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected a manifest with kind, root, digest and models: {error!r}") from error
    if not manifest.root.is_dir():
        raise ValueError(f"{path}: the data set at {manifest.root} does not exist any more; stage it again")
    return manifest
