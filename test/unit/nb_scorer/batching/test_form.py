"""Many samples on their way together: each gets its own answer or error, and no code runs twice."""

import os
import traceback

import numpy as np
import pytest
from nb_scorer.batching.form import BatchForm, Failure, comes_from
from nb_scorer.batching.watch import Watch
from nb_scorer.worker import scorer

from unit.nb_scorer.batching.forms import alone, assert_same, form_of, notebook, together
from unit.nb_scorer.batching.stand_ins import ByItsCompany, Labels, Linear, TooFew

PLAIN = "def predictor(x):\n    return float(model.predict([x])[0])\n"


def scored(text, samples, watch=None, **names):
    """Return what a notebook's form gives for samples."""
    form = form_of(notebook(text, **names)["predictor"])
    return form.score([((sample,), {}) for sample in samples], watch)


def test_of_no_samples_there_are_no_answers():
    assert scored(PLAIN, [], model=Linear()) == []


def test_one_sample_is_asked_as_it_is():
    model = Linear()
    assert scored(PLAIN, [[1.0]], model=model) == [2.0]
    assert model.calls == [1]


def test_answers_are_in_the_order_of_the_samples_anyone_who_comes_first():
    text = """
        def predictor(x):
            for _ in range(int(x[0]) % 4):
                x = [float(model.predict([x])[0])]
            return x[0]
        """
    assert_same(text, [[float(number)] for number in range(40)], model=Linear())


def test_a_sample_that_fails_costs_only_itself_and_is_reported_its_own_error():
    samples = [[1.0], [-1.0], [2.0], [3.0], [-2.0], [4.0], [5.0], [-3.0]]
    form = assert_same(PLAIN, samples, model=Linear())
    errors = [item[1][1] for item in together(form, samples) if item[0] == "error"]
    assert errors == ["a negative row: [-1.0]", "a negative row: [-2.0]", "a negative row: [-3.0]"]


def test_an_error_says_nothing_of_the_samples_next_to_it():
    outcomes = scored(PLAIN, [[1.0], [-11.0], [2.0], [-22.0]], model=Linear())
    for outcome, own, other in ((outcomes[1], "-11.0", "-22.0"), (outcomes[3], "-22.0", "-11.0")):
        shown = "".join(traceback.format_exception(outcome.error))
        assert own in shown
        assert other not in shown
        assert "another exception" not in shown


def test_a_joined_call_that_raises_is_halved():
    model = Linear()
    samples = [[-1.0]] + [[float(number)] for number in range(1, 32)]
    outcomes = scored(PLAIN, samples, model=model)
    assert isinstance(outcomes[0], Failure)
    assert outcomes[1:] == [2.0 * number for number in range(1, 32)]
    assert sorted(model.calls, reverse=True) == [32, 16, 16, 8, 8, 4, 4, 2, 2, 1, 1]


def test_no_one_s_code_runs_twice():
    text = """
        def predictor(x):
            x["ran"].append("first")
            try:
                answer = float(model.predict([x["row"]])[0])
            except ValueError:
                x["ran"].append("handled")
                answer = None
            finally:
                x["ran"].append("left")
            x["ran"].append("second")
            return answer, float(model.predict([[1.0]])[0]), x["ran"]
        """
    samples = [{"row": [float(number % 5 - 1)], "ran": []} for number in range(16)]
    assert_same(text, samples, model=Linear())


@pytest.mark.parametrize(
    "error", ["SystemExit(3)", "KeyboardInterrupt()", "StopIteration(1)", "MemoryError()", "RuntimeError()"]
)
def test_whatever_one_sample_raises_is_its_failure(error):
    text = f"""
        def predictor(x):
            answer = float(model.predict([x])[0])
            if answer > 4:
                raise {error}
            return answer
        """
    assert_same(text, [[1.0], [5.0], [1.5], [7.0]], model=Linear())


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, StopIteration, GeneratorExit])
def test_whatever_the_model_raises_for_one_row_is_the_failure_of_that_sample(error):
    class Picky:
        def predict(self, rows):
            if [13.0] in rows:
                raise error("13")
            return [row[0] for row in rows]

    assert_same("def predictor(x):\n    return model.predict([x])[0]\n", [[1.0], [13.0], [2.0], [3.0]], model=Picky())


def test_an_iteration_that_ends_in_a_model_is_caught_where_the_author_catches_it():
    text = """
        def predictor(x):
            try:
                return labels.predict([x])[0]
            except StopIteration as stop:
                return str(stop)
        """
    assert_same(text, ["a", "x", "bc", "d"], labels=Labels())


