"""Determines whether a save affects the model: whether code of a notebook or another file in use changed."""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from nb_scorer.common import paths

from nb_builder.commands.dev import changed_cells

SHOWN_FILES = 2
# Suffixes of requirements files, modules and settings, which count even if no cell has read such a file.
_DECLARING = (".py", ".txt", ".toml", ".yml", ".yaml", ".cfg", ".lock", ".in", ".version")
_DECLARING_NAMES = ("Pipfile", ".python-version", "environment")


class Relevance:
    """Judges saves by the files that the last successful build used; until there is one, every file counts."""

    def __init__(self, repository: Path) -> None:
        """Judge files of this repository."""
        self._repository = repository
        self._codes: dict[Path, changed_cells.Code | None] = {}
        self._facts: Mapping[str, Any] | None = None
        self._failed = False

    def remember(self, names: Iterable[Path]) -> None:
        """Read the current contents of the notebooks among these files, to compare later saves with them."""
        for name in names:
            if self._is_notebook(name):
                self._codes[name] = changed_cells.read(self._repository, name)

    def succeeded(self, app_root: Path) -> None:
        """Use the report of a successful build from now on."""
        self._facts, self._failed = _report(app_root), False
        self.remember(name for name in self._notebooks() if name not in self._codes)

    def failed(self) -> None:
        """After a failed build, count every file and every save of a notebook: it may fix the failure."""
        self._facts, self._failed = None, True

    def is_whole(self, name: Path) -> bool:
        """Return whether a file can be read; files other than notebooks are assumed to be complete."""
        if not self._is_notebook(name) or not (self._repository / name).is_file():
            return True
        return changed_cells.is_whole(self._repository, name)

    def describe(self, names: Collection[Path]) -> str | None:
        """Return a clause that describes the change, or None if it doesn't affect the model."""
        parts = []
        others = []
        for name in sorted(names):
            if self._is_notebook(name):
                before = self._codes.get(name)
                after = self._codes[name] = changed_cells.read(self._repository, name)
                parts += self._of_notebook(name, changed_cells.described(before, after))
            elif self._counts(name):
                others.append(name)
        if others:
            more = f" and {len(others) - SHOWN_FILES} more files" if len(others) > SHOWN_FILES else ""
            parts.append(f"{', '.join(map(str, others[:SHOWN_FILES]))}{more} changed")
        return ", ".join(parts) or None

    def _of_notebook(self, name: Path, cells: str | None) -> list[str]:
        if self._facts is not None and name not in self._notebooks():
            return []
        if cells is None:
            return [f"{name} saved"] if self._failed else []
        return [f"{name} changed; {cells}" if cells else f"{name} changed"]

    def _notebooks(self) -> list[Path]:
        """Return the notebooks of the last successful build."""
        return [Path(name) for name in (self._facts or {}).get("notebooks", {})]

    def _is_notebook(self, name: Path) -> bool:
        # A script with cells counts as a notebook only if it was built as one; for others it is a module.
        return name.suffix == ".ipynb" or name in self._notebooks()

    def _counts(self, name: Path) -> bool:
        facts = self._facts
        if facts is None or not facts.get("read_complete"):
            return True
        return str(name) in facts.get("read", {}) or name.suffix in _DECLARING or name.name in _DECLARING_NAMES


def _report(app_root: Path) -> Mapping[str, Any]:
    return json.loads((app_root / paths.BUILD / paths.REPORT).read_text(encoding="utf-8"))
