"""Finds, by the syntax trees of the cells, the fitted model that a notebook without predictor would serve.

Known are estimators of libraries that have scikit-learn's API, and what xgboost and lightgbm train. The data that a
model was fitted to is followed back to a name or an expression whose rows are samples, through splits and
transformers. What can't be followed is not guessed: no model is found then.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nb_builder.analysis import notebook_contract
from nb_builder.common.cell import Cell
from nb_builder.rewrite.names import bound

# Models that are not asked as those of scikit-learn: of Keras, of Prophet, of statsmodels.
NETWORK, FORECAST, REGRESSION = "network", "forecast", "regression"
# What data are made of: a table whose columns have names, one whose columns have numbers, a column, an array, a list.
TABLE, BARE_TABLE, COLUMN, ARRAY, LIST = "table", "bare table", "column", "array", "list"

_LIBRARIES = {"sklearn", "imblearn", "xgboost", "lightgbm", "catboost"}
_NETWORKS = {"keras", "tensorflow"}
# Of statsmodels: those that take a formula and a table, and those that take the answers and the data.
_BY_FORMULA = {"ols", "wls", "gls", "glm", "logit", "probit", "poisson", "rlm", "mnlogit"}
_BY_ARRAYS = {"OLS", "WLS", "GLS", "GLM", "Logit", "Probit", "Poisson", "RLM", "MNLogit"}
# A name in a formula, alone or as the text of Q("..."); of a function, the bracket follows.
_IN_FORMULA = re.compile(r"Q\((?:\"([^\"]+)\"|'([^']+)')\)|\b([A-Za-z_]\w*)\b(?!\s*[(.])")
_PREDICTS = re.compile(
    r"(Classifier|Regressor|Regression|SVC|SVR|NB|Perceptron|DiscriminantAnalysis|KMeans|GaussianMixture|IsolationForest"
    r"|OneClassSVM|NearestCentroid|Huber|Ridge|Lasso|ElasticNet|Lars|OrthogonalMatchingPursuit)(CV|IC)?$"
)
_CLASSIFIES = re.compile(
    r"(Classifier|SVC|NB|Perceptron|DiscriminantAnalysis|LogisticRegression|NearestCentroid)(CV)?$"
)
_SEARCHES = re.compile(r"SearchCV$|^(CalibratedClassifierCV|TunedThresholdClassifierCV|FixedThresholdClassifier)$")
# Methods of a table or column that return another one of the same columns, or of fewer, and change nothing.
_SAME_KIND = frozenset(
    """abs apply assign astype bfill clip copy drop drop_duplicates dropna ffill fillna filter head infer_objects
    interpolate join loc map merge query rename replace reset_index round sample select_dtypes set_index sort_index
    sort_values tail""".split()  # noqa: SIM905
)
# These give the same each time and depend on nothing else, so an expression with them can be written once more.
_REPEATABLE = _SAME_KIND - {"sample", "apply", "map"} | {"reshape", "to_numpy", "ravel", "tolist"}
# A name with one of these attributes is a table, whatever gave it.
_OF_TABLES = {"columns", "info", "select_dtypes", "drop", "iterrows", "itertuples", "merge", "set_index"}
# Methods that change what they are called on.
_CHANGES = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort", "update"}
_FITS = {"fit", "fit_predict", "fit_transform", "partial_fit"}
_MAX_CHARACTERS = 120
_BLOCKS = (ast.If, ast.With, ast.Try)


@dataclass(frozen=True)
class OwnCall:
    """Expressions for what the notebook itself gave to its model, and for what the model answered."""

    given: str
    answered: str


@dataclass(frozen=True)
class FittedModel:
    """A model that can be asked, and how.

    `samples` is an expression for the data whose rows are its samples, and `kind` what they are made of. `steps` are
    the expressions that each sample passes through before the model, the first one first, with {} in its place, and
    `wrapper` is the class that the library's own functions want around it, or "". `classes` is an expression for the
    names of its classes, `encoder` the name of the LabelEncoder that knows them, where either is evident. `imports` are
    {name in the notebook: what it imports}. `own` are the notebook's own calls that can still be looked at.
    `of` is the name of its class, or one of NETWORK, FORECAST and REGRESSION.
    """

    name: str
    kind: str
    samples: str
    steps: tuple[str, ...] = ()
    wrapper: str = ""
    arrays_only: bool = False
    classes: str = ""
    encoder: str = ""
    imports: Mapping[str, str] = field(default_factory=dict)
    own: tuple[OwnCall, ...] = ()
    of: str = ""


@dataclass(frozen=True)
class _Way:
    """An expression, and the versions of the names in it: it means the same as long as these hold.

    `since` is when it was read; what was changed in place by then is in it, what is changed later is not.
    """

    text: str
    versions: Mapping[str, int]
    since: int = 0


@dataclass(frozen=True)
class _Data:
    kind: str
    ways: tuple[_Way, ...] = ()
    steps: tuple[_Way, ...] = ()
    # What the rows were split from: more rows of the same columns, for when no name has these rows any more.
    whole: tuple[_Way, ...] = ()
    # Of the labels that a classifier learns.
    classes: _Way | None = None
    encoder: _Way | None = None


@dataclass(frozen=True)
class _Bunch:
    """What scikit-learn's `load_…` and `fetch_…` return; `kind` is that of its data."""

    kind: str
    way: _Way


