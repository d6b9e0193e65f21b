"""Predictors around what is not installed here: torch (its wheels are too large), sentence-transformers, transformers.

Stand-ins on numpy have their names and their ways, so that what is derived and said is what the libraries would get.
"""

import numpy as np

from cases import IMAGES, LABELS, RANDOM, TEXT_SAMPLES, case


def of_library(module: str):
    """Return a decorator that puts a class or function into a library's module."""

    def move(thing):
        thing.__module__ = module
        return thing

    return move


@of_library("torch.nn.modules.module")
class Module:
    """A network of many narrow layers, so that a call takes about as long as one of a small network."""

    def __init__(self):
        self.layers = [(RANDOM.normal(size=(64, 64)) / 8).astype("float32") for _ in range(40)]

    def __call__(self, pixels):
        """Return the scores of images."""
        values = pixels.reshape(len(pixels), -1)
        for layer in self.layers:
            values = np.tanh(values @ layer)
        return values[:, :10]


@of_library("torch.autograd.grad_mode")
class no_grad:  # noqa: N801 - as torch has it
    """A context in which no gradients are kept."""

    def __enter__(self):
        """Do nothing."""

    def __exit__(self, *_):
        """Do nothing."""


@of_library("sentence_transformers.SentenceTransformer")
class SentenceTransformer:
    """Vectors of texts: of one text a vector, of a list a row each."""

    def __init__(self):
        self.layers = Module()

    def encode(self, texts):
        """Return them."""
        many = [texts] if isinstance(texts, str) else texts
        rows = self.layers(np.array([[text.count(letter) / 7 for letter in LETTERS] for text in many], dtype="float32"))
        return rows[0] if isinstance(texts, str) else rows


@of_library("transformers.pipelines.text_classification")
class TextClassificationPipeline:
    """A label and a score of each text, one forward pass a text."""

    def __call__(self, texts):
        """Return a list of them."""
        many = [texts] if isinstance(texts, str) else texts
        return [{"label": "POSITIVE" if "good" in text else "NEGATIVE", "score": 0.9} for text in many]


LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ. "[:64]
clf = Module()
encoder = SentenceTransformer()
stored = encoder.encode(TEXT_SAMPLES)
pipe = TextClassificationPipeline()


def softmax(scores):
    """Return shares."""
    shares = np.exp(scores - scores.max())
    return shares / shares.sum()


@case("torch: argmax of clf(tensor)", IMAGES)
def torch_call(image):
    return int(np.argmax(clf(np.array(image, dtype="float32")[None])[0]))


@case("torch: with no_grad(): model(x)[0], softmax", IMAGES)
def torch_no_grad(image):
    with no_grad():
        scores = clf(np.array(image, dtype="float32")[None])[0]
    shares = softmax(scores)
    return {label: round(float(share), 4) for label, share in zip(LABELS, shares)}  # noqa: B905 - as the notebook has it


def seen_by(model, pixels):
    """Ask a parameter within no_grad()."""
    with no_grad():
        return int(np.argmax(model(pixels)[0]))


@case("torch: helper(model, x) within no_grad()", IMAGES)
def torch_parameter(image):
    return seen_by(clf, np.array(image, dtype="float32")[None])


@case("sentence-transformers: encode(text).tolist()", TEXT_SAMPLES)
def encoded(text):
    return encoder.encode(text).tolist()


class Similarity:
    """Own class: two texts encoded and compared."""

    def __init__(self, model):
        self.model = model

    def between(self, one, other):
        first, second = self.model.encode(one), self.model.encode(other)
        return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second) + 1e-9))


similarity = Similarity(encoder)


@case(
    "sentence-transformers: own class, encode(str) twice",
    [[text, TEXT_SAMPLES[-i]] for i, text in enumerate(TEXT_SAMPLES)],
)
def similar(x):
    return round(similarity.between(*x), 4)


@case("transformers: pipeline(text)[0]", TEXT_SAMPLES)
def transformers_pipeline(text):
    return pipe(text)[0]
