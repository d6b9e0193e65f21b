"""Collects the C code of one model: tables, statements, and unique names."""

from contextlib import contextmanager

from nb_native.values import Number

# The C type of each kind of Number.
C_TYPES = {"float64": "double", "float32": "float", "int64": "int64_t", "bool": "int"}
# For tables of indexes: the smallest of these that fits all of them.
_INDEXES = (("uint8_t", 0, 1 << 8), ("uint16_t", 0, 1 << 16), ("int32_t", -(1 << 31), 1 << 31))
_WIDTH = 96
_MAX_EDGES = 2000


class Code:
    """The contents of a model.c: `tables` at its top, `lines` of the current function."""

    def __init__(self):
        """Start without lines."""
        self.tables = []
        self.lines = []
        # Methods and sizes of estimators, in the order in which they were written; for people.
        self.recognised = []
        # Numbers and text that estimators compare values with, each once: verification uses values next to them.
        self.edges = {}
        # Words that estimators search for, each once, for verification, too.
        self.words = {}
        self._depth = 1
        self._count = 0
        self._known = {}

    def name(self, letter):
        """Return a unique C name that starts with `letter`."""
        self._count += 1
        return f"{letter}{self._count}"

    def line(self, text):
        """Add a statement."""
        self.lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, head):
        """Put the statements written in the block into braces after `head`."""
        self.line(f"{head} {{")
        self._depth += 1
        yield
        self._depth -= 1
        self.line("}")

    @contextmanager
    def captured(self):
        """Collect the statements written in the block in the yielded list, instead of writing them."""
        outside, self.lines = self.lines, []
        try:
            yield self.lines
        finally:
            self.lines = outside

    def lines_in(self, head, lines):
        """Put captured statements into braces after `head`; nothing if there are none."""
        if lines:
            self.line(f"{head} {{")
            self.lines += ["    " + line for line in lines]
            self.line("}")

    def describe(self, text):
        """Add to the description of the last recognised method."""
        if self.recognised:
            self.recognised[-1] += f", {text}"

    def note_edges(self, values):
        """Record the numbers or text where an estimator's result changes; a sample of them if there are very many."""
        self.edges.update(_some_of(values))

    def note_words(self, words):
        """Record the words with which an estimator distinguishes text; a sample of them if there are very many."""
        self.words.update(_some_of(words))

    def number(self, kind, expression):
        """Declare a variable of this kind with the value of a C expression; return it as a Number."""
        name = self.name("v")
        self.line(f"{C_TYPES[kind]} {name} = {expression};")
        return Number(name, kind)

    def table(self, ctype, values):
        """Return the name of a constant array; identical arrays are stored once.

        `ctype` is a C type, or "index" for the smallest integer type that fits all values.
        """
        values = list(values)
        if ctype == "index":
            ctype = next(name for name, least, end in _INDEXES if least <= min(values) and max(values) < end)
        texts = [literal(ctype, value) for value in values]
        key = (ctype, tuple(texts))
        if key not in self._known:
            name = self._known[key] = self.name("t")
            self.tables.append(f"static const {ctype} {name}[{len(texts)}] = {{\n{_wrapped(texts)}\n}};")
        return self._known[key]

    def function(self, text):
        """Return the name of a static function; identical functions are stored once.

        `text` is its definition in C, with a comment before it and `$name` for its name.
        """
        if text not in self._known:
            name = self._known[text] = self.name("f")
            self.tables.append(text.replace("$name", name))
        return self._known[text]


def _some_of(values):
    values = list(dict.fromkeys(values))
    return dict.fromkeys(values[:: len(values) // _MAX_EDGES + 1])


def literal(ctype, value):
    """Return `value` as a C literal of this type: floats in hexadecimal, so that no bit is lost."""
    if ctype not in ("double", "float"):
        return str(int(value))
    value = float(value)
    if value != value:
        return "NB_NAN"
    if value in (float("inf"), float("-inf")):
        return "NB_INFINITY" if value > 0 else "-NB_INFINITY"
    return value.hex() + ("f" if ctype == "float" else "")


def _wrapped(texts):
    lines, line = [], "   "
    for text in texts:
        if len(line) + len(text) + 2 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {text},"
    return "\n".join([*lines, line])