@dataclass(frozen=True)
class _Wrapped:
    """Data in the class that xgboost's or lightgbm's `train` takes."""

    data: Any
    labels: Any
    wrapper: str


@dataclass(frozen=True)
class _Several:
    """The parts of a value that is assigned to several names."""

    parts: tuple[Any, ...]


@dataclass(eq=False)
class _Model:
    """An estimator: the name of its innermost class, and what it was last fitted to."""

    kind: str
    data: _Data | None = None
    labels: Any = None
    wrapper: str = ""
    arrays_only: bool = False
    # (what predict was given, the name of what it answered or None), and what the model was fitted to.
    calls: list[tuple[_Way, str, _Way | None]] = field(default_factory=list)


def find(cells: Sequence[Cell]) -> FittedModel | None:
    """Return the last model that the cells fit and use; None where that one is not recognised."""
    found = _Reader(cells).found()
    return found[0] if found else None


def find_all(cells: Sequence[Cell]) -> list[FittedModel]:
    """Return the recognised models that the cells fit, the one that is used last first."""
    return [model for model in _Reader(cells).found() if model is not None]


class _Reader:
    """Goes through the statements of a notebook from top to bottom, and knows what the names hold by then."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.values: dict[str, Any] = {}
        self.versions: dict[str, int] = defaultdict(int)
        self.imports: dict[str, str] = {}
        # {name: the place where it was read last}
        self.used: dict[str, int] = {}
        # (place, name, its column or None for all of it) of each change in place.
        self.mutations: list[tuple[int, str, str | None]] = []
        self.place = 0
        cells = [cell for cell in cells if notebook_contract.TOLERATED not in cell.tags]
        statements = [binding.statement for binding in notebook_contract.unfolded(cells)[0]]
        self.attributes = _attributes(statements)
        for statement in statements:
            self._read(statement)

    def found(self) -> list[FittedModel | None]:
        """Return the fitted models, that whose name was read last first; None for one that can't be followed."""
        models = [name for name, value in self.values.items() if self._can_be_asked(name, value)]
        by_use = sorted(models, key=lambda name: -self.used.get(name, 0))
        return [self._described(name, self.values[name]) for name in by_use]

    def _can_be_asked(self, name: str, value: object) -> bool:
        if not isinstance(value, _Model) or value.data is None:
            return False
        return (
            bool(value.wrapper or value.kind in (NETWORK, FORECAST, REGRESSION) or _PREDICTS.search(value.kind))
            or "predict" in self.attributes[name]
        )

    def _described(self, name: str, model: _Model) -> FittedModel | None:
        data = model.data
        ways = (*data.ways, *data.whole) if data else ()
        samples = next((way.text for way in ways if self._holds(way)), None)
        if data is None or samples is None or not all(map(self._holds, data.steps)):
            return None
        labels = model.labels if isinstance(model.labels, _Data) and _CLASSIFIES.search(model.kind) else _Data(COLUMN)
        return FittedModel(
            name,
            data.kind,
            samples,
            tuple(way.text for way in data.steps),
            model.wrapper,
            model.arrays_only,
            labels.classes.text if labels.classes and self._holds(labels.classes) else "",
            labels.encoder.text if labels.encoder and self._holds(labels.encoder) else "",
            dict(self.imports),
            tuple(self._own_calls(name, model)),
            model.kind,
        )

    def _own_calls(self, name: str, model: _Model) -> Iterator[OwnCall]:
        """Yield the calls whose argument, and answer, the notebook still has; those with an answer come first."""
        held = [call for call in model.calls if self._holds(call[0])]
        yield from (OwnCall(way.text, answer.text) for way, _, answer in held if answer and self._holds(answer))
        yield from (OwnCall(way.text, f"{name}.predict({asked})") for way, asked, _ in held)

    def _holds(self, way: _Way) -> bool:
        changed = (
            place >= way.since and name in way.versions and not _leaves_out(way.text, name, column)
            for place, name, column in self.mutations
        )
        return all(self.versions[name] == version for name, version in way.versions.items()) and not any(changed)

    def _read(self, statement: ast.stmt) -> None:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.place += 1
                self.used[node.id] = self.place
        if isinstance(statement, _BLOCKS):
            self._read_block(statement)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            self._import(statement)
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            self._assign(statement.targets[0], self._value(statement.value), statement)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign(statement.target, self._value(statement.value), statement)
        else:
            if isinstance(statement, ast.Expr):
                self._value(statement.value)
            self._forget({*bound([statement]), *_deleted(statement)})
            if not isinstance(statement, ast.Expr):
                self._refit_inside(statement)
        for name, column in _mutations(statement):
            self._mutate(name, column)

    def _refit_inside(self, statement: ast.stmt) -> None:
        """Note the models that a loop or a function fits: nothing is known about what they are fitted to."""
        for node in ast.walk(statement):
            function = node.func if isinstance(node, ast.Call) else None
            if isinstance(function, ast.Attribute) and function.attr in _FITS and isinstance(function.value, ast.Name):
                self.versions[function.value.id] += 1
                model = self.values.get(function.value.id)
                if isinstance(model, _Model):
                    model.data = None

    def _mutate(self, name: str, column: str | None) -> None:
        """Note that what a name holds has changed; from now on its name is the only way to write it."""
        self.mutations.append((self.place, name, column))
        self.place += 1
        value = self.values.get(name)
        if isinstance(value, _Data) and not value.steps:
            self.values[name] = replace(value, ways=tuple(way for way in value.ways if way.text == name))

    def _read_block(self, statement: ast.If | ast.With | ast.Try) -> None:
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
            # Reading the expression again gives what the name holds now, also once the name holds something else.
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

    def _note_call(self, model: _Model, call: ast.Call, answer: _Way | None) -> None:
        """Note what a model was fitted to, or asked, as far as that can be written again."""
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
            # With steps, the name has what came of them, and the rows before them are the samples.
            before = value.ways if value.steps else tuple(each for each in (own, way, *value.ways) if each)
            whole = tuple(each for each in value.whole if name not in each.versions)
            value = replace(
                value, ways=tuple(each for each in before if name not in each.versions or each is own), whole=whole
            )
        elif isinstance(value, _Bunch):
            value = replace(value, way=own)
        self.values[name] = value

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self.versions[name] += 1
            self.values.pop(name, None)
            self.imports.pop(name, None)

    def _name(self, name: str) -> _Way:
        return _Way(name, {name: self.versions[name]}, self.place)

    def _way(self, node: ast.expr | None) -> _Way | None:
        """Return the expression as one that can be written again; None where that may give something else."""
        if node is None or isinstance(node, (ast.List, ast.ListComp)):
            return None
        calls = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]
        if not all(isinstance(function, ast.Attribute) and function.attr in _REPEATABLE for function in calls):
            return None
        text = ast.unparse(node)
        versions = {inner.id: self.versions[inner.id] for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        return _Way(text, versions, self.place) if len(text) <= _MAX_CHARACTERS else None

    def _value(self, node: ast.expr) -> Any:
        """Return what an expression gives: data, a model, a bunch or several of them; None for anything else."""
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.Tuple):
            return _Several(tuple(self._data_or_value(element) for element in node.elts))
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        return self._subscript(node) if isinstance(node, ast.Subscript) else self._computed(node)

    def _computed(self, node: ast.expr) -> _Data | None:
        """Return what a list or an operation on data gives; of an operation, data of the same kind."""
        if isinstance(node, (ast.List, ast.ListComp)):
            return _Data(LIST)
        if isinstance(node, ast.BinOp):
            sides = [
                side for side in map(self._value, (node.left, node.right)) if isinstance(side, _Data) and not side.steps
            ]
            return _Data(sides[0].kind) if sides else None
        return None

    def _data_or_value(self, node: ast.expr) -> Any:
        """Return the value of an expression; data gets the expression as the way to write it."""
        value = self._value(node)
        way = self._way(node)
        if isinstance(value, _Data) and isinstance(node, ast.Name):
            # As it is by now, whatever has changed it before.
            return replace(value, ways=tuple(way if way and each.text == node.id else each for each in value.ways))
        if isinstance(value, _Data) and not value.steps and way and way.text not in [each.text for each in value.ways]:
            return replace(value, ways=(way, *value.ways))
        return value

    def _named(self, name: str) -> Any:
        if name in self.values and self.values[name] is not None:
            return self.values[name]
        return _Data(TABLE, (self._name(name),)) if self.versions[name] and self.attributes[name] & _OF_TABLES else None

    def _dotted(self, node: ast.expr) -> str:
        """Return the full name of what an expression names in an imported module; "" for anything else."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, "")
        if isinstance(node, ast.Attribute) and (owner := self._dotted(node.value)):
            return f"{owner}.{node.attr}"
        return ""

    def _call(self, call: ast.Call) -> Any:
        dotted = self._dotted(call.func)
        if dotted:
            return self._call_of_library(dotted.split("."), call)
        if not isinstance(call.func, ast.Attribute):
            return None
        owner = self._value(call.func.value)
        if isinstance(owner, _Model):
            return self._method_of_model(owner, call.func, call)
        return _method_of_data(owner, call.func.attr) if isinstance(owner, _Data) else None

    def _call_of_library(self, parts: list[str], call: ast.Call) -> Any:
        library, name = parts[0], parts[-1]
        if library == "pandas":
            return self._named_again(call) or _of_pandas(name, call)
        if library in ("numpy", "scipy"):
            return _Data(ARRAY)
        if parts[:2] == ["sklearn", "datasets"]:
            return _dataset(name, call)
        if name == "train_test_split":
            halves = (self._data_or_value(argument) for argument in call.args)
            return _Several(tuple(_without_ways(value) for value in halves for _ in range(2)))
        return self._model_of_library(library, name, call)

    def _model_of_library(self, library: str, name: str, call: ast.Call) -> Any:
        if library == "statsmodels":
            return self._of_statsmodels(name, call)
        if library in _NETWORKS:
            return _Model(NETWORK, arrays_only=True) if name in ("Sequential", "Model") else None
        if library in ("prophet", "fbprophet") and name == "Prophet":
            return _Model(FORECAST)
        if library == "catboost" and name == "Pool":
            return _Wrapped(self._argument(call, 0, "data"), self._argument(call, 1, "label"), "")
        if library in ("xgboost", "lightgbm") and name in ("DMatrix", "QuantileDMatrix", "Dataset", "train"):
            return self._booster(library, name, call)
        return self._estimator(name, call) if library in _LIBRARIES else None

    def _named_again(self, call: ast.Call) -> _Data | None:
        """Return data that went through steps, and is put into a DataFrame; None for any other call."""
        data = self._value(call.args[0]) if call.args else None
        if not isinstance(data, _Data) or not data.steps or ast.unparse(call.func).rpartition(".")[2] != "DataFrame":
            return None
        # The rows of one sample have no index of the others.
        others = [keyword for keyword in call.keywords if keyword.arg != "index"]
        made = ast.Call(call.func, [ast.Name("_"), *call.args[1:]], others)
        way = self._way(ast.Tuple([*call.args[1:], *(keyword.value for keyword in others)], ast.Load()))
        if way is None or len(call.args) > 1:
            return None
        text = ast.unparse(made).replace("(_", "({}", 1)
        return replace(data, steps=(*data.steps, _Way(text, way.versions, self.place)))

    def _of_statsmodels(self, name: str, call: ast.Call) -> Any:
        """Return a model that is still to be fitted, or data with a constant column."""
        if name == "add_constant":
            data = self._argument(call, 0, "data")
            return _Data(data.kind) if isinstance(data, _Data) and not data.steps else None
        if name in _BY_FORMULA:
            formula = call.args[0] if call.args else _keyword(call, "formula")
            table = call.args[1] if len(call.args) > 1 else _keyword(call, "data")
            way = self._way(table) if isinstance(formula, ast.Constant) else None
            if way is None or not isinstance(formula, ast.Constant) or "~" not in str(formula.value):
                return None
            columns = _columns_of(str(formula.value).partition("~")[2])
            way = replace(way, text=f"{way.text}[{columns!r}]")
            model = _Model(REGRESSION, _Data(TABLE, (way,)))
            model.calls.append((way, way.text, None))
            return model if columns else None
        if name in _BY_ARRAYS:
            node = call.args[1] if len(call.args) > 1 else _keyword(call, "exog")
            data = self._data_or_value(node) if node is not None else None
            model = _Model(REGRESSION, data if isinstance(data, _Data) else None, arrays_only=True)
            way = self._way(node)
            if way is not None:
                model.calls.append((way, way.text, None))
            return model
        return None

    def _booster(self, library: str, name: str, call: ast.Call) -> Any:
        """Return what the own functions of xgboost and lightgbm give: wrapped data, or a model."""
        if name != "train":
            wrapper = ast.unparse(call.func) if library == "xgboost" else ""
            return _Wrapped(self._argument(call, 0, "data"), self._argument(call, 1, "label"), wrapper)
        wrapped = self._argument(call, 1, "dtrain" if library == "xgboost" else "train_set")
        if not isinstance(wrapped, _Wrapped) or not isinstance(wrapped.data, _Data):
            return None
        # A booster has predict, and takes no list.
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
            inner = call.args[0] if call.args else _keyword(call, "estimator")
        elif not name[:1].isupper():
            return None
        else:
            return _Model(name)
        value = self._value(inner) if inner is not None else None
        return _Model(value.kind if isinstance(value, _Model) else name)

    def _method_of_model(self, model: _Model, function: ast.Attribute, call: ast.Call) -> Any:
        if model.kind == REGRESSION:
            return model if function.attr in ("fit", "fit_regularized") else None
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
                # It returns its history.
                return None
            return model if function.attr == "fit" else _Data(ARRAY)
        if function.attr in ("transform", "fit_transform") and isinstance(function.value, ast.Name):
            owner = function.value.id
            if function.attr == "fit_transform":
                # What it was fitted to before is gone, and with it what the steps before this one mean.
                self.versions[owner] += 1
            if model.kind == "LabelEncoder":
                return _Data(ARRAY, encoder=self._name(owner))
            step = replace(self._name(owner), text=f"{owner}.transform({{}})")
            return replace(data, steps=(*data.steps, step)) if isinstance(data, _Data) else None
        return model if function.attr in ("set_params", "set_output") else None

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
        return None

    def _subscript(self, node: ast.Subscript) -> Any:
        place = node.slice
        if isinstance(node.value, ast.Attribute) and node.value.attr in ("iloc", "loc"):
            owner = self._value(node.value.value)
            if not isinstance(owner, _Data) or owner.steps:
                return None
            column = place.elts[1] if isinstance(place, ast.Tuple) and len(place.elts) == 2 else None
            single = isinstance(column, (ast.Constant, ast.UnaryOp))
            return _Data(COLUMN if single else owner.kind)
        owner = self._value(node.value)
        if isinstance(owner, _Bunch) and isinstance(place, ast.Constant):
            return self._of_bunch(owner, str(place.value))
        if not isinstance(owner, _Data):
            return None
        if owner.steps:
            return self._part_after_steps(owner, place)
        return self._part_of_table(owner, place) if owner.kind in (TABLE, BARE_TABLE) else replace(owner, ways=())

    def _part_after_steps(self, data: _Data, place: ast.expr) -> _Data | None:
        """Return rows or columns of data that went through steps; None where it can't be known which columns."""
        if not isinstance(place, ast.Tuple):
            # Of an array a slice or a mask takes rows; of a table a name or a list takes columns.
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
        return replace(data, steps=(*data.steps, chosen))

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
        return {"data": _Data(bunch.kind), "frame": _Data(TABLE)}.get(name)


