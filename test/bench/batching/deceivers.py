"""Predictors built to deceive: what looks like rows, and is none in company, or reaches past the sample.

`SHARES` are those whose answers are the same in company: they may be batched. The others must not be.
"""

import threading

import numpy as np
import pandas as pd
from boosted import categorical
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tables import bayes, city_encoders, encoded_flats, linear, logistic, ordinary
from texts import moods, vectorizer

from cases import (
    FLAT_SAMPLES,
    FLATS,
    IMAGES,
    LISTS,
    NUMBERS,
    RANDOM,
    SUMS,
    TEXT_SAMPLES,
    case,
    network,
    text_pipeline,
)


class FromLibrary:
    """A model of no notebook, whose one method is given."""

    __module__ = "library.models"

    def __init__(self, answer):
        self.answer = answer

    def predict(self, rows):
        """Return what it was given for this."""
        return self.answer(rows)

    def transform(self, rows):
        """Return what it was given for this."""
        return self.answer(rows)


largest_scaled = FromLibrary(lambda rows: np.asarray(rows) / np.asarray(rows).max())


@case("a transform divides by the largest number of its batch", LISTS)
def trap_batch_maximum(x):
    return float(logistic.predict_proba(largest_scaled.transform([x]))[0, 1])


@case("the same, with the label alone as the answer", LISTS)
def trap_hidden_by_label(x):
    return int(logistic.predict(largest_scaled.transform([x]))[0])


net = network()


@case("BatchNormalization in training mode", IMAGES)
def trap_training_mode(image):
    return np.asarray(net(np.array([image], dtype="float32")[..., None], training=True))[0].tolist()


noisy = FromLibrary(lambda rows: np.asarray(rows).sum(1) + np.random.normal(size=len(rows)))


@case("a model that adds noise", LISTS)
def trap_noise(x):
    return float(noisy.predict([x])[0])


seeded = FromLibrary(lambda rows: np.asarray(rows).sum(1) + np.random.RandomState(0).normal(size=len(rows)))


@case("a model that adds noise and seeds it at each call", LISTS)
def trap_seeded(x):
    return float(seeded.predict([x])[0])


@case("random numbers in predictor", LISTS)
def trap_random(x):
    return float(linear.predict([[cell + np.random.normal() for cell in x]])[0])


@case("astype('category') of each sample, LightGBM", FLAT_SAMPLES)
def trap_category(x):
    frame = pd.DataFrame([{"city": x["city"], "area": x["area"]}])
    frame["city"] = frame["city"].astype("category")
    return float(categorical.predict(frame)[0])


MIXED = [{**flat, "area": flat["area"] if i % 2 else int(flat["area"]) or 1} for i, flat in enumerate(FLAT_SAMPLES)]
cells = FromLibrary(
    lambda frame: np.array([[str(cell) for cell in row] for row in frame.itertuples(index=False)], dtype=object)
)
as_texts = FromLibrary(lambda rows: [str(row) for row in np.array(rows)])


@case("whole numbers and floats in one column of a frame", MIXED)
def trap_mixed_frame(x):
    return str(cells.transform(pd.DataFrame([{"area": x["area"], "rooms": x["rooms"]}]))[0].tolist())


@case("whole numbers and floats in one column of lists", [[flat["area"], flat["rooms"]] for flat in MIXED])
def trap_mixed_lists(x):
    return str(as_texts.transform([x])[0])


@case("keys in another order", [dict(reversed(x.items())) if i % 2 else x for i, x in enumerate(FLAT_SAMPLES)])
def trap_key_order(x):
    return str(cells.transform(pd.DataFrame([x]))[0].tolist())


@case(
    "a frame with its own index, the answer looked up by it",
    [{**x, "id": f"r{i % 3}"} for i, x in enumerate(FLAT_SAMPLES)],
)
def trap_own_index(x):
    frame = pd.DataFrame([{"city": x["city"], "rooms": x["rooms"]}], index=[x["id"]])
    return float(ordinary.predict(frame)[x["id"]])


@case(
    "None and numbers in one field", [{**x, "area": x["area"] if i % 3 else None} for i, x in enumerate(FLAT_SAMPLES)]
)
def trap_none(x):
    return str(cells.transform(pd.DataFrame([x]))[0].tolist())


@case("csc and csr matrices in turn", TEXT_SAMPLES)
def trap_sparse_formats(text):
    vector = vectorizer.transform([text])
    return float(moods.predict_proba(vector.tocsc() if len(text) % 2 else vector)[0, 0])


wide = RANDOM.normal(size=(300, 700))
wide_model = LogisticRegression(max_iter=200).fit(wide, wide[:, 0] > 0)
on_the_edge = RANDOM.normal(size=700)
wide_model.intercept_ = -(on_the_edge[None] @ wide_model.coef_[0])


@case("a row on the decision boundary of 700 numbers", [on_the_edge.tolist(), *RANDOM.normal(size=(30, 700)).tolist()])
def trap_boundary(x):
    return bool(wide_model.predict([x])[0])


