"""Finds removed APIs in a notebook, and the newest versions and dates that are compatible with it.

The table is maintained manually. Each row names the first release without an API, and the date of that release.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nb_builder.analysis import notebook_contract
from nb_builder.common.cell import Cell


@dataclass(frozen=True)
class Removal:
    """A release of `package` that no longer has `names`; `day` is its date.

    A name with a dot is a module or a member of one: sklearn.externals.joblib. ".name" is a method or attribute of any
    object, "name=" a keyword of any call, "function(name=)" a keyword of that function, "function(value)" a string
    argument, "function(,)" a call with more than one positional argument, and "x=x.name" a method whose result replaces
    the object.
    """

    package: str
    version: str
    day: str
    names: tuple[str, ...]


def _row(package: str, version: str, day: str, names: str) -> Removal:
    return Removal(package, version, day, tuple(names.split()))


TABLE = (
    _row("scikit-learn", "0.19", "2017-08-11", "sklearn.lda sklearn.qda"),
    _row(
        "scikit-learn",
        "0.20",
        "2018-09-26",
        "sklearn.cross_validation sklearn.grid_search sklearn.learning_curve",
    ),
    _row(
        "scikit-learn",
        "0.21",
        "2019-05-16",
        "sklearn.linear_model.RandomizedLogisticRegression sklearn.linear_model.RandomizedLasso",
    ),
    _row(
        "scikit-learn",
        "0.22",
        "2019-12-03",
        "sklearn.preprocessing.Imputer sklearn.datasets.fetch_mldata OneHotEncoder(categorical_features=)",
    ),
    _row(
        "scikit-learn",
        "0.23",
        "2020-05-12",
        "sklearn.externals.joblib sklearn.externals.six sklearn.metrics.jaccard_similarity_score"
        " sklearn.utils.linear_assignment_",
    ),
    _row(
        "scikit-learn",
        "0.24",
        "2020-12-22",
        "sklearn.datasets.samples_generator sklearn.neighbors.base sklearn.tree.tree sklearn.ensemble.forest"
        " sklearn.metrics.scorer sklearn.utils.testing sklearn.metrics.classification"
        " GridSearchCV(iid=) RandomizedSearchCV(iid=) DecisionTreeClassifier(presort=) DecisionTreeRegressor(presort=)"
        " GradientBoostingClassifier(presort=) GradientBoostingRegressor(presort=)",
    ),
    _row(
        "scikit-learn",
        "1.0",
        "2021-09-24",
        "KMeans(n_jobs=) KMeans(precompute_distances=) min_impurity_split=",
    ),
    _row(
        "scikit-learn",
        "1.2",
        "2022-12-08",
        "sklearn.datasets.load_boston sklearn.metrics.plot_confusion_matrix sklearn.metrics.plot_roc_curve"
        " sklearn.metrics.plot_precision_recall_curve .get_feature_names LinearRegression(normalize=) Ridge(normalize=)"
        " Lasso(normalize=) ElasticNet(normalize=) RidgeCV(normalize=) LassoCV(normalize=)"
        " GradientBoostingRegressor(ls)",
    ),
    _row(
        "scikit-learn",
        "1.3",
        "2023-06-30",
        "RandomForestClassifier(auto) RandomForestRegressor(auto) ExtraTreesClassifier(auto) ExtraTreesRegressor(auto)"
        " SGDClassifier(log) GradientBoostingClassifier(deviance)",
    ),
    _row(
        "scikit-learn",
        "1.4",
        "2024-01-18",
        "OneHotEncoder(sparse=) AdaBoostClassifier(base_estimator=) AdaBoostRegressor(base_estimator=)"
        " BaggingClassifier(base_estimator=) BaggingRegressor(base_estimator=)",
    ),
    _row("scikit-learn", "1.6", "2024-12-09", "mean_squared_error(squared=)"),
    _row(
        "numpy",
        "1.24",
        "2022-12-18",
        "numpy.float numpy.int numpy.bool numpy.object numpy.str numpy.complex numpy.long",
    ),
    _row(
        "numpy",
        "2.0",
        "2024-06-16",
        "numpy.NaN numpy.NAN numpy.Inf numpy.infty numpy.float_ numpy.unicode_ numpy.string_ numpy.alltrue"
        " numpy.sometrue numpy.product numpy.cumproduct",
    ),
    _row("pandas", "0.25", "2019-07-18", "pandas.Panel .convert_objects"),
    _row(
        "pandas",
        "1.0",
        "2020-01-29",
        ".ix .as_matrix .get_value .set_value",
    ),
    _row(
        "pandas",
        "2.0",
        "2023-04-03",
        "pandas.np pandas.datetime pandas.Int64Index .iteritems .mad x=x.append read_csv(error_bad_lines=)"
        " read_csv(squeeze=) read_csv(warn_bad_lines=)",
    ),
    _row("matplotlib", "3.2", "2020-03-04", "hist(normed=)"),
    _row("matplotlib", "3.8", "2023-09-15", "use(seaborn) use(seaborn-*)"),
    _row("seaborn", "0.10", "2020-01-20", "seaborn.tsplot"),
    _row(
        "seaborn",
        "0.12",
        "2022-09-05",
        "seaborn.factorplot"
        " seaborn.barplot(,) seaborn.boxplot(,) seaborn.violinplot(,) seaborn.stripplot(,) seaborn.swarmplot(,)"
        " seaborn.pointplot(,) seaborn.catplot(,) seaborn.scatterplot(,) seaborn.lineplot(,) seaborn.regplot(,)"
        " seaborn.lmplot(,) seaborn.jointplot(,) seaborn.boxenplot(,)",
    ),
    _row("keras", "2.6", "2021-08-11", "keras.layers.normalization.BatchNormalization .predict_classes"),
    _row("keras", "2.9", "2022-05-13", "keras.layers.recurrent"),
    _row(
        "keras",
        "2.13",
        "2023-07-05",
        "keras.utils.np_utils keras.wrappers.scikit_learn keras.layers.convolutional keras.layers.core"
        " keras.utils.vis_utils",
    ),
    _row("tensorflow", "2.0", "2019-09-30", "tensorflow.Session tensorflow.placeholder tensorflow.contrib"),
    _row(
        "tensorflow",
        "2.6",
        "2021-08-11",
        ".predict_classes",
    ),
    _row("scipy", "1.3", "2019-05-17", "scipy.misc.imread scipy.misc.imresize scipy.misc.imsave"),
    _row("statsmodels", "0.13", "2021-10-01", "statsmodels.tsa.arima_model.ARIMA statsmodels.tsa.arima_model.ARMA"),
    _row("imbalanced-learn", "0.8", "2021-02-18", ".fit_sample"),
    _row("lightgbm", "4.0", "2023-07-14", "lightgbm.train(early_stopping_rounds=) lightgbm.train(verbose_eval=)"),
    _row("plotly", "4.0", "2019-07-16", "plotly.plotly"),
    _row("gensim", "4.0", "2021-03-25", "Word2Vec(size=) Word2Vec(iter=) Doc2Vec(size=)"),
    _row("spacy", "3.0", "2021-02-01", "spacy.load(en)"),
)
_BY_NAME: dict[str, list[Removal]] = defaultdict(list)
for _removal in TABLE:
    for _name in _removal.names:
        _BY_NAME[_name].append(_removal)
# "use(seaborn-*)" means any argument with this prefix.
_ANY_ENDING = "*"


@dataclass(frozen=True)
class Use:
    """A use of a removed API: its name in the table, and its location."""

    name: str
    removal: Removal
    cell: Cell
    line: int


def uses(cells: Sequence[Cell], known: frozenset[str] | None = None) -> list[Use]:
    """Return the removed APIs that the cells use, at most one per package: that of the oldest release.

    `known` are the distributions that the notebook needs: only their rows apply. None means all.
    """
    imports: dict[str, str] = {}
    oldest: dict[str, Use] = {}
    for binding in notebook_contract.unfolded(cells)[0]:
        for node in ast.walk(binding.statement):
            for name in _names(node, imports):
                for removal in _BY_NAME.get(name, ()):
                    if known is not None and removal.package not in known:
                        continue
                    use = Use(name, removal, binding.cell, getattr(node, "lineno", 1))
                    before = oldest.get(removal.package)
                    if before is None or removal.day < before.removal.day:
                        oldest[removal.package] = use
    return list(oldest.values())


def _names(node: ast.AST, imports: dict[str, str]) -> Iterator[str]:
    """Yield the names that a node may have in the table; `imports` collects {notebook name: imported name}."""
    imports.update(imported(node))
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _and_above(alias.name)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            yield from _and_above(f"{node.module}.{alias.name}")
    elif isinstance(node, ast.Attribute):
        yield dotted(node, imports) or f".{node.attr}"
    elif isinstance(node, ast.Assign):
        yield from _replaced(node)
    elif isinstance(node, ast.Call):
        yield from _of_call(node, imports)


def _of_call(call: ast.Call, imports: dict[str, str]) -> Iterator[str]:
    full = dotted(call.func, imports)
    short = full.rpartition(".")[2] or getattr(call.func, "attr", "") or getattr(call.func, "id", "")
    called = [name for name in dict.fromkeys((full, short)) if name]
    for keyword in call.keywords:
        if keyword.arg:
            yield f"{keyword.arg}="
            yield from (f"{name}({keyword.arg}=)" for name in called)
    for value in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            start = value.value.partition("-")[0]
            yield from (f"{name}({text})" for name in called for text in (value.value, f"{start}-{_ANY_ENDING}"))
    if len(call.args) > 1:
        yield from (f"{name}(,)" for name in called)


def _replaced(node: ast.Assign) -> Iterator[str]:
    """Yield "x=x.method" if the result of a method replaces its object: a list's append, for example, returns None."""
    function = node.value.func if isinstance(node.value, ast.Call) else None
    if isinstance(function, ast.Attribute) and ast.unparse(node.targets[0]) == ast.unparse(function.value):
        yield f"x=x.{function.attr}"


def imported(node: ast.AST) -> dict[str, str]:
    """Return {name in the notebook: the full name of what an import statement binds to it}."""
    if isinstance(node, ast.ImportFrom) and not node.level:
        return {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    if not isinstance(node, ast.Import):
        return {}
    firsts = {alias.name.split(".")[0]: alias.name.split(".")[0] for alias in node.names if not alias.asname}
    return {**firsts, **{alias.asname: alias.name for alias in node.names if alias.asname}}


def _and_above(dotted: str) -> Iterator[str]:
    parts = dotted.split(".")
    yield from (".".join(parts[:count]) for count in range(2, len(parts) + 1))


def dotted(node: ast.AST, imports: dict[str, str]) -> str:
    """Return the full name of a member of an imported module; "" for anything else."""
    if isinstance(node, ast.Name):
        return imports.get(node.id, "")
    owner = dotted(node.value, imports) if isinstance(node, ast.Attribute) else ""
    return f"{owner}.{node.attr}" if owner and isinstance(node, ast.Attribute) else ""
