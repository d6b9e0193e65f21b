"""What predictors around real models have shown of batching: `make bench BENCH=batching` holds against all of them."""

import json
import linecache
import pickle
import time

import numpy as np
import pytest
from nb_scorer.batching import joining, rewrite
from nb_scorer.batching.form import BatchForm, Failure
from nb_scorer.batching.proof import Subject, Unproved, prove
from nb_scorer.batching.watch import ProofWatch, Watch


class Doubling:
    """A model whose rows are doubled."""

    __module__ = "library"

    def __init__(self) -> None:
        self.calls = 0

    def predict(self, rows):
        """Count the call."""
        self.calls += 1
        return [[2 * cell for cell in row] for row in rows]


@pytest.fixture
def form_of():
    """Return a function that makes the batch form of `predictor` in a notebook's text, next to its namespace."""

    def make(source: str) -> tuple[BatchForm, dict]:
        file = "<cell 1>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        names = {"__name__": "__main__", "model": Doubling()}
        exec(compile(source, file, "exec"), names)
        derived = rewrite.derive(names["predictor"], lambda value: getattr(value, "__module__", "") == "__main__")
        return BatchForm(derived.steps, None, ((), {}), derived.stops, derived.source), names

    return make


@pytest.mark.parametrize(
    "source",
    [
        "def predictor(x):\n    return [cell + 1 for cell in model.predict([x])[0]]\n",
        "def predictor(x):\n    return {cell: 1 for cell in model.predict([x])[0]}\n",
        "def predictor(x):\n    return [cell + 1 for row in model.predict([x]) for cell in row]\n",
        (
            "def rows(model, x):\n    return model.predict([x])\n\n\n"
            "def predictor(x):\n    return [cell for cell in rows(model, x)[0]]\n"
        ),
        "def predictor(x):\n    return [model.predict([[cell]])[0] for cell in model.predict([x])[0]]\n",
    ],
)
def test_comprehension_over_a_models_rows(form_of, source: str):
    form, names = form_of(source)
    samples = [[1.0, 2.0], [3.0, 4.0]]
    expected = [names["predictor"](sample) for sample in samples]
    before = names["model"].calls
    assert form.score([((sample,), {}) for sample in samples]) == expected
    assert (names["model"].calls - before) * 2 <= before


@pytest.mark.parametrize("watch", [Watch(), ProofWatch()])
def test_first_row_that_differs_is_an_array(form_of, watch):
    form, names = form_of("def predictor(x):\n    return model.predict([x])[0].tolist()\n")
    names["model"].predict = lambda rows: np.asarray(rows) / np.asarray(rows).max()
    samples = [[2.0, 2.0], [1.0, 4.0], [3.0, 1.0]]
    expected = [names["predictor"](sample) for sample in samples]
    assert form.score([((sample,), {}) for sample in samples], watch) == expected
    assert watch.ended["call"].endswith("<lambda>")


def test_rows_that_were_asked_alone_are_not_asked_again(form_of):
    form, names = form_of("def predictor(x):\n    return model.predict([x])[0]\n")
    asked = []

    def predict(rows):
        asked.append(len(rows))
        return [None if len(rows) == 1 else 1.0 for _ in rows]

    names["model"].predict = predict
    assert form.score([(([1.0],), {}), (([2.0],), {})], Watch()) == [None, None]
    assert asked == [2, 1, 1]


@pytest.mark.parametrize("make", ["np.array([x])", "pd.DataFrame([x])"])
def test_watch_hides_no_model_that_changes_what_it_is_given(form_of, make: str):
    form, names = form_of(
        f"import numpy as np\nimport pandas as pd\n\n\ndef predictor(x):\n    rows = {make}\n"
        "    model.predict(rows)\n    return float(np.array(rows)[0, 0])\n"
    )

    def predict(rows):
        rows[:] = rows + 1
        return rows

    names["model"].predict = predict
    calls = [(([1.0, 2.0],), {}), (([3.0, 4.0],), {})]
    unwatched = form.score(calls)
    watch = ProofWatch()
    # Not predictor's result, which the verification then sees: the rows of the samples themselves were not changed.
    assert form.score(calls, watch) == unwatched == [1.0, 3.0]
    assert watch.joined == 2


