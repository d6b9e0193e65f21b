"""An estimator's input row: its numbers, the dtype that numpy gives it, and scikit-learn's checks."""

from typing import NamedTuple

from nb_native.code import C_TYPES, literal
from nb_native.refusal import Refusal
from nb_native.values import Frame, Known, Number, Sample, Sparse, Vector


class Row(NamedTuple):
    """One row: a tuple of Numbers, the dtype of numpy's array of it, and column names or None."""

    numbers: tuple
    dtype: str
    names: object


def row_of(code, rows, features=None, names=None, takes_null=True):
    """Return the only Row in `rows`, a Vector of one Vector or a Frame.

    It must have `features` numbers, and a Frame must have the columns `names`: those that the estimator was fitted
    with, None if not recorded. JSON cells are written as numbers to `code`; null is NaN, or the program fails unless
    `takes_null`.
    """
    cells, columns = cells_of(rows)
    if columns is None:
        numbers = tuple(_number(cell) for cell in cells)
    else:
        # scikit-learn and XGBoost raise if names or their order differ from those in fit.
        if names is not None and list(names) != list(columns):
            raise Refusal("a model gets columns that it was not fitted with, or in another order")
        numbers = tuple(_number_of_cell(code, cell, takes_null) for cell in cells)
    if features is not None and len(numbers) != features:
        raise Refusal(f"a model of {features} features that gets {len(numbers)}")
    return Row(numbers, promoted([number.kind for number in numbers]), columns)


def cells_of(rows):
    """Return (the cells of the only row in `rows`, a tuple of its column names or None)."""
    if isinstance(rows, Frame):
        return tuple(rows.columns.values()), tuple(rows.columns)
    if isinstance(rows, Sparse):
        raise Refusal("a model that has no native form for word counts gets word counts")
    if not isinstance(rows, Vector) or len(rows.items) != 1 or not isinstance(rows.items[0], Vector):
        raise Refusal("a model gets something other than one row")
    return rows.items[0].items, None


def row_for(code, estimator, rows):
    """Return the only Row in `rows` in the form that a scikit-learn `estimator` was fitted with."""
    if isinstance(rows, Sparse):
        raise Refusal(f"{type(estimator).__name__} applied to word counts")
    names = getattr(estimator, "feature_names_in_", None)
    return row_of(code, rows, getattr(estimator, "n_features_in_", None), names)


def promoted(kinds):
    """Return the dtype of an array of such numbers, like numpy.result_type."""
    kinds = set(kinds)
    if len(kinds) == 1:
        return kinds.pop()
    return "int64" if kinds == {"int64", "bool"} else "float32" if kinds == {"float32", "bool"} else "float64"


def _number(item):
    if isinstance(item, Number):
        return item
    if isinstance(item, Known):
        return known_number(item.value)
    raise Refusal("a model gets something other than numbers")


# A column with a single null has dtype object, where numpy reads None as NaN.
_NUMBER_OF_CELL = """\
/* Put there what numpy makes of a cell: null is missing, true is 1; return 0 for what is no number. */
static int $name(const nb_value *cell, double *number)
{
    if (cell == NULL) {
        return 0;
    }
    *number = cell->type == NB_NULL ? NB_NAN : cell->type == NB_TRUE;
    return cell->type <= NB_TRUE || nb_as_number(cell, number);
}"""


def _number_of_cell(code, cell, takes_null):
    if not isinstance(cell, Sample):
        return _number(cell)
    value, number = code.name("c"), code.name("v")
    code.line(f"const nb_value *{value} = {cell.code};")
    code.line(f"double {number};")
    null = "" if takes_null else f" || {value}->type == NB_NULL"
    with code.block(f"if (!{code.function(_NUMBER_OF_CELL)}({value}, &{number}){null})"):
        code.line("return NB_FAILED;")
    return Number(number, "float64")


def known_number(value):
    """Return the Number of a constant Python or numpy number; raise Refusal for other values."""
    plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    kind = {bool: "bool", int: "int64", float: "float64"}.get(type(plain))
    if kind is None or (kind == "int64" and abs(plain) > 1 << 53):
        raise Refusal("a model gets something other than numbers")
    if str(getattr(value, "dtype", "")) == "float32":
        kind = "float32"
    return Number(literal(C_TYPES[kind], plain), kind)


def declare(code, row, ctype="double"):
    """Return the name of a C array with the row's numbers, converted like numpy's astype."""
    name = code.name("x")
    # An array has one type before it is converted: a float32 in a row of float64 loses nothing.
    values = ", ".join(_converted(number, ctype) for number in row.numbers)
    code.line(f"const {ctype} {name}[{len(row.numbers)}] = {{ {values} }};")
    return name


def _converted(number, ctype):
    return number.code if C_TYPES[number.kind] == ctype else f"({ctype})({number.code})"


def check_finite(code, row, array, missing=False):
    """Write scikit-learn's check: predictor fails for infinity, and for NaN unless that is `missing` values.

    `array` holds the row after its conversion, because a double may be infinite as a float. Integers are finite.
    """
    if row.dtype in ("int64", "bool"):
        return
    test = f"nb_is_infinite({array}[i])" if missing else f"!nb_is_finite({array}[i])"
    with code.block(f"for (int i = 0; i < {len(row.numbers)}; i++)"), code.block(f"if ({test})"):
        code.line("return NB_FAILED;")


def float64_array(code, row):
    """Return the name of an array of the row's doubles, and write the check that all are finite."""
    array = declare(code, row)
    check_finite(code, row, array)
    return array


def as_rows(numbers):
    """Return these as a two-dimensional array with one row."""
    return Vector((Vector(tuple(numbers), "array"),), "array")


def elements(array, count, kind):
    """Return the Numbers in a C array."""
    return [Number(f"{array}[{index}]", kind) for index in range(count)]


def reject_other_output(estimator):
    """Raise Refusal if a transformer is configured to return a DataFrame."""
    if getattr(estimator, "_sklearn_output_config", {}).get("transform", "default") != "default":
        raise Refusal(f"{type(estimator).__name__} whose output is set to a DataFrame")
