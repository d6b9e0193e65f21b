"""Finds the fitted model that a notebook without predictor would serve, from the cells' syntax trees.

It recognises estimators with scikit-learn's API, and the results of training in xgboost and lightgbm. It traces the
training data back, through splits and transformers, to a name or an expression whose rows are samples. If that fails,
it finds no model.
"""

import ast
import copy
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nb_scorer.common import phrases

from nb_builder.analysis import notebook_contract
from nb_builder.common.cell import Cell
from nb_builder.rewrite.names import bound

# Models with interfaces other than scikit-learn's: Keras, Prophet, statsmodels and PyTorch.
NETWORK, FORECAST, REGRESSION, MODULE = "network", "forecast", "regression", "module"
# Time series of statsmodels, from version 0.13 on and before; word vectors of gensim; pipelines of spaCy.
SERIES, OLD_SERIES, WORDS, TEXTS = "series", "old series", "words", "texts"
# Kinds of data: a table with column names, one with column numbers, a column, an array, a list.
TABLE, BARE_TABLE, COLUMN, ARRAY, LIST = "table", "bare table", "column", "array", "list"

_OTHERS = {NETWORK, FORECAST, REGRESSION, MODULE, SERIES, OLD_SERIES, WORDS, TEXTS}
_OF_SERIES = {"SARIMAX", "ARIMA", "ARMA", "AutoReg", "ExponentialSmoothing", "Holt", "SimpleExpSmoothing"}
# {library: {class or function: what it returns}}
_OWN_KINDS = {
    "keras": {"Sequential": NETWORK, "Model": NETWORK},
    "tensorflow": {"Sequential": NETWORK, "Model": NETWORK},
    "prophet": {"Prophet": FORECAST},
    "fbprophet": {"Prophet": FORECAST},
    "gensim": {"Word2Vec": WORDS, "FastText": WORDS},
    "spacy": {"load": TEXTS, "blank": TEXTS},
}
_LIBRARIES = {"sklearn", "imblearn", "xgboost", "lightgbm", "catboost", "skorch"}
_NETWORKS = {"keras", "tensorflow"}
# Models of statsmodels: first those that take a formula and a table, then those that take targets and data.
_BY_FORMULA = {"ols", "wls", "gls", "glm", "logit", "probit", "poisson", "rlm", "mnlogit"}
_BY_ARRAYS = {"OLS", "WLS", "GLS", "GLM", "Logit", "Probit", "Poisson", "RLM", "MNLogit"}
# A name in a formula, alone or in Q("..."); a function's name is followed by a bracket.
_IN_FORMULA = re.compile(r"Q\((?:\"([^\"]+)\"|'([^']+)')\)|\b([A-Za-z_]\w*)\b(?!\s*[(.])")
_PREDICTS = re.compile(
    r"(Classifier|Regressor|Regression|SVC|SVR|NB|Perceptron|DiscriminantAnalysis|KMeans|GaussianMixture|IsolationForest"
    r"|OneClassSVM|NearestCentroid|Huber|Ridge|Lasso|ElasticNet|Lars|OrthogonalMatchingPursuit)(CV|IC)?$"
)
_CLASSIFIES = re.compile(
    r"(Classifier|SVC|NB|Perceptron|DiscriminantAnalysis|LogisticRegression|NearestCentroid)(CV)?$"
)
# Transformers that return dense arrays by default.
_SCALERS = re.compile(r"(Scaler|Imputer|PCA|PowerTransformer|QuantileTransformer|Normalizer|PolynomialFeatures)$")
# Functions that wrap the model that is their argument.
_SEARCHES = re.compile(r"SearchCV$|ThresholdClassifier(CV)?$|^(clone|CalibratedClassifierCV)$")
# Methods of a table or column without side effects that return the same columns or fewer.
_SAME_KIND = frozenset(
    """abs apply assign astype bfill clip copy drop drop_duplicates dropna ffill fillna filter head infer_objects
    interpolate join loc map merge query rename replace reset_index round sample select_dtypes set_index sort_index
    sort_values tail""".split()  # noqa: SIM905
)
# Functions that are deterministic and without side effects, so that expressions with them can be repeated.
_REPEATABLE = _SAME_KIND - {"sample", "apply", "map"} | {"reshape", "to_numpy", "ravel", "tolist"}
# Methods that return their model.
_SAME_MODEL = {"set_params", "set_output", "to", "cpu", "cuda", "float", "double", "eval", "train"}
# Methods that return the same numbers in another shape.
_RESHAPES = {"ravel", "flatten", "reshape", "squeeze"}
# A name used with one of these attributes is a table, wherever it comes from.
_OF_TABLES = {"columns", "info", "select_dtypes", "drop", "iterrows", "itertuples", "merge", "set_index"}
# Functions of sklearn.preprocessing whose result can't be traced back, so its rows are the samples.
_SCALES = {"scale", "minmax_scale", "maxabs_scale", "robust_scale", "normalize", "binarize"}
# Functions that load models from files.
_LOADS = {"load", "load_model", "load_weights"}
# Methods that modify their object.
_CHANGES = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort", "update"}
_FITS = {"fit", "fit_predict", "fit_transform", "partial_fit"}
# Attributes of models that scalers and encoders don't have.
_ASKED = {"predict", "predict_proba", "decision_function", "score", "evaluate", "forecast", "best_params_"}
_ASKS = re.compile(r"\.(?:fit|fit_predict|predict|predict_proba|score|forecast)\(|\btrain\(")
_MAX_CHARACTERS = 120
_MAKER_CHARACTERS = 60
_BLOCKS = (ast.If, ast.With, ast.Try, ast.While)
# Maximum depth and number of followed calls between the notebook's functions.
_MAX_DEPTH = 3
_MAX_CALLS = 300


@dataclass(frozen=True)
class OwnCall:
    """A call of the model in the notebook: expressions for its data, and for the predictions."""

    given: str
    answered: str


@dataclass(frozen=True)
class FittedModel:
    """A model that can predict, and how to call it.

    `samples` is an expression for the data whose rows are samples, and `kind` the kind of data. `steps` are the
    expressions that each sample passes through before the model, in order, with {} as its placeholder; `wrapper` is the
    same for the class that the library's own functions require, or "". `classes` is an expression for its class names,
    `encoder` the name of the LabelEncoder for them, and `scaler` that of the scaler of its targets, if evident.
    `imports` are {name in the notebook: what it imports}.
    `own` are the notebook's own calls whose data is still available. `model_class` is the name of its class, or a
    constant such as NETWORK. `dtype` is the number type that it accepts, or "".
    """

    name: str
    kind: str
    samples: str
    steps: tuple[str, ...] = ()
    wrapper: str = ""
    arrays_only: bool = False
    classes: str = ""
    encoder: str = ""
    scaler: str = ""
    imports: Mapping[str, str] = field(default_factory=dict)
    own: tuple[OwnCall, ...] = ()
    model_class: str = ""
    dtype: str = ""


