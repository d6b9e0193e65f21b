"""Predictors that give a model texts: the forms of a sample, and the outcome for other values."""

import json
import random
import subprocess

import numpy as np
import pytest
from nb_native import estimators, proof_texts
from nb_native.estimators import registry
from nb_native.runtime import build
from nb_native.translate import functions

from unit.nb_native.estimators import stand_ins
from unit.nb_native.translate.samples import ANY
from unit.nb_native.translate.translated import OK, Translated, rejected

RANDOM = np.random.default_rng(7)
WORDS = ["cash", "free", "lunch", "meeting"]
COUNTS = stand_ins.CountVectorizer(WORDS)
BAYES = stand_ins.MultinomialNB([[-1.0, -1.5, -4.0, -4.0], [-4.0, -4.5, -1.0, -1.5]], [-0.9, -0.5], ["spam", "ham"])
NAMES = {"vectorizer": COUNTS, "bayes": BAYES, "model": stand_ins.Pipeline(COUNTS, BAYES)}
TEXTS = [
    "",
    "free cash",
    "Free LUNCH, free cash!",
    "meetings",
    "meeting\n\u2028lunch",
    "FREE\0cash",
    "\u212a free",
    "é",
]
BROKEN = [
    b'"free \\ud800cash"',
    b'"\\udc00\\ud800 free"',
    b'"\\ud83d\\ude00 cash"',
    b'["free \\udfff"]',
    b'{"text": "\\ud800"}',
]
OTHERS = ["free cash", ["free cash"], {"text": 5}, {"title": "free", "text": None}, {"text": ["free"]}]


@pytest.fixture(autouse=True)
def vectorizers(monkeypatch, native_forms):
    """Have the translation find the real forms, of classes that stand in for a library's."""
    monkeypatch.setattr(estimators, "emit", registry.emit)
    monkeypatch.setattr(functions, "_LIBRARIES", (*functions._LIBRARIES, stand_ins.__file__))


@pytest.mark.parametrize(
    ("text", "shaped"),
    [
        ("def predictor(x):\n    return model.predict([x])[0]", lambda text: text),
        ("def predictor(x):\n    return model.predict((x,))[0]", lambda text: text),
        ("def predictor(x):\n    return model.predict([x[0]])[0]", lambda text: [text]),
        ("def predictor(x):\n    return model.predict([x['text']])[0]", lambda text: {"text": text}),
        ("def predictor(x):\n    return model.predict([x.get('text', 'free')])[0]", lambda text: {"text": text}),
        (
            """
            def validator(x):
                return isinstance(x, list) and len(x) == 1

            def predictor(x):
                return model.predict(x)[0]
            """,
            lambda text: [text],
        ),
        (
            """
            def predictor(x):
                row = vectorizer.transform([x["title"]])
                other = vectorizer.transform([x["text"]])
                return [bayes.predict(row)[0], bayes.predict(other)[0], bayes.predict(row)[0]]
            """,
            lambda text: {"title": text, "text": "cash " + text},
        ),
    ],
)
def test_a_text_is_the_sample_or_a_part_of_it(text, shaped):
    both = Translated(text, **NAMES)
    samples = [shaped(one) for one in TEXTS]
    if both.model.validator is None:
        both.check(*ANY, *BROKEN, *OTHERS)
    both.check(*samples)
    assert [both.native(json.dumps(sample).encode())[0] for sample in samples] == [OK] * len(samples)


def test_a_constant_text_is_a_text():
    both = Translated('def predictor(x):\n    return model.predict(["free cash \\u0130"])[0]', **NAMES)
    both.check(1, None)
    assert both.native(b"1") == (OK, '"spam"')


def test_what_is_no_text_is_no_sample():
    both = Translated("def predictor(x):\n    return model.predict([x])[0]", **NAMES)
    for body in (b"5", b"null", b"true", b"[]", b'["free"]', b"{}"):
        assert both.native(body)[0] == both.python(body)[0] != OK


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "model.predict(x)[0]",
            "predictor passes an unknown number of strings to a model; use [x]",
        ),
        (
            "model.predict(np.array([x]))[0]",
            "predictor passes an unknown number of strings to a model; use [x]",
        ),
        ("model.predict([x, x])[0]", "predictor passes several strings to a model at once"),
        ("model.predict([x.strip()])[0]", "predictor calls x.strip, which has no native form"),
        (
            "vectorizer.transform([x]).toarray().tolist()",
            "predictor calls vectorizer.transform([x]).toarray, which has no native form",
        ),
        ("vectorizer.transform([x])[0]", "predictor indexes a value that has no native form"),
        ("float(vectorizer.transform([x]) + 1)", "predictor computes with a value that is not a number"),
        ("vectorizer.transform([x])", "predictor returns a value that has no native form"),
        ("hashing.transform([x])", "no native form of HashingVectorizer.transform"),
    ],
)
def test_refusals(text, reason):
    hashing = stand_ins.HashingVectorizer()
    rejected(f"def predictor(x):\n    return {text}", reason, 2, np=np, hashing=hashing, **NAMES)


def test_no_text_harms_the_program(tmp_path):
    vectorizer = stand_ins.CountVectorizer(
        ["free", "cash", "free cash", "\u03c3\u03c2", "i", "\u4e2d\u6587", "z" * 40],
        ngram_range=(1, 3),
        stop_words=["the"],
    )
    letters = stand_ins.CountVectorizer(["fr", " ca", "sh ", "\u4e2d", "e f"], analyzer="char_wb", ngram_range=(2, 5))
    both = Translated(
        "def predictor(x):\n    return [one.predict([x])[0] for one in models]",
        models=[
            stand_ins.Pipeline(vectorizer, stand_ins.MultinomialNB(RANDOM.normal(0, 2, (3, 7)), [0.0] * 3, [5, 6, 7])),
            stand_ins.Pipeline(letters, stand_ins.MultinomialNB(RANDOM.normal(0, 2, (3, 5)), [0.0] * 3, [1, 2, 3])),
        ],
    )
    model, program = tmp_path / "model.c", tmp_path / "model"
    model.write_text(both.source)
    build.build([model], program, sanitized=True)
    drawn = proof_texts.Texts([*vectorizer.vocabulary_, "the"], ["free cash"], random.Random(8))
    bodies = [json.dumps(drawn.drawn()).encode() for _ in range(3000)]
    run = subprocess.run([program, "-"], input=b"\n".join(bodies), capture_output=True)
    assert (run.returncode, run.stderr) == (0, b"")
    expected = [both.python(body)[1] for body in bodies]
    assert run.stdout.decode().splitlines() == expected
    assert len(set(expected)) > 5
