"""numpy arrays, one-row tables, and the rows passed to estimators."""

import numpy as np

from nb_native import estimators
from nb_native.code import literal
from nb_native.translate import kinds, labels, numbers, samples
from nb_native.translate.kinds import BOOL, COMPLEX, FLOAT, FLOAT32, INTEGER, NUMPY, STATIC, Lazy, Matrix, Real, Table
from nb_native.values import Frame, Known, Label, Number, Record, Sample, Sparse, Text, Vector

# Maximum number of items in a row: each one is a separate C expression.
MAX_FEATURES = 20000
_DTYPES = {"float64": "float64", "float32": "float32"}


def dtype_of(context, value):
    """Return "float64", "float32" or None for a dtype as notebooks write it; raise Refusal for any other."""
    if value is None or (isinstance(value, Known) and value.value is None):
        return None
    if isinstance(value, Known):
        name = labels.raised(context, np.dtype, value.value).name
        if name in _DTYPES:
            return name
    raise context.rejection("creates an array of a dtype that has no native form; use float64 or float32")


def array(context, value, dtype=None):
    """Return np.array(value, dtype): a Vector if all items are known to be numbers, else a Matrix to examine later."""
    if isinstance(value, (Matrix, Table, Frame)):
        if isinstance(value, Matrix):
            return value._replace(dtype=dtype or value.dtype)
        raise context.rejection("creates an array from a table")
    if isinstance(value, Known) and not numbers.is_number(value):
        value = _of_known(context, value.value)
    if isinstance(value, Vector):
        leaves = list(_leaves(value))
        if value.kind == "array" and dtype is None:
            return value
        if leaves and all(numbers.is_number(leaf) for leaf in leaves):
            return _of_one_dtype(context, value, dtype, leaves)
        if leaves and all(isinstance(leaf, (Label, Known)) for leaf in leaves) and dtype is None:
            return _as_array(value)
    if isinstance(value, (Sample, Vector)):
        return Matrix(value, dtype)
    if isinstance(value, Lazy):
        return Matrix(value, dtype)
    raise context.rejection("creates an array from a value that has no native form")


def _of_known(context, value):
    values = labels.raised(context, np.asarray, value)
    if values.ndim not in (1, 2) or values.size > MAX_FEATURES:
        raise context.rejection("creates an array from a constant that is neither a row nor a list of rows")
    items = tuple(values) if values.ndim == 1 else tuple(Vector(tuple(map(Known, row)), "array") for row in values)
    return Vector(tuple(map(Known, items)) if values.ndim == 1 else items, "array")


def _leaves(value):
    for item in value.items:
        if isinstance(item, Vector):
            yield from _leaves(item)
        else:
            yield item


def _as_array(value):
    return Vector(tuple(_as_array(item) if isinstance(item, Vector) else item for item in value.items), "array")


def _of_one_dtype(context, value, dtype, leaves):
    """Return a Vector whose numbers all have the array's dtype, chosen as numpy does."""
    reals = {id(leaf): numbers.real_of(context, leaf) for leaf in leaves}
    found = list(reals.values())
    if any(real.other for real in found):
        return Matrix(value, dtype)
    forms = {real.form for real in found}
    if dtype is None:
        if len(forms) > 1 and FLOAT32 in forms:
            raise context.rejection("creates an array from float32 and other numbers; set dtype=")
        form = forms.pop() if len(forms) == 1 and forms <= set(STATIC) else None
        if form is None and FLOAT in forms:
            form = FLOAT
        if form is None and forms <= {BOOL, INTEGER}:
            form = INTEGER
        if form is None:
            form = _largest_form(context, found)
    else:
        form = FLOAT if dtype == "float64" else FLOAT32
    return _converted(context, value, reals, form)


def _largest_form(context, reals):
    """Return a C variable that holds the form of an array of these numbers."""
    name = context.name_of("e", "enum nb_form {} = NB_AS_BOOL;")
    for real in reals:
        context.code.line(f"if ({real.form} > {name})")
        context.code.line(f"    {name} = {real.form};")
    return name