copies = KNeighborsClassifier(4, algorithm="brute").fit(
    np.repeat(RANDOM.normal(size=(40, 30)), 5, 0), np.arange(200) % 5
)


@case("neighbours among copies of one row", RANDOM.normal(size=(32, 30)).tolist())
def trap_ties(x):
    return copies.kneighbors([x])[1][0].tolist()


running_maximum = FromLibrary(lambda rows: np.maximum.accumulate(np.asarray(rows).sum(1)))


@case("rows are steps of one sequence", LISTS)
def trap_sequence(x):
    return float(running_maximum.predict([x])[0])


class Counting:
    """Tells how many rows it has seen."""

    __module__ = "library.models"

    def __init__(self):
        self.seen = 0

    def predict(self, rows):
        """Count."""
        self.seen += len(rows)
        return np.full(len(rows), self.seen)


counting = Counting()


@case("a model that counts its calls", LISTS)
def trap_counting(x):
    return int(counting.predict([x])[0])


in_place = StandardScaler(copy=False).fit(NUMBERS)


@case("a scaler that works in place, then the array itself", LISTS)
def trap_in_place(x):
    row = np.array([x])
    in_place.transform(row)
    return float(logistic.predict_proba(row)[0, 1])


fitted_anew = StandardScaler()


@case("a scaler of the notebook is fitted while answering", LISTS)
def trap_fitted(x):
    scaled = fitted_anew.fit_transform(np.array([x]).T)
    return float(fitted_anew.inverse_transform(scaled)[0, 0]) + float(linear.predict([x])[0])


answers = {}


@case("answers are kept in a dict", LISTS)
def trap_kept(x):
    answers[str(x)] = float(linear.predict([x])[0])
    return answers[str(x)]


last = {"value": 0.0}


def remember(state, value):
    """Keep a value."""
    state["value"] = value


@case("the last answer is kept by a helper", LISTS)
def trap_last_answer(x):
    before = last["value"]
    answer = float(linear.predict([x])[0])
    remember(last, answer)
    return answer - before


@case("a helper writes before the call what is read after it", LISTS)
def trap_between(x):
    remember(last, x[0])
    answer = float(linear.predict([x])[0])
    return answer + last["value"]


process = GaussianProcessRegressor().fit(NUMBERS[:40], SUMS[:40])


@case("a Gaussian process with return_cov", LISTS)
def trap_covariance(x):
    return np.asarray(process.predict([x], return_cov=True)[1]).shape[1]


by_largest = FromLibrary(lambda vector: vector / np.abs(vector).max())


@case("a vector in, one of its length out", LISTS)
def trap_vector(x):
    return by_largest.transform(np.array(x)).tolist()


high = LogisticRegression().fit(NUMBERS, NUMBERS[:, 0] > 0.5)


@case("one row that raises among good ones", [row if i % 5 else [None, *row[1:]] for i, row in enumerate(LISTS)])
def trap_bad_row(x):
    return int(high.predict([x])[0])


strict = OneHotEncoder(handle_unknown="error").fit(FLATS[["city"]])


@case(
    "an unknown category raises, its text is the answer",
    [{**x, "city": x["city"] if i % 6 else "mars"} for i, x in enumerate(FLAT_SAMPLES)],
)
def trap_error_text(x):
    try:
        return strict.transform(pd.DataFrame([{"city": x["city"]}])).toarray()[0].tolist()
    except ValueError as error:
        return str(error)


@case("predictor takes keys out of its sample", FLAT_SAMPLES)
def trap_pop(x):
    x.pop("new")
    city = city_encoders["city"].transform([x.pop("city")])[0]
    return float(encoded_flats.predict([[city, x["area"], x["rooms"]]])[0])


LOCK = threading.Lock()


@case("a lock around the model", LISTS)
def trap_lock(x):
    with LOCK:
        return int(bayes.predict([x])[0])


language = text_pipeline()


@case("spaCy, some texts without a word", [text if i % 4 else "" for i, text in enumerate(TEXT_SAMPLES)])
def trap_empty_text(text):
    return round(language(text).cats["pos"], 4)


many_differ = FromLibrary(lambda rows: np.asarray(rows).sum(1) + (len(rows) > 20))


@case("more than 20 rows change the answer", LISTS)
def trap_many_rows(x):
    return float(many_differ.transform([x])[0])


rare_differs = FromLibrary(lambda rows: np.asarray(rows).sum(1) + bool((np.asarray(rows)[:, 0] > 0.97).any()))


@case("one rare row changes the answers of all", LISTS)
def trap_rare_row(x):
    return float(rare_differs.transform([x])[0])


SHARES = {
    "trap_category", "trap_mixed_frame", "trap_mixed_lists", "trap_key_order", "trap_own_index", "trap_none",
    "trap_sparse_formats", "trap_boundary", "trap_ties", "trap_bad_row", "trap_error_text", "trap_pop",
    "trap_empty_text",
}  # fmt: skip
