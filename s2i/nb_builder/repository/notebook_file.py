"""The notebook's file: read it, or say precisely why it can't be read."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import nbformat

from nb_builder.problems.repository import (
    LanguageWrong,
    NotebookConflict,
    NotebookNotANotebook,
    NotebookNotJson,
    NotebookUnreadable,
)
from nb_builder.repository import formats
from nb_builder.repository.normalize_notebook import mend

_CONFLICT = re.compile(r"^(<<<<<<<|>>>>>>>)( .*)?$", re.MULTILINE)


def read(repository: Path, notebook: Path) -> nbformat.NotebookNode:
    """Return the notebook in the newest format.

    Raises NotebookConflict, NotebookNotJson, NotebookNotANotebook, NotebookFormat,
    NotebookUnreadable or LanguageWrong.
    """
    text = _text(repository / notebook, notebook)
    if notebook.suffix != ".ipynb":
        return _written_otherwise(text, notebook)
    raw = _parse(text, notebook)
    _require_notebook(raw, notebook)
    _require_python(raw.get("metadata") or {}, notebook)
    return _upgrade(raw, notebook)


def wanted_python(node: nbformat.NotebookNode) -> str | None:
    """Return the minor version (such as "3.9") that the notebook's metadata ask for, or None."""
    language = node.metadata.get("language_info", {})
    kernel = node.metadata.get("kernelspec", {})
    for text in (str(language.get("version", "")), str(kernel.get("name", "")), str(kernel.get("display_name", ""))):
        found = re.search(r"\b(?:python\s?)?(3\.\d{1,2})\b", text, re.IGNORECASE)
        if found:
            return found.group(1)
    return None


def _text(path: Path, notebook: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise NotebookNotJson(notebook=notebook, line=1, reason=str(wrong), state="not text in UTF-8") from None


def _written_otherwise(text: str, notebook: Path) -> nbformat.NotebookNode:
    _require_no_conflict(text, notebook)
    try:
        node = formats.parse(notebook, text)
    except SyntaxError as wrong:
        raise NotebookUnreadable(notebook=notebook, reason=f"line {wrong.lineno}, {wrong.msg}") from None
    except ValueError as wrong:
        raise NotebookUnreadable(notebook=notebook, reason=wrong) from None
    _require_python(node.metadata, notebook)
    if notebook.suffix in formats.CHUNKS and not formats.has_python(text):
        raise LanguageWrong(notebook=notebook, language="R", kernel="knitr")
    return node


def _require_no_conflict(text: str, notebook: Path) -> None:
    conflict = _CONFLICT.search(text)
    if conflict:
        raise NotebookConflict(notebook=notebook, line=text.count("\n", 0, conflict.start()) + 1)


def _parse(text: str, notebook: Path) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as wrong:
        _require_no_conflict(text, notebook)
        raise NotebookNotJson(
            notebook=notebook, line=wrong.lineno, reason=wrong.msg, state=_state(text, wrong)
        ) from None
    except RecursionError:
        raise NotebookNotJson(notebook=notebook, line=1, reason="nested too deeply", state="damaged") from None


def _state(text: str, wrong: json.JSONDecodeError) -> str:
    if not text.strip():
        return "empty"
    if not text.lstrip().startswith("{"):
        return "something else"
    # The parser stops near the end, or at a string that the end of the file leaves open.
    cut = not text.rstrip().endswith("}") or wrong.msg.startswith("Unterminated")
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
    """Return the notebook as format 4, mended; what nbformat refuses is no notebook."""
    mend(raw)
    text = json.dumps(raw)
    try:
        with warnings.catch_warnings():
            # Notebooks without cell ids are common and harmless here.
            warnings.simplefilter("ignore", nbformat.warnings.MissingIDFieldWarning)
            warnings.simplefilter("ignore", nbformat.warnings.DuplicateCellId)
            node = nbformat.reads(text, as_version=4)
            nbformat.validate(node, relax_add_props=True)
    except (
        nbformat.ValidationError,
        nbformat.reader.NotJSONError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as wrong:
        reason = str(wrong).strip().splitlines()[0] if str(wrong).strip() else type(wrong).__name__
        raise NotebookNotANotebook(notebook=notebook, reason=reason) from None
    _name_cells(node, raw)
    return node


def _name_cells(node: nbformat.NotebookNode, raw: dict) -> None:
    """Give cells that had no id one by their place: nbformat's are random, and builds must be repeatable."""
    own = {cell.get("id") for cell in raw.get("cells", ()) if isinstance(cell, dict)}
    for position, cell in enumerate(node.cells, start=1):
        if cell.get("id") not in own:
            cell["id"] = f"cell-{position}"