def _converted(context, value, reals, form):
    items = []
    for item in value.items:
        if isinstance(item, Vector):
            items.append(_converted(context, item, reals, form))
            continue
        real = reals[id(item)]
        if form == FLOAT32:
            items.append(Real(f"((float){real.code})", FLOAT32, NUMPY))
        elif form in STATIC:
            items.append(Real(numbers.double_of(real), form, NUMPY))
        else:
            name = context.name_of("n", f"const nb_number {{}} = nb_as({real.code}, {form});")
            items.append(Real(f"{name}.value", f"{name}.form", NUMPY, name))
    return Vector(tuple(items), "array")


def plain(context, value):
    """Convert a Matrix to a Vector of numpy numbers, for code that reads them; return other values unchanged.

    The program fails for items that aren't numbers; where Python would continue, `context` raises Refusal.
    """
    if not isinstance(value, Matrix):
        return value
    inner = value.inner
    if isinstance(inner, Vector) and not value.flat and value.rows == 0:
        texts_read = value.dtype is not None
        leaves = []
        for leaf in _leaves(inner):
            if isinstance(leaf, Sample):
                leaves.append(_item_of_array(context, leaf, texts_read))
            elif numbers.is_number(leaf):
                leaves.append(leaf)
            else:
                raise context.rejection("computes with an array of values other than numbers")
        rebuilt = _rebuilt(inner, iter(leaves))
        return _of_one_dtype(context, rebuilt, value.dtype, list(_leaves(rebuilt)))
    raise context.rejection("computes with an array of the sample whose length is unknown; check len() first")


def _item_of_array(context, sample, reads_texts):
    """Return an array item that may be text or a list, with which Python continues; dtype=float parses text."""
    types = samples.types_of(context, sample)
    allowed = {"boolean", "integer", "number"} | ({"text", "null", "object"} if reads_texts else set())
    if not types <= allowed:
        raise context.rejection(
            "computes with an array of values that may not be numbers; convert them with float() or check their type"
        )
    return _number_or_null(context, sample) if reads_texts else numbers.of_sample(context, sample)


def _number_or_null(context, sample):
    """Return an item of an array with dtype=float: text is parsed, and null becomes NaN."""
    name = context.name_of("v", "double {};")
    context.return_unless_ok(f"nb_float_or_null_of({sample.code}, &{name})")
    return Real(name, FLOAT)


def _rebuilt(value, leaves):
    items = tuple(_rebuilt(item, leaves) if isinstance(item, Vector) else next(leaves) for item in value.items)
    return Vector(items, value.kind)


def of_known_length(context, matrix):
    """Convert a Matrix of the whole sample to a Vector if a check has established the sample's length."""
    sample = matrix.inner
    length = context.facts.lengths.get(sample.code) if isinstance(sample, Sample) else None
    if length is None or matrix.flat or matrix.rows or samples.types_of(context, sample) != {"list"}:
        return matrix
    return matrix._replace(inner=Vector(tuple(samples.items(context, sample, length)), "list"))


def written_out(context, value):
    """Like `plain`, but also convert a Matrix of the whole sample if a check has established its length."""
    return plain(context, of_known_length(context, value)) if isinstance(value, Matrix) else value


# --- rows for estimators ---


def features_of(context, estimator):
    """Return the number of features that an estimator expects; raise Refusal if it doesn't record it."""
    for name in ("n_features_in_", "num_features", "num_feature", "n_features_"):
        found = getattr(estimator, name, None)
        if callable(found):
            found = found()
        if isinstance(found, (int, np.integer)) and 0 < found <= MAX_FEATURES:
            return int(found)
    raise context.rejection(f"calls a {type(estimator).__name__}, whose number of features is unknown")


