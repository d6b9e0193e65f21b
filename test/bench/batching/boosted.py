"""Predictors of boosted trees: XGBoost, LightGBM, CatBoost; and of ONNX Runtime."""

import catboost
import lightgbm as lgb
import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import xgboost as xgb
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from tables import forest

from cases import COLUMNS, FLAT_SAMPLES, FLATS, IS_HIGH, LABELS, LISTS, NUMBERS, PRICES, RECORDS, SPECIES, SUMS, case

booster = xgb.train(
    {"objective": "binary:logistic", "nthread": 1}, xgb.DMatrix(NUMBERS, IS_HIGH, feature_names=COLUMNS), 20
)
xgb_classifier = xgb.XGBClassifier(n_estimators=20, n_jobs=1).fit(pd.DataFrame(NUMBERS, columns=COLUMNS), IS_HIGH)
xgb_regressor = xgb.XGBRegressor(n_estimators=20, n_jobs=1).fit(NUMBERS, SUMS)
lgb_booster = lgb.train({"objective": "regression", "verbose": -1, "num_threads": 1}, lgb.Dataset(NUMBERS, SUMS), 20)
lgb_classifier = lgb.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1).fit(NUMBERS, SPECIES)
QUIET = {"verbose": False, "thread_count": 1, "allow_writing_files": False}
cat_classifier = catboost.CatBoostClassifier(iterations=20, cat_features=["city"], **QUIET).fit(
    FLATS[["city", "area", "rooms"]], FLATS["area"] > 50
)
cat_regressor = catboost.CatBoostRegressor(iterations=20, **QUIET).fit(NUMBERS, SUMS)


@case("xgb.DMatrix(one row), booster.predict", LISTS)
def matrix_of_row(x):
    matrix = xgb.DMatrix(np.array([x]), feature_names=COLUMNS)
    return {"fraud": bool(booster.predict(matrix)[0] > 0.5)}


@case("xgb.DMatrix(pd.DataFrame([x])[columns])", RECORDS)
def matrix_of_frame(x):
    return float(booster.predict(xgb.DMatrix(pd.DataFrame([x])[COLUMNS]))[0])


@case("XGBClassifier.predict_proba on a frame", LISTS)
def xgb_on_frame(x):
    return xgb_classifier.predict_proba(pd.DataFrame([x], columns=COLUMNS))[0].tolist()


@case("XGBRegressor on a list", LISTS)
def xgb_on_list(x):
    return float(xgb_regressor.predict(np.array(x).reshape(1, -1))[0])


@case("booster.inplace_predict", LISTS)
def xgb_in_place(x):
    return float(booster.inplace_predict(np.array([x]), validate_features=False)[0])


@case("lgb.Booster.predict([row])[0]", LISTS)
def lgb_booster_on_list(x):
    return float(lgb_booster.predict([x])[0])


@case("LGBMClassifier on a list, clean-up in a helper", LISTS)
def lgb_on_list(x):
    return LABELS[int(lgb_classifier.predict([cleaned(x)])[0])]


def cleaned(x):
    """Return numbers in bounds."""
    return [min(max(float(cell), 0.0), 1.0) for cell in x]


@case("lgb.Booster.predict(pred_contrib=True)", LISTS)
def lgb_contributions(x):
    return lgb_booster.predict([x], pred_contrib=True)[0].tolist()


@case("CatBoost with a Pool and a categorical column", FLAT_SAMPLES)
def cat_pool(x):
    pool = catboost.Pool(pd.DataFrame([{k: x[k] for k in ("city", "area", "rooms")}]), cat_features=["city"])
    return {"label": str(cat_classifier.predict(pool)[0]), "share": float(cat_classifier.predict_proba(pool)[0][1])}


@case("CatBoostRegressor.predict(x): one row as a flat list", LISTS)
def cat_flat_row(x):
    return float(cat_regressor.predict(x))


@case("CatBoostRegressor.predict([x])[0]", LISTS)
def cat_row(x):
    return float(cat_regressor.predict([x])[0])


class Regressor:
    """Own class around CatBoost, as robots have it."""

    def __init__(self, model):
        self.__model = model

    def predict(self, **fields):
        return float(self.__model.predict(np.array([[fields[name] for name in COLUMNS]]))[0])


own_regressor = Regressor(cat_regressor)


@case("own class around CatBoost, fields as keywords, private attribute", RECORDS)
def own_cat(x):
    return own_regressor.predict(length=x["length"], width=x["width"], height=x["height"], weight=x["weight"])


@case("polars frame to numpy, then XGBoost", RECORDS)
def from_polars(x):
    frame = pl.DataFrame([x]).select(COLUMNS)
    return float(xgb_regressor.predict(frame.to_numpy())[0])


categorical = lgb.LGBMRegressor(n_estimators=10, verbose=-1, n_jobs=1).fit(
    FLATS.assign(city=FLATS["city"].astype("category"))[["city", "area"]], PRICES
)
CITIES = sorted(set(FLATS["city"]))


@case("LightGBM with fixed categories in the frame", FLAT_SAMPLES)
def fixed_categories(x):
    frame = pd.DataFrame([{"city": x["city"], "area": x["area"]}])
    frame["city"] = pd.Categorical(frame["city"], categories=CITIES)
    return float(categorical.predict(frame)[0])


def session_of(model, example, options):
    """Return an ONNX session on one thread."""
    asked = onnxruntime.SessionOptions()
    asked.intra_op_num_threads = 1
    converted = to_onnx(model, example, options={id(model): options}).SerializeToString()
    return onnxruntime.InferenceSession(converted, asked)


forest_session = session_of(forest, NUMBERS[:1].astype(np.float32), {"zipmap": False})
input_name = forest_session.get_inputs()[0].name
wide_numbers = np.random.default_rng(1).normal(size=(200, 700)).astype(np.float32)
wide_session = session_of(
    LogisticRegression(max_iter=100).fit(wide_numbers, wide_numbers[:, 0] > 0), wide_numbers[:1], {"zipmap": False}
)


@case("onnxruntime: session.run(None, {name: array})", LISTS)
def onnx_forest(x):
    label, shares = forest_session.run(None, {input_name: np.array([x], dtype=np.float32)})
    return {"label": int(label[0]), "share": float(shares[0].max())}


@case("onnxruntime: run(['probabilities'], {...}) on 700 numbers", wide_numbers[:64].round(4).tolist())
def onnx_wide(x):
    outputs = wide_session.run(["probabilities"], {"X": np.array(x, dtype=np.float32)[None]})
    return round(float(outputs[0][0][1]), 5)
