"""The facts that the front reads from a model folder: manifest, golden rows and paths, but never the pickle."""

import json
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from nb_scorer.common import paths, phrases
from nb_scorer.model import golden_rows, verified_file
from nb_scorer.model.manifest import of_predictor

from nb_service import manifest as manifests
from nb_service import problems, schemas
from nb_service.signature.trust import Known, Trust

# Samples are compared and described recursively, with a few calls per level, and the interpreter allows a thousand.
DEEPEST = 200


class ModelFolder(NamedTuple):
    """The paths and the manifest of one model under `$APP_ROOT`.

    `digests` are those in its verified signature, by file name; None if it was not verified. Code that reads a file of
    the model compares its bytes with them, because the file may have changed since. `predictor` is the name in
    `predictors` whose manifest and golden rows this has, or "".
    """

    folder: Path
    python: Path
    notebook_folder: Path
    manifest: dict
    digests: Mapping[str, str] | None = None
    predictor: str = ""

    @property
    def has_default(self) -> bool:
        """Return whether the notebook has a default predictor, in addition to any `predictors`."""
        return self.manifest.get("predictor") is not False

    @property
    def predictors(self) -> "dict[str, ModelFolder]":
        """Return the named predictors by name, each as a model."""
        return {
            name: self._replace(manifest=of_predictor(self.manifest, name), predictor=name)
            for name in self.manifest.get("predictors") or {}
        }

    @property
    def sample_schema(self) -> dict:
        """Return the JSON schema of samples, from golden rows and type hints; {} if unknown."""
        return self._schema("sample")

    @property
    def answer_schema(self) -> dict:
        """Return the JSON schema of predictions; {} if unknown."""
        return self._schema("answer")

    def _schema(self, what: str) -> dict:
        return schemas.merged(*(self.manifest.get(f"{what}_{source}") or {} for source in ("schema", "hint")))

    def golden_rows(self, limit: int | None = None) -> list[dict]:
        """Return the golden rows without parameters, at most the first `limit`; see `all_golden_rows`."""
        return golden_rows.plain(self.all_golden_rows(), self.predictor)[:limit]

    def all_golden_rows(self, limit: int | None = None) -> list[dict]:
        """Return the golden rows, at most the first `limit`; raise ModelDamaged if one is not valid."""
        path = self.folder / paths.GOLDEN
        try:
            rows = [_row(line) for line in _lines(path, self.digests)[:limit]]
            return [golden_rows.with_files(row, self._content) for row in rows]
        except OSError as error:
            raise problems.unreadable(path, error) from error
        except RecursionError as error:
            raise problems.golden_damaged(path, "a row is nested too deeply") from error
        except ValueError as error:
            raise problems.golden_damaged(path, str(error)) from error

    def _content(self, name: str) -> bytes:
        """Return the contents of one of the model's files; raise OSError, or ModelNotAsSigned."""
        path = self.folder / name
        return path.read_bytes() if self.digests is None else verified_file.content(path, self.digests.get(name))


def _lines(path: Path, digests: Mapping[str, str] | None) -> list[bytes]:
    try:
        content = path.read_bytes() if digests is None else verified_file.content(path, digests.get(path.name))
    except FileNotFoundError:
        return []
    return [line for line in content.splitlines() if line.strip()]


def _row(line: bytes) -> dict:
    """Return one golden row; raise ValueError if sample or answer is missing, or nested too deeply."""
    row = json.loads(line.decode("utf-8"), parse_constant=_no_json)
    if not isinstance(row, dict) or not {"sample", "answer"} <= row.keys():
        raise ValueError(f"a row is {phrases.as_json(row)}, without sample and answer")
    if not isinstance(row.get("parameters", {}), dict):
        raise ValueError("a row has parameters that are not an object")  # noqa: TRY004 - of a file's content
    if not isinstance(row.get("predictor", ""), str):
        raise ValueError("a row has a predictor that is not a name")  # noqa: TRY004 - of a file's content
    if _is_deeper(row, DEEPEST):
        raise ValueError(f"a row is nested deeper than {DEEPEST} levels")
    return row


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _is_deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(item, levels - 1) for item in inner)


def read(app_root: Path, trust: Trust | Known | None) -> ModelFolder:
    """Return the model under `app_root`; raise ModelMissing, ModelFormatUnknown or ModelDamaged.

    With `trust`, it is verified, except for the pickle, which the processes that load it verify. Raise ModelUnsigned,
    SignatureInvalid, ModelNotAsSigned or VerifyUnusable.
    """
    folder = app_root / paths.MODEL
    python = app_root / paths.VENV / "bin" / "python"
    try:
        _require(folder / paths.MANIFEST, stat.S_ISREG)
        _require(folder / paths.PICKLE, stat.S_ISREG)
        _require(python, stat.S_ISREG)
        digests = None if trust is None else trust.digests_of(folder)
        manifest = manifests.read(folder / paths.MANIFEST, digests)
        notebook_folder = app_root / paths.SRC / manifest.get("folder", ".")
        _require(notebook_folder, stat.S_ISDIR)
        return ModelFolder(folder, python, notebook_folder.resolve(), manifest, digests)
    except OSError as error:
        raise problems.unreadable(error.filename, error) from error


def _require(path: Path, is_kind: Callable[[int], bool]) -> None:
    # Since Python 3.14, Path.is_file also returns False for files that exist and can't be read.
    try:
        found = is_kind(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        found = False
    if not found:
        raise problems.ModelMissing(path)
