"""Which of a notebook's data become the baseline, how its columns become features, and what is said of the others."""

import builtins
import json
import random
import re

import pandas as pd
import pytest
from nb_scorer.kernel import collect_baseline, fit_recorder
from nb_scorer.kernel.collect_golden_rows import result_of
from nb_scorer.model import json_codec

from unit.nb_scorer.kernel.shells import Shell

CHANCE = random.Random(4)
ROWS = [[CHANCE.gauss(0, 1), CHANCE.gauss(5, 1)] for _ in range(200)]
MODELS = """
class Model:
    def fit(self, X, y=None):
        return self
    def predict(self, X):
        return ["high" if list(row)[0] > 0 else "low" for row in X]
class Scaler:
    def fit_transform(self, X):
        return self.transform(X)
    def transform(self, X):
        return [[value / 10 for value in row] for row in X]
"""


@pytest.fixture
def collected():
    """Return what collects the baseline after running cells: (facts or None, summary, notes)."""

    def run(*cells, samples=(), **names):
        shell = Shell()
        fit_recorder.install(shell)
        shell.user_ns.update(names, ROWS=ROWS)
        for cell in (MODELS, *cells):
            shell.run(cell)
        namespace = shell.user_ns
        predictor = namespace["predictor"]
        golden = [{"sample": sample, "answer": result_of(predictor, sample)} for sample in samples]
        called = {"predictor": namespace["predictor"], "validator": namespace.get("validator")}
        outcome = collect_baseline.collect(called, namespace, fit_recorder.recorded(shell), golden, json_codec.LABELLED)
        return outcome.facts, outcome.summary, outcome.notes

    yield run
    for name in (fit_recorder.NOTE_MODEL, fit_recorder.NOTE_DATA):
        if hasattr(builtins, name):
            delattr(builtins, name)


def features(facts):
    """Return {(part, name): kind} of a baseline."""
    return {(feature["part"], feature["name"]): feature["kind"] for feature in facts["features"]}


PREDICTOR = "def predictor(x):\n    return 'high' if x[0] > 0 else 'low'"


def test_the_notebook_s_own_baseline_is_counted_with_what_predictor_answers_to_it(collected):
    facts, summary, notes = collected(PREDICTOR, baseline=ROWS, samples=[[1, 2]])
    assert features(facts) == {
        ("sample", "0"): "numbers",
        ("sample", "1"): "numbers",
        ("answer", "value"): "categories",
    }
    assert sum(facts["features"][0]["counts"]) == 200
    assert sorted(facts["features"][2]["values"]) == ["high", "low"]
    assert summary == {
        "source": "baseline",
        "rows": 200,
        "of": 200,
        "features": ["0", "1"],
        "answers": ["value"],
        "not_compared": [],
    }
    assert notes == ["drift is measured against 200 rows of baseline: features 0, 1"]


def test_no_row_is_kept(collected):
    rows = [[number + 0.123456, f"name {number}"] for number in range(200)]
    facts, _, _ = collected("def predictor(x):\n    return 1", baseline=rows, samples=[[1, "a"]])
    text = collect_baseline.text_of(facts)
    assert "name" not in json.loads(text)["features"][1]["values"]
    assert re.findall(r"name \d+|\.123456", text) == []


def test_columns_of_a_table_are_the_keys_of_samples_and_others_are_left(collected):
    table = pd.DataFrame(ROWS, columns=["size", "price"])
    cell = "def predictor(x):\n    return x['size']"
    facts, summary, _ = collected(cell, baseline=table, samples=[{"size": 1.0, "colour": "red"}])
    assert features(facts) == {("sample", "size"): "numbers"}
    assert summary["not_compared"] == [
        "colour of the sample: the baseline has no column of that name",
        "value of the answer: the baseline lacks data that predictor needs",
    ]


def test_columns_of_a_table_are_the_places_of_samples_that_are_lists(collected):
    facts, _, _ = collected(PREDICTOR, baseline=pd.DataFrame(ROWS, columns=["size", "price"]), samples=[[1, 2]])
    assert facts["form"] == "array" and ("sample", "1") in features(facts)


def test_without_golden_rows_the_baseline_s_own_form_counts(collected):
    facts, _, _ = collected(PREDICTOR, baseline=ROWS)
    assert facts["form"] == "array" and len(features(facts)) == 3


