"""A cell as one of the known categories: text, numbers, true and false."""

from math import isnan

from nb_native.estimators.rows import known_number
from nb_native.refusal import Refusal
from nb_native.values import Known, Label, Number, Sample, Text

_FIND_TEXT = """\
/* Return the index of a text among `count` that follow one another, or `count` where it is none of them. */
static int $name(const char *text, size_t length, const unsigned char *all, const uint16_t *lengths, int count)
{
    int place = 0;
    for (; place < count; all += lengths[place++]) {
        size_t same = 0;
        while (same < length && length == lengths[place] && (unsigned char)text[same] == all[same]) {
            same++;
        }
        if (same == length && length == lengths[place]) {
            break;
        }
    }
    return place;
}"""
_FIND_NUMBER = """\
/* Return the index of a number among `count`, or `count` where it is none of them; NaN is like NaN. */
static int $name(double x, const double *all, int count)
{
    int place = 0;
    while (place < count && all[place] != x && (all[place] == all[place] || x == x)) {
        place++;
    }
    return place;
}"""

_FIND_CELL = """\
/* Return the index of a cell of JSON, which is no list and no object, among `count` numbers, or `count`. */
static int $name(const nb_value *cell, const double *all, int count)
{
    double x = cell->type == NB_TRUE;
    if (cell->type != NB_TRUE && cell->type != NB_FALSE && !nb_as_number(cell, &x)) {
        return count;
    }
    return $find_number(x, all, count);
}"""


def constants(categories):
    """Return the categories of one column as a tuple of Python objects: text, numbers, or true and false."""
    values = tuple(categories.tolist())
    kinds = {type(value) for value in values}
    if not (kinds in ({str}, {bool}) or (kinds and kinds <= {int, float})):
        raise Refusal("categories that mix strings and other types")
    return values


def place_of_missing(categories):
    """Return the index of NaN among the categories, or None."""
    return next((place for place, value in enumerate(categories) if isinstance(value, float) and isnan(value)), None)


def write_place(code, cell, categories):
    """Write the look-up of a cell among `categories`; return the name of an int, their number if not found.

    A JSON cell is treated like scikit-learn treats it in a one-row table: null is not a category, even if NaN is one,
    which means a missing value in a column; true is 1 among numbers, and text is not found. Among text, a number fails.
    """
    code.note_edges(categories)
    count = len(categories)
    place = code.name("p")
    if isinstance(cell, Known):
        cell = _known(cell.value)
    if isinstance(cell, Label):
        own = [categories.index(value) if value in categories else count for value in cell.table]
        code.line(f"int {place} = {code.table('index', own)}[{cell.code}];")
    elif isinstance(categories[0], str):
        _write_place_of_text(code, cell, categories, place)
    elif isinstance(cell, Number):
        if isinstance(categories[0], bool) != (cell.kind == "bool"):
            raise Refusal("a column whose type differs from that of its categories")
        _write_place_of_number(code, f"(double)({cell.code})", categories, place)
    elif isinstance(cell, Sample):
        _write_place_of_sample(code, cell, categories, place)
    else:
        raise Refusal("a column whose type differs from that of its categories")
    return place


def _known(value):
    return Label("0", (value,)) if isinstance(value, str) else known_number(value)


def _write_place_of_text(code, cell, categories, place):
    place_of_null = ""
    if isinstance(cell, Sample):
        value = _value(code, cell)
        with code.block(f"if ({value} == NULL || ({value}->type != NB_STRING && {value}->type != NB_NULL))"):
            code.line("return NB_FAILED;")
        cell = Text(f"{value}->text", f"{value}->length")
        place_of_null = f"{value}->type == NB_NULL ? {len(categories)} : "
    if not isinstance(cell, Text):
        raise Refusal("a column whose type differs from that of its categories")
    encoded = [value.encode() for value in categories]
    if max(map(len, encoded)) >= 1 << 16 or not any(encoded):
        raise Refusal("categories that are empty or too long")
    texts = code.table("unsigned char", b"".join(encoded))
    lengths = code.table("uint16_t", map(len, encoded))
    find = code.function(_FIND_TEXT)
    found = f"{find}({cell.pointer}, {cell.length}, {texts}, {lengths}, {len(categories)})"
    code.line(f"int {place} = {place_of_null}{found};")


def _write_place_of_sample(code, cell, categories, place):
    value = _value(code, cell)
    with code.block(f"if ({value} == NULL || {value}->type == NB_ARRAY || {value}->type == NB_OBJECT)"):
        code.line("return NB_FAILED;")
    find = code.function(_FIND_CELL.replace("$find_number", code.function(_FIND_NUMBER)))
    table = code.table("double", categories)
    code.line(f"int {place} = {find}({value}, {table}, {len(categories)});")


def _value(code, cell):
    """Return the name of a pointer to a JSON cell, which may be NULL."""
    value = code.name("c")
    code.line(f"const nb_value *{value} = {cell.code};")
    return value


def _write_place_of_number(code, number, categories, place):
    table = code.table("double", categories)
    code.line(f"int {place} = {code.function(_FIND_NUMBER)}({number}, {table}, {len(categories)});")
