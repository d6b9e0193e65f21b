"""Families of trees alongside their libraries."""

import numpy as np
from samples import around, edges, iris, table, with_missing


def trees(judge):
    """scikit-learn's trees, forests, boosting and isolation."""
    from sklearn import ensemble, tree

    rows, classes, target = table()
    flowers, species = iris()
    two = np.array(["no", "yes"])[(classes > 0).astype(int)]
    holes = with_missing(rows)
    cases = [
        ("iris", flowers, species, tree.DecisionTreeClassifier(random_state=0)),
        ("3", rows, classes, tree.DecisionTreeClassifier(random_state=0)),
        ("3 missing", holes, classes, tree.DecisionTreeClassifier(random_state=0)),
        ("", rows, target, tree.DecisionTreeRegressor(random_state=0)),
        ("missing", holes, target, tree.DecisionTreeRegressor(random_state=0)),
        ("", rows, classes, tree.ExtraTreeClassifier(random_state=0)),
        ("iris", flowers, species, ensemble.RandomForestClassifier(50, random_state=0)),
        ("2", rows, two, ensemble.RandomForestClassifier(30, random_state=0)),
        ("2 missing", holes, two, ensemble.RandomForestClassifier(30, random_state=0)),
        (
            "weights",
            rows,
            classes,
            ensemble.RandomForestClassifier(20, random_state=0, class_weight="balanced", min_samples_leaf=4),
        ),
        ("", rows, target, ensemble.RandomForestRegressor(30, random_state=0)),
        ("missing", holes, target, ensemble.RandomForestRegressor(30, random_state=0)),
        ("", rows, classes, ensemble.ExtraTreesClassifier(20, random_state=0)),
        ("", rows, target, ensemble.ExtraTreesRegressor(20, random_state=0)),
        ("2", rows, two, ensemble.GradientBoostingClassifier(n_estimators=40)),
        ("3", rows, classes, ensemble.GradientBoostingClassifier(n_estimators=40)),
        ("2 exponential", rows, two, ensemble.GradientBoostingClassifier(n_estimators=20, loss="exponential")),
        ("2 zero", rows, two, ensemble.GradientBoostingClassifier(n_estimators=20, init="zero")),
        ("", rows, target, ensemble.GradientBoostingRegressor(n_estimators=40)),
        ("huber", rows, target, ensemble.GradientBoostingRegressor(n_estimators=20, loss="huber")),
        ("quantile", rows, target, ensemble.GradientBoostingRegressor(n_estimators=20, loss="quantile", alpha=0.7)),
        ("2", rows, two, ensemble.HistGradientBoostingClassifier(max_iter=40)),
        ("3 missing", holes, classes, ensemble.HistGradientBoostingClassifier(max_iter=40)),
        ("", rows, target, ensemble.HistGradientBoostingRegressor(max_iter=40)),
        ("missing", holes, target, ensemble.HistGradientBoostingRegressor(max_iter=40)),
        ("poisson", rows, np.abs(target), ensemble.HistGradientBoostingRegressor(max_iter=20, loss="poisson")),
        ("", rows, None, ensemble.IsolationForest(n_estimators=50, random_state=0)),
        (
            "features",
            rows,
            None,
            ensemble.IsolationForest(n_estimators=20, random_state=0, max_features=0.5, contamination=0.1),
        ),
        ("missing", holes, None, ensemble.IsolationForest(n_estimators=20, random_state=0)),
    ]
    for title, data, answer, model in cases:
        model.fit(data, answer)
        full = np.nan_to_num(data, nan=1.0)
        some = np.ravel(getattr(model, "estimators_", [model]))[0]
        thresholds = some.tree_.threshold if hasattr(some, "tree_") else model._predictors[0][0].nodes["num_threshold"]
        # One by one where scikit-learn refuses some: few of those.
        asked = np.concatenate([around(full), edges(full, thresholds, 2000)])
        asked = asked[(np.abs(asked) < 3e38).all(axis=1)]
        for method in ("predict", "predict_proba", "decision_function", "score_samples"):
            if hasattr(model, method):
                name = f"{type(model).__name__} {title}"
                exact = method != "predict_proba" and "Isolation" not in name and "poisson" not in name
                judge.compare(name, model, method, asked, exact=exact)
                judge.compare(
                    name + " edges",
                    model,
                    method,
                    np.concatenate([with_missing(full[:40]), edges(full, thresholds, 60)]),
                    exact=exact,
                )
                judge.compare(name + " float32", model, method, asked[:300], ["float32"] * data.shape[1], exact=exact)
                judge.compare(
                    name + " int64", model, method, np.round(asked[:300]), ["int64"] * data.shape[1], exact=exact
                )