@pytest.mark.parametrize(
    ("baseline", "samples", "why"),
    [
        (ROWS, [{"a": 1}], "its columns have no names, and predictor's samples are objects"),
        (ROWS, [[1, 2, 3]], "it has 2 columns, and predictor's samples have 3"),
        (pd.DataFrame({"x": range(50)}), [{"a": 1}], "none of its columns is a key of predictor's samples"),
        (ROWS[:12], [[1, 2]], "it has 12 rows, and 30 are needed"),
        ([[[1]]] * 50, [[1, 2]], "it has 1 columns, and predictor's samples have 2"),
        ([1, [2]] * 50, [[1, 2]], "some are lists, some objects, some single values"),
    ],
)
def test_a_baseline_that_is_not_of_predictor_s_samples_is_said(collected, baseline, samples, why):
    facts, summary, notes = collected("def predictor(x):\n    return 1", baseline=baseline, samples=samples)
    assert facts is None
    assert summary == {"reason": f"baseline: {why}"}
    assert notes == [f"drift is not measured by baseline: {why}"]


@pytest.mark.parametrize("baseline", [0.53, "text", {"a": 1}, object()])
def test_what_is_called_baseline_for_another_purpose_is_left_alone(collected, baseline):
    facts, summary, notes = collected(PREDICTOR, baseline=baseline, samples=[[1, 2]])
    assert (facts, notes) == (None, []) and summary["reason"].startswith("baseline: it is a ")


FIT = "model = Model().fit(ROWS)"


@pytest.mark.parametrize(
    ("cell", "sample"),
    [
        ("def predictor(x):\n    return model.predict([x])[0]", [1, 2]),
        ("def predictor(x):\n    import numpy\n    return model.predict(numpy.float32([x]))[0]", [0.1, 0.2]),
        ("def predictor(x):\n    return model.predict([[x['b'], x['a']]])[0]", {"a": 1, "b": 2}),
        (
            "async def predictor(x):\n    return model.predict([x])[0]",
            [1, 2],
        ),
    ],
    ids=["a list", "an array", "an object", "a coroutine"],
)
def test_data_that_fit_got_count_where_predictor_passes_its_sample_on(collected, cell, sample):
    facts, summary, notes = collected(FIT, cell, samples=[sample])
    assert (summary["source"], summary["rows"]) == ("the data passed to fit in cell [2]", 200)
    assert len(summary["features"]) == 2 and summary["answers"] == ["value"] and len(notes) == 1
    if isinstance(sample, dict):
        by_name = {feature["name"]: feature for feature in facts["features"]}
        # The first column is b: around 0, and the second around 5.
        assert by_name["a"]["edges"][0] > 2 > by_name["b"]["edges"][0]


def test_of_several_fits_the_one_counts_that_gets_the_sample_as_it_is(collected):
    cells = ("scaler = Scaler()\nscaled = scaler.fit_transform(ROWS)", "model = Model().fit(scaled)")
    predictor = "def predictor(x):\n    return model.predict(scaler.transform([x]))[0]"
    _, summary, _ = collected(*cells, predictor, samples=[[1, 2]])
    assert summary["source"] == "the data passed to fit_transform in cell [2]"


@pytest.mark.parametrize(
    ("cell", "samples", "why"),
    [
        (
            "def predictor(x):\n    return model.predict([[x[0] / 10, x[1] - 5]])[0]",
            [[1, 2]],
            "predictor does not pass its sample to it unchanged",
        ),
        ("def predictor(x):\n    return 1", [[1, 2]], "predictor does not pass its sample to it unchanged"),
        ("model = None\ndef predictor(x):\n    return 1", [[1, 2]], "the fitted object no longer exists"),
        (
            "def predictor(x):\n    return model.predict([x])[0]",
            [],
            "no golden row shows what predictor passes to the fitted object",
        ),
    ],
    ids=["scaled by hand", "not asked", "gone", "no golden row"],
)
def test_data_that_fit_got_and_clients_may_not_send_are_not_guessed(collected, cell, samples, why):
    facts, summary, notes = collected(FIT, cell, samples=samples)
    assert (facts, notes) == (None, [])
    assert summary["reason"].endswith(why)


def test_only_the_columns_that_are_the_sample_s_are_compared(collected):
    cell = "def predictor(x):\n    return model.predict([[x['a'], x['a'] * x['b']]])[0]"
    facts, summary, _ = collected(FIT, cell, samples=[{"a": 2, "b": 3}, {"a": 5, "b": 7}])
    assert features(facts) == {("sample", "a"): "numbers"}
    assert (
        summary["not_compared"][0]
        == "b of the sample: no column of the data passed to fit has its value in each golden row"
    )


def test_a_feature_that_two_columns_may_be_is_reported_as_such(collected):
    fit = "model = Model().fit([[a, b, a * b] for a, b in ROWS])"
    cell = "def predictor(x):\n    return model.predict([[x['a'], x['b'], x['a'] * x['b']]])[0]"
    facts, summary, _ = collected(fit, cell, samples=[{"a": 1, "b": 2}])
    assert features(facts) == {("sample", "a"): "numbers"}
    lack = "several columns of the data passed to fit have its value in each golden row; another call of predictor may"
    assert summary["not_compared"][0] == f"b of the sample: {lack} show which one"
    facts, summary, _ = collected(fit, cell, samples=[{"a": 1, "b": 2}, {"a": 3, "b": 5}])
    assert summary["features"] == ["a", "b"]


