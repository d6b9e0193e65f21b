"""Tables of numbers with many repetitions."""


def indexed_table(code, ctype, values):
    """Write a table of floats; return a function that maps an index, a C expression, to the value's expression.

    If values repeat, as thresholds of histograms and measured data do, write a table of distinct values and one of
    indexes, provided both together are smaller.
    """
    # The sign is part of the key: 0.0 and -0.0 are equal, but different as leaves.
    keys = [(value, str(value)[0]) for value in values]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    size = 4 if ctype == "float" else 8
    width = 1 if len(places) <= 1 << 8 else 2 if len(places) <= 1 << 16 else 4
    if len(places) * size + len(values) * width >= len(values) * size:
        table = code.table(ctype, values)
        return lambda place: f"{table}[{place}]"
    table = code.table(ctype, [value for value, _ in places])
    indexes = code.table("index", [places[key] for key in keys])
    return lambda place: f"{table}[{indexes}[{place}]]"
