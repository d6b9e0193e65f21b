"""What the front knows about a model: manifest, golden rows and paths. It never reads the pickle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nb_scorer.common import paths, phrases

from nb_service import manifest as manifests
from nb_service import problems, schemas

# Samples are compared and described by recursion, a few calls a level, of which the interpreter allows a thousand.
DEEPEST = 200


class ModelFolder(NamedTuple):
    """The paths and the manifest of one model under `$APP_ROOT`."""

    folder: Path
    python: Path
    notebook_folder: Path
    manifest: dict

    @property
    def sample_schema(self) -> dict:
        """Return the JSON schema of samples, from golden rows and type hints; {} where nothing is known."""
        return self._schema("sample")

    @property
    def answer_schema(self) -> dict:
        """Return the same for answers."""
        return self._schema("answer")

    def _schema(self, what: str) -> dict:
        return schemas.merged(*(self.manifest.get(f"{what}_{source}") or {} for source in ("schema", "hint")))

    def golden_rows(self, limit: int | None = None) -> list[dict]:
        """Return the golden rows, at most the first `limit`; raise ModelDamaged where one is not valid."""
        path = self.folder / paths.GOLDEN
        try:
            return [_row(line) for line in _lines(path)[:limit]]
        except OSError as error:
            raise problems.unreadable(path, error) from error
        except RecursionError as error:
            raise problems.golden_damaged(path, "a row is nested too deeply") from error
        except ValueError as error:
            raise problems.golden_damaged(path, str(error)) from error


def _lines(path: Path) -> list[bytes]:
    try:
        return [line for line in path.read_bytes().splitlines() if line.strip()]
    except FileNotFoundError:
        return []


def _row(line: bytes) -> dict:
    """Return one golden row; raise ValueError where it has no sample or no answer, or is nested too deeply."""
    row = json.loads(line.decode("utf-8"), parse_constant=_no_json)
    if not isinstance(row, dict) or not {"sample", "answer"} <= row.keys():
        raise ValueError(f"a row is {phrases.as_json(row)}, and has no sample and answer")
    if _is_deeper(row, DEEPEST):
        raise ValueError(f"a row is nested deeper than {DEEPEST} levels")
    return row


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _is_deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(item, levels - 1) for item in inner)


def read(app_root: Path) -> ModelFolder:
    """Return the model under `app_root`; raise ModelMissing, ModelFormatUnknown or ModelDamaged."""
    folder = app_root / paths.MODEL
    python = app_root / paths.VENV / "bin" / "python"
    try:
        _require(folder / paths.MANIFEST, Path.is_file)
        _require(folder / paths.PICKLE, Path.is_file)
        _require(python, Path.exists)
        manifest = manifests.read(folder / paths.MANIFEST)
        notebook_folder = app_root / paths.SRC / manifest.get("folder", ".")
        _require(notebook_folder, Path.is_dir)
        return ModelFolder(folder, python, notebook_folder.resolve(), manifest)
    except OSError as error:
        raise problems.unreadable(error.filename, error) from error


def _require(path: Path, is_there: Callable[[Path], bool]) -> None:
    if not is_there(path):
        raise problems.ModelMissing(path)
