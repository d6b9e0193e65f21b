"""Families other than trees, compared with scikit-learn."""

import numpy as np
from samples import around, edges, iris, table, with_missing


def bayes(judge):
    """Naive Bayes."""
    from sklearn import naive_bayes

    rows, classes, _ = table()
    counts = np.abs(np.round(rows))
    for data, model in (
        (rows, naive_bayes.GaussianNB()),
        (counts, naive_bayes.MultinomialNB()),
        (rows, naive_bayes.BernoulliNB()),
        (rows, naive_bayes.BernoulliNB(binarize=1.5)),
    ):
        model.fit(data, classes)
        asked = np.concatenate([around(data, 3000), edges(data, count=200)])
        asked = asked[(np.abs(asked) < 1e100).all(axis=1)]
        judge.compare(str(model), model, "predict", asked, single=True)
        # A probability errs as much relatively as its logarithm does absolutely.
        scale = np.maximum(1.0, np.abs(model.predict_joint_log_proba(asked)).max(axis=1))
        judge.compare(str(model), model, "predict_proba", asked, scale=scale, single=True)


def clusters(judge):
    """K-means of numbers and of the running example's kind."""
    from sklearn.cluster import KMeans, MiniBatchKMeans

    rows, _, _ = table()
    flowers, _ = iris()
    grid = np.array([[x, y] for x in range(8) for y in range(8)], float)
    for title, data, model in (
        ("KMeans(7) of 2", rows[:, :2], KMeans(7, n_init=1, random_state=0)),
        ("KMeans(5) of 6", rows, KMeans(5, n_init=1, random_state=0)),
        ("KMeans(3) iris", flowers, KMeans(3, n_init=1, random_state=0)),
        ("KMeans(4) grid", grid, KMeans(4, init=grid[[9, 14, 49, 54]], n_init=1)),
        ("MiniBatchKMeans(9)", rows, MiniBatchKMeans(9, n_init=1, random_state=0)),
    ):
        model.fit(data)
        centers = model.cluster_centers_
        between = np.array([(a + b) / 2 for a in centers for b in centers])
        asked = np.concatenate(
            [around(data, 9000), between, grid[:, : data.shape[1]] if data is grid else data, edges(data, count=500)]
        )
        judge.compare(title, model, "predict", asked, single=True)
        # Near a center |x|^2 - 2 x c + |c|^2 is what rounding leaves, and its root 1e-8 of |x|.
        scale = np.abs(asked).max(axis=1) + np.abs(centers).max()
        away = model.transform(asked).min(axis=1) > 1e-3 * scale
        judge.compare(title, model, "transform", asked[away], scale=scale[away], single=True)
        judge.compare(
            title + " int64", model, "predict", np.round(around(data, 500)), ["int64"] * data.shape[1], single=True
        )


def composition(judge):
    """Pipelines and tables of columns, with texts."""
    _pipelines(judge)
    _tables_of_texts(judge)
    _tables_of_numbers(judge)


def _pipelines(judge):
    from sklearn import cluster, compose, ensemble, impute, linear_model
    from sklearn import preprocessing as made
    from sklearn.pipeline import make_pipeline, make_union
    from xgboost import XGBClassifier

    rows, classes, target = table()
    asked = np.concatenate([around(rows, 500), edges(rows, count=500)])
    logistic = linear_model.LogisticRegression()
    for model, answer, exact in (
        (make_pipeline(made.StandardScaler(), logistic), classes, False),
        (make_pipeline("passthrough", made.MinMaxScaler(), ensemble.RandomForestClassifier(10)), classes, True),
        (make_pipeline(made.StandardScaler(), cluster.KMeans(4, n_init=1)), classes, True),
        (make_pipeline(made.PolynomialFeatures(2), made.StandardScaler(), linear_model.Ridge()), target, False),
        (make_pipeline(made.StandardScaler(), XGBClassifier(n_estimators=10)), classes, True),
        (make_pipeline(impute.SimpleImputer(), logistic), classes, False),
        (make_pipeline(make_union(made.StandardScaler(), made.MinMaxScaler()), linear_model.Ridge()), target, False),
    ):
        model.fit(rows, answer)
        title = "Pipeline " + " ".join(type(step).__name__ for _, step in model.steps)
        holed = with_missing(asked) if "Imputer" in title else asked
        scale = None if exact else np.nanmax(np.abs(holed), axis=1, initial=1.0) ** 2 * 100
        for method in ("predict", "predict_proba"):
            if hasattr(model, method):
                judge.compare(title, model, method, holed, exact=exact, scale=scale, single=True)
    places = compose.ColumnTransformer(
        [("scaled", made.StandardScaler(), [0, 2]), ("left", "passthrough", slice(3, 5))]
    )
    judge.compare("Columns of an array", places.fit(rows), "transform", asked, exact=True)