def xgboost(judge):
    """XGBoost's classifiers, regressors and boosters."""
    import xgboost as xgb

    rows, classes, target = table()
    flowers, species = iris()
    two = (classes > 0).astype(int)
    positive = np.abs(target) + 0.1
    count = 100
    cases = [
        ("iris 300 trees", flowers, xgb.XGBClassifier(n_estimators=count, max_depth=3).fit(flowers, species)),
        ("3 classes", rows, xgb.XGBClassifier(n_estimators=count).fit(rows, classes)),
        ("3 classes missing", rows, xgb.XGBClassifier(n_estimators=count).fit(with_missing(rows), classes)),
        ("2 classes", rows, xgb.XGBClassifier(n_estimators=count).fit(rows, two)),
        ("2 classes base_score", rows, xgb.XGBClassifier(n_estimators=9, base_score=0.3).fit(rows, two)),
        (
            "2 classes missing=5",
            np.round(rows),
            xgb.XGBClassifier(n_estimators=20, missing=5.0).fit(np.round(rows), two),
        ),
        (
            "2 classes early",
            rows,
            xgb.XGBClassifier(n_estimators=400, early_stopping_rounds=3).fit(
                rows[:200], two[:200], eval_set=[(rows[200:], two[200:])], verbose=0
            ),
        ),
        ("XGBRFClassifier", rows, xgb.XGBRFClassifier(n_estimators=30).fit(rows, two)),
        ("regressor", rows, xgb.XGBRegressor(n_estimators=count).fit(rows, target)),
        ("regressor missing", rows, xgb.XGBRegressor(n_estimators=count).fit(with_missing(rows), target)),
        (
            "regressor deep",
            rows,
            xgb.XGBRegressor(n_estimators=10, max_depth=0, grow_policy="lossguide", max_leaves=90).fit(rows, target),
        ),
        (
            "regressor parallel",
            rows,
            xgb.XGBRegressor(n_estimators=10, num_parallel_tree=3, subsample=0.5).fit(rows, target),
        ),
        *(
            (objective, rows, xgb.XGBRegressor(n_estimators=20, objective=objective).fit(rows, positive))
            for objective in (
                "count:poisson",
                "reg:gamma",
                "reg:tweedie",
                "reg:absoluteerror",
                "reg:pseudohubererror",
                "reg:squaredlogerror",
                "survival:cox",
            )
        ),
        ("reg:logistic", rows, xgb.XGBRegressor(n_estimators=20, objective="reg:logistic").fit(rows, two)),
    ]
    for title, data, model in cases:
        thresholds = [float(cell) for cell in model.get_booster().trees_to_dataframe()["Split"].dropna()]
        asked = np.concatenate([around(data), edges(data, thresholds), with_missing(around(data, 1000))])
        for method in ("predict", "predict_proba") if hasattr(model, "predict_proba") else ("predict",):
            judge.compare(f"XGB {title}", model, method, asked, exact=True)
            judge.compare(f"XGB {title} float32", model, method, asked[:300], ["float32"] * data.shape[1], exact=True)
            judge.compare(
                f"XGB {title} int64", model, method, np.round(around(data, 300)), ["int64"] * data.shape[1], exact=True
            )
        booster = model.get_booster()
        if "early" not in title:
            judge.compare(f"Booster {title}", booster, "inplace_predict", asked, exact=True)
    softmax = xgb.train({"objective": "multi:softmax", "num_class": 3}, xgb.DMatrix(rows, classes), 10)
    judge.compare("Booster multi:softmax", softmax, "inplace_predict", asked, exact=True)
    hinge = xgb.train({"objective": "binary:hinge"}, xgb.DMatrix(rows, two), 10)
    judge.compare("Booster binary:hinge", hinge, "inplace_predict", asked, exact=True)


