"""Predictors of the corpus that can't be batched by their nature: they load their model, or have none."""

import json
import pickle
import tempfile
from pathlib import Path

import pandas as pd
from tables import bayes, boosted_flats, forest

from cases import FLAT_SAMPLES, LISTS, TEXTS, case

FOLDER = Path(tempfile.mkdtemp())
(FOLDER / "model.pkl").write_bytes(pickle.dumps(bayes))
FILE = str(FOLDER / "model.pkl")


@case("pickle.load within predictor", LISTS)
def loads_inside(x):
    with open(FILE, "rb") as file:
        model = pickle.load(file)
    return int(model.predict([x])[0])


def get_model():
    """Load the model."""
    return pickle.loads(Path(FILE).read_bytes())


@case("get_model() within predictor", LISTS)
def loads_by_helper(x):
    model = get_model()
    return int(model.predict([x])[0])


class Loading:
    """Loads for each request."""

    def __init__(self):
        with open(FILE, "rb") as file:
            self.model = pickle.load(file)

    def predict(self, x):
        return int(self.model.predict([x])[0])


@case("an own class is made, and loads, for each request", LISTS)
def loads_by_class(x):
    return Loading().predict(x)


@case("the model that the request names is loaded", [{"model": "model.pkl", "inputs": row} for row in LISTS])
def loads_what_is_named(x):
    model = pickle.loads((FOLDER / x["model"]).read_bytes())
    return int(model.predict([x["inputs"]])[0])


ratings = pd.DataFrame([[len(set(one) & set(other)) for other in TEXTS[:50]] for one in TEXTS[:50]])


@case("a look-up in a matrix", list(range(50)))
def looks_up(x):
    return sorted(ratings[x].tolist(), reverse=True)[:3]


FLAT_FILE = FOLDER / "log.ndjson"


@case("a log file is written for each sample", FLAT_SAMPLES)
def writes_log(x):
    price = float(boosted_flats.predict(pd.DataFrame([x]))[0])
    with open(FLAT_FILE, "a") as file:
        file.write(json.dumps(x) + "\n")
    return price


@case("predict_proba, then an explainer that asks the forest itself", LISTS)
def explains(x):
    share = float(forest.predict_proba([x])[0][1])
    parts = [explained(x, place) for place in range(len(x))]
    return {"share": share, "parts": parts}


def explained(x, place):
    """Return how much one number matters, as explainers do, by many rows at once."""
    rows = [[0.1 * step if column == place else cell for column, cell in enumerate(x)] for step in range(3)]
    return round(float(forest.predict_proba(rows)[:, 1].mean()), 4)
