"""What the predictors of this bench are made from: a table of flats, texts, images; and where they are noted."""

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")


@dataclass(frozen=True)
class Case:
    """A predictor as a notebook has it, the samples that it is asked, and what is special about it."""

    name: str
    says: str
    predictor: Callable
    samples: list


CASES: dict[str, Case] = {}


def case(says: str, samples: list) -> Callable:
    """Note the decorated predictor under its own name, and leave it as it is."""

    def note(predictor: Callable) -> Callable:
        CASES[predictor.__name__] = Case(predictor.__name__, says, predictor, samples)
        return predictor

    return note


ROWS, ASKED = 400, 64
RANDOM = np.random.default_rng(7)
NUMBERS = RANDOM.random((ROWS, 4))
IS_HIGH = (NUMBERS[:, 0] + NUMBERS[:, 1] > 1).astype(int)
SPECIES = RANDOM.integers(0, 3, ROWS)
SUMS = NUMBERS @ [1.0, 2.0, 3.0, 4.0]
LABELS = ["setosa", "versicolor", "virginica"]
COLUMNS = ["length", "width", "height", "weight"]
LISTS = NUMBERS[:ASKED].tolist()
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in LISTS]

FLATS = pd.DataFrame(
    {
        "city": RANDOM.choice(["rome", "oslo", "lima"], ROWS),
        "area": RANDOM.random(ROWS) * 100,
        "rooms": RANDOM.integers(1, 6, ROWS),
        "new": RANDOM.random(ROWS) > 0.5,
    }
)
PRICES = FLATS["area"] * 3 + FLATS["rooms"] * 10
FLAT_SAMPLES = [
    {"city": str(flat.city), "area": float(flat.area), "rooms": int(flat.rooms), "new": bool(flat.new)}
    for flat in FLATS[:ASKED].itertuples(index=False)
]

WORDS = [
    "good",
    "bad",
    "fine",
    "poor",
    "great",
    "awful",
    "nice",
    "sad",
    "ship",
    "slow",
    "fast",
    "late",
    "broken",
    "love",
    "hate",
    "price",
]
TEXTS = [" ".join(RANDOM.choice(WORDS, 7)) for _ in range(ROWS)]
MOODS = np.array(["pos" if "good" in text or "love" in text else "neg" for text in TEXTS])
TEXT_SAMPLES = TEXTS[:ASKED]

IMAGES = RANDOM.random((ASKED, 8, 8)).round(3).tolist()


@functools.lru_cache(None)
def network() -> object:
    """Return a small convolutional network of Keras on JAX."""
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


@functools.lru_cache(None)
def text_pipeline() -> object:
    """Return a blank spaCy pipeline with a text classifier."""
    import spacy
    from spacy.training import Example

    language = spacy.blank("en")
    categories = language.add_pipe("textcat")
    categories.add_label("pos")
    categories.add_label("neg")
    reported = [
        Example.from_dict(language.make_doc(text), {"cats": {"pos": float(mood == "pos"), "neg": float(mood == "neg")}})
        for text, mood in zip(TEXTS[:80], MOODS[:80], strict=True)
    ]
    optimizer = language.initialize(lambda: reported)
    for _ in range(3):
        language.update(reported, sgd=optimizer)
    return language
