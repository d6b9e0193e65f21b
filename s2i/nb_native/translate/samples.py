"""JSON input as a Python list, dict, str or number: look-ups, lengths, truth and equality."""

from nb_scorer.batching.syntax_nodes import UNKNOWN

from nb_native.code import literal
from nb_native.translate import numbers
from nb_native.translate.kinds import FLOAT, INTEGER, Real
from nb_native.values import Known, Sample

ALL_TYPES = frozenset(["null", "boolean", "integer", "number", "text", "list", "object"])
_C_TYPES = {
    "null": ("NB_NULL",),
    "boolean": ("NB_FALSE", "NB_TRUE"),
    "integer": ("NB_INTEGER",),
    "number": ("NB_NUMBER",),
    "text": ("NB_STRING",),
    "list": ("NB_ARRAY",),
    "object": ("NB_OBJECT",),
}


def types_of(context, sample):
    """Return the set of JSON types that a sample's value may have."""
    return context.facts.types.get(sample.code, ALL_TYPES)


def text_arguments(text):
    """Return C code for a text and its length, as two arguments."""
    encoded = text.encode("utf-8", "surrogatepass")
    return f"{c_string(encoded)}, {len(encoded)}"


def c_string(encoded):
    """Return bytes as a C literal, without escapes that run into the following character."""
    plain = set(range(0x20, 0x7F)) - set(b'"\\?')
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in encoded) + '"'


def is_type(context, sample, types):
    """Return a C condition that the sample's value has one of these types; True or False if known."""
    possible = types_of(context, sample)
    if possible <= types:
        return True
    if not possible & types:
        return False
    names = [name for kind in sorted(types & possible) for name in _C_TYPES[kind]]
    return "(" + " || ".join(f"{sample.code}->type == {name}" for name in names) + ")"


def require(context, sample, types):
    """Make the program fail unless the sample's value has one of these types."""
    condition = is_type(context, sample, types)
    if condition is False:
        context.fail()
    if condition is not True:
        context.fail_if(f"!{condition}")
    context.facts.types[sample.code] = types_of(context, sample) & types


def introduce(context, sample, path):
    """Record a value's path in the sample, and the facts that the validator established about it.

    The service calls predictor only with samples that the validator accepts; the program fails for others.
    """
    context.paths[sample.code] = path
    types, length = context.accepted.get(path, (None, None))
    if path and "*" not in path:
        any_types, any_length = context.accepted.get((*path[:-1], "*"), (None, None))
        types = types & any_types if types and any_types else types or any_types
        length = any_length if length is None else length
    if types and types != ALL_TYPES:
        require(context, sample, types)
    if length is not None:
        context.fail_if(f"nb_length({sample.code}) != {length}")
        context.facts.lengths[sample.code] = length


def any_item(context, sample):
    """Return the code that represents any item of a sample's value in Facts."""
    code = f"{sample.code}[*]"
    if sample.code in context.paths:
        context.paths[code] = (*context.paths[sample.code], "*")
    return code


def _looked_up(context, sample, key, expression):
    """Return the Sample at a C expression, or NULL if Python raises; each place is looked up once."""
    known = context.facts.found.get((sample.code, key))
    if known is None:
        known = context.name_of("s", f"const nb_value *{{}} = {expression};")
        context.fail_if(f"!{known}")
        context.facts.found[sample.code, key] = known
        if sample.code in context.paths:
            introduce(context, Sample(known), (*context.paths[sample.code], key))
        reported = context.facts.types.get(any_item(context, sample))
        if reported is not None and not isinstance(key, str):
            context.facts.types[known] = types_of(context, Sample(known)) & reported
    return Sample(known)


def item(context, sample, index):
    """Return sample[index] for an int."""
    if types_of(context, sample) == {"list"} and 0 <= index < context.facts.lengths.get(sample.code, 0):
        return _looked_up(context, sample, index, f"nb_item({sample.code}, {index})")
    if (sample.code, index) in context.facts.found:
        return Sample(context.facts.found[sample.code, index])
    made = context.name_of("m", "nb_value {};")
    found = _looked_up(context, sample, index, f"nb_at({sample.code}, {index}, &{made})")
    context.facts.types[sample.code] = types_of(context, sample) & {"list", "text"}
    return found


