"""Models that count words alongside scikit-learn's own, for thousands of texts of all scripts."""

import random
from pathlib import Path

import numpy as np
from nb_native.proof_texts import Texts

ENGLISH, GREEK, OTHERS = (
    line.split() for line in Path(__file__).with_name("words.txt").read_text("utf-8").splitlines()
)


def _texts(words, count, seed):
    """Return texts with classes that depend on their words."""
    dice = random.Random(seed)  # noqa: S311 - the same ones again for the same seed
    return [" ".join(dice.choice(words) for _ in range(dice.randint(1, 14))) for _ in range(count)]


def _asked(vectorizer, texts, count=10_000, seed=4):
    dice = random.Random(seed)  # noqa: S311 - the same ones again for the same seed
    drawn = Texts(sorted(map(str, vectorizer.vocabulary_)), texts, dice)
    return [[drawn.drawn()] for _ in range(count)]


def _vectorizers():
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    mixed = [*ENGLISH, *GREEK, *OTHERS]
    for words, kind, options in (
        (ENGLISH, CountVectorizer, {}),
        (ENGLISH, CountVectorizer, {"lowercase": False}),
        (ENGLISH, CountVectorizer, {"binary": True, "stop_words": "english"}),
        (ENGLISH, CountVectorizer, {"ngram_range": (1, 3), "max_features": 700, "stop_words": ["the", "now", "x_1"]}),
        (ENGLISH, CountVectorizer, {"token_pattern": r"(?u)\b\w+\b", "ngram_range": (2, 2), "max_features": 700}),
        (ENGLISH, CountVectorizer, {"token_pattern": r"\b\w\w\w+\b", "ngram_range": (1, 2), "max_features": 700}),
        (ENGLISH, CountVectorizer, {"strip_accents": "ascii", "dtype": np.float64}),
        (ENGLISH, CountVectorizer, {"strip_accents": "unicode", "ngram_range": (1, 2), "max_features": 700}),
        (ENGLISH, CountVectorizer, {"vocabulary": ["zebra", "the", "Free", "free", "win cash", "i", "ok", "a b"]}),
        (ENGLISH, CountVectorizer, {"analyzer": "char", "ngram_range": (1, 3), "max_features": 700}),
        (ENGLISH, CountVectorizer, {"analyzer": "char_wb", "ngram_range": (3, 5), "max_features": 700}),
        (ENGLISH, CountVectorizer, {"analyzer": "char_wb", "ngram_range": (1, 12), "max_features": 900}),
        (GREEK, CountVectorizer, {}),
        (GREEK, CountVectorizer, {"strip_accents": "unicode"}),
        (mixed, CountVectorizer, {}),
        (mixed, CountVectorizer, {"lowercase": False, "token_pattern": r"\b\w+\b"}),
        (mixed, CountVectorizer, {"strip_accents": "unicode", "token_pattern": r"\b\w+\b"}),
        (
            mixed,
            CountVectorizer,
            {"strip_accents": "ascii", "analyzer": "char", "ngram_range": (2, 3), "max_features": 700},
        ),
        (
            mixed,
            CountVectorizer,
            {"strip_accents": "unicode", "analyzer": "char_wb", "ngram_range": (2, 4), "max_features": 900},
        ),
        (mixed, CountVectorizer, {"analyzer": "char", "ngram_range": (1, 2), "max_features": 900}),
        (ENGLISH, TfidfVectorizer, {}),
        (ENGLISH, TfidfVectorizer, {"norm": "l1", "smooth_idf": False}),
        (ENGLISH, TfidfVectorizer, {"norm": None, "binary": True}),
        (ENGLISH, TfidfVectorizer, {"use_idf": False}),
        (ENGLISH, TfidfVectorizer, {"sublinear_tf": True}),
        (mixed, TfidfVectorizer, {"ngram_range": (1, 2), "max_features": 900}),
        (mixed, TfidfVectorizer, {"analyzer": "char_wb", "ngram_range": (2, 4), "max_features": 900}),
    ):
        yield words, kind(**options), "sublinear_tf" not in options


def words(judge):
    """Vectorizers by themselves: the counts in all digits."""
    for words, vectorizer, exact in _vectorizers():
        texts = _texts(words, 400, 1)
        vectorizer.fit(texts)
        title = str(vectorizer).replace("\n", " ")
        judge.compare(title, vectorizer, "transform", _asked(vectorizer, texts), ["document"], exact=exact)


def text_models(judge):
    """Pipelines of these and of what decides about them."""
    from sklearn import linear_model, naive_bayes, svm
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    mixed = [*ENGLISH, *GREEK, *OTHERS]
    texts = _texts(mixed, 600, 2)
    weighed = TfidfVectorizer(ngram_range=(1, 2), max_features=1500).fit(texts)
    counted = CountVectorizer().fit(texts)
    logarithms = TfidfTransformer(sublinear_tf=True).fit(counted.transform(texts))
    many, few = _asked(weighed, texts), _asked(counted, texts, 2000)
    for title, answers in (
        ("2", np.array([len(text) % 7 < 3 for text in texts])),
        ("4", np.array(["a", "b", "c", "d"])[[len(text.split()) % 4 for text in texts]]),
    ):
        for make, methods in (
            (lambda: linear_model.LogisticRegression(C=10), "predict decision_function predict_proba"),
            (svm.LinearSVC, "predict decision_function"),
            (lambda: linear_model.SGDClassifier(random_state=0), "predict decision_function"),
            (lambda: linear_model.SGDClassifier(loss="log_loss", random_state=0), "predict predict_proba"),
            (lambda: linear_model.SGDClassifier(loss="modified_huber", random_state=0), "predict_proba"),
            (linear_model.RidgeClassifier, "predict decision_function"),
            (lambda: linear_model.Perceptron(random_state=0), "predict"),
            (naive_bayes.MultinomialNB, "predict predict_proba"),
            (naive_bayes.ComplementNB, "predict predict_proba"),
            (lambda: naive_bayes.ComplementNB(norm=True), "predict predict_proba"),
            (naive_bayes.BernoulliNB, "predict predict_proba"),
            (lambda: naive_bayes.BernoulliNB(binarize=0.25), "predict predict_proba"),
        ):
            for kind, steps, asked in (
                ("Tfidf", (weighed,), many),
                ("Count Tfidf", (counted, logarithms), few),
                ("Count", (counted,), few),
            ):
                rows = make_pipeline(*steps).transform(texts)
                model = make_pipeline(*steps, make().fit(rows, answers))
                for method in methods.split():
                    exact = method == "decision_function" and kind != "Count Tfidf"
                    judge.compare(f"{kind} {model[-1]} {title}", model, method, asked, ["document"], exact=exact)
    target = np.array([len(text) for text in texts], float)
    for model in (
        linear_model.Ridge(),
        linear_model.SGDRegressor(random_state=0),
        svm.LinearSVR(),
        linear_model.Lasso(),
    ):
        made = make_pipeline(weighed, model.fit(weighed.transform(texts), target))
        judge.compare(f"Tfidf {model}", made, "predict", many, ["document"], exact=True)