def asked(context, estimator, method, data):
    """Return the result of `estimator.method(data)`, using the estimator's native form."""
    rows = _rows(context, estimator, data)
    if isinstance(rows, Frame):
        rows = Frame({name: _cell(context, value) for name, value in rows.columns.items()})
    with context.placed():
        return estimators.emit(context.code, estimator, method, rows)


def _cell(context, value):
    """Return a cell of a table, or of a row that contains text, in the form that estimators expect."""
    if isinstance(value, Sample) or (isinstance(value, Known) and not isinstance(value.value, (list, tuple, dict))):
        return value
    if numbers.is_number(value):
        return numbers.number_of(context, numbers.real_of(context, value))
    raise context.rejection("passes a table with values other than numbers and strings to a model")


def _first_step(estimator):
    """Return the estimator that sees the data first: the first pipeline step that isn't a no-op, or the estimator."""
    steps = getattr(estimator, "steps", None) or [("", estimator)]
    return next((step for _, step in steps if step not in ("passthrough", None)), estimator)


def _takes_texts(estimator):
    """Return whether an estimator accepts a row's cells unconverted: encoders, and pipelines that start with one."""
    return type(_first_step(estimator)).__name__ in ("OneHotEncoder", "OrdinalEncoder", "ColumnTransformer")


def _columns_by_name(estimator):
    """Return the columns that a ColumnTransformer selects by name from a wider table; None for other estimators.

    Columns of dropped transformers may be absent.
    """
    first = _first_step(estimator)
    places = getattr(first, "_transformer_to_input_indices", None)
    if type(first).__name__ != "ColumnTransformer" or places is None:
        return None
    kept = [name for name, part, _ in first.transformers_ if not (isinstance(part, str) and part == "drop")]
    needed = {place for name in kept for place in places[name]}
    return [str(name) for place, name in enumerate(first.feature_names_in_) if place in needed]


def _reads_texts(estimator):
    """Return whether an estimator starts with a text vectorizer."""
    return type(_first_step(estimator)).__name__ in estimators.TEXT_READERS


def _text_of(context, data):
    """Return a vectorizer's only text, as a one-item list; the program fails for other values."""
    if isinstance(data, Sample) and samples.types_of(context, data) == {"list"}:
        if context.facts.lengths.get(data.code) == 1:
            data = Vector(tuple(samples.items(context, data, 1)), "list")
    if not isinstance(data, Vector) or data.kind not in ("list", "tuple"):
        raise context.rejection("passes an unknown number of strings to a model; use [x]")
    if len(data.items) != 1:
        raise context.rejection("passes several strings to a model at once")
    (text,) = data.items
    if isinstance(text, Known) and isinstance(text.value, str):
        encoded = text.value.encode("utf-8", "surrogatepass")
        return Vector((Text(samples.c_string(encoded), str(len(encoded))),), "list")
    if isinstance(text, (Vector, Record)) or text == Known(None) or numbers.is_number(text):
        context.fail()
    if not isinstance(text, Sample):
        raise context.rejection("passes a string that has no native form to a model")
    samples.require(context, text, frozenset(["text"]))
    return Vector((Text(f"{text.code}->text", f"{text.code}->length"),), "list")


def _rows(context, estimator, data):
    if isinstance(data, Sparse):
        return data
    if _reads_texts(estimator):
        return _text_of(context, data)
    if isinstance(data, Table):
        return _frame(context, estimator, data)
    if isinstance(data, Frame):
        return data
    if isinstance(data, Matrix):
        return _row_of(context, estimator, data)
    if isinstance(data, Vector) and len(data.items) == 1:
        inner = data.items[0]
        if isinstance(inner, Vector) and all(numbers.is_number(item) for item in inner.items):
            row = [numbers.real_of(context, item) for item in inner.items]
            if not any(real.other for real in row):
                return _of_numbers(context, estimator, [numbers.number_of(context, real) for real in row])
        if isinstance(inner, (Sample, Vector, Lazy, Matrix)):
            return _row_of(context, estimator, Matrix(data, None))
        if isinstance(inner, Record):
            context.fail()
    if isinstance(data, (Vector, Sample, Lazy)):
        # Neither one row nor two-dimensional with one row: libraries raise for the former and score several rows for
        # the latter.
        raise context.rejection("passes something other than one row to a model")
    raise context.rejection("passes a value that has no native form to a model")