NAMES = ["town", "size", "price", "area", "new", "month"]


def _frame(count=400):
    import pandas as pd

    random = np.random.default_rng(7)
    columns = [
        random.choice(["Ulm", "Köln", "Bonn", "a very long name of a town"], count),
        random.integers(1, 9, count),
        random.normal(10, 3, count),
        random.normal(0, 1, count),
        random.random(count) < 0.5,
        random.integers(1, 13, count),
    ]
    return pd.DataFrame(dict(zip(NAMES, columns, strict=True)))


def _samples(frame, count=150):
    """Return rows of a frame as JSON has them, some with an unknown or missing value."""
    random = np.random.default_rng(8)
    samples = []
    for place in random.integers(0, len(frame), count):
        town, size, price, area, new, month = frame.iloc[place]
        cells = [str(town), int(size), float(price), float(area), bool(new), int(month)]
        column, value = [
            (0, random.choice(["", "ulm", "Ulm ", "Kölm", "Hof", "Ulmulm"]).item()),
            (5, int(random.integers(-3, 20))),
            (2, None),
            (1, 2.5),
            (3, cells[3]),
        ][random.integers(0, 5)]
        cells[column] = value
        samples.append(cells)
    return samples


def _tables_of_texts(judge):
    from sklearn import compose, ensemble, impute, linear_model
    from sklearn import preprocessing as made
    from sklearn.pipeline import make_pipeline

    frame = _frame()
    answer = (frame["price"] > 10).astype(int) + (frame["town"] == "Bonn")
    asked = {"rows": _samples(frame), "kinds": ["sample"] * len(NAMES), "names": NAMES}
    numbers = ["price", "size", "area"]
    filled = make_pipeline(impute.SimpleImputer(), made.StandardScaler())
    for title, encoder, scaler in (
        ("dense", made.OneHotEncoder(sparse_output=False, handle_unknown="ignore"), made.StandardScaler()),
        ("sparse", made.OneHotEncoder(handle_unknown="ignore"), filled),
        ("error", made.OneHotEncoder(), made.StandardScaler()),
        ("drop first", made.OneHotEncoder(drop="first", handle_unknown="ignore"), filled),
        ("drop binary", made.OneHotEncoder(drop="if_binary", sparse_output=False), filled),
        ("ordinal", made.OrdinalEncoder(), filled),
        (
            "ordinal -1",
            made.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            made.StandardScaler(),
        ),
    ):
        parts = [("t", encoder, ["town", "month"]), ("n", scaler, numbers)]
        columns = compose.ColumnTransformer(parts, remainder="passthrough")
        for final in (linear_model.LogisticRegression(), ensemble.RandomForestClassifier(10, random_state=0)):
            model = make_pipeline(columns, final).fit(frame, answer)
            judge.compare(f"Columns {title} {type(final).__name__}", model, "predict_proba", **asked)
        judge.compare(f"Columns {title}", columns.fit(frame), "transform", **asked)


def _tables_of_numbers(judge):
    from lightgbm import LGBMClassifier
    from sklearn import ensemble, linear_model
    from xgboost import XGBClassifier

    names = ["size", "price", "area", "month"]
    frame = _frame()
    answer = (frame["price"] > 10).astype(int) + (frame["town"] == "Bonn")
    cells = [[sample[1], sample[2], sample[3], sample[5]] for sample in _samples(frame)]
    for model in (
        linear_model.LogisticRegression(),
        ensemble.RandomForestClassifier(5),
        ensemble.HistGradientBoostingClassifier(max_iter=5),
        # These two refuse a column of None.
        XGBClassifier(n_estimators=5),
        LGBMClassifier(n_estimators=5, verbose=-1),
    ):
        model.fit(frame[names], answer)
        judge.compare(f"table {type(model).__name__}", model, "predict_proba", cells, ["sample"] * 4, names=names)