@pytest.mark.parametrize(
    "asked",
    [
        "labels.predict([x])[0]",
        "[labels.predict([c])[0] for c in [x]]",
        "{labels.predict([c])[0] for c in [x]}",
        "sum(len(labels.predict([c])[0]) for c in [x])",
        "list(next(iter(c)) for c in [x, labels.predict(['a'])[0]])",
        "list(next(iter(c)) for c in [x[1:], labels.predict(['a'])[0]])",
        "helper(x)",
        "own(x)",
    ],
)
def test_an_iteration_that_ends_is_the_error_that_it_is_alone(asked):
    text = f"""
        def helper(x):
            return labels.predict([x])[0]
        def own_generator(x):
            yield next(iter(x[1:]))
        def own(x):
            return list(own_generator(x)) + [labels.predict([x])]
        def predictor(x):
            return {asked}
        """
    assert_same(text, ["a", "x", "bc", "d"], labels=Labels())


def test_a_traceback_shows_the_author_s_file_and_lines_and_no_frame_of_ours():
    text = "def helper(x):\n    return model.predict([x])[0]\n\ndef predictor(x):\n    return helper(x)\n"
    error = scored(text, [[1.0], [-1.0], [2.0]], model=Linear())[1].error
    # The first frames are those of who drives the form: a scorer leaves them out, as it does its own.
    frames = [(frame.name, frame.lineno, frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    names = [name for name, _, _ in frames]
    shown = frames[names.index("predictor") :]
    assert [place[:2] for place in shown[:2]] == [("predictor", 5), ("helper", 2)]
    assert names[-1] == "predict"
    assert not [file for _, _, file in shown if "/nb_scorer/" in file and "/test/" not in file]
    assert "nb_scorer/batching/" not in scorer.notebook_traceback(error).replace("test/unit/nb_scorer/batching/", "")


def test_a_copy_of_the_process_is_reported_with_what_the_author_s_code_ended_it():
    text = """
        import os
        def predictor(x):
            answer = float(model.predict([x])[0])
            if x[0] > 1:
                child = os.fork()
                if not child:
                    raise SystemExit(7)
                answer = os.waitpid(child, 0)[1] >> 8
            return answer
        """
    mine = os.getpid()

    def end_copy(error=None):
        if os.getpid() != mine:
            os._exit(error.code if isinstance(error, SystemExit) else 99)

    form = form_of(notebook(text, model=Linear())["predictor"])
    calls = [((sample,), {}) for sample in ([1.0], [2.0], [0.5], [3.0])]
    assert form.score(calls, in_copy=end_copy) == [2.0, 7, 1.0, 7]


def test_no_more_than_so_many_rows_share_a_call():
    model = Linear()
    form = form_of(notebook(PLAIN, model=model)["predictor"])
    assert form.score([(([float(n)],), {}) for n in range(10)], most=4) == [2.0 * n for n in range(10)]
    assert model.calls == [4, 4, 2]


def test_of_very_many_samples_only_some_are_on_their_way_at_once():
    model = Linear()
    text = """
        under_way = set()
        def predictor(x):
            return float(model.predict([x])[0])
        """
    form = form_of(notebook(text, model=model)["predictor"])
    begun, ended, most = 0, 0, 0
    begin = form.begin

    def counted(args, keywords):
        nonlocal begun, ended, most
        begun += 1
        most = max(most, begun - ended)
        answer = yield from begin(args, keywords)
        ended += 1
        return answer

    form.begin = counted
    assert form.score([(([float(n)],), {}) for n in range(5000)]) == [2.0 * n for n in range(5000)]
    assert most <= 1024


def test_what_does_not_take_the_arguments_fails_alone():
    text = "def predictor(x, y=1.0):\n    return float(model.predict([[x, y]])[0])\n"
    form = form_of(notebook(text, model=Linear())["predictor"])
    outcomes = form.score([((1.0,), {}), ((), {"x": 2.0, "z": 1}), ((), {"x": 2.0, "y": 3.0})])
    assert outcomes[0] == 4.0
    assert outcomes[2] == 10.0
    assert "unexpected keyword argument 'z'" in str(outcomes[1].error)


def test_rows_out_that_are_not_rows_in_are_asked_alone_and_end_batching():
    watch = Watch()
    assert scored(PLAIN, [[1.0], [2.0], [3.0]], watch, model=TooFew()) == [1.0, 1.0, 1.0]
    assert watch.ended["call"] == "TooFew.predict"


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_where_a_watched_row_differs_all_of_its_call_are_asked_alone(method):
    text = f"def predictor(x):\n    return model.{method}([x])[0].tolist()\n"
    samples = [[1.0], [2.0], [4.0]]
    watch = Watch()
    expected = [alone(notebook(text, model=ByItsCompany())["predictor"], sample)[1] for sample in samples]
    assert scored(text, samples, watch, model=ByItsCompany()) == expected
    assert watch.ended["call"] == "ByItsCompany." + method


def test_a_watched_row_is_asked_alone_once_whatever_it_is():
    class Falsy:
        def __init__(self):
            self.calls = []

        def predict(self, rows):
            self.calls.append(len(rows))
            return [0.0 if len(rows) == 1 or row != [4.0] else 1.0 for row in rows]

    model = Falsy()
    assert scored(
        "def predictor(x):\n    return model.predict([x])[0]\n", [[1.0], [2.0], [4.0]], Watch(), model=model
    ) == [0, 0, 0]
    assert model.calls == [3, 1, 1, 1]


def test_the_watch_gives_each_its_own_error():
    watch = Watch()

    class Moody:
        def predict(self, rows):
            if len(rows) == 1 and rows[0][0] > 1:
                raise ValueError(f"alone: {rows[0][0]}")
            return [row[0] for row in rows]

    outcomes = scored(
        "def predictor(x):\n    return model.predict([x])[0]\n", [[1.0], [2.0], [4.0]], watch, model=Moody()
    )
    assert outcomes[0] == 1.0
    assert [str(outcome.error) for outcome in outcomes[1:]] == ["alone: 2.0", "alone: 4.0"]
    assert watch.ended is not None
    assert all("another exception" not in "".join(traceback.format_exception(o.error)) for o in outcomes[1:])


def test_contexts_around_a_model_are_entered_once_and_left():
    text = """
        import numpy as np
        def predictor(x):
            with np.errstate(divide="ignore"):
                return float(model.predict([x])[0] / 0.0)
        """
    before = np.geterr()
    assert scored(text, [[1.0], [2.0]], model=Linear()) == [float("inf")] * 2
    assert np.geterr() == before


class Tabular:
    """Looks at frames."""

    def predict(self, frame):
        return (frame["a"] * 2).tolist()


def test_a_frame_that_is_built_later_is_that_of_its_time():
    text = """
        import pandas as pd
        def predictor(x):
            frame = pd.DataFrame([x])
            if x["a"] > 2:
                x["a"] = 0
            return model.predict(frame)[0], x["a"]
        """
    assert_same(text, [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}], model=Tabular())


def test_a_frame_of_columns_that_is_built_later_is_that_of_its_time():
    text = """
        import pandas as pd
        def predictor(x):
            data = {"a": [x["a"]]}
            frame = pd.DataFrame(data)
            data["a"][0] = x["a"] = 0
            return model.predict(frame)[0], x["a"]
        """
    assert_same(text, [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}], model=Tabular())


