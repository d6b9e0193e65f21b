"""Fills in what tools leave out of a notebook's file and no build needs: not every file was written by Jupyter.

What an earlier run stored (outputs, counts) is dropped. A file that is no notebook at all stays as it is.
"""

import re

_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# Fields of a cell's and of the notebook's metadata that the format gives a type: of another one they are dropped.
_CELL = {"collapsed": bool, "scrolled": (bool, str), "deletable": bool, "name": str, "format": str, "jupyter": dict}
_NOTEBOOK = {"kernelspec": dict, "language_info": dict, "authors": list, "title": str, "orig_nbformat": int}

_TOP = {"nbformat", "nbformat_minor", "metadata", "cells"}
_TEXT = {"cell_type", "id", "metadata", "source", "attachments"}
_CODE = {"cell_type", "id", "metadata", "source", "outputs", "execution_count"}


def mend(raw: dict) -> None:
    """Change a notebook as JSON has it, of format 3 or 4, so that it keeps the format where that needs no guess."""
    raw["metadata"] = _typed(raw.get("metadata"), _NOTEBOOK)
    _mend_kernel(raw["metadata"])
    # Stored outputs, too: whatever state of widgets tools have left there, with or without its `state`.
    raw["metadata"].pop("widgets", None)
    if isinstance(raw.get("worksheets"), list):
        for sheet in raw["worksheets"]:
            for cell in _cells(sheet):
                _mend_cell(cell, "input")
                cell.setdefault("language", "python")
        return
    raw.setdefault("nbformat_minor", 5)
    _keep(raw, _TOP)
    seen: set[str] = set()
    for position, cell in enumerate(_cells(raw), start=1):
        _mend_cell(cell, "source")
        _keep(cell, _CODE if cell.get("cell_type") == "code" else _TEXT)
        if raw["nbformat_minor"] in range(5):
            cell.pop("id", None)
        else:
            _mend_id(cell, position, seen)


def _mend_kernel(metadata: dict) -> None:
    if "kernelspec" in metadata:
        known = metadata["kernelspec"]
        name = known.get("name") or known.get("display_name") or "python3"
        metadata["kernelspec"] = {**known, "name": str(name), "display_name": str(known.get("display_name") or name)}
    if "language_info" in metadata:
        metadata["language_info"].setdefault("name", "python")


def _mend_cell(cell: dict, text: str) -> None:
    cell["metadata"] = _typed(cell.get("metadata"), _CELL)
    # Ours, from a build before: then it is the author's now.
    cell["metadata"].pop("nb_builder", None)
    _mend_tags(cell["metadata"])
    if not cell["metadata"].get("name", "x"):
        del cell["metadata"]["name"]
    name = text if cell.get("cell_type") == "code" else "source"
    if cell.get(name) is None:
        cell[name] = ""
    if cell.get("cell_type") == "code":
        # Megabytes sometimes, and nothing here reads them.
        cell["outputs"] = []
        cell.pop("prompt_number", None)
        if text == "source":
            cell["execution_count"] = None


def _mend_tags(metadata: dict) -> None:
    tags = metadata.pop("tags", None)
    tags = [tags] if isinstance(tags, str) else tags if isinstance(tags, list) else []
    if tags:
        metadata["tags"] = list(dict.fromkeys(str(tag) for tag in tags))


def _mend_id(cell: dict, position: int, seen: set[str]) -> None:
    """Give the cell an id that is its own: by its place and not by chance, so that a build can be repeated."""
    given = cell.get("id")
    if not isinstance(given, str) or not _ID.fullmatch(given) or given in seen:
        cell["id"] = f"cell-{position}"
    seen.add(cell["id"])


def _keep(holder: dict, names: set[str]) -> None:
    """Drop what the format does not know: the notebook as it was run is written by the format's rules."""
    for name in set(holder) - names:
        del holder[name]


def _typed(metadata: object, kinds: dict) -> dict:
    """Return `metadata` without the fields that are of another type than the format has."""
    if not isinstance(metadata, dict):
        return {}
    return {key: value for key, value in metadata.items() if isinstance(value, kinds.get(key, object))}


def _cells(holder: object) -> list[dict]:
    cells = holder.get("cells") if isinstance(holder, dict) else None
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