def _attributes(statements: Iterable[ast.stmt]) -> dict[str, set[str]]:
    """Return {name: the attributes of it that are used anywhere}."""
    attributes: dict[str, set[str]] = defaultdict(set)
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                attributes[node.value.id].add(node.attr)
    return attributes


def _deleted(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Delete):
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def _mutations(statement: ast.stmt) -> Iterator[tuple[str, str | None]]:
    """Yield (name, column) for what a statement changes in place; the column is None where it is no single one."""
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
            yield _root(call.func), None


def _root(node: ast.expr) -> str:
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _columns_of(formula: str) -> list[str]:
    """Return the names that the right side of a formula reads, in order."""
    names = [next(filter(None, found)) for found in _IN_FORMULA.findall(formula)]
    return list(dict.fromkeys(names))


def _leaves_out(text: str, table: str, column: str | None) -> bool:
    """Return whether an expression takes only other columns of `table`, so that a change of `column` is none of it."""
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
    """Return what a function of sklearn.datasets gives."""
    if name == "fetch_20newsgroups":
        return _Bunch(LIST, _Way("", {}))
    table = _says(call, "as_frame", True) or (name == "fetch_openml" and not _says(call, "as_frame", False))
    kind = TABLE if table else ARRAY
    if name.startswith("make_") or _says(call, "return_X_y", True):
        return _Several((_Data(kind), _Data(ARRAY)))
    return _Bunch(kind, _Way("", {})) if name.startswith(("load_", "fetch_")) else None


def _without_ways(value: Any) -> Any:
    """Return a part of a split: of the same kind and with the same steps before it, but only its name has its rows."""
    if not isinstance(value, _Data):
        return None
    return value if value.steps else replace(value, ways=(), whole=(*value.ways, *value.whole))


def _method_of_data(data: _Data, name: str) -> _Data | None:
    if data.steps:
        return data if name in ("toarray", "todense", "astype", "copy") else None
    if data.kind in (TABLE, BARE_TABLE, COLUMN):
        if name in ("to_numpy", "to_list", "tolist"):
            return replace(data, kind=ARRAY if name == "to_numpy" else LIST, ways=())
        return replace(data, ways=()) if name in _SAME_KIND else None
    return replace(data, ways=()) if data.kind == ARRAY and name != "tolist" else None
