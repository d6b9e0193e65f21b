"""Values that are created only when the next model needs them: frames, and slices of a batch's results."""


class Later:
    """A frame or matrix that only a model reads: built once, from the data of all samples that share the call."""

    __slots__ = ("_built", "columns", "constructor", "data", "keywords", "rows", "shape")

    def __init__(self, constructor, data, keywords, columns=None):
        """Store the arguments of `constructor`, and the columns to pick from what it builds (None: all)."""
        self.constructor = constructor
        # Copied, because the author's code may change it before the model is called.
        self.data = _copied(data) if columns is None else data
        self.keywords = keywords
        self.columns = columns
        # Its rows in the joined frame, once that is built; the next call uses them.
        self.rows = None
        # Its shape, once computed.
        self.shape = None
        self._built = None

    def __getitem__(self, columns):
        """Select these columns, deferred; a second selection applies to the built frame."""
        if self.columns is None:
            return Later(self.constructor, self.data, self.keywords, columns)
        return self.now()[columns]

    def now(self):
        """Return the object built from this sample's own data, and keep it."""
        if self._built is None:
            self._built = self.build(now(self.data))
        return self._built

    def build(self, data, keywords=None):
        """Return the object built from `data`."""
        built = self.constructor(data, **(self.keywords if keywords is None else keywords))
        return built if self.columns is None else built[self.columns]


class Batch:
    """The joined result of a call, or a joined argument, with its number of rows."""

    __slots__ = ("result", "rows", "several", "shape")

    def __init__(self, result, rows, several=None):
        """Store a result with `rows` rows; `several` means that it is a sequence of results."""
        self.result = result
        self.rows = rows
        self.several = several
        # The shape that all its rows share, once computed, in a tuple of one.
        self.shape = None


class Rows:
    """Some rows of a joined result, sliced only if something other than the next model reads them."""

    __slots__ = ("_cut", "batch", "end", "start")

    def __init__(self, batch, start, end):
        """Refer to the rows from `start` to `end` of a Batch."""
        self.batch = batch
        self.start = start
        self.end = end
        self._cut = None

    def now(self):
        """Return the rows themselves, and keep them."""
        if self._cut is None:
            self._cut = cut(self.batch, self.start, self.end)
        return self._cut


def now(value):
    """Return `value`; if it is deferred, build or slice it first."""
    return value.now() if isinstance(value, (Later, Rows)) else value


def cut(batch, start, end):
    """Return the rows from `start` to `end` of a batch's result, in the form that a separate call returns."""
    result = batch.result
    if not batch.several:
        return _cut(result, start, end)
    if type(result) is dict:
        return {name: _cut(value, start, end) for name, value in result.items()}
    pieces = [_cut(value, start, end) for value in result]
    kind = type(result)
    return kind(*pieces) if hasattr(kind, "_fields") else kind(pieces)


def _cut(value, start, end):
    if value is None:
        return None
    if hasattr(value, "iloc"):
        return value.iloc[start:end].reset_index(drop=True)
    return value[start:end]


def _copied(data):
    """Return a copy of a table's data that later changes of its rows or columns don't affect."""
    kind = type(data)
    if kind is list:
        return [row.copy() if type(row) in (dict, list) else row for row in data]
    if kind is dict:
        return {name: cells.copy() if type(cells) is list else cells for name, cells in data.items()}
    return data