@dataclass(frozen=True)
class _Way:
    """An expression, and the versions of its names: its value stays the same while these do.

    `since` is the position where it was read: in-place changes before it are included, later ones are not.
    """

    text: str
    versions: Mapping[str, int]
    since: int = 0


@dataclass(frozen=True)
class _Data:
    kind: str
    ways: tuple[_Way, ...] = ()
    steps: tuple[_Way, ...] = ()
    # The data from which the rows were split: more rows with the same columns, in case no name refers to the rows any
    # more.
    whole: tuple[_Way, ...] = ()
    # The result of the steps, in case they can't be repeated; None unless it is certainly an array.
    after: tuple[_Way, ...] = ()
    is_dense: bool = True
    # The labels that a classifier learns.
    classes: _Way | None = None
    encoder: _Way | None = None
    # The scaler that the data came from last, if the notebook also scales back with it.
    scaler: _Way | None = None


@dataclass(frozen=True)
class _Bunch:
    """The result of `load_…` and `fetch_…` of scikit-learn and statsmodels; `kind` is that of its data."""

    kind: str
    way: _Way


@dataclass(frozen=True)
class _Wrapped:
    """Data in the class that `train` of xgboost or lightgbm takes."""

    data: Any
    labels: Any
    wrapper: str


@dataclass(frozen=True)
class _Several:
    """The parts of a value that is unpacked into several names."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class _Collection:
    """Models in a list or dict, all fitted to the same data in a loop; any of them may be chosen."""

    model: "_Model"


@dataclass(eq=False)
class _Model:
    """An estimator: the name of its innermost class, and the data of its last fit."""

    kind: str
    data: _Data | None = None
    labels: Any = None
    wrapper: str = ""
    arrays_only: bool = False
    dtype: str = ""
    # (argument of predict, the name of its result or None), and the training data.
    calls: list[tuple[_Way, str, _Way | None]] = field(default_factory=list)


@dataclass(frozen=True)
class _Unfitted:
    """A model of statsmodels before fit(), whose result can predict."""

    model: _Model


def find(cells: Sequence[Cell]) -> FittedModel | None:
    """Return the last model that the cells fit and use, or None if it isn't recognised."""
    found = _Reader(cells).found()
    return found[0] if found else None


def find_all(cells: Sequence[Cell]) -> list[FittedModel]:
    """Return the recognised models that the cells fit, most recently used first."""
    return [model for model in _Reader(cells).found() if model is not None]


def part_with_model(cells: Sequence[Cell]) -> Sequence[Cell]:
    """Return the longest run of initial cells after which a model can predict, or none if there is no model.

    A later cell may replace the model or its data.
    """
    parts = (cells[:number] for number in range(len(cells), 0, -1) if _ASKS.search(cells[number - 1].source))
    return next((part for part in parts if find_all(part)), ())


def obstacle(cells: Sequence[Cell]) -> str:
    """Return, as a clause, why none of the notebook's fitted models can predict."""
    reader = _Reader(cells)
    if not reader.fits:
        return "no cell calls a model's fit()"
    # A scaler is fitted as well, but is not used for predictions.
    asked = [name for name in reader.fits if reader.attributes[name] & _ASKED]
    name = (asked or list(reader.fits))[-1]
    cell, maker, function = reader.fits[name]
    if function:
        return f"'{name}', which {function}() in cell [{cell.number}] fits, can't be followed out of that function"
    value = reader.values.get(name)
    fitted = f"'{name}', which cell [{cell.number}] fits,"
    later = reader.bound_in.get(name)
    if later is not None and (later.number or 0) > (cell.number or 0):
        return f"{fitted} is replaced by cell [{later.number}]"
    if not isinstance(value, _Model):
        return f"{fitted} is made by {maker or 'an expression'}, which nb-builder does not recognise as a model"
    if value.data is None:
        return f"{fitted} gets data whose source can't be traced"
    return f"the data of {fitted} have changed since it was fitted{reader.where_changed(value.data)}"