def lightgbm(judge):
    """LightGBM's estimators and boosters."""
    import lightgbm as lgb

    rows, classes, target = table(600)
    two = np.array(["no", "yes"])[(classes > 0).astype(int)]
    holes = with_missing(rows)
    zeros = np.where(np.random.default_rng(4).random(rows.shape) < 0.3, 0.0, rows)
    categories = np.array(rows)
    categories[:, 1] = np.random.default_rng(5).integers(0, 70, len(rows))
    by_category = target + 5 * (categories[:, 1] % 3 == 0)
    quiet = {"verbose": -1, "n_jobs": 1}
    cases = [
        ("2", rows, two, lgb.LGBMClassifier(n_estimators=40, **quiet), {}),
        ("3", rows, classes, lgb.LGBMClassifier(n_estimators=40, **quiet), {}),
        ("3 missing", holes, classes, lgb.LGBMClassifier(n_estimators=40, **quiet), {}),
        (
            "3 one against rest",
            rows,
            classes,
            lgb.LGBMClassifier(n_estimators=20, objective="multiclassova", **quiet),
            {},
        ),
        ("2 zero as missing", zeros, two, lgb.LGBMClassifier(n_estimators=40, zero_as_missing=True, **quiet), {}),
        ("2 missing unused", rows, two, lgb.LGBMClassifier(n_estimators=40, use_missing=False, **quiet), {}),
        (
            "2 forest",
            rows,
            two,
            lgb.LGBMClassifier(n_estimators=20, boosting_type="rf", subsample=0.5, subsample_freq=1, **quiet),
            {},
        ),
        ("2 dart", rows, two, lgb.LGBMClassifier(n_estimators=20, boosting_type="dart", **quiet), {}),
        ("", rows, target, lgb.LGBMRegressor(n_estimators=40, **quiet), {}),
        ("missing", holes, target, lgb.LGBMRegressor(n_estimators=40, **quiet), {}),
        (
            "categories",
            categories,
            by_category,
            lgb.LGBMRegressor(n_estimators=40, min_child_samples=3, **quiet),
            {"categorical_feature": [1]},
        ),
        (
            "categories missing",
            with_missing(categories),
            by_category,
            lgb.LGBMRegressor(n_estimators=40, min_child_samples=3, **quiet),
            {"categorical_feature": [1]},
        ),
        *(
            (
                objective,
                rows,
                np.abs(target) + 0.1,
                lgb.LGBMRegressor(n_estimators=20, objective=objective, **quiet),
                {},
            )
            for objective in ("poisson", "gamma", "tweedie", "huber", "quantile", "mape", "fair", "l1")
        ),
        ("sqrt", rows, target, lgb.LGBMRegressor(n_estimators=20, reg_sqrt=True, **quiet), {}),
        (
            "cross_entropy",
            rows,
            (classes > 0) * 0.8,
            lgb.LGBMRegressor(n_estimators=20, objective="cross_entropy", **quiet),
            {},
        ),
    ]
    for title, data, answer, model, options in cases:
        model.fit(data, answer, **options)
        full = np.nan_to_num(data, nan=1.0)
        frame = model.booster_.trees_to_dataframe()
        thresholds = [float(cell) for cell in frame["threshold"].dropna() if "|" not in str(cell)]
        asked = np.concatenate([around(full), edges(full, thresholds), with_missing(around(full, 1000))])
        name = f"{type(model).__name__} {title}"
        for method in ("predict", "predict_proba") if hasattr(model, "predict_proba") else ("predict",):
            exact = isinstance(model, lgb.LGBMRegressor) and title not in (
                "poisson",
                "gamma",
                "tweedie",
                "cross_entropy",
            )
            judge.compare(name, model, method, asked, exact=exact)
            judge.compare(name + " float32", model, method, asked[:300], ["float32"] * data.shape[1], exact=exact)
            judge.compare(name + " int64", model, method, np.round(asked[:300]), ["int64"] * data.shape[1], exact=exact)
        judge.compare(name + " Booster", model.booster_, "predict", asked, exact=exact)
