"""Notes what a notebook's cells pass to `fit`, and which object got it.

As for calls of predictor (see call_recorder), x.fit(X, y) in a cell becomes note_model(n, x).fit(note_data(n, X), y),
where both return what they are passed: the cell does, prints and raises the same as without us. At the time of the
call some rows are copied, as the notebook may change its data later. Cells that call fit in a loop, for a grid or for
parts of the data, are not to become slower by that: see MOST_BYTES.
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
# What is copied at one call site in all, as JSON, in a second or two. It is no number of seconds: the same build should
# give the same baseline.
MAX_BYTES = 25 << 20
# What counts for rows that turned out to have no form in JSON.
_FAILED_BYTES = MAX_BYTES // 10
_TOO_MANY = "its calls received more data than a baseline keeps ({} MB)".format(MAX_BYTES >> 20)


class Fit(object):
    """One call of fit: the Rows that it got, or None and why not in `lack`; `model` returns what it was called of."""

    def __init__(self, model, rows, lack, method):
        self.model = model
        self.rows = rows
        self.lack = lack
        self.method = method
        self.cell = None


def install(shell):
    """From now on, note the fits in cells that the IPython `shell` runs."""
    noter = FitNoter()
    fits = Fits(noter.methods)
    shell.ast_transformers.append(noter)
    setattr(builtins, NOTE_MODEL, fits.note_model)
    setattr(builtins, NOTE_DATA, fits.note_data)
    shell.events.register("post_run_cell", fits.ended)
    shell.nb_builder_fits = fits


def recorded(shell):
    """Return the Fits in the order in which they were made, the last one of each call site."""
    fits = getattr(shell, "nb_builder_fits", None)
    return fits.found() if fits else []


class Fits(object):
    """The fits so far, at most MAX_FITS call sites; `methods` has the method's name of each call site."""

    def __init__(self, methods):
        self._methods = methods
        self._models = {}
        self._fits = {}
        self._data = {}
        self._bytes = {}

    def note_model(self, site, model):
        """Return `model` untouched: what the call at `site` is about to be made of."""
        try:
            self._models[site] = weakref.ref(model)
        except TypeError:
            self._models.pop(site, None)
        return model

    def note_data(self, site, data):
        """Return `data` untouched, after some of its rows were copied."""
        model = self._models.get(site)
        if model is None or (site not in self._fits and len(self._fits) >= MAX_FITS):
            return data
        rows, lack = self._copied(site, data)
        self._fits.pop(site, None)
        self._fits[site] = Fit(model, rows, lack, self._methods[site])
        return data

    def _copied(self, site, data):
        """Return (Rows, ""), or (None, why there are none), for what the call at `site` gets."""
        if self._bytes.get(site, 0) >= MAX_BYTES:
            last = self._fits[site]
            return (last.rows, last.lack) if self._data[site]() is data else (None, _TOO_MANY)
        rows, lack, size = None, "", _FAILED_BYTES
        try:
            self._data[site] = _reference(data)
            rows = data_rows.of(data)
            size = rows.size
        except data_rows.NoRows as error:
            lack = str(error)
        # Any object may come here, with any fault in its methods; that must not become the cell's fault.
        except Exception as error:
            lack = "its rows can't be read ({})".format(type(error).__name__)
        self._bytes[site] = self._bytes.get(site, 0) + size
        return rows, lack

    def ended(self, result):
        """Give the fits of the cell that has ended its number."""
        number = getattr(result, "execution_count", None)
        for fit in self._fits.values():
            fit.cell = number if fit.cell is None else fit.cell

    def found(self):
        """Return the fits."""
        return list(self._fits.values())


def _reference(data):
    """Return what returns `data` while it lives; None for lists and tuples, which have no weak references."""
    try:
        return weakref.ref(data)
    except TypeError:
        return lambda: None


class FitNoter(ast.NodeTransformer):
    """Wraps the object and the first argument of each fit outside functions."""

    def __init__(self):
        self.methods = []

    def visit_FunctionDef(self, node):
        """Return a function as it is: its source is the author's, and may be saved."""
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = visit_FunctionDef  # noqa: N815 - ast's names

    def visit_Call(self, node):
        """Return the call, its object and data wrapped if it is x.fit(X)."""
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
