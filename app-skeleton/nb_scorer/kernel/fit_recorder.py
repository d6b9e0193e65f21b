"""Records the data that a notebook's cells pass to `fit`, and the object that received it.

As for calls of predictor (see call_recorder), x.fit(X, y) in a cell becomes note_model(n, x).fit(note_data(n, X), y).
Both functions return their argument, so the cell computes, prints and raises the same as before. Some rows are copied
immediately, because the notebook may change its data later. MAX_BYTES limits the copies, so that a cell that calls fit
in a loop, for a grid or parts of the data, does not become slower.
"""

import ast
import builtins
import weakref

from nb_scorer.kernel import data_rows

NOTE_MODEL = "__nb_builder_note_model__"
NOTE_DATA = "__nb_builder_note_data__"
METHODS = ("fit", "fit_transform", "fit_predict", "partial_fit")
NAMES = ("X", "x")
MAX_FITS = 10
# The maximum size, as JSON, of the rows copied at one call site, which takes a second or two. It is not a time limit,
# because the same build should give the same baseline.
MAX_BYTES = 25 << 20
# Counted for rows that could not be converted to JSON.
_FAILED_BYTES = MAX_BYTES // 10
_TOO_MANY = "its calls received more data than a baseline keeps ({} MB)".format(MAX_BYTES >> 20)


class Fit(object):
    """A call of fit: the Rows that it received, or None with the reason in `lack`; `model` returns its object."""

    def __init__(self, model, rows, lack, method):
        self.model = model
        self.rows = rows
        self.lack = lack
        self.method = method
        self.cell = None


def install(shell):
    """Record the fits in cells that the IPython `shell` runs from now on."""
    noter = FitNoter()
    fits = Fits(noter.methods)
    shell.ast_transformers.append(noter)
    setattr(builtins, NOTE_MODEL, fits.note_model)
    setattr(builtins, NOTE_DATA, fits.note_data)
    shell.events.register("post_run_cell", fits.ended)
    shell.nb_builder_fits = fits


def recorded(shell):
    """Return the last Fit of each call site, in call order."""
    fits = getattr(shell, "nb_builder_fits", None)
    return fits.found() if fits else []


class Fits(object):
    """The recorded fits, at most MAX_FITS call sites; `methods` has each call site's method name."""

    def __init__(self, methods):
        self._methods = methods
        self._models = {}
        self._fits = {}
        self._data = {}
        self._bytes = {}

    def note_model(self, site, model):
        """Return `model` unchanged, after recording it as the object of the call at `site`."""
        try:
            self._models[site] = weakref.ref(model)
        except TypeError:
            self._models.pop(site, None)
        return model

    def note_data(self, site, data):
        """Return `data` unchanged, after copying some of its rows."""
        model = self._models.get(site)
        if model is None or (site not in self._fits and len(self._fits) >= MAX_FITS):
            return data
        rows, lack = self._copied(site, data)
        self._fits.pop(site, None)
        self._fits[site] = Fit(model, rows, lack, self._methods[site])
        return data

    def _copied(self, site, data):
        """Return (Rows, ""), or (None, why there are none), for the argument of the call at `site`."""
        if self._bytes.get(site, 0) >= MAX_BYTES:
            last = self._fits[site]
            return (last.rows, last.lack) if self._data[site]() is data else (None, _TOO_MANY)
        rows, lack, size = None, "", _FAILED_BYTES
        try:
            self._data[site] = _reference(data)
            rows = data_rows.find_rows(data)
            size = rows.size
        except data_rows.NoRows as error:
            lack = str(error)
        # The argument may be any object, and its methods may fail; the cell must not fail because of that.
        except Exception as error:
            lack = "its rows can't be read ({})".format(type(error).__name__)
        self._bytes[site] = self._bytes.get(site, 0) + size
        return rows, lack

    def ended(self, result):
        """Set the cell number of the finished cell's fits."""
        number = getattr(result, "execution_count", None)
        for fit in self._fits.values():
            fit.cell = number if fit.cell is None else fit.cell

    def found(self):
        """Return the fits."""
        return list(self._fits.values())


def _reference(data):
    """Return a weak reference to `data`; None for lists and tuples, which don't support them."""
    try:
        return weakref.ref(data)
    except TypeError:
        return lambda: None


class FitNoter(ast.NodeTransformer):
    """Wraps the object and the first argument of each fit outside functions."""

    def __init__(self):
        self.methods = []

    def visit_FunctionDef(self, node):
        """Return a function unchanged: its source is the author's, and may be saved."""
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = visit_FunctionDef  # noqa: N815 - ast's names

    def visit_Call(self, node):
        """Return the call, with object and data wrapped if it is x.fit(X)."""
        self.generic_visit(node)
        method = getattr(node.func, "attr", None)
        if method not in METHODS:
            return node
        named = [keyword for keyword in node.keywords if keyword.arg in NAMES]
        if node.args and not isinstance(node.args[0], ast.Starred):
            node.args[0] = self._noted(NOTE_DATA, node.args[0])
        elif not node.args and named:
            named[0].value = self._noted(NOTE_DATA, named[0].value)
        else:
            return node
        node.func.value = self._noted(NOTE_MODEL, node.func.value)
        self.methods.append(method)
        return node

    def _noted(self, name, value):
        number = ast.parse(str(len(self.methods)), mode="eval").body
        wrapper = ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=[number, value], keywords=[])
        for part in (wrapper, wrapper.func, number):
            ast.copy_location(part, value)
        return ast.fix_missing_locations(wrapper)