class _Reader:
    """Reads a notebook's statements from top to bottom, and tracks the values of names."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.values: dict[str, Any] = {}
        self.versions: dict[str, int] = defaultdict(int)
        self.imports: dict[str, str] = {}
        # {name: the position where it was last read}
        self.used: dict[str, int] = {}
        # (position, name, its column or None for all) of each change in place.
        self.mutations: list[tuple[int, str, str | None]] = []
        self.functions: dict[str, ast.FunctionDef] = {}
        self.depth = 0
        self.followed = 0
        # The model that was last saved to a file.
        self.saved: _Model | None = None
        # The names that a loop bound last.
        self.of_loops: set[str] = set()
        # The last list or dict that the notebook has looked up the most probable class in, with its name's version.
        self.class_names: _Way | None = None
        # Names of the numbers of most probable classes.
        self.classes: set[str] = set()
        # Names of lists and dicts of texts.
        self.texts: set[str] = set()
        self.modules = _own_modules(cells)
        self.place = 0
        self.cell: Cell | None = None
        cells = [cell for cell in cells if notebook_contract.TOLERATED not in cell.tags]
        statements = [(binding.cell, binding.statement) for binding in notebook_contract.unfolded(cells)[0]]
        self.attributes = _attributes(statement for _, statement in statements)
        self.dumped = set(_dumped(statement for _, statement in statements))
        # {name: the cell of its last fit, the call that created it or "", the function in which it is local or ""}
        self.fits: dict[str, tuple[Cell, str, str]] = {}
        # {name: the cell that bound it last}, and the same for in-place changes.
        self.bound_in: dict[str, Cell] = {}
        self.changed_in: dict[str, Cell] = {}
        made: dict[str, str] = {}
        for cell, statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Assign):
                    made.update(dict.fromkeys(bound([node]), _maker(node.value)))
            for name in _fitted(statement):
                self.fits.pop(name, None)
                self.fits[name] = cell, made.get(name, ""), _function_of(name, statement)
            self.cell = cell
            self._read(statement)

    def found(self) -> list[FittedModel | None]:
        """Return the fitted models, most recently read first; None for one that can't be traced.

        Models fitted in a loop come last.
        """
        models = [name for name, value in self.values.items() if self._can_be_asked(name, value)]
        by_use = sorted(models, key=lambda name: (name in self.of_loops, -self.used.get(name, 0)))
        return [self._described(name, self.values[name]) for name in by_use]

    def _can_be_asked(self, name: str, value: object) -> bool:
        if not isinstance(value, _Model) or value.data is None:
            return False
        return (
            bool(value.wrapper or value.kind in _OTHERS or _PREDICTS.search(value.kind))
            or "predict" in self.attributes[name]
        )

    def _described(self, name: str, model: _Model) -> FittedModel | None:
        data = model.data
        ways = (*data.ways, *data.whole) if data else ()
        samples = next((way.text for way in ways if self._holds(way)), None)
        if data and data.after and (samples is None or not all(map(self._holds, data.steps))):
            # In that case, a sample is a row of the model's input.
            samples = next((way.text for way in data.after if self._holds(way)), None)
            data = _Data(ARRAY)
        if data is None or samples is None or not all(map(self._holds, data.steps)):
            return None
        targets = model.labels if isinstance(model.labels, _Data) else _Data(COLUMN)
        labels = targets if _CLASSIFIES.search(model.kind) else _Data(COLUMN)
        classes = labels.classes or (self.class_names if model.kind in (NETWORK, MODULE) else None)
        return FittedModel(
            name,
            data.kind,
            samples,
            tuple(way.text for way in data.steps),
            model.wrapper,
            model.arrays_only,
            classes.text if classes and self._holds(classes) else "",
            labels.encoder.text if labels.encoder and self._holds(labels.encoder) else "",
            targets.scaler.text if targets.scaler and self._holds(targets.scaler) else "",
            dict(self.imports),
            tuple(self._own_calls(name, model)) or _call_of(name, model, data, samples),
            model.kind,
            model.dtype,
        )

    def _own_calls(self, name: str, model: _Model) -> Iterator[OwnCall]:
        """Yield the calls whose argument and result the notebook still has; those with a result come first."""
        held = [call for call in model.calls if self._holds(call[0])]
        yield from (OwnCall(way.text, answer.text) for way, _, answer in held if answer and self._holds(answer))
        asks = f"{name}.eval()({{}}).detach()" if model.kind == MODULE else f"{name}.predict({{}})"
        yield from (OwnCall(way.text, asks.format(asked)) for way, asked, _ in held)

    def _holds(self, way: _Way) -> bool:
        changed = (
            place >= way.since and name in way.versions and not _leaves_out(way.text, name, column)
            for place, name, column in self.mutations
        )
        return all(self.versions[name] == version for name, version in way.versions.items()) and not any(changed)

    def where_changed(self, data: _Data) -> str:
        """Return ", as cell [4] changes 'X'" if the data has been changed since; "" if that is unknown."""
        ways = [way for way in (*data.ways, *data.whole, *data.steps) if not self._holds(way)]
        names = [name for way in ways for name in way.versions if name in self.changed_in]
        latest = max(names, key=lambda name: self.changed_in[name].number or 0, default=None)
        return f", as cell [{self.changed_in[latest].number}] changes '{latest}'" if latest else ""

    def _read(self, statement: ast.stmt) -> None:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.place += 1
                self.used[node.id] = self.place
        if not isinstance(statement, (*_BLOCKS, ast.For, ast.FunctionDef, ast.ClassDef)):
            self._note_classes(statement)
        if isinstance(statement, _BLOCKS):
            self._read_block(statement)
        elif isinstance(statement, (ast.For, ast.AsyncFor)):
            self._read_loop(statement)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            self._import(statement)
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            self._assign(statement.targets[0], self._value(statement.value), statement)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign(statement.target, self._value(statement.value), statement)
        else:
            self._read_other(statement)
        for name, column in _mutations(statement):
            self._mutate(name, column)

    def _note_classes(self, statement: ast.stmt) -> None:
        """Record the list or dict that a statement looks up the most probable class in, as `names[pred.argmax()]`."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and self._is_class(node.slice):
                self.class_names = self._name(node.value.id) if node.value.id in self.texts else self.class_names
        if isinstance(statement, ast.Assign):
            names = bound([statement])
            self.classes = self.classes | names if self._is_class(statement.value) else self.classes - names
            self.texts = self.texts | names if _is_of_texts(statement.value) else self.texts - names

    def _is_class(self, node: ast.expr) -> bool:
        """Return whether an expression computes the number of the most probable class, or an array of them."""
        return any(
            (isinstance(inner, ast.Attribute) and inner.attr == "argmax")
            or (isinstance(inner, ast.Name) and (inner.id in self.classes or inner.id == "argmax"))
            for inner in ast.walk(node)
        )

    def _read_other(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Expr):
            self._value(statement.value)
        self._forget({*bound([statement]), *_deleted(statement)})
        if isinstance(statement, ast.FunctionDef):
            self.functions[statement.name] = statement
        elif not isinstance(statement, ast.Expr):
            self._refit_inside(statement)

    def _refit_inside(self, statement: ast.stmt) -> None:
        """Record the models that a statement fits: their training data is unknown."""
        for node in ast.walk(statement):
            function = node.func if isinstance(node, ast.Call) else None
            if isinstance(function, ast.Attribute) and function.attr in _FITS and isinstance(function.value, ast.Name):
                self.versions[function.value.id] += 1
                model = self.values.get(function.value.id)
                if isinstance(model, _Model):
                    model.data = None

    def _read_loop(self, loop: ast.For | ast.AsyncFor) -> None:
        """Read the body of a loop once: the final values of names are those after its last iteration."""
        names = bound([loop])
        self._forget(names)
        values = [self._value(node) for node in ast.walk(loop.iter) if isinstance(node, (ast.Name, ast.Dict, ast.List))]
        model = next((value.model for value in values if isinstance(value, _Collection)), None)
        batches = next((value for value in values if isinstance(value, _Wrapped)), None)
        targets = [node for node in ast.walk(loop.target) if isinstance(node, ast.Name)]
        if model is not None and targets:
            fitted = [node.id for node in targets if "fit" in self.attributes[node.id]]
            self.values[(fitted or [targets[-1].id])[-1]] = model
        elif batches is not None:
            parts = [node for node in ast.walk(loop.target) if isinstance(node, ast.Tuple)]
            first = parts[-1].elts[0] if parts else loop.target
            if isinstance(first, ast.Name):
                self.values[first.id] = batches.data
        for inner in (*loop.body, *loop.orelse):
            self._read(inner)
        self.of_loops |= names

    def _mutate(self, name: str, column: str | None) -> None:
        """Record that a name's value has changed: only the name refers to the new value."""
        self.mutations.append((self.place, name, column))
        if self.cell is not None:
            self.changed_in[name] = self.cell
        self.place += 1
        value = self.values.get(name)
        if isinstance(value, _Data) and not value.steps:
            self.values[name] = replace(value, ways=tuple(way for way in value.ways if way.text == name))

    def _read_block(self, statement: ast.If | ast.With | ast.Try | ast.While) -> None:
        self._forget(bound(getattr(statement, "items", [])))
        for inner in (*statement.body, *getattr(statement, "orelse", ()), *getattr(statement, "finalbody", ())):
            self._read(inner)
        for handler in getattr(statement, "handlers", ()):
            self._forget(bound([handler]))

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        self._forget(bound([statement]))
        for alias in statement.names:
            if isinstance(statement, ast.ImportFrom):
                self.imports[alias.asname or alias.name] = f"{statement.module}.{alias.name}"
            else:
                first = alias.name.split(".")[0]
                self.imports[alias.asname or first] = alias.name if alias.asname else first

    def _assign(self, target: ast.expr, value: Any, statement: ast.stmt) -> None:
        if isinstance(target, ast.Name):
            # Evaluating the expression again gives the name's value, even after the name is rebound.
            written = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
            call = written if isinstance(written, ast.Call) else None
            function = call.func if call else None
            asks = isinstance(function, ast.Attribute) and function.attr == "predict"
            model = self._value(function.value) if asks and isinstance(function, ast.Attribute) else None
            self._bind(target.id, value, self._way(written) if written is not None else None)
            if call and isinstance(model, _Model):
                self._note_call(model, call, self._name(target.id))
        elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, _Several):
            parts = value.parts if len(value.parts) == len(target.elts) else (None,) * len(target.elts)
            for element, part in zip(target.elts, parts, strict=True):
                self._assign(element, part, ast.Pass())
        else:
            self._forget(bound([target]))
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                self._collect(target.value.id, value)

    def _collect(self, name: str, value: Any) -> None:
        """Record that a model was added to a list or dict."""
        model = next(_models_in(value), None)
        if model is not None and not isinstance(self.values.get(name), _Model):
            self.values[name] = _Collection(model)

    def _note_call(self, model: _Model, call: ast.Call, answer: _Way | None) -> None:
        """Record a model's training data or input, if an expression for it can be repeated."""
        node = call.args[0] if call.args else _keyword(call, "X")
        value = self._value(node) if isinstance(node, ast.Name) else None
        way = self._way(node)
        if isinstance(value, _Wrapped) and isinstance(value.data, _Data):
            way = value.data.ways[0] if value.data.ways else None
        if way is not None and node is not None:
            model.calls.append((way, ast.unparse(node), answer))

    def _bind(self, name: str, value: Any, way: _Way | None) -> None:
        self._forget({name})
        own = self._name(name)
        if isinstance(value, _Data):
            # With steps, the name holds their result, and the rows before them are the samples.
            before = value.ways if value.steps else tuple(each for each in (own, way, *value.ways) if each)
            whole = tuple(each for each in value.whole if name not in each.versions)
            ways = tuple(each for each in before if name not in each.versions or each is own)
            value = replace(value, ways=ways, whole=whole, after=(own,) if value.steps and value.is_dense else ())
        elif isinstance(value, _Bunch):
            value = replace(value, way=own)
        self.values[name] = value

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            if self.cell is not None:
                self.bound_in[name] = self.changed_in[name] = self.cell
            self.versions[name] += 1
            self.values.pop(name, None)
            self.imports.pop(name, None)
            self.functions.pop(name, None)
            self.of_loops.discard(name)

    def _name(self, name: str) -> _Way:
        return _Way(name, {name: self.versions[name]}, self.place)

    def _way(self, node: ast.expr | None) -> _Way | None:
        """Return the expression if repeating it gives the same value, else None."""
        if node is None or isinstance(node, (ast.List, ast.ListComp)):
            return None
        calls = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]
        if not all(isinstance(function, ast.Attribute) and function.attr in _REPEATABLE for function in calls):
            return None
        text = ast.unparse(node)
        versions = {inner.id: self.versions[inner.id] for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        return _Way(text, versions, self.place) if len(text) <= _MAX_CHARACTERS else None

    def _value(self, node: ast.expr) -> Any:
        """Return an expression's result: data, a model, a bunch or several of them; None for anything else."""
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.Tuple):
            return _Several(tuple(self._data_or_value(element) for element in node.elts))
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Constant):
            # For example a formula with a name.
            return node.value if isinstance(node.value, str) else None
        return self._subscript(node) if isinstance(node, ast.Subscript) else self._computed(node)

    def _computed(self, node: ast.expr) -> _Data | _Collection | None:
        """Return the result of a list, a dict or an operation; an operation on data gives the same kind of data."""
        if isinstance(node, (ast.List, ast.Dict)):
            elements = node.elts if isinstance(node, ast.List) else node.values
            model = next((model for element in elements for model in _models_in(self._value(element))), None)
            if model is not None:
                return _Collection(model)
        if isinstance(node, (ast.List, ast.ListComp)):
            return _Data(LIST)
        if isinstance(node, ast.BinOp):
            sides = [
                side for side in map(self._value, (node.left, node.right)) if isinstance(side, _Data) and not side.steps
            ]
            return _Data(sides[0].kind) if sides else None
        return None

    def _data_or_value(self, node: ast.expr) -> Any:
        """Return an expression's value; for data, record the expression as the way to repeat it."""
        value = self._value(node)
        way = self._way(node)
        if isinstance(value, _Data) and isinstance(node, ast.Name):
            # Its current value, including earlier changes.
            return replace(value, ways=tuple(way if way and each.text == node.id else each for each in value.ways))
        if isinstance(value, _Data) and not value.steps and way and way.text not in [each.text for each in value.ways]:
            return replace(value, ways=(way, *value.ways))
        return value

    def _named(self, name: str) -> Any:
        if name in self.values and self.values[name] is not None:
            return self.values[name]
        return _Data(TABLE, (self._name(name),)) if self.versions[name] and self.attributes[name] & _OF_TABLES else None

    def _dotted(self, node: ast.expr) -> str:
        """Return the full name of an attribute of an imported module; "" for anything else."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, "")
        if isinstance(node, ast.Attribute) and (owner := self._dotted(node.value)):
            return f"{owner}.{node.attr}"
        return ""

    def _call(self, call: ast.Call) -> Any:
        dotted = self._dotted(call.func)
        if dotted:
            return self._call_of_library(dotted.split("."), call)
        if isinstance(call.func, ast.Name):
            return self._call_of_own(call.func.id, call)
        if isinstance(call.func, ast.Attribute):
            return self._method(call.func, call)
        return self._ask_module(self._value(call.func), call)

    def _method(self, function: ast.Attribute, call: ast.Call) -> Any:
        owner = self._value(function.value)
        if function.attr == "append" and isinstance(function.value, ast.Name) and call.args:
            self._collect(function.value.id, self._value(call.args[0]))
        if isinstance(owner, _Collection):
            return owner.model if function.attr == "get" else None
        if isinstance(owner, _Model):
            return self._method_of_model(owner, function, call)
        if isinstance(owner, _Unfitted):
            return owner.model if function.attr in ("fit", "fit_regularized") else None
        if owner is None and function.attr == "fit" and isinstance(function.value, ast.Name):
            return self._look_alike(function, function.value.id, call)
        return _method_of_data(owner, function.attr) if isinstance(owner, _Data) else None

    def _look_alike(self, function: ast.Attribute, name: str, call: ast.Call) -> _Model | None:
        """Return a model of an unknown class that is fitted, and used or saved, like scikit-learn's; else None."""
        is_model = name in self.dumped or self.attributes[name] & {"predict", "predict_proba"}
        is_fitted_alike = len(call.args) == 2 and not call.keywords
        if (
            not is_fitted_alike
            or not is_model
            or "transform" in self.attributes[name]
            or not isinstance(self._argument(call, 0, "X"), _Data)
        ):
            return None
        model = self.values[name] = _Model("Regressor")
        self._method_of_model(model, function, call)
        return model

    def _call_of_own(self, name: str, call: ast.Call) -> Any:
        """Return the result of calling a function or module of the notebook, or a PyTorch model."""
        if name in self.modules:
            return _Model(MODULE, arrays_only=True)
        function = self.functions.get(name)
        if function is None:
            self._ask_pipeline(name, call)
            return self._ask_module(self.values.get(name), call)
        self.followed += 1
        if max(self.depth - _MAX_DEPTH, self.followed - _MAX_CALLS) >= 0 or any(
            isinstance(argument, ast.Starred) for argument in call.args
        ):
            return None
        parameters = [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
        given = dict(zip(parameters, call.args, strict=False))
        given.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})
        # As if its statements were inlined with the arguments substituted.
        local = {each: f"__{name}__{each}" for each in {*bound(function.body), *parameters}}
        inlined = _Inlined(given, local)
        statements = [inlined.visit(copy.deepcopy(statement)) for statement in function.body]
        self.depth += 1
        value = None
        for statement in statements:
            self._read(statement)
            returned = next((node for node in ast.walk(statement) if isinstance(node, ast.Return) and node.value), None)
            value = self._data_or_value(returned.value) if returned and returned.value else value
        self.depth -= 1
        self._forget(local.values())
        return value

    def _ask_pipeline(self, name: str, call: ast.Call) -> None:
        """Record the text passed to a spaCy pipeline."""
        model = self.values.get(name)
        if isinstance(model, _Model) and model.kind == TEXTS and call.args:
            way = self._way(call.args[0])
            if way is not None:
                model.data = _Data(LIST, (replace(way, text=f"[{way.text}]"),))

    def _ask_module(self, model: Any, call: ast.Call) -> _Data | None:
        """Record the input of a PyTorch model: its training data."""
        if not isinstance(model, _Model) or model.kind != MODULE or not call.args:
            for argument in call.args:
                # For example a loss computed from the model's output.
                self._value(argument)
            return None
        data = self._data_or_value(call.args[0])
        if isinstance(data, _Data) and data.ways:
            model.data = data
            way = data.ways[0]
            model.calls.append((way, way.text, None))
        return _Data(ARRAY)

    def _call_of_library(self, parts: list[str], call: ast.Call) -> Any:
        library, name = parts[0], parts[-1]
        if name == "dump" and call.args:
            self.saved = next(_models_in(self._value(call.args[0])), self.saved)
        if name in _LOADS and library in ("pickle", "joblib", "dill", "cloudpickle", *_NETWORKS, "sklearn"):
            return self.saved
        if library == "pandas":
            return self._named_again(call) or _of_pandas(name, call)
        if library in ("numpy", "scipy"):
            return _Data(ARRAY)
        if data := _loaded(parts, call):
            return data
        if name == "train_test_split":
            halves = (self._data_or_value(argument) for argument in call.args)
            return _Several(tuple(_without_ways(value) for value in halves for _ in range(2)))
        return self._model_of_library(library, name, call)

    def _of_torch(self, name: str, call: ast.Call) -> Any:
        """Return a PyTorch model, batches of data, or a tensor."""
        if name == "Sequential":
            return _Model(MODULE, arrays_only=True)
        if name in ("TensorDataset", "DataLoader"):
            given = self._argument(call, 0, "dataset")
            return _Wrapped(given, None, "") if isinstance(given, _Data) else given
        return None if name[:1].isupper() and not name.endswith(("Tensor", "Variable")) else _Data(ARRAY)

    def _model_of_library(self, library: str, name: str, call: ast.Call) -> Any:
        own = {"torch": self._of_torch, "statsmodels": self._of_statsmodels}.get(library)
        if own is not None:
            return own(name, call)
        if library in _OWN_KINDS:
            kind = _OWN_KINDS[library].get(name)
            data = _Data(LIST, (_Way("", {}),)) if kind == WORDS else None
            return _Model(kind, data, arrays_only=kind == NETWORK) if kind else None
        if library == "catboost" and name == "Pool":
            return _Wrapped(self._argument(call, 0, "data"), self._argument(call, 1, "label"), "")
        if library in ("xgboost", "lightgbm") and name in ("DMatrix", "QuantileDMatrix", "Dataset", "train"):
            return self._booster(library, name, call)
        return self._estimator(name, call) if library in _LIBRARIES else None

    def _named_again(self, call: ast.Call) -> _Data | None:
        """Return data that went through steps and is put into a DataFrame again; None for any other call."""
        data = self._value(call.args[0]) if call.args else None
        if not isinstance(data, _Data) or not data.steps or ast.unparse(call.func).rpartition(".")[2] != "DataFrame":
            return None
        # The rows of a single sample don't have the index of the others.
        others = [keyword for keyword in call.keywords if keyword.arg != "index"]
        made = ast.Call(call.func, [ast.Name("_"), *call.args[1:]], others)
        way = self._way(ast.Tuple([*call.args[1:], *(keyword.value for keyword in others)], ast.Load()))
        if way is None or len(call.args) > 1:
            return None
        text = ast.unparse(made).replace("(_", "({}", 1)
        return _with_step(data, _Way(text, way.versions, self.place), is_dense=False)

    def _of_statsmodels(self, name: str, call: ast.Call) -> Any:
        """Return a model that is not fitted yet, or data with a constant column."""
        if name in _OF_SERIES:
            is_old = "arima_model" in self._dotted(call.func)
            return _Unfitted(_Model(OLD_SERIES if is_old else SERIES, _Data(LIST, (_Way("", {}),))))
        if name == "add_constant":
            data = self._argument(call, 0, "data")
            return _Data(data.kind) if isinstance(data, _Data) and not data.steps else None
        if name in _BY_FORMULA:
            formula = self._argument(call, 0, "formula")
            way = self._way(call.args[1] if len(call.args) > 1 else _keyword(call, "data"))
            if way is None or not isinstance(formula, str) or "~" not in formula:
                return None
            columns = _columns_of(formula.partition("~")[2])
            way = replace(way, text=f"{way.text}[{columns!r}]")
            model = _Model(REGRESSION, _Data(TABLE, (way,)))
            model.calls.append((way, way.text, None))
            return _Unfitted(model) if columns else None
        if name in _BY_ARRAYS:
            node = call.args[1] if len(call.args) > 1 else _keyword(call, "exog")
            data = self._data_or_value(node) if node is not None else None
            model = _Model(REGRESSION, data if isinstance(data, _Data) else None, arrays_only=True)
            way = self._way(node)
            if way is not None:
                model.calls.append((way, way.text, None))
            return _Unfitted(model)
        return None

    def _booster(self, library: str, name: str, call: ast.Call) -> Any:
        """Return the result of the own functions of xgboost and lightgbm: wrapped data, or a model."""
        if name != "train":
            names = _keyword(call, "feature_names")
            columns = f", feature_names={ast.unparse(names)}" if names is not None and self._way(names) else ""
            wrapper = f"{ast.unparse(call.func)}({{}}{columns})" if library == "xgboost" else ""
            return _Wrapped(self._argument(call, 0, "data"), self._argument(call, 1, "label"), wrapper)
        wrapped = self._argument(call, 1, "dtrain" if library == "xgboost" else "train_set")
        if not isinstance(wrapped, _Wrapped) or not isinstance(wrapped.data, _Data):
            return None
        # A booster has predict, but accepts no list.
        model = _Model("Regressor", wrapped.data, None, wrapped.wrapper, arrays_only=True)
        given = call.args[1] if len(call.args) > 1 else _keyword(call, "dtrain")
        if wrapped.data.ways and given is not None and wrapped.wrapper:
            model.calls.append((wrapped.data.ways[0], ast.unparse(given), None))
        return model

    def _estimator(self, name: str, call: ast.Call) -> Any:
        inner: ast.expr | None = None
        if name in ("make_pipeline", "Pipeline"):
            steps = call.args
            if name == "Pipeline":
                listed = call.args[0] if call.args else _keyword(call, "steps")
                last = listed.elts[-1] if isinstance(listed, ast.List) and listed.elts else None
                steps = last.elts[1:2] if isinstance(last, ast.Tuple) else []
            inner = steps[-1] if steps else None
        elif _SEARCHES.search(name):
            if _says(call, "refit", value=False):
                # It has no best estimator and can't predict.
                return None
            inner = call.args[0] if call.args else _keyword(call, "estimator")
        elif not name[:1].isupper():
            return _Data(ARRAY) if name in _SCALES else None
        elif name.startswith("NeuralNet"):
            # skorch: PyTorch doesn't convert number types itself.
            return _Model(name, arrays_only=True, dtype="float32")
        else:
            return _Model(name)
        value = self._value(inner) if inner is not None else None
        return replace(value, data=None, calls=[]) if isinstance(value, _Model) else _Model(name)

    def _method_of_model(self, model: _Model, function: ast.Attribute, call: ast.Call) -> Any:
        if model.kind in (REGRESSION, SERIES, OLD_SERIES, WORDS, TEXTS):
            return None
        data = self._argument(call, 0, "x" if model.kind == NETWORK else "X")
        data = data.data if isinstance(data, _Wrapped) else data
        if function.attr in ("fit", "fit_predict"):
            model.data = data if isinstance(data, _Data) else None
            model.labels = self._argument(call, 1, "y")
            model.calls.clear()
            self._note_call(model, call, None)
            if isinstance(function.value, ast.Name):
                self.versions[function.value.id] += 1
            if model.kind == NETWORK:
                # It returns its training history.
                return None
            return model if function.attr == "fit" else _Data(ARRAY)
        if function.attr in ("transform", "fit_transform") and isinstance(function.value, ast.Name):
            return self._transformed(model, function.value.id, function.attr, data)
        if function.attr in ("fit_resample", "fit_sample"):
            # Rows with the same columns; the old ones come first, or are all.
            return _Several((_without_ways(data), _without_ways(self._argument(call, 1, "y"))))
        if function.attr in ("save", "save_model"):
            self.saved = model
        return model if function.attr in _SAME_MODEL else None

    def _transformed(self, model: _Model, owner: str, method: str, data: Any) -> _Data | None:
        """Return the result of `owner.transform(data)` or `owner.fit_transform(data)`."""
        if method == "fit_transform":
            # It was refitted, so the results of earlier steps with it are invalid.
            self.versions[owner] += 1
        if model.kind == "LabelEncoder":
            return _Data(ARRAY, encoder=self._name(owner))
        if not isinstance(data, _Data):
            return None
        step = replace(self._name(owner), text=f"{owner}.transform({{}})")
        scaled = _with_step(data, step, bool(_SCALERS.search(model.kind)))
        # Only a notebook that scales predictions back shows that its targets are scaled.
        return replace(scaled, scaler=self._name(owner)) if "inverse_transform" in self.attributes[owner] else scaled

    def _argument(self, call: ast.Call, place: int, name: str) -> Any:
        node = call.args[place] if len(call.args) > place else _keyword(call, name)
        return self._data_or_value(node) if node is not None else None

    def _attribute(self, node: ast.Attribute) -> Any:
        owner = self._value(node.value)
        if isinstance(owner, _Bunch):
            return self._of_bunch(owner, node.attr)
        if isinstance(owner, _Model):
            return owner if node.attr in ("best_estimator_", "best_model_") else None
        if isinstance(owner, _Data):
            if owner.steps:
                return replace(owner) if node.attr == "values" else None
            if node.attr in ("values", "T"):
                return _Data(ARRAY, classes=owner.classes, encoder=owner.encoder)
            return _Data(COLUMN) if owner.kind == TABLE else None
        return _Data(ARRAY) if self._dotted(node) in ("numpy.c_", "numpy.r_") else None

    def _located(self, node: ast.Attribute, place: ast.expr) -> _Data | None:
        """Return a part of a table selected with `iloc` or `loc`."""
        owner = self._value(node.value)
        if not isinstance(owner, _Data) or owner.steps:
            return None
        column = place.elts[1] if isinstance(place, ast.Tuple) and len(place.elts) == 2 else None
        single = isinstance(column, (ast.Constant, ast.UnaryOp))
        return _Data(COLUMN if single else owner.kind)

    def _subscript(self, node: ast.Subscript) -> Any:
        place = node.slice
        if isinstance(node.value, ast.Attribute) and node.value.attr in ("iloc", "loc"):
            return self._located(node.value, place)
        owner = self._value(node.value)
        if isinstance(owner, (_Collection, _Model)):
            return owner.model if isinstance(owner, _Collection) else owner
        if isinstance(owner, _Bunch) and isinstance(place, ast.Constant):
            return self._of_bunch(owner, str(place.value))
        if not isinstance(owner, _Data):
            return None
        if owner.steps:
            return self._part_after_steps(owner, place)
        return self._part_of_table(owner, place) if owner.kind in (TABLE, BARE_TABLE) else replace(owner, ways=())

    def _part_after_steps(self, data: _Data, place: ast.expr) -> _Data | None:
        """Return rows or columns of data that went through steps; None if the columns are uncertain."""
        if not isinstance(place, ast.Tuple):
            # In an array, a slice or a mask selects rows; in a table, a name or a list selects columns.
            return data if isinstance(place, (ast.Slice, ast.Compare)) else None
        if len(place.elts) != 2 or not isinstance(place.elts[0], ast.Slice):
            return None
        columns = place.elts[1]
        if isinstance(columns, ast.Slice) and ast.unparse(columns) == ":":
            return data
        way = self._way(ast.Tuple([columns], ast.Load()))
        if way is None:
            return None
        chosen = _Way(f"{{}}[:, {ast.unparse(columns)}]", way.versions, self.place)
        return _with_step(data, chosen)

    def _part_of_table(self, table: _Data, place: ast.expr) -> _Data | None:
        if isinstance(place, ast.Constant):
            return _Data(COLUMN)
        if isinstance(place, ast.Name):
            value = self.values.get(place.id)
            return _Data(table.kind) if isinstance(value, _Data) and value.kind in (LIST, COLUMN) else None
        return _Data(table.kind)

    def _of_bunch(self, bunch: _Bunch, name: str) -> _Data | None:
        if name == "target":
            names = replace(bunch.way, text=f"{bunch.way.text}.target_names")
            return _Data(ARRAY, classes=names if bunch.way.text else None)
        of_table = {"frame": _Data(TABLE), "exog": _Data(TABLE), "endog": _Data(COLUMN)}
        return {"data": _Data(bunch.kind), **of_table}.get(name)


