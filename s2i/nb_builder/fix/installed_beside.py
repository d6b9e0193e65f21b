"""Asks the user's Python which installed distributions provide what a notebook imports."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nb_scorer.common import phrases
from packaging.utils import canonicalize_name

from nb_builder.common import programs
from nb_builder.fix import installed_program
from nb_builder.fix.problems import PythonUnusable
from nb_builder.preflight.undeclared_imports import Import
from nb_builder.requirements.import_names import providing
from nb_builder.requirements.pip_config import without_credentials

# Seconds. It reads the metadata of some hundred distributions.
_TIME_LIMIT = 60


@dataclass(frozen=True)
class Installed:
    """A distribution that is installed in the user's Python; `origin` is what direct_url.json says, {} for an index."""

    name: str
    version: str
    origin: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Return the name as indexes compare it."""
        return canonicalize_name(self.name)

    @property
    def in_folder(self) -> str:
        """Return the folder of this machine that it was installed from, "" for any other place.

        conda's packages name the folder that they were built in, which is on no other machine; they count by version.
        """
        url = str(self.origin.get("url", ""))
        info: Mapping[str, Any] | None = self.origin.get("dir_info")
        folder = unquote(url.removeprefix("file://"))
        return folder if info is not None and (info.get("editable") or os.path.isdir(folder)) else ""

    @property
    def entry(self) -> tuple[str, ...]:
        """Return the entry of `requirements`: name and version, or the one text that names a commit."""
        vcs: Mapping[str, Any] = self.origin.get("vcs_info") or {}
        if vcs.get("commit_id"):
            url = without_credentials(str(self.origin.get("url", "")), "")
            below = f"#subdirectory={self.origin['subdirectory']}" if self.origin.get("subdirectory") else ""
            return (f"{self.key} @ {vcs.get('vcs', 'git')}+{url}@{vcs['commit_id']}{below}",)
        # A local version, as in 2.4.0+cu121, is in the index that has it alone.
        return (self.key, self.version.partition("+")[0])


@dataclass(frozen=True)
class Beside:
    """What a Python has installed: `of` are the distributions for each import that was asked for.

    `versions` and `requires` are those of all its distributions, by normalised names.
    """

    python: Path
    version: str
    of: tuple[Installed | None, ...]
    versions: Mapping[str, str]
    requires: Mapping[str, Sequence[str]]

    @property
    def minor(self) -> str:
        """Return the minor version of the Python, such as "3.11"."""
        return self.version.rpartition(".")[0]

    def needed_by(self, names: set[str]) -> set[str]:
        """Return `names`, and all that these need, as far as it is installed."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.requires.get(name, ())
        return found


def ask(python: Path, imports: Sequence[Import]) -> Beside:
    """Return what `python` has installed, and which distribution of it each import needs; raises PythonUnusable."""
    program = Path(installed_program.__file__).read_text("utf-8")
    question = json.dumps([(imported.module, imported.names) for imported in imports])
    try:
        completed = programs.run([python, "-c", program], input=question, timeout=_TIME_LIMIT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PythonUnusable(python=python, reason=str(error)) from None
    if completed.returncode:
        raise PythonUnusable(python=python, reason=programs.reason(completed))
    try:
        reported = json.loads(phrases.last_line(completed.stdout))
    except ValueError:
        raise PythonUnusable(python=python, reason="it is not Python 3.6 or later") from None
    chosen = [_chosen(imported.module, found) for imported, found in zip(imports, reported["providers"], strict=True)]
    return Beside(python, reported["version"], tuple(chosen), reported["versions"], reported["requires"])


def _chosen(module: str, found: Sequence[Mapping[str, Any]]) -> Installed | None:
    """Return the distribution for a module: of several that have it, the one of our table or of the same name."""
    installed = [Installed(each["name"], each["version"], each["origin"] or {}) for each in found]
    likely: list[str] = [canonicalize_name(name) for name in (providing(module), module.replace(".", "-")) if name]
    return min(
        installed,
        key=lambda each: (likely.index(each.key) if each.key in likely else len(likely), each.key),
        default=None,
    )