def test_a_frame_that_can_not_be_built_fails_where_it_is_written():
    text = """
        import pandas as pd
        def predictor(x):
            try:
                frame = pd.DataFrame({"a": [1.0], "b": x})
            except ValueError as error:
                return str(error)
            return model.predict(frame)[0]
        """
    assert_same(text, [[1.0], [1.0, 2.0], [3.0], [4.0]], model=Tabular())


def test_partials_are_undone_from_the_outside_in():
    import functools

    assert comes_from(functools.partial(functools.partial(max, 1, key=2), 3, default=4)) == (
        max,
        ((1, 3), {"key": 2, "default": 4}),
    )


def test_a_form_says_what_it_calls_and_how_it_reads():
    text = """
        def helper(x):
            return scaler.transform([x])
        def predictor(x):
            return float(model.predict(helper(x))[0])
        """
    form = form_of(notebook(text, model=Linear(), scaler=Linear())["predictor"])
    assert isinstance(form, BatchForm)
    assert form.stops == ["scaler.transform", "model.predict"]
    assert "def helper(x):" in form.source
    assert "yield from helper_in_steps_1(x)" in form.source


def test_what_a_failed_sample_held_is_given_back_without_the_collector():
    import gc
    import weakref

    class Held(list):
        pass

    form = form_of(notebook(PLAIN, model=Linear())["predictor"])
    samples = [Held([1.0]), Held([-1.0]), Held([2.0]), Held(["a"])]
    held = [weakref.ref(sample) for sample in samples]
    gc.disable()
    try:
        outcomes = form.score([((sample,), {}) for sample in samples])
        assert "-1.0" in str(outcomes[1].taken())
        assert isinstance(outcomes[3].taken(), TypeError)
        del samples, outcomes
        assert [reference() for reference in held] == [None] * 4
    finally:
        gc.enable()