def decompositions(judge):
    """Principal components, whitened or not."""
    from sklearn.decomposition import PCA

    rows, _, _ = table()
    asked = np.concatenate([around(rows), edges(rows, count=500)])
    scale = np.abs(asked).sum(axis=1) + np.abs(rows).max()
    for model in (PCA(2), PCA(3, whiten=True), PCA(0.9)):
        judge.compare(str(model), model.fit(rows), "transform", asked, scale=scale, single=True)


def linear(judge):
    """Linear regressions and classifiers."""
    from sklearn import discriminant_analysis as discriminant
    from sklearn import linear_model, svm

    rows, classes, target = table()
    two = (classes > 0).astype(int)
    asked = np.concatenate([around(rows), edges(rows, count=500)])
    regressors = [
        linear_model.LinearRegression(),
        linear_model.Ridge(),
        linear_model.RidgeCV(),
        linear_model.Lasso(0.1),
        linear_model.ElasticNet(0.1),
        linear_model.BayesianRidge(),
        linear_model.HuberRegressor(),
        linear_model.SGDRegressor(random_state=0, eta0=1e-3),
        svm.LinearSVR(),
    ]
    for model in regressors:
        model.fit(rows, target)
        scale = np.abs(asked * np.ravel(model.coef_)).sum(axis=1) + 1
        judge.compare(type(model).__name__, model, "predict", asked, scale=scale, single=True)
    model = linear_model.LinearRegression().fit(rows, np.stack([target, target**2], axis=1))
    scale = (np.abs(asked)[:, None] * np.abs(model.coef_)).sum(axis=2).max(axis=1) + 1
    judge.compare("LinearRegression of two", model, "predict", asked, scale=scale, single=True)
    model = linear_model.PoissonRegressor().fit(rows / 10, np.abs(target))
    judge.compare("PoissonRegressor", model, "predict", asked[:9000] / 10, single=True)
    for labels, kind in ((two, "2"), (classes, "3"), (np.array(["low", "middle", "high"])[classes], "texts")):
        for model in (
            linear_model.LogisticRegression(max_iter=300),
            linear_model.SGDClassifier(random_state=0, loss="log_loss"),
            linear_model.SGDClassifier(random_state=0, loss="modified_huber"),
            linear_model.RidgeClassifier(),
            linear_model.Perceptron(),
            svm.LinearSVC(),
            discriminant.LinearDiscriminantAnalysis(),
        ):
            model.fit(rows, labels)
            title = f"{type(model).__name__} {kind}"
            judge.compare(title, model, "predict", asked, single=True)
            scale = (np.abs(asked)[:, None] * np.abs(model.coef_)).sum(axis=2).max(axis=1) + 1
            judge.compare(title, model, "decision_function", asked, scale=scale, single=True)
            if hasattr(model, "predict_proba"):
                # A probability errs as much relatively as its score does absolutely.
                judge.compare(
                    title, model, "predict_proba", asked[:10_000], scale=np.maximum(scale[:10_000] / 10, 1), single=True
                )


