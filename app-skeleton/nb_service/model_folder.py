"""What the front knows of a model: manifest, golden rows and paths. It never touches the pickle."""

import json
from pathlib import Path
from typing import NamedTuple

from nb_scorer import layout

from nb_service import problems, schemas

# nb_scorer.manifest has the same number; it can't be imported here because it needs cloudpickle.
FORMAT = 1


class ModelFolder(NamedTuple):
    """The places and the plain facts of one model under `$APP_ROOT`."""

    folder: Path
    python: Path
    notebook_folder: Path
    manifest: dict

    @property
    def sample_schema(self) -> dict:
        """Return what is known of samples, as JSON schema: from golden rows and type hints; {} for nothing."""
        return self._schema("sample")

    @property
    def answer_schema(self) -> dict:
        """Return the same of answers."""
        return self._schema("answer")

    def _schema(self, what: str) -> dict:
        return schemas.merged(*(self.manifest.get(f"{what}_{source}") or {} for source in ("schema", "hint")))

    def golden_rows(self, most: int | None = None) -> list[dict]:
        """Return the golden rows, the first `most` of them; raise ModelDamaged where one is no JSON."""
        path = self.folder / layout.GOLDEN
        if not path.exists():
            return []
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines[:most]]
        except ValueError as wrong:
            raise problems.golden_damaged(path, str(wrong)) from wrong


def read(app_root: Path) -> ModelFolder:
    """Return what is known of the model under `app_root`; raise ModelMissing or ModelFormatUnknown."""
    try:
        return _read(app_root)
    except PermissionError as refused:
        raise problems.model_unreadable(refused.filename) from refused


def _read(app_root: Path) -> ModelFolder:
    folder = app_root / layout.MODEL
    python = app_root / layout.VENV / "bin" / "python"
    for needed in (folder / layout.MANIFEST, folder / layout.PICKLE, python):
        if not needed.exists():
            raise problems.ModelMissing(needed)
    manifest = _manifest(folder / layout.MANIFEST)
    notebook_folder = app_root / layout.SRC / manifest.get("folder", ".")
    if not notebook_folder.is_dir():
        raise problems.ModelMissing(notebook_folder)
    return ModelFolder(folder, python, notebook_folder.resolve(), manifest)


def _manifest(path: Path) -> dict:
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except ValueError as wrong:
        raise problems.ModelFormatUnknown("unknown (manifest.json is no JSON)", FORMAT) from wrong
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise problems.ModelFormatUnknown(found, FORMAT)
    return manifest
