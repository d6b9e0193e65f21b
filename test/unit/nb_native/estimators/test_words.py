"""Vectorizers of texts, each alongside a stand-in that does the same by Python's own texts and regular expressions."""

import itertools
import random
import sys

import numpy as np
import pytest
from beside_texts import ENGLISH, GREEK, OTHERS
from compiled import OK, Compiled
from nb_native.proof_texts import Texts
from nb_native.refusal import Refusal
from stand_ins import (
    CountVectorizer,
    KMeans,
    LogisticRegression,
    MultinomialNB,
    Pipeline,
    StandardScaler,
    TfidfTransformer,
    TfidfVectorizer,
)

DOCUMENT = ["document"]
WORDS = sorted({word.lower() for word in ENGLISH})
PAIRS = [*WORDS[:30], "free money", "free cash", "win cash prize", "x_1 v2", "don can", "don t"]
LETTERS = [*"abcdefghij ", "th", "he", "the", " fr", "ee ", "free", "\t", "\n", "a\n", " a ", "é", "中文", "_"]
MIXED = [*GREEK, *OTHERS, *WORDS]


def asked(vectorizer, count=1500, seed=3):
    drawn = Texts([word for word in vectorizer.vocabulary_ if word != 7], [" ".join(MIXED)], random.Random(seed))
    return [drawn.drawn() for _ in range(count)]


def answers(estimator, method, texts):
    return Compiled(estimator, method, DOCUMENT).results([[text] for text in texts])


@pytest.mark.parametrize(
    "vectorizer",
    [
        CountVectorizer(WORDS),
        CountVectorizer(WORDS[::-1], lowercase=False),
        CountVectorizer(WORDS, stop_words=["the", "free", "Now", 5]),
        CountVectorizer(PAIRS, ngram_range=(1, 3), stop_words=["the", "and"]),
        CountVectorizer(PAIRS, ngram_range=(2, 2), token_pattern=r"\b\w+\b"),
        CountVectorizer(WORDS, token_pattern=r"(?u)\b\w\w\w\w\w+\b", ngram_range=(1, 2)),
        CountVectorizer(WORDS, binary=True, dtype=np.float64),
        CountVectorizer([*WORDS, "w" * 15, "v" * 16, "u" * 300, "u" * 299 + "t", "u" * 320, 7], dtype=np.float64),
        CountVectorizer(WORDS, strip_accents="ascii"),
        CountVectorizer(PAIRS, strip_accents="unicode", ngram_range=(1, 2)),
        CountVectorizer(GREEK),
        CountVectorizer(GREEK, strip_accents="unicode", ngram_range=(1, 2)),
        CountVectorizer(MIXED, token_pattern=r"\b\w+\b"),
        CountVectorizer(MIXED, strip_accents="unicode", token_pattern=r"\b\w+\b"),
        CountVectorizer(LETTERS, analyzer="char", ngram_range=(1, 4)),
        CountVectorizer(LETTERS, analyzer="char", ngram_range=(2, 2), strip_accents="ascii"),
        CountVectorizer(LETTERS, analyzer="char_wb", ngram_range=(1, 4)),
        CountVectorizer([*LETTERS, " now ", " i "], analyzer="char_wb", ngram_range=(4, 6), strip_accents="unicode"),
    ],
)
def test_counts(vectorizer):
    texts = asked(vectorizer)
    found = answers(vectorizer, "transform", texts)
    expected = vectorizer.transform(texts)
    # As escapes: what pytest shows has to be UTF-8.
    wrong = [ascii(text) for text, one, other in zip(texts, found, expected) if (one != other).any()]
    assert wrong == []
    assert expected.sum() > 100


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("accents", "analyzer", "ngrams"),
    [
        (None, "word", (1, 2)),
        pytest.param("ascii", "word", (1, 1), marks=pytest.mark.long),
        pytest.param("unicode", "word", (1, 2), marks=pytest.mark.long),
        ("unicode", "char_wb", (2, 3)),
    ],
)
def test_all_characters_of_unicode_are_letters_or_not_and_have_the_lower_case_of_python(accents, analyzer, ngrams):
    words = [
        "ab",
        "cd",
        "ab cd",
        "abkcd",
        "abacd",
        "ab5cd",
        "ab\u03c3cd",
        "ab\u03c2cd",
        "abßcd",
        "abi",
        "bk",
        "k c",
        "bi",
    ]
    vectorizer = CountVectorizer(words, strip_accents=accents, analyzer=analyzer, ngram_range=ngrams)
    letters = [f"AB{chr(code)}CD" for code in range(sys.maxunicode + 1)]
    texts = [";".join(letters[place : place + 64]) for place in range(0, len(letters), 64)]
    found = answers(vectorizer, "transform", texts)
    differ = (found != vectorizer.transform(texts)).any(axis=1)
    assert [ascii(texts[place]) for place in np.flatnonzero(differ)] == []


def test_a_sigma_ends_a_word_as_in_python():
    vectorizer = CountVectorizer(GREEK, token_pattern=r"\b\w+\b")
    between = ["", "'", "\u00ad", "\u0345", "\u02b0", "1", " ", "\u0301", "'\u0301.", "中", "B", "\U0001d400", "Σ"]
    ways = itertools.product(("", "\u0391", "1"), between, between, between, between)
    texts = [f"{a}{b}{c}Σ{d}{e}" for a, b, c, d, e in ways]
    assert (answers(vectorizer, "transform", texts) == vectorizer.transform(texts)).all()


