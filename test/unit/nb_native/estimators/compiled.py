"""An estimator's method as a shared object that tests ask: what it answers, or that it fails, row by row."""

import atexit
import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from nb_native.code import Code
from nb_native.estimators import emit
from nb_native.values import Frame, Label, Number, Sample, Sparse, Text, Vector

RUNTIME = Path(__file__).resolve().parents[4] / "s2i/nb_native/runtime"
FLAGS = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fno-math-errno", "-fPIC"]
# NB_OK of nb_native.h.
OK = 0
_KINDS = {"float64": "row[{0}].number", "float32": "(float)row[{0}].number", "int64": "row[{0}].integer"}
_KINDS["bool"] = "(row[{0}].type == NB_TRUE)"
_SOURCE = """\
#include "nb_native.h"
#include "nb_math.h"
#include "nb_text.h"

int nb_as_number(const nb_value *value, double *number)
{{
    *number = value->number;
    return value->type == NB_INTEGER || value->type == NB_NUMBER;
}}

{tables}

static int one(const nb_value *row, double *answer)
{{
{lines}
{answers}
    return NB_OK;
}}

void ask(const nb_value *rows, long count, double *answers, int *statuses)
{{
    for (long i = 0; i < count; i++) {{
        statuses[i] = one(rows + i * {columns}, answers + i * {width});
    }}
}}
"""