def _of_numbers(context, estimator, row):
    if len(row) != features_of(context, estimator):
        context.fail()
    return Vector((Vector(tuple(row), "array"),), "array")


def _row_of(context, estimator, matrix):
    """Return the only row of a Matrix, checked for the estimator's length: libraries raise for any other length."""
    count = features_of(context, estimator)
    if matrix.width not in (None, count):
        context.fail()
    row, dtype = _only_row(context, matrix)
    if isinstance(row, Lazy):
        items = samples.items(context, Sample(row.code), count)
        row = Vector(tuple(row.make(item) for item in items), "list")
    if isinstance(row, Vector) and matrix.flat and _may_hold_lists(context, row):
        row = Sample(_chained(context, row.items))
    if isinstance(row, Sample):
        name = _filled(context, row, count, dtype, matrix.flat)
        found = [Number(f"{name}[{place}]", "float64") for place in range(count)]
    elif isinstance(row, Vector):
        if len(row.items) != count:
            context.fail()
        if _takes_texts(estimator) and dtype is None and any(isinstance(item, Sample) for item in row.items):
            # In an array that also contains text, numpy converts numbers to text; the estimator's native form decides
            # whether to.
            kind = getattr(matrix.inner, "kind", "array")
            return Vector((Vector(tuple(_cell(context, item) for item in row.items), kind),), kind)
        found = _of_items(context, estimator, row.items, dtype)
    else:
        raise context.rejection("passes a value that has no native form to a model")
    if dtype == "float32":
        found = [Number(f"((float){number.code})", "float32") for number in found]
    return Vector((Vector(tuple(found), "array"),), "array")


def _only_row(context, matrix):
    """Return (the only row of a Matrix: a Sample, a Vector or a Lazy; its dtype)."""
    inner = matrix.inner
    if matrix.flat or matrix.rows == 1:
        return inner, matrix.dtype
    if not isinstance(inner, Vector) or len(inner.items) != 1:
        raise context.rejection("passes something other than one row to a model")
    row = inner.items[0]
    if isinstance(row, Record):
        context.fail()
    if isinstance(row, Matrix):
        if row.flat or row.rows:
            raise context.rejection("passes something other than one row to a model")
        return row.inner, row.dtype or matrix.dtype
    return row, matrix.dtype


def _may_hold_lists(context, row):
    """Return whether reshape may yield more numbers than the row has items."""
    return any("list" in samples.types_of(context, item) for item in row.items if isinstance(item, Sample))


def _chained(context, items):
    """Return C code that builds a JSON list of these items, as numpy would see it."""
    names = []
    for item in items:
        if isinstance(item, Sample):
            value = f"*{item.code}"
        elif item == Known(None):
            value = "(nb_value){.type = NB_NULL}"
        elif numbers.is_number(item):
            code = numbers.number_of(context, numbers.real_of(context, item)).code
            value = f"(nb_value){{.type = NB_NUMBER, .number = {code}}}"
        else:
            raise context.rejection("creates an array from a value that has no native form")
        names.append(context.name_of("m", f"nb_value {{}} = {value};"))
    for name, following in zip(names, [*names[1:], None]):
        context.code.line(f"{name}.next = {'NULL' if following is None else '&' + following};")
    fields = f".type = NB_ARRAY, .first = &{names[0]}, .count = {len(names)}"
    return "(&" + context.name_of("m", f"const nb_value {{}} = {{{fields}}};") + ")"


