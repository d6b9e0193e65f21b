"""Straight-line predictors have stages for all samples at once; others have none, and the predictions are the same."""

import pickle
import traceback

import cloudpickle
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from nb_scorer.batching.form import Failure
from nb_scorer.batching.steps import Steps
from nb_scorer.batching.watch import Watch

from unit.nb_scorer.batching.forms import alone, assert_same, form_of, notebook, together
from unit.nb_scorer.batching.stand_ins import Linear

HEAD = """
import numpy as np
import pandas as pd
names = ["small", "large"]
fields = ("a", "b")
shift = np.array([1.0, 2.0])
class Scale:
    def __init__(self):
        self.model = model
    @property
    def computed(self):
        return self.model
    def __add__(self, other):
        log.append(other)
        return other
scale, log = Scale(), []
class Service:
    def __init__(self):
        self.model = model
    def predictor(self, x):
        return self.model.predict([x])[0]
def helper(x):
    return x
"""
ROWS = [[1.0, 2.0], [0.5, 0.25], [3.0, -1.0], [2, 7], [1.0, 2.0, 3.0]]
OBJECTS = [
    {"a": 1.0, "b": 2.0},
    {"a": 0.5, "b": -0.25},
    {"a": 3, "b": 1.5, "text": " Q "},
    {"a": 2.0, "b": None},
    {"a": 1.0},
]


class Frames:
    """Sums rows of frames."""

    def predict(self, X):  # noqa: N803 - as scikit-learn spells it
        """Return the sums, of which an empty one is an error."""
        if not len(X.columns):
            raise ValueError("a frame without columns")
        return X.sum(axis=1, numeric_only=True).to_numpy()


class Keyed(Linear):
    """Takes its rows by name."""

    def predict(self, X):  # noqa: N803 - as scikit-learn spells it
        """Return one number a row."""
        return super().predict(X)


def compiled(text):
    """Return the predictor of a notebook that has models of all kinds."""
    models = {"model": Linear(), "scaler": Linear(0.25), "frames": Frames(), "keyed": Keyed()}
    return notebook(HEAD + text, **models)["predictor"]


def stages(text):
    """Return how many stages the predictor of a notebook has."""
    return len(form_of(compiled(text))._steps.stages)


STRAIGHT = {
    "a row": ("model.predict([x])[0]", 2, ROWS),
    "a number of it": ("round(float(model.predict([x])[0]), 2)", 2, ROWS),
    "fields": ("model.predict([[x['a'], x['b']]])[0]", 2, OBJECTS),
    "fields of a list": ("model.predict([[x[field] for field in fields]])[0]", 2, OBJECTS),
    "a label": ("names[int(model.predict([x])[0] > 2)]", 2, ROWS),
    "two models": ("float(model.predict(scaler.transform([x]))[0])", 3, ROWS),
    "models side by side": ("[model.predict([x])[0], scaler.predict([x])[0]]", 3, ROWS),
    "one after the other": ("scaler.predict([[model.predict([x])[0], x[0]]])[0]", 3, ROWS),
    "an object": ("{'p': model.predict_proba([x])[0].tolist(), 'n': len(x)}", 2, ROWS),
    "a condition behind": ("'big' if model.predict([x])[0] > 3 else 'small'", 2, ROWS),
    "an array": ("model.predict(np.array([x]) + shift)[0]", 2, ROWS),
    "a default": ("model.predict([[x.get('a', 0.0), x.get('c') or 1.0]])[0]", 2, OBJECTS),
    "a frame": ("frames.predict(pd.DataFrame([x]))[0]", 2, OBJECTS),
    "columns of a frame": ("frames.predict(pd.DataFrame([x])[['b', 'a']])[0]", 2, OBJECTS),
    "a text": ("[f\"{x['text'].strip()!r}\", model.predict([[x['a']]])[0]]", 2, OBJECTS),
    "by keyword": ("keyed.predict(X=[x])[0]", 2, ROWS),
}


@pytest.mark.parametrize(("expression", "count", "samples"), STRAIGHT.values(), ids=STRAIGHT)
@pytest.mark.parametrize("watched", [False, True])
def test_a_straight_line_has_stages_that_answer_as_predictor_does(expression, count, samples, watched):
    text = f"def predictor(x):\n    'A docstring.'\n    return {expression}\n"
    assert stages(text) == count
    predictor = compiled(text)
    samples = [*samples, [], {}, None, "text", 7, *samples]
    watch = Watch() if watched else None
    actual = together(form_of(predictor), samples, watch=watch)
    assert repr(actual) == repr([alone(predictor, sample) for sample in samples])
    assert watch is None or watch.ended is None