def test_watch_asks_a_locked_array_with_a_locked_copy(form_of):
    form, names = form_of(
        "import numpy as np\n\n\ndef predictor(x):\n    rows = np.array([x])\n    rows.flags.writeable = False\n"
        "    return model.predict(rows)[0]\n"
    )
    names["model"].predict = lambda rows: [rows.flags.writeable for _ in rows]
    watch = ProofWatch()
    assert form.score([(([1.0],), {}), (([2.0],), {})], watch) == [False, False]
    assert watch.ended is None and watch.joined == 2


@pytest.mark.parametrize("call", ["ask(*x)", "ask(**dict(zip('ab', x)))", "service.ask(*x)"])
def test_helper_called_with_unpacked_arguments(form_of, call: str):
    form, names = form_of(
        "def ask(a, b):\n    return model.predict([[a, b]])[0]\n\n\n"
        "class Service:\n    def ask(self, a, b):\n        return model.predict([[a, b]])[0]\n\n\n"
        f"service = Service()\n\n\ndef predictor(x):\n    return {call}\n"
    )
    assert form.score([(([1.0, 2.0],), {}), (([3.0, 4.0],), {})]) == [[2.0, 4.0], [6.0, 8.0]]
    assert names["model"].calls == 1


def test_arrays_that_can_not_be_written_share_a_call_and_stay_so():
    asked = []

    class Model:
        def predict(self, rows):
            asked.append((rows.shape, rows.flags.writeable))
            return rows.sum(axis=1)

    model, rows = Model(), [np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]
    for row in rows:
        row.flags.writeable = False
    stops = [(1, model.predict, (row,), {}, False) for row in rows]
    assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
    assert [joining.now(result).tolist() for result in joining.call_together(stops)] == [[3.0], [7.0]]
    assert asked == [((2, 2), False)]
    assert joining.key_of((1, model.predict, (np.array([[1.0, 2.0]]),), {}, False)) != joining.key_of(stops[0])


def of_library(module: str):
    """Return a decorator that puts a class into a library's module."""

    def move(kind: type) -> type:
        kind.__module__ = module
        return kind

    return move


@of_library("sentence_transformers.SentenceTransformer")
class Encoder:
    """Gives a vector of one text, and rows of a list."""

    def __init__(self) -> None:
        self.asked = []

    def encode(self, texts, normalize=False):
        """Note what was asked."""
        self.asked.append(texts)
        rows = np.array([[len(text), text.count("a")] for text in ([texts] if isinstance(texts, str) else texts)])
        return rows[0] if isinstance(texts, str) else rows


@of_library("catboost.core")
class Trees:
    """Gives a number of one flat row, and an array of rows."""

    def __init__(self) -> None:
        self.asked = []

    def predict(self, rows):
        """Note what was asked."""
        self.asked.append(rows)
        sums = np.array(rows, ndmin=2).sum(axis=1)
        return sums[0] if np.ndim(rows) == 1 else sums


def test_texts_of_an_encoder_share_a_call():
    encoder = Encoder()
    stops = [(1, encoder.encode, (text,), {"normalize": True}, False) for text in ("a bath", "", "x")]
    assert len({joining.key_of(stop) for stop in stops}) == 1 and joining.key_of(stops[0]) is not None
    assert [joining.now(row).tolist() for row in joining.call_together(stops)] == [[6, 2], [0, 0], [1, 0]]
    assert encoder.asked == [["a bath", "", "x"]]
    lists = [(1, encoder.encode, ([text],), {}, False) for text in ("a bath", "x")]
    assert joining.key_of(lists[0]) != joining.key_of(stops[0])
    assert [joining.now(row).tolist() for row in joining.call_together(lists)] == [[[6, 2]], [[1, 0]]]


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_flat_rows_of_catboost_share_a_call(kind):
    trees = Trees()
    rows = [[1.0, 2.0], [3.0, 4.0], [5, 6.0]]
    stops = [(1, trees.predict, (kind(row),), {}, False) for row in rows]
    assert len({joining.key_of(stop) for stop in stops}) == 1 and joining.key_of(stops[0]) is not None
    results = joining.call_together(stops)
    assert [type(joining.now(result)) for result in results] == [type(trees.predict(rows[0]))] * 3
    assert [float(joining.now(result)) for result in results] == [3.0, 7.0, 11.0]
    assert np.shape(trees.asked[0]) == (3, 2)
    other = (1, trees.predict, (kind([1.0, 2.0, 3.0]),), {}, False)
    assert joining.key_of(other) != joining.key_of(stops[0])