@pytest.mark.parametrize("norm", ["l1", "l2", None])
@pytest.mark.parametrize("sublinear", [False, True])
def test_weights(norm, sublinear):
    weights = np.random.default_rng(3).choice([1.0, 1.5, 2.25, 3.1], len(WORDS))
    vectorizer = TfidfVectorizer(WORDS, TfidfTransformer(weights, norm, sublinear_tf=sublinear))
    texts = asked(vectorizer)
    found, expected = answers(vectorizer, "transform", texts), vectorizer.transform(texts)
    if sublinear:
        np.testing.assert_allclose(found, expected, rtol=1e-15)
    else:
        assert (found == expected).all()


RANDOM = np.random.default_rng(5)
COUNTS = CountVectorizer(WORDS)
WEIGHTS = TfidfTransformer(RANDOM.uniform(1, 4, len(WORDS)))
LINEAR = LogisticRegression(RANDOM.normal(0, 1, (3, len(WORDS))), [0.1, 0.2, -0.3], classes_=np.array(["a", "b", "c"]))
BAYES = MultinomialNB(RANDOM.uniform(-9, -1, (2, len(WORDS))), [-0.5, -1.0], ["ham", "spam"])


@pytest.mark.parametrize(
    ("model", "method"),
    [
        (Pipeline(COUNTS, BAYES), "predict"),
        (Pipeline(COUNTS, WEIGHTS, LINEAR), "predict"),
        (Pipeline(COUNTS, WEIGHTS, LINEAR), "predict_proba"),
        (Pipeline(TfidfVectorizer(WORDS, WEIGHTS), LINEAR), "predict"),
    ],
)
def test_models_of_words(model, method):
    texts = asked(COUNTS)
    found, expected = answers(model, method, texts), getattr(model, method)(texts)
    if method == "predict":
        assert (found == expected).all()
        assert len(set(expected)) == len(model.steps[-1][1].classes_)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_text_leaves_nothing_behind_for_the_next_one():
    native = Compiled(CountVectorizer(["free", "cash"]), "transform", DOCUMENT)
    found, statuses = native.ask([["free free cash"], [""], ["cash"], ["free cas"], ["h cash"]])
    assert (statuses == OK).all()
    assert found.tolist() == [[2, 1], [0, 0], [0, 1], [1, 0], [0, 1]]


def test_the_proof_is_reported_of_the_words():
    native = Compiled(CountVectorizer(["b", "a"], stop_words=["of", "b"]), "transform", DOCUMENT)
    assert native.words == ["a", "b", "of"]


def test_a_large_vocabulary_of_common_beginnings_is_found_word_by_word():
    words = [f"{beginning}{number}" for beginning in ("pre", "a" * 20, "é", "") for number in range(1000, 1500)]
    texts = [*words, "pre", "prea", "a" * 20, "1", "zz", "é2000"]
    vectorizer = CountVectorizer(words)
    assert (answers(vectorizer, "transform", texts) == vectorizer.transform(texts)).all()


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (CountVectorizer(["a"], analyzer=str.split), "CountVectorizer with a custom function for analyzer"),
        (CountVectorizer(["a"], strip_accents=str.lower), "a custom function for strip_accents"),
        (CountVectorizer(["a"], tokenizer=str.split), "CountVectorizer with a tokenizer of your own"),
        (CountVectorizer(["a"], preprocessor=str.lower), "CountVectorizer with a preprocessor of your own"),
        (CountVectorizer(["a"], token_pattern="[a-z]+"), r"CountVectorizer with token_pattern='\[a-z\]\+'"),
        (CountVectorizer(["a"], token_pattern=None), "CountVectorizer with token_pattern=None"),
        (CountVectorizer(["a"], input="file"), "CountVectorizer with input='file'"),
        (CountVectorizer(["a"], ngram_range=(1, 100)), r"CountVectorizer with ngram_range=\(1, 100\)"),
        (CountVectorizer(["a"], dtype=np.float32), "CountVectorizer with dtype float32"),
        (CountVectorizer([]), "without a vocabulary"),
        (CountVectorizer(["a" * 20_000]), "a word longer than 16384 bytes"),
        (TfidfVectorizer(["a"], TfidfTransformer([1.0]), dtype=np.float32), "TfidfVectorizer with dtype float32"),
        (TfidfVectorizer(["a", "b"], TfidfTransformer([1.0])), "more or fewer weights than words"),
        (TfidfVectorizer(["a"], TfidfTransformer([np.inf])), "more or fewer weights than words"),
        (TfidfVectorizer(["a"], TfidfTransformer([1.0], norm="max")), "with norm='max'"),
        (Pipeline(CountVectorizer(["a"]), StandardScaler([0], [1])), "StandardScaler.predict of a sparse row"),
    ],
)
def test_refusals(estimator, reason):
    with pytest.raises(Refusal, match=reason):
        Compiled(estimator, "transform" if not isinstance(estimator, Pipeline) else "predict", DOCUMENT)


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (KMeans([[0.0], [1.0]]), "KMeans.predict of a sparse row"),
        (LogisticRegression([[1.0, 2.0]], [0.0], classes_=np.array([0, 1])), "a model of 2 features that gets 1"),
    ],
)
def test_what_does_not_fit_the_words_is_rejected(last, reason):
    with pytest.raises(Refusal, match=reason):
        Compiled(Pipeline(CountVectorizer(["ab"]), last), "predict", DOCUMENT)


def test_numbers_are_no_texts():
    with pytest.raises(Refusal, match="something other than one string"):
        Compiled(CountVectorizer(["ab"]), "transform", ["float64"])
    with pytest.raises(Refusal, match="something other than word counts"):
        Compiled(TfidfTransformer([1.0]), "transform", ["float64"])
