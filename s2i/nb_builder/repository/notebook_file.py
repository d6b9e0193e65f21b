"""Reads a notebook's file, or raises a problem that states precisely why it can't be read."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import nbformat

from nb_builder.problems.notebooks import (
    LanguageWrong,
    NotebookConflict,
    NotebookNotANotebook,
    NotebookNotJson,
    NotebookUnreadable,
)
from nb_builder.repository import formats, ordinary_files
from nb_builder.repository.normalize_notebook import normalize

# Maximum number of values in a notebook, estimated from its punctuation. Each takes up to 100 bytes in memory, and two
# in the file.
MAX_PARTS = 10_000_000
_CONFLICT = re.compile(r"^(<<<<<<<|>>>>>>>)( .*)?$", re.MULTILINE)


def read(repository: Path, notebook: Path) -> nbformat.NotebookNode:
    """Return the notebook in the newest format.

    Raises FileRefused, NotebookConflict, NotebookNotJson, NotebookNotANotebook, NotebookFormat, NotebookUnreadable or
    LanguageWrong.
    """
    text = _text(ordinary_files.require(repository / notebook, repository), notebook)
    if notebook.suffix != ".ipynb":
        return _parse_text_format(text, notebook)
    raw = _parse(text, notebook)
    _require_notebook(raw, notebook)
    # Before any look-up: other tools write types that the format doesn't allow.
    normalize(raw)
    _require_python(raw["metadata"], notebook)
    return _upgrade(raw, notebook)


def wanted_python(node: nbformat.NotebookNode) -> str | None:
    """Return the minor version of Python (such as "3.9") in the notebook's metadata, or None."""
    language = node.metadata.get("language_info", {})
    kernel = node.metadata.get("kernelspec", {})
    for text in (str(language.get("version", "")), str(kernel.get("name", "")), str(kernel.get("display_name", ""))):
        match = re.search(r"\b(?:python\s?)?(3\.\d{1,2})\b", text, re.IGNORECASE)
        if match:
            return match.group(1)
    return None


def _text(path: Path, notebook: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotebookNotJson(notebook=notebook, line=1, reason=str(error), state="not text in UTF-8") from None


def _parse_text_format(text: str, notebook: Path) -> nbformat.NotebookNode:
    _require_no_conflict(text, notebook)
    try:
        node = formats.parse(notebook, text)
    except SyntaxError as error:
        raise NotebookUnreadable(notebook=notebook, reason=f"line {error.lineno}, {error.msg}") from None
    except ValueError as error:
        raise NotebookUnreadable(notebook=notebook, reason=error) from None
    _require_python(node.metadata, notebook)
    if notebook.suffix in formats.CHUNKS and not formats.has_python(text):
        raise LanguageWrong(notebook=notebook, language="R", kernel="knitr")
    return node


def _require_no_conflict(text: str, notebook: Path) -> None:
    conflict = _CONFLICT.search(text)
    if conflict:
        raise NotebookConflict(notebook=notebook, line=text.count("\n", 0, conflict.start()) + 1)


def _parse(text: str, notebook: Path) -> Any:
    parts = sum(map(text.count, "[{,"))
    if parts > MAX_PARTS:
        reason = f"it has about {parts} values, and the limit is {MAX_PARTS}"
        raise NotebookNotANotebook(notebook=notebook, reason=reason)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        _require_no_conflict(text, notebook)
        raise NotebookNotJson(
            notebook=notebook, line=error.lineno, reason=error.msg, state=_state(text, error)
        ) from None
    except RecursionError:
        raise NotebookNotJson(notebook=notebook, line=1, reason="nested too deeply", state="damaged") from None
    except ValueError:
        reason = "a number with thousands of digits"
        raise NotebookNotJson(notebook=notebook, line=1, reason=reason, state="damaged") from None


def _state(text: str, error: json.JSONDecodeError) -> str:
    if not text.strip():
        return "empty"
    if not text.lstrip().startswith("{"):
        return "something else"
    # A truncated file lacks its last brace, or stops inside a string.
    cut = not text.rstrip().endswith("}") or error.msg.startswith("Unterminated")
    return "cut off" if cut else "damaged"


def _require_notebook(raw: object, notebook: Path) -> None:
    if not isinstance(raw, dict):
        raise NotebookNotANotebook(notebook=notebook, reason=f"its top level is a {type(raw).__name__}, not an object")
    if "nbformat" not in raw or not ("cells" in raw or "worksheets" in raw):
        missing = "nbformat" if "nbformat" not in raw else "cells"
        raise NotebookNotANotebook(notebook=notebook, reason=f"the key {missing!r} is missing")


def _require_python(metadata: dict, notebook: Path) -> None:
    kernel = metadata.get("kernelspec") or {}
    language = kernel.get("language") or (metadata.get("language_info") or {}).get("name") or "python"
    if not re.match(r"i?python\d?$", str(language), re.IGNORECASE):
        name = kernel.get("display_name") or kernel.get("name") or language
        raise LanguageWrong(notebook=notebook, language=language, kernel=name)


def _upgrade(raw: dict, notebook: Path) -> nbformat.NotebookNode:
    """Return the normalised notebook, converted to format 4; raise NotebookNotANotebook if nbformat rejects it."""
    text = json.dumps(raw)
    try:
        with warnings.catch_warnings():
            # Notebooks without cell IDs are common and harmless here.
            warnings.simplefilter("ignore", nbformat.warnings.MissingIDFieldWarning)
            warnings.simplefilter("ignore", nbformat.warnings.DuplicateCellId)
            node = nbformat.reads(text, as_version=4)
            nbformat.validate(node, relax_add_props=True)
    except (
        nbformat.ValidationError,
        nbformat.reader.NotJSONError,
        # Raised by its conversion of older formats, which contains assertions.
        AssertionError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NotebookNotANotebook(notebook=notebook, reason=reason) from None
    _name_cells(node, raw)
    return node


def _name_cells(node: nbformat.NotebookNode, raw: dict) -> None:
    """Give cells without an ID one derived from their position: nbformat's are random, builds must be repeatable."""
    given_ids = {cell.get("id") for cell in raw.get("cells", ()) if isinstance(cell, dict)}
    for position, cell in enumerate(node.cells, start=1):
        if cell.get("id") not in given_ids:
            cell["id"] = f"cell-{position}"
