"""What is put off until the next model asks: frames not yet built, and results of many not yet cut."""


class Later:
    """A frame or a matrix that nobody looks at but a model: built once, of the data of all that share the call."""

    __slots__ = ("_built", "columns", "constructor", "data", "keywords", "rows", "shape")

    def __init__(self, constructor, data, keywords, columns=None):
        """Note what `constructor` should be called with, and which columns of what it builds are meant."""
        self.constructor = constructor
        # As it is now: the author may change it before the model is asked.
        self.data = _copied(data) if columns is None else data
        self.keywords = keywords
        self.columns = columns
        # The rows of the joined one, once it was built: the next call takes it as it is.
        self.rows = None
        # Its shape, once it was asked for.
        self.shape = None
        self._built = None

    def __getitem__(self, columns):
        """Return these columns, still to be built; once some were picked, pick from what was built."""
        if self.columns is None:
            return Later(self.constructor, self.data, self.keywords, columns)
        return self.now()[columns]

    def now(self):
        """Return what the constructor builds of this one's data alone; built once."""
        if self._built is None:
            self._built = self.build(now(self.data))
        return self._built

    def build(self, data, keywords=None):
        """Return what the constructor builds of `data`."""
        built = self.constructor(data, **(self.keywords if keywords is None else keywords))
        return built if self.columns is None else built[self.columns]


class Batch:
    """The joined result of a call, or a joined argument, and the number of its rows."""

    __slots__ = ("result", "rows", "several", "shape")

    def __init__(self, result, rows, several=None):
        """Keep the result of so many rows; `several` says that it is a sequence of results."""
        self.result = result
        self.rows = rows
        self.several = several
        # The shape of any rows of it, once it was asked for, in a tuple of one.
        self.shape = None


class Rows:
    """Some rows of a joined result that nobody looks at before the next model does."""

    __slots__ = ("_cut", "batch", "end", "start")

    def __init__(self, batch, start, end):
        """Keep the rows from `start` to `end` of a Batch."""
        self.batch = batch
        self.start = start
        self.end = end
        self._cut = None

    def now(self):
        """Return the rows themselves, cut once."""
        if self._cut is None:
            self._cut = cut(self.batch, self.start, self.end)
        return self._cut


def now(value):
    """Return `value`, and what is built or cut later, built or cut."""
    return value.now() if isinstance(value, (Later, Rows)) else value


def cut(batch, start, end):
    """Return the rows from `start` to `end` of a batch's result, as a call for these rows would have given them."""
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
    """Return what a table is made of, so that changes of its rows or columns are none of the copy."""
    kind = type(data)
    if kind is list:
        return [row.copy() if type(row) in (dict, list) else row for row in data]
    if kind is dict:
        return {name: cells.copy() if type(cells) is list else cells for name, cells in data.items()}
    return data
