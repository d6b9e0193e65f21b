"""Lists the distributions in the user's Python that provide a notebook's imports."""

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

# Seconds. The program reads the metadata of a few hundred distributions.
_TIME_LIMIT = 60


@dataclass(frozen=True)
class Installed:
    """A distribution in the user's Python; `origin` is the content of direct_url.json, {} if it is from an index."""

    name: str
    version: str
    origin: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Return the normalised name."""
        return canonicalize_name(self.name)

    @property
    def in_folder(self) -> str:
        """Return the local folder that it was installed from, or "".

        conda packages name the folder where they were built, which exists on no other machine; only their version
        counts.
        """
        url = str(self.origin.get("url", ""))
        info: Mapping[str, Any] | None = self.origin.get("dir_info")
        folder = unquote(url.removeprefix("file://"))
        return folder if info is not None and (info.get("editable") or os.path.isdir(folder)) else ""

    @property
    def entry(self) -> tuple[str, ...]:
        """Return its entry of `requirements`: name and version, or text with a commit."""
        vcs: Mapping[str, Any] = self.origin.get("vcs_info") or {}
        if vcs.get("commit_id"):
            url = without_credentials(str(self.origin.get("url", "")), "")
            below = f"#subdirectory={self.origin['subdirectory']}" if self.origin.get("subdirectory") else ""
            return (f"{self.key} @ {vcs.get('vcs', 'git')}+{url}@{vcs['commit_id']}{below}",)
        # Only a special index has a local version, such as 2.4.0+cu121.
        return (self.key, self.version.partition("+")[0])


@dataclass(frozen=True)
class UserPackages:
    """The packages of a Python: `providers` are the distributions of the requested imports, None if there is none.

    `versions` and `requires` cover all distributions, by normalised name.
    """

    python: Path
    version: str
    providers: tuple[Installed | None, ...]
    versions: Mapping[str, str]
    requires: Mapping[str, Sequence[str]]

    @property
    def minor(self) -> str:
        """Return the minor version of the Python, such as "3.11"."""
        return self.version.rpartition(".")[0]

    def needed_by(self, names: set[str]) -> set[str]:
        """Return `names` and all their installed dependencies."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.requires.get(name, ())
        return found


def ask(python: Path, imports: Sequence[Import]) -> UserPackages:
    """Return the packages of `python`, and the distribution for each import; raise PythonUnusable."""
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
    return UserPackages(python, reported["version"], tuple(chosen), reported["versions"], reported["requires"])


def _chosen(module: str, found: Sequence[Mapping[str, Any]]) -> Installed | None:
    """Return the distribution for a module: if several have it, the one in our table or with the same name."""
    installed = [Installed(each["name"], each["version"], each["origin"] or {}) for each in found]
    likely: list[str] = [canonicalize_name(name) for name in (providing(module), module.replace(".", "-")) if name]
    return min(
        installed,
        key=lambda each: (likely.index(each.key) if each.key in likely else len(likely), each.key),
        default=None,
    )
