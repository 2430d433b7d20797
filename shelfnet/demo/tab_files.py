"""Files of the open tabs of the page: photos as they arrive, and the results shown."""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class _Kept:
    """Files of one tab: uploaded photos and masks, and the folder of its results."""

    uploads: frozenset[Path]
    results: Path


@dataclass(frozen=True)
class TabFiles:
    """Keeps the files of the latest prediction of each tab, and removes all others.

    Attributes:
        root: Folder of all uploads and results, which its owner removes. Files elsewhere, such as examples, stay.
    """

    root: Path
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def start(self, tab: str, uploads: Iterable[Path]) -> Path:
        """Remove what a tab does not need any more before its next prediction.

        Args:
            tab: Identifier of the tab.
            uploads: Files that the prediction reads.

        Returns:
            An empty folder for the results.
        """
        needed = frozenset(path for path in uploads if path.is_relative_to(self.root))
        self._remove(tab, needed)
        results = Path(tempfile.mkdtemp(prefix="results-", dir=self.root))
        self._kept[tab] = _Kept(needed, results)
        return results

    def close(self, tab: str) -> None:
        """Remove all files of a tab."""
        self._remove(tab, frozenset())

    def _remove(self, tab: str, needed: frozenset[Path]) -> None:
        kept = self._kept.pop(tab, None)
        if kept is None:
            return
        shutil.rmtree(kept.results, ignore_errors=True)
        for upload in kept.uploads - needed:
            upload.unlink(missing_ok=True)