def check(context, value):
    """Make the program fail if numpy couldn't build the array, for an array that is stored and may never be used."""
    if not isinstance(value, Matrix) or value.flat or value.rows:
        return
    inner = value.inner
    if isinstance(inner, Vector) and len(inner.items) == 1 and isinstance(inner.items[0], Sample):
        inner = inner.items[0]
    if isinstance(inner, Vector) and _may_hold_lists(context, inner):
        inner = Sample(_chained(context, inner.items))
    if isinstance(inner, Sample):
        context.return_unless_ok(f"nb_flat_row({inner.code}, 0, {int(value.dtype is not None)}, NULL)")


def _filled(context, sample, count, dtype, flat):
    """Declare an array of doubles filled with a sample's numbers; return its name."""
    key = (sample.code, ("row", count, dtype is not None, flat))
    if key not in context.facts.found:
        name = context.name_of("x", f"double {{}}[{count}];")
        arguments = f"{sample.code}, {count}, {int(dtype is not None)}, {name}"
        context.return_unless_ok(f"nb_{'flat_' if flat else ''}row({arguments})")
        context.facts.found[key] = name
    return context.facts.found[key]


def _of_items(context, estimator, items, dtype):
    """Return Numbers for a row that the notebook builds item by item."""
    items = [plain(context, item) for item in items]
    sampled = {}
    for place, item in enumerate(items):
        if isinstance(item, Sample) and not _is_number_for_sure(context, item):
            sampled[place] = context.code.name("v")
    has_null = Known(None) in [item for item in items if isinstance(item, Known)]
    if sampled:
        _write_items(context, [(name, items[place]) for place, name in sampled.items()], has_null, dtype is not None)
    may_be_null = has_null or any("null" in samples.types_of(context, items[place]) for place in sampled)
    return [
        Number(sampled[place], "float64")
        if place in sampled
        else _number_of_item(context, estimator, item, dtype is not None or may_be_null)
        for place, item in enumerate(items)
    ]


def _number_of_item(context, estimator, item, reads_texts):
    """Return the Number of an item that isn't part of the sample, or that is certainly a number."""
    if isinstance(item, Known) and item.value is None:
        return Number("NB_NAN", "float64")
    if isinstance(item, (Vector, Record)):
        context.fail()
    if not isinstance(item, Sample) and not numbers.is_number(item):
        raise context.rejection("passes a row with values other than numbers to a model")
    real = numbers.real_of(context, item)
    if real.other == COMPLEX and type(estimator).__module__.partition(".")[0] != "sklearn":
        raise context.rejection("passes a value that may be a complex number to a model")
    if real.other == kinds.TEXT and reads_texts:
        # Next to null, numpy parses text such as "1.5". How it treats repeated text is not supported.
        context.return_if(f"{real.struct}.form == NB_AS_OTHER", "NB_BEYOND")
        real = real._replace(other=None)
    return numbers.number_of(context, real)


def _is_number_for_sure(context, sample):
    return samples.types_of(context, sample) <= {"boolean", "integer", "number"}


def _write_items(context, sampled, has_null, reads_texts):
    """Write numpy's conversion of (name, part of the sample): if null is present, text is parsed, too."""
    context.code.line("double " + ", ".join(name for name, _ in sampled) + ";")
    seen = context.name_of("r", f"int {{}} = {'NB_SEEN_NULL' if has_null else '0'};")
    for name, item in sampled:
        context.fail_if(f"nb_seen({item.code}, &{name}, &{seen})")
    with context.code.block(f"if ({seen} & NB_SEEN_TEXT)"):
        if not reads_texts:
            context.fail_if(f"!({seen} & NB_SEEN_NULL)")
        for name, item in sampled:
            context.return_unless_ok(f"nb_float_or_null_of({item.code}, &{name})")


# --- tables ---


