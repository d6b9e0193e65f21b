"""Tables of numbers of which many may repeat."""


def indexed_table(code, ctype, values):
    """Write a table of floats; return what makes of a place, a C expression, the expression of the value there.

    Where values repeat, as thresholds of histograms and measured data do, it is a table of the different ones and
    one of indexes, if both together are smaller.
    """
    # The sign belongs to the key: 0.0 and -0.0 are equal, and different as leaves.
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
