"""The families other than trees, each compared with a stand-in."""

import numpy as np
import pytest
from compiled import OK, Compiled
from nb_native.refusal import Refusal
from samples import around, edges
from stand_ins import (
    PCA,
    ColumnTransformer,
    GaussianNB,
    KMeans,
    KNeighborsClassifier,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    OneHotEncoder,
    Pipeline,
    StandardScaler,
)

RANDOM = np.random.default_rng(5)
DATA = RANDOM.normal(1, 2, (150, 4))
ROWS = around(DATA, 600)
DOUBLES = ["float64"] * 4
BINARY = LogisticRegression([[1.5, -2, 0.3, 0.7]], [0.1], classes_=np.array(["no", "yes"]))
MANY = LogisticRegression(RANDOM.normal(0, 1, (3, 4)), [0.1, -0.2, 0.3], classes_=np.array([2, 5, 9]))
SCALER = StandardScaler([1.0, 2.0, 0.5, 0.0], [2.0, 0.5, 1.0, 3.0])
NETWORK = MLPClassifier(
    [(RANDOM.normal(0, 1, (4, 6)), RANDOM.normal(0, 1, 6)), (RANDOM.normal(0, 1, (6, 3)), [0, 1, 2])], "abc"
)
NETWORK.classes_ = np.array(["a", "b", "c"])


