"""The model's identity (name, version and commit), which is part of every response in every protocol."""

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from nb_scorer.common import paths

from nb_service.model_folder import ModelFolder

DEFAULT_NAME = "model"
HEADERS = ("X-Model-Name", "X-Model-Version", "X-Model-Commit")
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
_COMMIT = re.compile(r"[0-9A-Za-z._-]{1,64}")


class Identity(NamedTuple):
    """A model's name, its version (the build time in seconds since 1970) and, if known, commit and source."""

    name: str
    version: int
    commit: str | None = None
    source: str | None = None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the identity as response headers."""
        pairs = zip(HEADERS, (self.name, str(self.version), self.commit), strict=True)
        return tuple((name, value) for name, value in pairs if value)

    @property
    def header_bytes(self) -> bytes:
        """Return the same headers as lines of an HTTP head."""
        return b"".join(f"{name}: {value}\r\n".encode("ascii") for name, value in self.headers)


def read_identity(model: ModelFolder, name: str = "") -> Identity:
    """Return the identity of `model`; `name` defaults to its notebook's name, cleaned."""
    report = _report(model.folder.parent / paths.BUILD / paths.REPORT)
    commit, source = report.get("commit"), report.get("source")
    return Identity(
        name or cleaned(Path(model.manifest.get("notebook", "")).stem),
        version_of(model.manifest.get("built", "")),
        commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None,
        source if isinstance(source, str) else None,
    )


def cleaned(name: str) -> str:
    """Return `name` as a valid model name: letters without accents, dashes for characters not allowed in paths."""
    usable = re.sub(r"[^A-Za-z0-9._-]+", "-", name if name.isascii() else _without_accents(name))[:128].strip("._-")
    return usable or DEFAULT_NAME


def _without_accents(name: str) -> str:
    # Imported here, because few names need it.
    import unicodedata

    return "".join(
        character for character in unicodedata.normalize("NFKD", name) if not unicodedata.combining(character)
    )


def version_of(built: str) -> int:
    """Return the manifest's time stamp as seconds since 1970; 1 if it is not valid."""
    # strptime would import modules that take longer than everything else here.
    match = _STAMP.fullmatch(built)
    if match is None:
        return 1
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        return int(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp())
    except ValueError:
        return 1


def _report(path: Path) -> dict:
    """Return the build's report; {} if the image does not include it."""
    try:
        report = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}