def _fitted(statement: ast.stmt) -> Iterator[str]:
    """Yield the names of models that a statement fits, as in `model.fit(X)` and `model = Ridge().fit(X)`."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and node.attr in _FITS and isinstance(node.value, ast.Name):
            yield node.value.id
        fits = node.value.func if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) else None
        if isinstance(fits, ast.Attribute) and fits.attr == "fit" and isinstance(fits.value, ast.Call):
            yield from bound([statement])


def _function_of(name: str, statement: ast.stmt) -> str:
    """Return the name of the function definition in which `name` is local; "" for any other statement."""
    if not isinstance(statement, ast.FunctionDef):
        return ""
    parameters = [argument.arg for argument in (*statement.args.args, *statement.args.kwonlyargs)]
    return statement.name if name in {*parameters, *bound(statement.body)} else ""


def _maker(value: ast.expr) -> str:
    """Return a shortened expression: the call of a class, without its arguments and without fit."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _FITS:
        value = value.func.value
    text = f"{ast.unparse(value.func)}()" if isinstance(value, ast.Call) else ast.unparse(value)
    return phrases.cut(text, _MAKER_CHARACTERS)


def _call_of(name: str, model: _Model, data: _Data, samples: str) -> tuple[OwnCall, ...]:
    """Return a call of a model with its samples, in case the notebook keeps none of the model's input.

    None for samples that go through steps: only the notebook's own calls show that the steps are right.
    """
    is_plain = not data.steps and not model.wrapper and not model.dtype and model.kind not in _OTHERS
    return (OwnCall(samples, f"{name}.predict({samples})"),) if is_plain else ()