@pytest.mark.parametrize("own", ["", "model.predict = model.predict"])
def test_what_was_watched_is_as_it_was(collected, own):
    cell = f"{own}\ndef predictor(x):\n    seen.append(model)\n    return model.predict([x])[0]"
    seen: list = []
    facts, _, _ = collected(FIT, cell, samples=[[1, 2]], seen=seen)
    assert facts is not None
    assert list(vars(seen[-1])) == (["predict"] if own else [])
    assert seen[-1].predict.__name__ == "predict"


def test_examples_count_where_there_are_enough_of_them(collected):
    facts, summary, _ = collected(PREDICTOR, examples=ROWS[:40], samples=ROWS[:40])
    assert (summary["source"], summary["rows"]) == ("examples", 40)
    assert facts["features"][0]["edges"] and len(facts["features"][0]["edges"]) == 3
    facts, summary, notes = collected(PREDICTOR, examples=ROWS[:5], samples=ROWS[:5])
    assert (facts, notes) == (None, [])
    assert summary == {"reason": "examples: it has 5 rows, and 30 are needed"}


def test_what_can_t_be_compared_has_a_line_each(collected):
    rows = [[1.5, "iVBORw0KGgo" * 50, [1, 2], None, number if number % 2 else "a"] for number in range(60)]
    _, summary, notes = collected("def predictor(x):\n    return [x[2]]", baseline=rows, samples=rows[:1])
    assert summary["features"] == ["0"]
    assert summary["not_compared"] == [
        "1 of the sample: its strings are encoded data, such as images in base64",
        "2 of the sample: its values are nested",
        "3 of the sample: it has no value in the baseline",
        "4 of the sample: its values are of several types",
        "0 of the answer: its values are nested",
    ]
    assert [f"drift is not measured for {line}" for line in summary["not_compared"]] == notes[1:]


def test_ten_thousand_columns_are_a_hundred_and_a_sentence(collected):
    rows = [[float(row + column) for column in range(10_000)] for row in range(40)]
    facts, summary, notes = collected(PREDICTOR, baseline=rows)
    assert len(facts["features"]) == 101
    assert summary["not_compared"] == [
        "9900 more columns of the sample: only the first 100 columns of the baseline are compared"
    ]
    assert len(notes) == 2


def test_nothing_but_missing_values_is_no_baseline(collected):
    rows = [[None, float("nan")]] * 50
    facts, summary, notes = collected("def predictor(x):\n    return x", baseline=rows, samples=[[1, 2]])
    assert (facts, notes[0]) == (None, "drift is not measured: 0 of the sample: it has no value in the baseline")
    assert "it has no value in the baseline" in summary["reason"]


def test_answers_that_take_too_long_or_fail_are_not_compared(collected, monkeypatch):
    monkeypatch.setattr(collect_baseline, "ASKED_SECONDS", 0)
    _, summary, _ = collected(PREDICTOR, baseline=ROWS, samples=[[1, 2]])
    assert summary["not_compared"] == ["value of the answer: predictor scored only 0 rows of the baseline in 0 seconds"]
    monkeypatch.undo()
    failing = "def predictor(x):\n    return 1 / (x[0] > 2.5)\ndef validator(x):\n    return x[1] < 100"
    _, summary, _ = collected(failing, baseline=ROWS, samples=[[3, 2]])
    assert summary["answers"] == []


def test_what_predictor_prints_meanwhile_is_not_the_build_s(collected, capsys):
    collected("def predictor(x):\n    print('asked')\n    return 1", baseline=ROWS)
    assert "asked" not in capsys.readouterr().out


def test_the_answers_are_those_to_rows_from_all_over_the_baseline_however_few_are_asked(collected, monkeypatch):
    monkeypatch.setattr(collect_baseline, "MAX_ASKED", 100)
    rows = [[number, 0] for number in range(1000)]
    facts, _, _ = collected("def predictor(x):\n    return 'low' if x[0] < 500 else 'high'", baseline=rows)
    counts = dict(zip(facts["features"][-1]["values"], facts["features"][-1]["counts"], strict=False))
    assert sum(counts.values()) == 100 and min(counts["low"], counts["high"]) > 30


@pytest.mark.parametrize(("count", "kept"), [(0, 0), (29, 0), (30, 30), (59, 30), (60, 60), (500, 480)])
def test_what_time_leaves_of_the_answers_is_the_same_in_each_build(count, kept):
    assert collect_baseline._doubled(count) == kept