NOT_STRAIGHT = {
    "a function that nobody knows": "return model.predict(pd.Series(x).to_numpy()[None])[0]",
    "a branch": "if len(x) > 2:\n    return 0\nreturn model.predict([x])[0]",
    "a loop": "for _ in range(2):\n    y = model.predict([x])[0]\nreturn y",
    "a statement": "print(x)\nreturn model.predict([x])[0]",
    "a print in an expression": "return model.predict([x])[0], print(x)",
    "a call of the author's": "return model.predict([helper(x)])[0]",
    "a function that calls the author's": "return model.predict([sorted(x, key=helper)])[0]",
    "an operator of the author's": "return scale + model.predict([x])[0]",
    "a property of the author's": "return scale.computed.predict([x])[0]",
    "a call in a condition": "return model.predict([x])[0] if x else None",
    "a call in a chain": "return x and model.predict([x])[0]",
    "a change of the sample": "x.append(1.0)\nreturn model.predict([x])[0]",
    "a change in an expression": "return model.predict([x])[0], x.pop()",
    "a row that the model may have changed": "row = [x[0], 1.0]\ny = model.predict([row])[0]\nreturn y, row",
    "in place": "y = model.predict([x])[0]\ny += 1\nreturn y",
    "several names": "y, z = model.predict_proba([x])[0]\nreturn y",
    "a name for a loop's": "y = x[0]\nreturn model.predict([[y for x in range(2)]])[0]",
    "a lambda": "return (lambda y: y)(model.predict([x])[0])",
    "names that grow": "\n".join(["y0 = [x, x]", *[f"y{n + 1} = [y{n}, y{n}]" for n in range(60)]])
    + "\nreturn y60, model.predict([x])[0]",
}


@pytest.mark.parametrize("body", NOT_STRAIGHT.values(), ids=NOT_STRAIGHT)
def test_what_somebody_could_notice_has_no_stages(body):
    text = "def predictor(x):\n    " + body.replace("\n", "\n    ") + "\n"
    assert stages(text) == 0


def test_names_are_written_out_where_they_are_read():
    text = """
def predictor(x):
    row = [x["a"], x["b"]]
    label = model.predict([row])
    value: float = float(label[0])
    x = names[value > 2]
    return {"label": x, "value": value}
"""
    assert stages(text) == 2
    assert_same(HEAD + text, [*OBJECTS, *OBJECTS], model=Linear(), scaler=None)


def test_a_method_of_the_author_s_class_has_stages_of_its_object():
    service = notebook(HEAD + "service = Service()\n", model=Linear())["service"]
    form = form_of(service.predictor)
    assert len(form._steps.stages) == 2
    assert together(form, ROWS) == [alone(service.predictor, row) for row in ROWS]


def test_one_call_has_the_rows_of_all_samples():
    model = Linear()
    form = form_of(notebook("def predictor(x):\n    return model.predict([x])[0]\n", model=model)["predictor"])
    together(form, [[float(number)] for number in range(600)], most=256)
    assert model.calls == [256, 256, 88]


def test_rows_of_several_forms_share_a_call_each():
    model = Linear()
    form = form_of(notebook("def predictor(x):\n    return model.predict([x])[0]\n", model=model)["predictor"])
    together(form, [[1.0], [2.0, 3.0], [4.0], [5.0, 6.0], [7.0]])
    assert sorted(model.calls) == [2, 3]


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        ([1.0], "    row = [x[0], x[1]]"),
        ([-1.0, -2.0], "    y = model.predict([row])"),
        ([0.0, 0.0], "    return 1 / y[0]"),
    ],
)
def test_anyone_who_fails_is_reported_where_the_author_wrote_it(sample, line):
    text = "def predictor(x):\n    row = [x[0], x[1]]\n    y = model.predict([row])\n    return 1 / y[0]\n"

    class Exactly(Linear):
        def predict(self, rows):
            return [float(cell) for cell in super().predict(rows)]

    predictor = notebook(text, model=Exactly())["predictor"]
    form = form_of(predictor)
    assert len(form._steps.stages) == 2
    outcomes = form.score([((one,), {}) for one in ([1.0, 2.0], sample, [3.0, 4.0])])
    assert [outcomes[0], outcomes[2]] == [1 / 6, 1 / 14]
    assert isinstance(outcomes[1], Failure)
    # The author's own line is the first that a reader sees.
    first = traceback.extract_tb(outcomes[1].error.__traceback__)[0]
    assert (first.name, first.line) == ("predictor", line.strip())