class _Inlined(ast.NodeTransformer):
    """Substitutes arguments for a function's parameters, and renames its other variables."""

    def __init__(self, given: Mapping[str, ast.expr], local: Mapping[str, str]) -> None:
        self.given = given
        self.local = local

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Return the replacement of a name."""
        if node.id in self.given and isinstance(node.ctx, ast.Load):
            return copy.deepcopy(self.given[node.id])
        return ast.Name(self.local.get(node.id, node.id), node.ctx)


def _own_modules(cells: Iterable[Cell]) -> set[str]:
    """Return the notebook's classes that are PyTorch models."""
    return {
        node.name
        for cell in cells
        for node in cell.statements or ()
        if isinstance(node, ast.ClassDef) and any(re.search(r"\bModule$", ast.unparse(base)) for base in node.bases)
    }


def _models_in(value: Any) -> Iterator[_Model]:
    """Yield the models that a value is or contains."""
    if isinstance(value, _Model):
        yield value
    elif isinstance(value, _Collection):
        yield value.model
    elif isinstance(value, _Several):
        for part in value.parts:
            yield from _models_in(part)


def _attributes(statements: Iterable[ast.stmt]) -> dict[str, set[str]]:
    """Return {name: the attributes of it that are used anywhere}."""
    attributes: dict[str, set[str]] = defaultdict(set)
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                attributes[node.value.id].add(node.attr)
    return attributes