def table(context, data, columns=None):
    """Return pd.DataFrame(data, columns=columns) of one row."""
    names = None if columns is None else _names(context, columns)
    if isinstance(data, Matrix):
        raise context.rejection("creates a table from an array of the sample; use DataFrame([x])")
    if isinstance(data, Record) and all(_is_column_of_one(item) for item in data.fields.values()):
        data = Vector((Record({name: item.items[0] for name, item in data.fields.items()}),), "list")
    row = data.items[0] if isinstance(data, Vector) and len(data.items) == 1 else None
    if isinstance(row, Sample):
        return Table(row, names)
    if isinstance(row, Record):
        fields = row.fields if names is None else {name: row.fields.get(name, Known(np.nan)) for name in names}
        return Frame(dict(fields))
    if isinstance(row, Vector):
        if names is not None and len(names) != len(row.items):
            context.fail()
        return Frame(dict(zip(range(len(row.items)) if names is None else names, row.items)))
    raise context.rejection("creates a table from something other than one row")


def _is_column_of_one(value):
    return isinstance(value, Vector) and len(value.items) == 1


def _names(context, columns):
    if not isinstance(columns, Known):
        columns = known_list(context, columns)
    names = tuple(labels.raised(context, list, columns.value))
    if len(set(names)) < len(names):
        raise context.rejection("creates a table with two columns of the same name")
    return names


def known_list(context, value):
    """Return a list of constants, such as column names, as Known; raise Refusal for anything else."""
    if isinstance(value, Vector) and all(isinstance(item, Known) for item in value.items):
        return Known([item.value for item in value.items])
    raise context.rejection("computes the column names of a table from the sample")


def columns(context, value, names):
    """Return `table[names]`, a selection of columns."""
    if isinstance(value, Table) and value.columns is None:
        samples.require(context, value.row, frozenset(["object"]))
        return Frame({name: samples.field(context, value.row, name) for name in names})
    if isinstance(value, Table):
        value = _frame(context, None, value)
    missing = [name for name in names if name not in value.columns]
    if missing:
        context.fail()
    return Frame({name: value.columns[name] for name in names})


def _frame(context, estimator, value):
    """Return a Table as a Frame whose columns are the names that the estimator was fitted with."""
    names = value.columns
    row = value.row
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
        if names is None:
            raise context.rejection("passes a table without column names to a model; use DataFrame([x])[names]")
        samples.require(context, row, frozenset(["object"]))
        taken = _columns_by_name(estimator)
        if taken is not None:
            return Frame({name: samples.field(context, row, name) for name in taken})
        # The order of keys determines the order of columns; libraries raise if it differs from the fitted one.
        names = [str(name) for name in names]
        for place, name in enumerate(names):
            test = f"nb_is_key({row.code}, {place}, {samples.text_arguments(name)})"
            context.fail_if(f"!{test}")
        context.fail_if(f"nb_length({row.code}) != {len(names)}")
        return Frame({name: samples.field(context, row, name) for name in names})
    if len(names) < 2:
        raise context.rejection("creates a table from one column of the sample; use DataFrame([x])[names]")
    is_object = samples.is_type(context, row, {"object"})
    if is_object is True:
        return Frame({name: _or_nan(context, row, name) for name in names})
    if is_object is False:
        samples.require(context, row, frozenset(["list"]))
        return Frame(dict(zip(names, samples.items(context, row, len(names)))))
    samples.require(context, row, frozenset(["list", "object"]))
    nan = context.code.name("d")
    context.code.line(f"static const nb_value {nan} = {{.type = NB_NUMBER, .number = {literal('double', np.nan)}}};")
    context.fail_if(f"{row.code}->type == NB_ARRAY && {row.code}->count != {len(names)}")
    found = {}
    for place, name in enumerate(names):
        code = context.name_of(
            "s", f"const nb_value *{{}} = nb_column({row.code}, {place}, {samples.text_arguments(name)}, &{nan});"
        )
        found[name] = Sample(code)
    return Frame(found)


def _or_nan(context, row, name):
    return samples.field_or(context, row, name, float("nan"))