def field(context, sample, name):
    """Return sample[name] for a str."""
    found = _looked_up(context, sample, name, f"nb_field({sample.code}, {text_arguments(name)})")
    context.facts.types[sample.code] = types_of(context, sample) & {"object"}
    return found


def field_or(context, sample, name, default):
    """Return sample.get(name, default); `default` is a constant that JSON can represent."""
    require(context, sample, frozenset(["object"]))
    if (sample.code, name) in context.facts.found:
        return Sample(context.facts.found[sample.code, name])
    constant = constant_of(context, default)
    found = context.name_of("s", f"const nb_value *{{}} = nb_member({sample.code}, {text_arguments(name)});")
    context.code.line(f"if (!{found})")
    context.code.line(f"    {found} = {constant};")
    if sample.code in context.paths:
        path = context.paths[sample.code]
        context.paths[found] = (*path, (name, repr(default)))
        types = context.accepted.get((*path, name), (None, None))[0]
        # The facts hold only if the field exists, because the default may be anything.
        if types and type_of_constant(default) in types:
            require(context, Sample(found), types)
    return Sample(found)


def type_of_constant(value):
    """Return the JSON type of a constant."""
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "text", list: "list"}
    return names.get(type(value), "object")


def constant_of(context, value):
    """Return C code for the address of an nb_value with this constant; raise Refusal if it isn't a JSON scalar."""
    if type(value) is bool:
        fields = f".type = {'NB_TRUE' if value else 'NB_FALSE'}"
    elif value is None:
        fields = ".type = NB_NULL"
    elif type(value) is int and abs(value) <= numbers.MAX_SIZE:
        fields = f".type = NB_INTEGER, .integer = {value}, .number = {literal('double', value)}"
    elif type(value) is float:
        fields = f".type = NB_NUMBER, .number = {literal('double', value)}"
    elif type(value) is str:
        encoded = value.encode("utf-8", "surrogatepass")
        fields = f".type = NB_STRING, .text = {c_string(encoded)}, .length = {len(encoded)}"
    elif type(value) in (list, dict) and not value:
        fields = f".type = {'NB_ARRAY' if type(value) is list else 'NB_OBJECT'}"
    else:
        raise context.rejection("uses a default that is not a JSON constant")
    return "&" + context.name_of("d", f"static const nb_value {{}} = {{{fields}}};")


def part(context, sample, start, stop):
    """Return sample[start:stop] of a list or text, with int bounds; `stop` may be None."""
    made = context.name_of("m", "nb_value {};")
    context.fail_if(f"nb_slice({sample.code}, {start or 0}, {'INT64_MAX' if stop is None else stop}, &{made})")
    context.facts.types[sample.code] = types_of(context, sample) & {"list", "text"}
    found = Sample(f"(&{made})")
    context.facts.types[found.code] = types_of(context, sample)
    length = context.facts.lengths.get(sample.code)
    if length is not None:
        context.facts.lengths[found.code] = len(range(length)[start:stop])
    return found


def length_of(context, sample):
    """Return len(sample), a Known if it is known."""
    known = context.facts.lengths.get(sample.code)
    if known is not None:
        return Known(known)
    key = (sample.code, "len()")
    if key not in context.facts.found:
        name = context.name_of("v", f"const double {{}} = nb_length({sample.code});")
        context.fail_if(f"{name} < 0.0")
        context.facts.found[key] = name
        context.facts.types[sample.code] = types_of(context, sample) & {"list", "text", "object"}
    return Real(context.facts.found[key], INTEGER)