@pytest.mark.parametrize(
    ("estimator", "method"),
    [
        (KMeans(RANDOM.normal(0, 3, (5, 4))), "predict"),
        (KMeans(RANDOM.normal(0, 3, (5, 4))), "transform"),
        (LinearRegression([1.0, 2.0, -3.0, 0.5], 0.25), "predict"),
        (LinearRegression(RANDOM.normal(0, 1, (2, 4)), [1.0, 2.0]), "predict"),
        (BINARY, "predict"),
        (BINARY, "decision_function"),
        (BINARY, "predict_proba"),
        (MANY, "predict"),
        (MANY, "decision_function"),
        (MANY, "predict_proba"),
        (SCALER, "transform"),
        (Pipeline(SCALER, MANY), "predict"),
        (Pipeline(SCALER, BINARY), "predict_proba"),
        (KNeighborsClassifier(DATA, DATA[:, 0] > 1, 5), "predict"),
        (
            GaussianNB(RANDOM.normal(0, 2, (3, 4)), RANDOM.uniform(1, 2, (3, 4)), [0.2, 0.3, 0.5], ["x", "y", "z"]),
            "predict",
        ),
        (
            GaussianNB(RANDOM.normal(0, 2, (3, 4)), RANDOM.uniform(1, 2, (3, 4)), [0.2, 0.3, 0.5], [1, 2, 3]),
            "predict_proba",
        ),
        (PCA(np.eye(4)[:2], [1.0, 2.0, 3.0, 4.0], [2.0, 0.5]), "transform"),
        (NETWORK, "predict"),
        (NETWORK, "predict_proba"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_answers(estimator, method):
    expected = getattr(estimator, method)(ROWS)
    found = Compiled(estimator, method, DOUBLES).results(ROWS)
    assert found.shape == expected.shape
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    else:
        assert (found == expected).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("estimator", [BINARY, KMeans(np.eye(4)), NETWORK], ids=lambda value: type(value).__name__)
def test_what_is_not_finite_fails(estimator, bad):
    rows = np.ones((5, 4))
    rows[[0, 1, 2, 3], [0, 1, 2, 3]] = bad
    assert (Compiled(estimator, "predict", DOUBLES).ask(rows)[1] == OK).tolist() == [False] * 4 + [True]


def test_half_way_between_two_centers_the_first_counts():
    assert Compiled(KMeans([[0, 0], [2, 0], [1, 5]]), "predict", ["float64"] * 2).results(np.array([[1.0, 0.0]])) == [0]


def test_numbers_known_now_are_columns_too():
    rows = edges(DATA, count=50)
    found = Compiled(LinearRegression([1.0, 2.0, -3.0, 0.5], 0.25), "predict", ["int64"] * 4).results(np.round(ROWS))
    expected = LinearRegression([1.0, 2.0, -3.0, 0.5], 0.25).predict(np.round(ROWS))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)
    assert len(rows) == 50


TOWNS = OneHotEncoder([["Ulm", "Köln", ""]])
MONTHS = OneHotEncoder([[1, 2, 12]])
NAMES = ["town", "size", "month", "area"]
TABLE = ColumnTransformer(
    NAMES, (TOWNS, ["town"]), (StandardScaler([1.0, 2.0], [2.0, 3.0]), ["area", "size"]), (MONTHS, ["month"])
)
CELLS = [["Ulm", 1, 2, 0.5], ["Köln", 2.5, 12, 1.5], ["", 3, 7, -1.0], ["Kölm", 0, 1, 0.0], ["Ulmu", 0, 1, 0.0]]


def test_a_table_of_texts_and_numbers():
    native = Compiled(TABLE, "transform", ["sample"] * 4, NAMES)
    assert (native.results(CELLS) == TABLE.transform(CELLS)).all()


def test_columns_are_found_by_their_names():
    order = [2, 0, 3, 1]
    native = Compiled(TABLE, "transform", ["sample"] * 4, [NAMES[place] for place in order])
    moved = [[row[place] for place in order] for row in CELLS]
    assert (native.results(moved) == TABLE.transform(CELLS)).all()


def test_a_text_where_a_number_belongs_fails_and_null_is_missing():
    native = Compiled(TABLE, "transform", ["sample"] * 4, NAMES)
    answers, statuses = native.ask([["Ulm", "1", 2, 0.5], [5, 1, 2, 0.5], ["Ulm", None, 2, 0.5], ["Ulm", 1, None, 0.5]])
    assert (statuses == OK).tolist() == [False, False, True, True]
    assert np.isnan(answers[2]).sum() == 1


@pytest.mark.parametrize(
    ("encoder", "cells", "expected"),
    [
        (TOWNS, ["Ulm", None, 3, True, ["Ulm"], {}], [[1, 0, 0], [0, 0, 0], "fails", "fails", "fails", "fails"]),
        (MONTHS, [2, None, "2", True, False, [2]], [[0, 1, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0], "fails"]),
        (OneHotEncoder([[1, np.nan]]), [np.nan, None, 1, 2], [[0, 1], [0, 0], [1, 0], [0, 0]]),
        (OneHotEncoder([[False, True]]), [True, 0, None, "True", 2], [[0, 1], [1, 0], [0, 0], [0, 0], [0, 0]]),
    ],
)
def test_cells_of_other_types_are_categories_as_in_a_table_of_scikit_learn_s(encoder, cells, expected):
    answers, statuses = Compiled(encoder, "transform", ["sample"], ["x"]).ask([[cell] for cell in cells])
    assert ["fails" if status != OK else list(row) for row, status in zip(answers, statuses)] == expected


def test_an_unknown_category_fails_where_the_encoder_says_so():
    strict = OneHotEncoder([["a", "b"]], handle_unknown="error")
    _, statuses = Compiled(strict, "transform", ["sample"], ["x"]).ask([["a"], ["c"], ["b"]])
    assert (statuses == OK).tolist() == [True, False, True]


def test_texts_of_the_program_are_categories():
    native = Compiled(TOWNS, "transform", ["text"])
    assert native.results([["Köln"], ["Bonn"]]).tolist() == [[0, 1, 0], [0, 0, 0]]


class Own:
    """An estimator of the author's."""


def change(estimator, **attributes):
    """Return a copy with other attributes."""
    copy = object.__new__(type(estimator))
    copy.__dict__.update(estimator.__dict__, **attributes)
    return copy


@pytest.mark.parametrize(
    ("estimator", "method", "kinds", "reason"),
    [
        (Own(), "predict", DOUBLES, "no native form of Own.predict"),
        (BINARY, "fit", DOUBLES, "no native form of LogisticRegression.fit"),
        (BINARY, "predict", ["float64"] * 3, "a model of 4 features that gets 3"),
        (BINARY, "predict", ["text"] * 4, "something other than numbers"),
        (KMeans(np.eye(4)), "predict", ["float32"] * 4, "KMeans given float32"),
        (change(SCALER, _sklearn_output_config={"transform": "pandas"}), "transform", DOUBLES, "set to a DataFrame"),
        (SCALER, "transform", ["float32"] * 4, "StandardScaler given float32"),
        (change(BINARY, classes_=np.array(["no", 1], object)), "predict", DOUBLES, "mix strings and other types"),
        (change(BINARY, classes_=[np.array([0, 1])]), "predict", DOUBLES, "several outputs"),
        (
            Pipeline(change(TOWNS, sparse_output=True), KMeans(np.eye(3))),
            "predict",
            ["text"],
            "KMeans.predict of a sparse row",
        ),
        (change(TOWNS, _infrequent_enabled=True), "transform", ["text"], "groups rare categories"),
        (TOWNS, "transform", ["float64"], "type differs from that of its categories"),
        (OneHotEncoder([["a", None]]), "transform", ["text"], "mix strings and other types"),
        (change(NETWORK, activation="own"), "predict", DOUBLES, "the activation own"),
        (
            KNeighborsClassifier(np.zeros((6000, 50)), [0, 1] * 3000, 3),
            "predict",
            ["float64"] * 50,
            "more than 250000 values",
        ),
        (change(KNeighborsClassifier(DATA, DATA[:, 0] > 1, 5), weights="distance"), "predict", DOUBLES, "brute"),
    ],
)
def test_refusals(estimator, method, kinds, reason):
    with pytest.raises(Refusal, match=reason):
        Compiled(estimator, method, kinds)


def test_a_table_with_other_columns_is_rejected():
    with pytest.raises(Refusal, match="without the column 'month'"):
        Compiled(TABLE, "transform", ["sample"] * 3, ["town", "size", "area"])
    named = change(BINARY, feature_names_in_=np.array(["a", "b", "c", "d"], object))
    with pytest.raises(Refusal, match="columns that it was not fitted with, or in another order"):
        Compiled(named, "predict", DOUBLES, ["b", "a", "c", "d"])