def subject_of(form: BatchForm, predictor) -> Subject:
    """Return the verification's requests to a scorer."""

    def alone(body: bytes):
        try:
            return "answer", predictor(json.loads(body))
        except (KeyError, ValueError, TypeError) as error:
            return "error", str(error)

    def together(bodies, watch):
        outcomes = form.score([((json.loads(body),), {}) for body in bodies], watch)
        return [("error", str(one.error)) if isinstance(one, Failure) else ("answer", one) for one in outcomes]

    return Subject(alone, together, lambda body: True)


def noisy(size: float, kind: str):
    """Return a model whose rows of `kind` differ by so little in company, and that takes its time."""

    def predict(rows):
        for _ in range(20000):
            pass
        values = np.array([[0.5, 0.5 - size / 10] for _ in rows], dtype=kind)
        if len(rows) > 1:
            values[:, 1] += (kind == "float32" and np.float32(size)) or size
        return values

    return predict


def test_label_that_hangs_on_the_last_digit_is_not_proved(form_of):
    form, names = form_of("def predictor(x):\n    return int(model.predict([x])[0].argmax())\n")
    names["model"].predict = noisy(1e-10, "float64")
    with pytest.raises(Unproved, match="returns 0 alone and 1 in a batch"):
        prove(subject_of(form, names["predictor"]), [[1.0], [2.0]], 1e-6, 60)


@pytest.mark.parametrize("answer", ["model.predict([x])[0].tolist()", "round(float(model.predict([x])[0][1]), 4)"])
def test_answers_that_differ_by_float32s_last_digits_are_proved(form_of, answer: str):
    form, names = form_of(f"def predictor(x):\n    return {answer}\n")
    names["model"].predict = noisy(1e-6, "float32")
    facts = prove(subject_of(form, names["predictor"]), [[1.0], [2.0]], 1e-6, 60)
    assert not facts["exact"]


def test_answers_of_doubles_are_held_to_more_digits(form_of):
    form, names = form_of("def predictor(x):\n    return (model.predict([x])[0] * 1e-3).tolist()\n")
    names["model"].predict = noisy(3e-6, "float64")
    with pytest.raises(Unproved, match="depends on the other rows"):
        prove(subject_of(form, names["predictor"]), [[1.0], [2.0]], 1e-6, 60)


def test_form_that_gains_with_many_samples_only_is_kept(form_of):
    form, names = form_of("def predictor(x):\n    return models[int(x[0])].predict([x])[0]\n")

    class Slow(Doubling):
        __module__ = "library"

        def predict(self, rows):
            time.sleep(0.002)
            return super().predict(rows)

    # Eight samples ask eight models.
    names["models"] = {number: Slow() for number in range(8)}
    facts = prove(subject_of(form, names["predictor"]), [[float(number)] for number in range(8)], 1e-6, 60)
    assert facts["gain"] > 2 and facts["gain_at"] == 32


@pytest.mark.parametrize(
    ("source", "call", "line"),
    [
        ("def predictor(x):\n    model = pickle.loads(SAVED)\n    return model.predict([x])\n", "pickle.loads", 2),
        (
            (
                "def load():\n    return pickle.loads(SAVED)\n\n\n"
                "def predictor(x):\n    model = load()\n    return model.predict([x])\n"
            ),
            "pickle.loads",
            2,
        ),
    ],
)
def test_model_that_is_loaded_for_each_sample(form_of, source: str, call: str, line: int):
    said = f"{call} loads from a file for each sample; load what it needs in a cell of its own, not in "
    with pytest.raises(rewrite.Underivable) as caught:
        form_of("import pickle\n" + source)
    assert caught.value.reason.startswith(said)
    assert caught.value.line == line + 1


def test_model_that_is_loaded_on_first_use(form_of):
    form, _ = form_of(
        "import pickle\n\nkept = None\n\n\ndef load():\n    pickle.loads(SAVED)\n    return model\n\n\n"
        f"SAVED = {pickle.dumps(1)!r}\n\n\n"
        "def predictor(x):\n    global kept\n    if kept is None:\n        kept = load()\n"
        "    return kept.predict([x])[0]\n"
    )
    assert form.score([(([1.0],), {}), (([2.0],), {})]) == [[2.0], [4.0]]