def _dumped(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the names whose objects are written to files, as by joblib.dump() or pickle.dump()."""
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "dump":
                yield from (argument.id for argument in node.args[:1] if isinstance(argument, ast.Name))


def _deleted(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Delete):
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def _mutations(statement: ast.stmt) -> Iterator[tuple[str, str | None]]:
    """Yield (name, column) for each in-place change by a statement; the column is None if several may change."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if isinstance(statement, ast.Delete):
        targets = statement.targets
    for target in targets if isinstance(statement, (ast.Assign, ast.AugAssign, ast.Delete)) else ():
        place = target.slice if isinstance(target, ast.Subscript) else None
        if isinstance(target, (ast.Subscript, ast.Attribute)):
            direct = isinstance(target.value, ast.Name)
            named = place.value if direct and isinstance(place, ast.Constant) else None
            yield _root(target), named if isinstance(named, str) else None
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        given = _keyword(call, "inplace")
        if given is not None or call.func.attr in _CHANGES:
            yield from ((_root(call.func), column) for column in _changed_columns(call, call.func.attr))


def _changed_columns(call: ast.Call, method: str) -> Sequence[str | None]:
    """Return the columns that a method changes in place, None for any; reordered rows are the same samples."""
    by_columns = _keyword(call, "columns")
    if method in ("sort_values", "sort_index", "reset_index"):
        return []
    columns = by_columns or (call.args[0] if call.args else None)
    is_drop = method == "drop" and (by_columns is not None or _says(call, "axis", 1) or len(call.args) > 1)
    if columns is None or not (is_drop or method == "set_index") or not _is_literal(columns):
        return [None]
    value = ast.literal_eval(columns)
    return value if isinstance(value, list) else [value]


def _root(node: ast.expr) -> str:
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _columns_of(formula: str) -> list[str]:
    """Return the names on the right side of a formula, in order."""
    names = [next(filter(None, found)) for found in _IN_FORMULA.findall(formula)]
    return list(dict.fromkeys(names))


def _leaves_out(text: str, table: str, column: str | None) -> bool:
    """Return whether an expression only selects other columns of `table`, so a change of `column` doesn't affect it."""
    tree = ast.parse(text, mode="eval")
    taken = [
        ast.literal_eval(node.slice)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and _root(node) == table and _is_literal(node.slice)
    ]
    uses = sum(isinstance(node, ast.Name) and node.id == table for node in ast.walk(tree))
    columns = [name for each in taken for name in (each if isinstance(each, list) else [each])]
    return column is not None and len(taken) == uses and column not in columns


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.List) and all(isinstance(element, ast.Constant) for element in node.elts)
    )


