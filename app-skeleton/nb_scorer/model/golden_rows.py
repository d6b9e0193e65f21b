"""Golden rows: samples with the notebook's own predictions, in the form in which a client would send them.

A row's sample is stored as JSON, so that the row defines the service's response. Files in it, data: URLs in JSON, are
stored as files of the model's folder: the line contains null in their place, and {"files": {JSON pointer: [name of the
file, media type]}}.
"""

import io
import json
import os
import re
import shutil

from nb_scorer.common import paths
from nb_scorer.model.calls import FUNCTION, NAMED

_NAME = re.compile(r"golden/[0-9]+\.[a-z0-9]+")

# Example values for each JSON type.
_MADE_UP = {"null": None, "boolean": True, "integer": 1, "number": 0.2, "string": "text", "array": [0.2, 0.7]}


def counted(rows):
    """Return the number of golden rows as text."""
    return "1 golden row" if rows == 1 else "{} golden rows".format(rows)


def samples_to_add(hint):
    """Return example code for a notebook without golden rows, shown by the build and on the service's page.

    It is a Python list with one sample that fits `hint`, the schema from predictor's signature.
    """
    return repr([_made_up(hint, _MADE_UP["array"])])


def _made_up(hint, default):
    """Return a value that fits a schema made by nb_scorer.model.hint_schema; `default` if that is empty."""
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


def plain(rows, predictor=""):
    """Return the rows of a predictor, by its name, that have no parameters."""
    return [row for row in rows if row.get("predictor", "") == predictor and not row.get("parameters")]


def call_of(row):
    """Return a row's predictor and parameters in the bytes form of nb_scorer.model.parameters; empty if it has none."""
    facts = {"parameters": row["parameters"]} if row.get("parameters") else {}
    if row.get("predictor"):
        facts[FUNCTION] = NAMED + row["predictor"]
    return json.dumps(facts, sort_keys=True).encode("ascii") if facts else b""


def keep(folder, answers):
    """Replace the predictions in the golden rows of a model folder with `answers`, one per row."""
    rows = [dict(row, answer=answer) for row, answer in zip(read(folder), answers)]
    write(folder, [json.dumps(row).encode("ascii") for row in rows])


def write(folder, lines):
    """Write golden rows, each as JSON bytes, into a model folder, with the files in them alongside."""
    files: dict = {}
    texts = []
    for line in lines:
        row = json.loads(line.decode("utf-8"))
        pointers = _take_files(row, files)
        texts.append(dict(row, files=pointers) if pointers else row)
    target = os.path.join(str(folder), paths.GOLDEN_FILES)
    shutil.rmtree(target, ignore_errors=True)
    if files:
        os.makedirs(target)
    for name, content in files.items():
        with io.open(os.path.join(str(folder), name), "wb") as file:
            file.write(content)
    path = os.path.join(str(folder), paths.GOLDEN)
    with io.open(path + ".new", "wb") as file:
        # A row without files is written unchanged, to keep the spelling of the notebook's numbers.
        file.writelines(
            json.dumps(row).encode("ascii") + b"\n" if "files" in row else line.rstrip(b"\n") + b"\n"
            for row, line in zip(texts, lines)
        )
    os.replace(path + ".new", path)


def sizes(line):
    """Return (size of a golden row without its files, size of the files), in bytes."""
    if b'"data:' not in line:
        return len(line), 0
    files: dict = {}
    _take_files(json.loads(line.decode("utf-8")), files)
    # Base64 makes the files a third larger.
    return max(0, len(line) - sum(len(content) * 4 // 3 for content in files.values())), sum(map(len, files.values()))


def _take_files(row, files):
    """Replace the files in a row's sample and prediction with null, add them to `files`, and return their positions."""
    pointers: dict = {}
    for name in ("sample", "answer"):
        row[name] = _without_files(row[name], "/" + name, pointers, files)
    return pointers


def _without_files(value, pointer, pointers, files):
    if isinstance(value, dict):
        for name in value:
            value[name] = _without_files(value[name], "{}/{}".format(pointer, _escaped(name)), pointers, files)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            value[index] = _without_files(item, "{}/{}".format(pointer, index), pointers, files)
    elif isinstance(value, str) and value.startswith("data:"):
        part = _part(value)
        if part is not None:
            from nb_scorer.model import binary

            name = "{}/{}.{}".format(paths.GOLDEN_FILES, len(files) + 1, binary.extension(part.media_type))
            files[name], pointers[pointer] = part.content, [name, part.media_type]
            return None
    return value


def _part(url):
    """Return the Part for a data: URL in the form that this service writes; None for any other, which is kept."""
    # Imported here, so that a service whose golden rows have no files starts without it.
    from nb_scorer.model import binary

    try:
        part = binary.part_of(url)
    except ValueError:
        return None
    return part if part.media_type and binary.data_url(part.content, part.media_type) == url else None


def _escaped(name):
    return name.replace("~", "~0").replace("/", "~1")


def with_files(row, content_of):
    """Return a golden row with its files put back; `content_of` returns a file's bytes by name.

    Raise ValueError if a row names anything other than a file of golden rows.
    """
    pointers = row.pop("files", None)
    if not pointers:
        return row
    # Imported here for the same reason.
    from nb_scorer.model import binary

    if not isinstance(pointers, dict):
        raise ValueError("its files are not an object")  # noqa: TRY004 - of a file's content
    for pointer, file in pointers.items():
        if not isinstance(file, list) or len(file) != 2 or not all(isinstance(text, str) for text in file):
            raise ValueError("one of its files has no name and type")
        name, media_type = file
        if not _NAME.fullmatch(name):
            raise ValueError("it names the file {}".format(ascii(name)))
        _put(row, pointer, binary.data_url(content_of(name), media_type))
    return row


def file_names(content):
    """Return the names of the files that golden rows refer to, from all lines; empty for damaged rows."""
    names: list = []

    def noted(name):
        names.append(name)
        return b""

    for line in content.splitlines():
        try:
            with_files(json.loads(line.decode("utf-8")), noted)
        except (ValueError, AttributeError, TypeError, RecursionError):
            continue
    return names


def _put(row, pointer, value):
    """Set the value at a JSON pointer in `row`."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    try:
        for part in parents:
            row = row[int(part)] if isinstance(row, list) else row[part]
        row[int(last) if isinstance(row, list) else last] = value
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError("one of its files has no place") from error


def read(folder):
    """Return the golden rows of a model folder.

    Each is a dict with sample, answer, from, and perhaps parameters and predictor, the name of one of `predictors`.
    """

    def content_of(name):
        with io.open(os.path.join(str(folder), name), "rb") as file:
            return file.read()

    with io.open(os.path.join(str(folder), paths.GOLDEN), "rb") as file:
        return [with_files(json.loads(line.decode("utf-8")), content_of) for line in file]