def neighbours(judge):
    """Nearest neighbours, of data with many equal distances."""
    from sklearn import neighbors

    rows, classes, target = table()
    flowers, species = iris()
    many, many_classes, many_targets = table(1500, 4, 4)
    wide, wide_classes, _ = table(200, 20)
    grid = np.array([[x, y] for x in range(12) for y in range(12)], float)
    for title, data, answer, options in (
        ("iris 5", flowers, species, {}),
        ("iris 1", flowers, species, {"n_neighbors": 1}),
        ("iris 7 distance", flowers, species, {"n_neighbors": 7, "weights": "distance"}),
        ("grid 4", grid, (grid.sum(axis=1) % 3).astype(int), {"n_neighbors": 4}),
        ("tree 1500", np.round(many, 1), many_classes, {"n_neighbors": 9}),
        ("tree 1500 distance", np.round(many), many_classes, {"weights": "distance", "leaf_size": 5}),
        ("brute", rows, classes, {"algorithm": "brute"}),
        ("brute iris", flowers, species, {"algorithm": "brute"}),
        ("brute grid", grid, (grid.sum(axis=1) % 3).astype(int), {"algorithm": "brute", "n_neighbors": 4}),
        ("brute wide", wide, wide_classes, {}),
    ):
        model = neighbors.KNeighborsClassifier(**options).fit(data, answer)
        asked = np.concatenate(
            [
                around(data, 3000),
                data,
                np.round(around(data, 2000), 1),
                np.round(around(data, 1000)),
                edges(data, count=200),
            ]
        )
        asked = asked[(np.abs(asked) < 1e100).all(axis=1)]
        for method in ("predict", "predict_proba"):
            judge.compare(f"KNeighborsClassifier {title}", model, method, asked, single=True)
    for title, data, answer, options in (
        ("", rows, target, {}),
        ("distance", flowers, species.astype(float), {"weights": "distance"}),
        ("tree 1500", np.round(many, 1), many_targets, {"n_neighbors": 9}),
        ("brute", rows, target, {"algorithm": "brute"}),
    ):
        model = neighbors.KNeighborsRegressor(**options).fit(data, answer)
        asked = np.concatenate([around(data, 2000), data, np.round(around(data, 1000), 1)])
        judge.compare(
            f"KNeighborsRegressor {title}",
            model,
            "predict",
            asked,
            single=True,
            scale=np.full(len(asked), np.abs(answer).max()),
        )


def networks(judge):
    """Multi-layer perceptrons."""
    from sklearn import neural_network, preprocessing

    rows, classes, target = table()
    rows = preprocessing.StandardScaler().fit_transform(rows)
    asked = around(rows, 4000)
    for activation in ("relu", "tanh", "logistic", "identity"):
        options = {"activation": activation, "hidden_layer_sizes": (12, 7), "max_iter": 60, "random_state": 0}
        model = neural_network.MLPRegressor(**options).fit(rows, target)
        judge.compare(
            f"MLPRegressor {activation}",
            model,
            "predict",
            asked,
            scale=np.abs(asked).max(axis=1) * 10 + 10,
            single=True,
        )
        for title, answer in (("2", classes > 0), ("3", np.array(["a", "b", "c"])[classes])):
            model = neural_network.MLPClassifier(**options).fit(rows, answer)
            judge.compare(f"MLPClassifier {activation} {title}", model, "predict", asked, single=True)
            judge.compare(
                f"MLPClassifier {activation} {title}",
                model,
                "predict_proba",
                asked,
                scale=np.abs(asked).max(axis=1) * 10 + 10,
                single=True,
            )


def preprocessing(judge):
    """Scalers and other transformers of numbers."""
    from sklearn import preprocessing as made

    rows, _, _ = table()
    rows[:, 3] = 5.0
    asked = np.concatenate([around(rows), with_missing(around(rows, 500)), edges(rows, count=500)])
    for model, exact in (
        (made.StandardScaler(), True),
        (made.StandardScaler(with_mean=False), True),
        (made.StandardScaler(with_std=False), True),
        (made.MinMaxScaler(), True),
        (made.MinMaxScaler((-1, 2), clip=True), True),
        (made.MaxAbsScaler(), True),
        (made.RobustScaler(), True),
        (made.Binarizer(threshold=1.5), True),
        (made.Normalizer("l2"), False),
        (made.Normalizer("l1"), False),
        (made.Normalizer("max"), True),
        (made.PolynomialFeatures(2), True),
        (made.PolynomialFeatures(4, include_bias=False), True),
        (made.PolynomialFeatures(3, interaction_only=True), True),
        (made.PolynomialFeatures((2, 3)), True),
    ):
        judge.compare(str(model), model.fit(rows), "transform", asked, exact=exact)
        if isinstance(model, made.Binarizer):
            # Whole numbers stay whole there: refused.
            continue
        judge.compare(
            f"{model} int64", model, "transform", np.round(around(rows, 500)), ["int64"] * rows.shape[1], exact=exact
        )