def _is_of_texts(node: ast.expr) -> bool:
    """Return whether an expression is a list, a tuple or a dict whose values are all texts."""
    if isinstance(node, ast.Dict):
        values = [value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)]
        return bool(values) and len(values) == len(node.values) and all(map(_is_text, values))
    return isinstance(node, (ast.List, ast.Tuple)) and bool(node.elts) and all(map(_is_text, node.elts))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _says(call: ast.Call, name: str, value: object) -> bool:
    given = _keyword(call, name)
    return isinstance(given, ast.Constant) and given.value is value


def _of_pandas(name: str, call: ast.Call) -> _Data | None:
    if name == "DataFrame":
        made_of = call.args[0] if call.args else _keyword(call, "data")
        named = isinstance(made_of, ast.Dict) or len(call.args) > 2 or _keyword(call, "columns") is not None
        return _Data(TABLE if named else BARE_TABLE)
    if name.startswith("read_"):
        return _Data(BARE_TABLE if _says(call, "header", None) and _keyword(call, "names") is None else TABLE)
    if name == "Series":
        return _Data(COLUMN)
    return _Data(TABLE) if name in ("get_dummies", "concat", "merge", "json_normalize") else None


def _dataset(name: str, call: ast.Call) -> Any:
    """Return the result of a function of sklearn.datasets."""
    if name == "fetch_20newsgroups":
        return _Bunch(LIST, _Way("", {}))
    table = _says(call, "as_frame", True) or (name == "fetch_openml" and not _says(call, "as_frame", False))
    kind = TABLE if table else ARRAY
    if name.startswith("make_") or _says(call, "return_X_y", True):
        return _Several((_Data(kind), _Data(ARRAY)))
    return _Bunch(kind, _Way("", {})) if name.startswith(("load_", "fetch_")) else None