def items(context, sample, count):
    """Return the items of a list or text, or the keys of an object; the program fails unless there are `count`."""
    if context.facts.lengths.get(sample.code) != count:
        length = length_of(context, sample)
        if isinstance(length, Known):
            context.fail()
        context.fail_if(f"{length.code} != {count}")
        context.facts.lengths[sample.code] = count
    if "object" in types_of(context, sample):
        # Iterating over an object yields its keys, so text is handled once for both.
        return _stepped(context, sample, count)
    return [item(context, sample, index) for index in range(count)]


def cursor_over(context, sample):
    """Declare a cursor at the first item that Python iterates over in a sample's value; return its name."""
    return context.name_of("i", f"nb_cursor {{}} = nb_begin({sample.code});")


def loop_over(cursor, item):
    """Return the head of a C loop over a cursor's remaining items; `item` is its variable's name."""
    return f"for (const nb_value *{item} = nb_next(&{cursor}); {item}; {item} = nb_next(&{cursor}))"


def _stepped(context, sample, count):
    found = []
    key = (sample.code, "items")
    if key in context.facts.found:
        return [Sample(code) for code in context.facts.found[key]]
    cursor = cursor_over(context, sample)
    for _ in range(count):
        # A cursor holds only one text at a time, but all of them are needed.
        made = context.name_of("m", f"const nb_value *{{}} = nb_next(&{cursor});")
        copy = context.name_of("m", "nb_value {};")
        context.code.line(f"{made} = nb_kept({made}, &{cursor}, &{copy});")
        found.append(Sample(made))
    context.facts.found[key] = tuple(sample.code for sample in found)
    return found


def equals(context, sample, value):
    """Return a C condition for `sample == value`, a constant or a Real; True or False if known."""
    code = sample.code
    if isinstance(value, Real):
        if value.other is not None:
            raise context.rejection(f"compares what may be {value.other}")
        return f"nb_is_number({code}, {value.code})"
    constant = value.value
    if constant is None:
        return is_type(context, sample, {"null"})
    if isinstance(constant, str):
        return f"nb_is_text({code}, {text_arguments(constant)})"
    if numbers.is_number(value):
        return f"nb_is_number({code}, {numbers.real_of(context, value).code})"
    if isinstance(constant, list):
        parts = [f"{code}->type == NB_ARRAY && {code}->count == {len(constant)}"]
        for index, inner in enumerate(constant):
            part_of = equals(context, Sample(f"nb_item({code}, {index})"), Known(inner))
            if part_of is False:
                return False
            parts += [] if part_of is True else [part_of]
        return "(" + " && ".join(parts) + ")"
    if isinstance(constant, (tuple, set, frozenset, range)):
        return False
    if isinstance(constant, dict) and not constant:
        return f"({code}->type == NB_OBJECT && {code}->count == 0)"
    raise context.rejection("compares a part of the sample with a value that has no native form")


def in_constants(context, sample, values):
    """Return a C condition that the sample's value equals one of these constants; True or False if known."""
    conditions = [equals(context, sample, Known(value)) for value in values]
    if True in conditions:
        return True
    conditions = [condition for condition in conditions if condition is not False]
    return "(" + " || ".join(conditions) + ")" if conditions else False


def require_hashable(context, sample):
    """Make the program fail if the sample's value is unhashable, that is, a list or an object."""
    require(context, sample, ALL_TYPES - {"list", "object"})


def key_of(value):
    """Return a constant str or int as a look-up key, else UNKNOWN."""
    return value.value if isinstance(value, Known) and type(value.value) in (str, int) else UNKNOWN


def parsed_float(context, sample):
    """Return float(sample), including parsed text."""
    if not types_of(context, sample) & {"text"}:
        return numbers.float_of(context, numbers.of_sample(context, sample).code)
    key = (sample.code, "float()")
    if key not in context.facts.found:
        name = context.name_of("v", "double {};")
        context.return_unless_ok(f"nb_float_of({sample.code}, &{name})")
        context.facts.found[key] = name
    return Real(context.facts.found[key], FLOAT)


def parsed_integer(context, sample):
    """Return int(sample), including parsed text."""
    expression = f"nb_integer_of_value({sample.code})"
    return numbers.made(context, expression, INTEGER)
