"""Golden rows: samples with the answers that the notebook's own predictor gave, asked as a client would.

A row's sample is in its JSON form, so that the row says what the service must answer.
"""

import io
import json
import os

from nb_scorer.common import paths

# A value of each JSON type, for samples that are made up.
_MADE_UP = {"null": None, "boolean": True, "integer": 1, "number": 0.2, "string": "text", "array": [0.2, 0.7]}


def counted(rows):
    """Return the number of golden rows in words."""
    return "1 golden row" if rows == 1 else "{} golden rows".format(rows)


def samples_to_add(hint):
    """Return what a notebook without a golden row is told to add, at build and on the service's page.

    It is a Python list of one sample that fits `hint`, the schema from predictor's signature.
    """
    return repr([_made_up(hint, _MADE_UP["array"])])


def _made_up(hint, default):
    """Return a value that fits a schema as nb_scorer.model.hint_schema writes them; `default` where it says nothing."""
    if hint.get("enum"):
        return hint["enum"][0]
    kind = hint.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        required = hint.get("required") or hint.get("properties", ())
        return {name: _made_up(hint["properties"][name], _MADE_UP["number"]) for name in required}
    if kind == "array" and "items" in hint:
        return [_made_up(hint["items"], _MADE_UP["number"])] * hint.get("minItems", 1)
    return _MADE_UP.get(kind, default)


def plain(rows):
    """Return the `rows` whose sample alone gets their answer: those without parameters."""
    return [row for row in rows if not row.get("parameters")]


def call_of(row):
    """Return what a row adds to its sample, as the bytes of nb_scorer.model.parameters; empty for nothing."""
    given = row.get("parameters")
    return json.dumps({"parameters": given}, sort_keys=True).encode("ascii") if given else b""


def keep(folder, answers):
    """Replace the answers in the golden rows of a model folder by `answers`, one per row."""
    rows = [dict(row, answer=answer) for row, answer in zip(read(folder), answers)]
    path = os.path.join(str(folder), paths.GOLDEN)
    with io.open(path + ".new", "w", encoding="ascii") as file:
        # ASCII: a lone surrogate can only be written as an escape.
        file.writelines(json.dumps(row) + "\n" for row in rows)
    os.replace(path + ".new", path)


def read(folder):
    """Return the golden rows of a model folder, each a dict with sample, answer, from, and perhaps parameters."""
    with io.open(os.path.join(str(folder), paths.GOLDEN), "rb") as file:
        return [json.loads(line.decode("utf-8")) for line in file]