def _loaded(parts: Sequence[str], call: ast.Call) -> Any:
    """Return a library's data set, loaded by a function with the name `parts`; None for any other function."""
    library, inner = parts[0], parts[1:-1]
    if library == "sklearn" and inner[:1] == ["datasets"]:
        return _dataset(parts[-1], call)
    if library == "statsmodels" and "datasets" in inner:
        return _Bunch(TABLE, _Way("", {}))
    is_table = list(parts) == ["seaborn", "load_dataset"] or (
        library in ("plotly", "vega_datasets") and "data" in inner
    )
    return _Data(TABLE) if is_table else None


def _with_step(data: _Data, step: _Way, is_dense: bool = True) -> _Data:
    return replace(data, steps=(*data.steps, step), after=(), is_dense=data.is_dense and is_dense, scaler=None)


def _without_ways(value: Any) -> Any:
    """Return part of a split: of the same kind and with the same steps, but only its name refers to its rows."""
    if not isinstance(value, _Data):
        return None
    return value if value.steps else replace(value, ways=(), whole=(*value.ways, *value.whole))


def _method_of_data(data: _Data, name: str) -> _Data | None:
    if data.steps:
        if name in _RESHAPES and data.scaler:
            return _Data(ARRAY, scaler=data.scaler)
        return data if name in ("toarray", "todense", "astype", "copy") else None
    if data.kind in (TABLE, BARE_TABLE, COLUMN):
        if name == "to_dict":
            # Records, the input of a DictVectorizer.
            return _Data(LIST)
        if name in ("to_numpy", "to_list", "tolist"):
            return replace(data, kind=ARRAY if name == "to_numpy" else LIST, ways=())
        return replace(data, ways=()) if name in _SAME_KIND else None
    return replace(data, ways=()) if data.kind == ARRAY and name != "tolist" else None
