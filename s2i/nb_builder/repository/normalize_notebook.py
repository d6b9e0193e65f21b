"""Fills in fields that the format requires but tools other than Jupyter omit.

Stored outputs and execution counts are removed. A file that isn't a notebook is left unchanged, so that reading it
fails.
"""

import re

_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# Types that the format requires for fields of a cell's and the notebook's metadata; other values are dropped.
_CELL = {"collapsed": bool, "scrolled": (bool, str), "deletable": bool, "name": str, "format": str, "jupyter": dict}
_NOTEBOOK = {"kernelspec": dict, "language_info": dict, "authors": list, "title": str, "orig_nbformat": int}

_TOP = {"nbformat", "nbformat_minor", "metadata", "cells"}
_TEXT = {"cell_type", "id", "metadata", "source", "attachments"}
_CODE = {"cell_type", "id", "metadata", "source", "outputs", "execution_count"}


def normalize(raw: dict) -> None:
    """Make a notebook in JSON, of format 3 or 4, valid, unless that requires a guess."""
    raw["metadata"] = _typed(raw.get("metadata"), _NOTEBOOK)
    _normalize_kernel(raw["metadata"])
    # Widget state belongs to stored outputs; some tools leave it without its `state`, which would be invalid.
    raw["metadata"].pop("widgets", None)
    if isinstance(raw.get("worksheets"), list):
        for sheet in raw["worksheets"]:
            for cell in _cells(sheet):
                _normalize_cell(cell, "input")
                cell.setdefault("language", "python")
        return
    raw.setdefault("nbformat_minor", 5)
    _drop_unknown(raw, _TOP)
    seen: set[str] = set()
    for position, cell in enumerate(_cells(raw), start=1):
        _normalize_cell(cell, "source")
        _drop_unknown(cell, _CODE if cell.get("cell_type") == "code" else _TEXT)
        if raw["nbformat_minor"] in range(5):
            cell.pop("id", None)
        else:
            _normalize_id(cell, position, seen)


def _normalize_kernel(metadata: dict) -> None:
    if "kernelspec" in metadata:
        kernelspec = metadata["kernelspec"]
        name = kernelspec.get("name") or kernelspec.get("display_name") or "python3"
        metadata["kernelspec"] = {
            **kernelspec,
            "name": str(name),
            "display_name": str(kernelspec.get("display_name") or name),
        }
    if "language_info" in metadata:
        metadata["language_info"].setdefault("name", "python")


def _normalize_cell(cell: dict, source_key: str) -> None:
    cell["metadata"] = _typed(cell.get("metadata"), _CELL)
    # The executed notebook of an earlier build contains these; its cells now belong to the author.
    cell["metadata"].pop("nb_builder", None)
    _normalize_tags(cell["metadata"])
    if not cell["metadata"].get("name", "x"):
        del cell["metadata"]["name"]
    key = source_key if cell.get("cell_type") == "code" else "source"
    if cell.get(key) is None:
        cell[key] = ""
    if cell.get("cell_type") == "code":
        # They may be megabytes, and no step reads them.
        cell["outputs"] = []
        cell.pop("prompt_number", None)
        if source_key == "source":
            cell["execution_count"] = None


def _normalize_tags(metadata: dict) -> None:
    tags = metadata.pop("tags", None)
    tags = [tags] if isinstance(tags, str) else tags if isinstance(tags, list) else []
    if tags:
        metadata["tags"] = list(dict.fromkeys(str(tag) for tag in tags))


def _normalize_id(cell: dict, position: int, seen: set[str]) -> None:
    """Give the cell a unique ID, derived from its position so that builds are repeatable."""
    identifier = cell.get("id")
    if not isinstance(identifier, str) or not _ID.fullmatch(identifier) or identifier in seen:
        cell["id"] = f"cell-{position}"
    seen.add(cell["id"])


def _drop_unknown(mapping: dict, names: set[str]) -> None:
    """Drop fields that the format doesn't define: the executed notebook must be valid to be written."""
    for name in set(mapping) - names:
        del mapping[name]


def _typed(metadata: object, kinds: dict) -> dict:
    """Return `metadata` without fields of another type than the format requires."""
    if not isinstance(metadata, dict):
        return {}
    return {key: value for key, value in metadata.items() if isinstance(value, kinds.get(key, object))}


def _cells(parent: object) -> list[dict]:
    cells = parent.get("cells") if isinstance(parent, dict) else None
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