def test_a_model_is_asked_no_second_time_for_a_sample_whose_answer_fails():
    model = Linear()
    text = "def predictor(x):\n    return [1, 2][int(model.predict([x])[0])]\n"
    form = form_of(notebook(text, model=model)["predictor"])
    outcomes = form.score([((row,), {}) for row in ([0.0], [9.0], [0.5])])
    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == [1, Failure, 2]
    assert model.calls == [3]


def test_other_arguments_than_one_plain_sample_go_to_generators():
    predictor = notebook("def predictor(x):\n    return model.predict([x])[0]\n", model=Linear())["predictor"]
    form = form_of(predictor)

    class Row(list):
        def __getitem__(self, index):
            raise AssertionError("looked at by a stage")

    rows = [Row([1.0]), Row([2.0])]
    assert form.score([((row,), {}) for row in rows]) == [2.0, 4.0]
    assert form.score([((), {"x": [1.0]}), ((), {"x": [2.0]})]) == [2.0, 4.0]


def test_stages_come_with_the_pickle_and_old_pickles_have_none():
    predictor = notebook(HEAD + "def predictor(x):\n    return model.predict([x] + [x])[0]\n", model=Linear())[
        "predictor"
    ]
    form = form_of(predictor)
    loaded = pickle.loads(cloudpickle.dumps(form))
    assert [len(one._steps.stages) for one in (form, loaded)] == [2, 2]
    assert together(loaded, ROWS) == [alone(predictor, row) for row in ROWS]
    rebuilt, parts = form._steps.__reduce__()
    assert rebuilt(*parts[:4]).stages == []
    assert rebuilt is Steps


def test_readers_see_the_stages():
    form = form_of(notebook("def predictor(x):\n    return model.predict([x])[0]\n", model=Linear())["predictor"])
    assert "def stage_1(rows):\n    return ((1, model.predict, False), [[x] for x, in rows])" in form.source
    assert "def stage_2(rows):\n    return (None, [result_1[0] for x, result_1 in rows])" in form.source


def test_a_name_of_the_author_s_is_not_taken():
    text = "rows, stage_1, result_1 = 1.0, 2.0, 3.0\ndef predictor(x):\n"
    text += "    return model.predict([[rows, stage_1, result_1, x[0]]])[0]\n"
    assert len(assert_same(text, [[1.0], [2.0]], model=Linear())._steps.stages) == 2


EXPRESSIONS = st.recursive(
    st.sampled_from(
        ["x['a']", "x['b']", "x['row'][0]", "x['row'][-1]", "1.5", "2", "float(len(x['row']))", "x.get('c', 0.5)"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner, st.sampled_from("+-*/")).map(lambda parts: f"({parts[0]} {parts[2]} {parts[1]})"),
        inner.map(lambda text: f"float(model.predict([[{text}]])[0])"),
        st.tuples(inner, inner).map(lambda parts: f"scaler.predict([[{parts[0]}, {parts[1]}]])[0]"),
        st.tuples(inner, inner).map(lambda parts: f"max([{parts[0]}, {parts[1]}])"),
        inner.map(lambda text: f"scaler.transform([x['row'] + [{text}]])[0][-1]"),
        inner.map(lambda text: f"sum([{text} for y in x['row']])"),
    ),
    max_leaves=6,
)
SAMPLES = st.fixed_dictionaries(
    {"a": st.sampled_from([0, 1.0, -2.5, "text", None]), "row": st.lists(st.sampled_from([0.0, 1.0, 4]), max_size=2)},
    optional={"b": st.sampled_from([1.0, 0.0]), "c": st.sampled_from([3.5, "4"])},
)


@settings(max_examples=300, deadline=None)
@given(values=st.lists(EXPRESSIONS, min_size=1, max_size=3), samples=st.lists(SAMPLES, min_size=2, max_size=8))
def test_generated_lines_give_each_sample_its_own_answer_and_error(values, samples):
    lines = [f"v{number} = {value}" for number, value in enumerate(values)]
    body = "\n    ".join(
        [*lines, f"return [model.predict([[1.0]])[0], {', '.join(f'v{n}' for n in range(len(values)))}]"]
    )
    predictor = notebook(f"def predictor(x):\n    {body}\n", model=Linear(), scaler=Linear(0.25))["predictor"]
    form = form_of(predictor)
    # Of a model in a loop there are none.
    event(f"{len(form._steps.stages)} stages")
    with np.errstate(all="ignore"):
        assert repr(together(form, samples)) == repr([alone(predictor, sample) for sample in samples])
