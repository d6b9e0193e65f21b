"""Models of a few lines, with a native form of their own: what tests of the translation need of estimators."""

import numpy as np
import pytest
from nb_native import estimators
from nb_native.refusal import Refusal
from nb_native.translate import functions
from nb_native.values import Frame, Label, Vector

WEIGHTS = (0.5, -1.25, 2.0, 0.125)


class Linear:
    """A regressor and classifier of four numbers, which checks rows as scikit-learn does."""

    def __init__(self, count=4, classes=("setosa", "versicolor", "virginica"), dtype=float, names=None):
        self.n_features_in_ = count
        self.classes_ = np.array(classes)
        self.dtype = dtype
        if names:
            self.feature_names_in_ = np.array(names, dtype=object)

    def _rows(self, rows):
        if hasattr(rows, "columns"):
            if list(rows.columns) != list(getattr(self, "feature_names_in_", [])):
                raise ValueError("feature names")
            rows = rows.to_numpy()
        rows = np.array(rows)
        if rows.dtype.kind in "OUS":
            if rows.dtype.kind != "O":
                raise ValueError("texts")
            rows = rows.astype(float)
        rows = rows.astype(float)
        if rows.ndim != 2 or rows.shape[1] != self.n_features_in_ or not np.isfinite(rows).all():
            raise ValueError("rows")
        return rows

    def decision_function(self, rows):
        rows = self._rows(rows)
        sums = np.zeros(len(rows))
        for place in range(self.n_features_in_):
            sums = sums + rows[:, place] * WEIGHTS[place % 4]
        return sums.astype(self.dtype)

    def predict(self, rows):
        sums = self.decision_function(rows)
        return self.classes_[np.where(sums < 0, 0, np.where(sums < 3, 1, 2))]

    def predict_proba(self, rows):
        sums = self.decision_function(rows)
        one = 0.5 + sums / (4 * (1 + np.abs(sums)))
        return np.stack([one, (1 - one) / 2, (1 - one) / 2], axis=1).astype(self.dtype)

    def transform(self, rows):
        return self._rows(rows) * 2.0


def emit(code, estimator, method, rows):
    """Write a method of Linear as C."""
    if not isinstance(estimator, Linear):
        raise Refusal(f"no native form of {type(estimator).__name__}.{method}")
    if isinstance(rows, Frame):
        assert list(rows.columns) == list(estimator.feature_names_in_)
        raise Refusal("tables are not here")
    (row,) = rows.items
    names = [code.number("float64", item.code).code for item in row.items]
    for name in names:
        code.line(f"if (!nb_is_finite({name}))")
        code.line("    return NB_FAILED;")
    if method == "transform":
        return Vector((Vector(tuple(code.number("float64", f"{name} * 2.0") for name in names), "array"),), "array")
    total = " + ".join(f"{name} * ({WEIGHTS[place % 4]})" for place, name in enumerate(names))
    total = code.number("float64", f"0.0 + {total}").code
    is_single = estimator.dtype is np.float32
    if is_single:
        total = code.number("float32", f"(float){total}").code
    kind = "float32" if is_single else "float64"
    if method == "decision_function":
        return Vector((code.number(kind, total),), "array")
    if method == "predict":
        place = code.name("k")
        code.line(f"const int {place} = {total} < 0 ? 0 : {total} < 3 ? 1 : 2;")
        return Vector((Label(place, tuple(estimator.classes_.tolist())),), "array")
    if method == "predict_proba" and not is_single:
        one = code.number(kind, f"0.5 + {total} / (4 * (1 + nb_fabs({total})))")
        half = code.number(kind, f"(1 - {one.code}) / 2")
        return Vector((Vector((one, half, half), "array"),), "array")
    raise Refusal(f"no native form of Linear.{method}")


@pytest.fixture(autouse=True)
def native_forms(monkeypatch):
    """Have the translation find the form of Linear."""
    monkeypatch.setattr(estimators, "emit", emit)
    # Its class is a library's.
    monkeypatch.setattr(functions, "_LIBRARIES", (*functions._LIBRARIES, __file__))