class Value(ctypes.Structure):
    """`nb_value` of nb_native.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("integer", ctypes.c_int64),
        ("number", ctypes.c_double),
        ("text", ctypes.c_char_p),
        ("length", ctypes.c_size_t),
        ("first", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
        ("key", ctypes.c_char_p),
        ("key_length", ctypes.c_size_t),
    )


assert ctypes.sizeof(Value) == 80


@functools.cache
def _runtime():
    """Return the runtime's part that an estimator needs, compiled once."""
    folder = Path(tempfile.mkdtemp(prefix="nb-estimators-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    objects = [folder / f"nb_{name}.o" for name in ("math", "text")]
    for made in objects:
        subprocess.run(["gcc", *FLAGS, "-c", "-o", made, RUNTIME / f"{made.stem}.c"], check=True)
    return objects


def value_of(cell):
    """Return the nb_value of a Python value; floats are NB_NUMBER, also whole ones."""
    if cell is None:
        return Value(type=0)
    if isinstance(cell, (bool, np.bool_)):
        return Value(type=2 if cell else 1)
    if isinstance(cell, str):
        text = cell.encode("utf-8", "surrogatepass")
        return Value(type=5, text=text, length=len(text))
    if isinstance(cell, (list, dict)):
        return Value(type=6 if isinstance(cell, list) else 7)
    whole = isinstance(cell, (int, np.integer))
    return Value(type=3 if whole else 4, integer=int(cell) if whole else 0, number=float(cell))


# The same layout for numpy, to fill many at once.
_LAYOUT = np.dtype(
    {
        "names": ["type", "integer", "number"],
        "formats": [np.int32, np.int64, np.float64],
        "offsets": [0, 8, 16],
        "itemsize": 80,
    }
)


class Compiled:
    """A method of an estimator, in machine code; `source` is its C."""

    def __init__(self, estimator, method, kinds, names=None):
        """Compile for rows whose cells are of `kinds`: those of Number, "sample" or "text"; a Frame with `names`.

        For a row of one "document", the estimator gets that instead of a row.
        """
        code = Code()
        items = tuple(_input(place, kind) for place, kind in enumerate(kinds))
        rows = Vector((Vector(items, "array"),), "array") if names is None else Frame(dict(zip(names, items)))
        if kinds == ["document"]:
            rows = Vector(items, "list")
        value = emit(code, estimator, method, rows)
        if isinstance(value, Sparse):
            value = _dense(code, value)
        self.words = list(code.words)
        self.shape, leaves = _flat(value)
        self.tables = [leaf.table if isinstance(leaf, Label) else None for leaf in leaves]
        self.kinds = ["label" if isinstance(leaf, Label) else leaf.kind for leaf in leaves]
        answers = [f"    answer[{place}] = (double)({leaf.code});" for place, leaf in enumerate(leaves)]
        lines = ["    (void)row;", *code.lines]
        self.source = _SOURCE.format(
            tables="\n".join(code.tables),
            lines="\n".join(lines),
            answers="\n".join(answers),
            columns=len(kinds),
            width=len(leaves),
        )
        self._columns = len(kinds)
        self._width = len(leaves)
        self._library = self._compile()

    def _compile(self):
        with tempfile.TemporaryDirectory() as folder:
            self._gcc(folder, "model.so", "-shared", *_runtime())
            return ctypes.CDLL(f"{folder}/model.so")

    def _gcc(self, folder, made, *options):
        source = Path(folder, "model.c")
        source.write_text(self.source)
        subprocess.run(["gcc", *FLAGS, "-I", RUNTIME, "-o", f"{folder}/{made}", source, *options], check=True)

    @property
    def size(self):
        """The bytes of code and tables, compiled for a small program."""
        with tempfile.TemporaryDirectory() as folder:
            self._gcc(folder, "model.o", "-Os", "-c")
            sizes = subprocess.run(["size", f"{folder}/model.o"], check=True, capture_output=True, text=True)
            return int(sizes.stdout.splitlines()[1].split()[0])

    def ask(self, rows):
        """Return (answers, statuses): an array of doubles for each row, and NB_OK or what else there was.

        `rows` is an array of numbers, or a list of rows of cells. Labels are their indexes; see `labels`.
        """
        if isinstance(rows, np.ndarray) and rows.dtype != object:
            values = np.zeros(rows.shape, _LAYOUT)
            values["type"] = 4
            values["number"] = rows
            with np.errstate(invalid="ignore"):
                values["integer"] = rows
            pointer = values.ctypes.data
        else:
            values = (Value * (len(rows) * self._columns))(*[value_of(cell) for row in rows for cell in row])
            pointer = ctypes.addressof(values)
        answers = np.zeros((len(rows), self._width))
        statuses = np.zeros(len(rows), np.int32)
        self._library.ask(
            ctypes.c_void_p(pointer),
            ctypes.c_long(len(rows)),
            ctypes.c_void_p(answers.ctypes.data),
            ctypes.c_void_p(statuses.ctypes.data),
        )
        return answers, statuses

    def results(self, rows):
        """Return what the library would return for `rows`, all of which must have an answer: labels as they are."""
        answers, statuses = self.ask(rows)
        assert (statuses == OK).all(), "some rows have no answer"
        if self.tables[0] is not None:
            answers = np.array([[self.tables[0][int(cell)] for cell in row] for row in answers])
        return answers[:, 0] if self.shape == 1 else answers


def _input(place, kind):
    if kind == "sample":
        return Sample(f"(&row[{place}])")
    if kind in ("text", "document"):
        return Text(f"row[{place}].text", f"row[{place}].length")
    return Number(f"({_KINDS[kind].format(place)})", kind)


def _dense(code, row):
    """Return a Sparse as the row that it stands for."""
    name = code.name("x")
    code.line(f"double {name}[{row.width}] = {{ 0.0 }};")
    with code.block(f"for (uint32_t i = 0; i < {row.length}; i++)"):
        code.line(f"{name}[{row.code}[i].feature] = {row.code}[i].number;")
    numbers = tuple(Number(f"{name}[{place}]", row.kind) for place in range(row.width))
    return Vector((Vector(numbers, "array"),), "array")


def _flat(value):
    """Return (1 where a value is one array of one, else 2; its Numbers and Labels)."""
    leaves = []
    assert isinstance(value, Vector)
    assert value.kind == "array"
    depth = 1
    for item in value.items:
        if isinstance(item, Vector):
            assert len(value.items) == 1
            depth = 2
            leaves += item.items
        else:
            leaves.append(item)
    return depth, leaves
