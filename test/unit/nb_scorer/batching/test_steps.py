"""A form in a pickle: made again alongside predictor, with whose globals, closure and defaults it works."""

import pickle
import subprocess
import sys
import textwrap

import cloudpickle
import pytest
from nb_scorer.kernel import derive_batch_form
from nb_scorer.model import calls

from unit.nb_scorer.batching.forms import alone, form_of, notebook, together
from unit.nb_scorer.batching.stand_ins import Linear
from unit.nb_scorer.batching.test_rewrite import ROWS, WRITTEN, resulting


def loaded(predictor, form):
    """Return both as a scorer gets them."""
    pickled = cloudpickle.dumps({"predictor": predictor, "batch_form": form})
    found = pickle.loads(pickled)
    return found["predictor"], found["batch_form"]


@pytest.mark.parametrize("text", [pytest.param(text, id=what) for what, text in WRITTEN.items()])
def test_what_was_loaded_answers_as_before(text):
    predictor = notebook(text, model=Linear())["predictor"]
    expected = [resulting(alone(predictor, sample)) for sample in ROWS]
    predictor, form = loaded(predictor, form_of(predictor))
    assert together(form, ROWS) == expected
    assert [resulting(alone(predictor, sample)) for sample in ROWS] == expected


def test_a_loaded_form_shares_its_globals_with_predictor():
    text = """
        factor = None
        def predictor(x):
            global factor
            if factor is None:
                factor = 3.0
            return float(model.predict([x])[0]) * factor
        """
    predictor = notebook(text, model=Linear())["predictor"]
    predictor, form = loaded(predictor, form_of(predictor))
    assert form.score([(([1.0],), {})]) == [6.0]
    assert predictor.__globals__["factor"] == 3.0
    assert form.begin(([1.0],), {}).gi_frame.f_globals is predictor.__globals__


def test_a_loaded_form_shares_its_closure_and_its_model_with_predictor():
    text = """
        def make(plus):
            def predict(x, *, times=[]):
                nonlocal plus
                times.append(1)
                return float(model.predict([x])[0]) + plus + len(times)
            return predict
        predictor = make(1.0)
        """
    predictor = notebook(text, model=Linear())["predictor"]
    predictor, form = loaded(predictor, form_of(predictor))
    assert form.score([(([1.0],), {})]) == [4.0]
    names = predictor.__code__.co_freevars
    predictor.__closure__[names.index("plus")].cell_contents = 2.0
    # A default that is changed is one for both, too.
    assert form.score([(([1.0],), {})]) == [6.0]
    assert predictor([1.0]) == 7.0


def test_a_pickle_holds_a_model_once():
    text = "def predictor(x):\n    return float(model.predict([x])[0])\n"
    predictor = notebook(text, model=Linear("weight" * 10000))["predictor"]
    size = len(cloudpickle.dumps({"predictor": predictor}))
    assert len(cloudpickle.dumps({"predictor": predictor, "batch_form": form_of(predictor)})) < size + 3000


MODULE = """
from unit.nb_scorer.batching.stand_ins import Linear
model = Linear()
calls = []
def helper(x, plus=1.0):
    return float(model.predict([x])[0]) + plus
class One:
    def __init__(self):
        self.__plus = 1.0
    def score(self, x):
        return helper(x) + self.__plus
class Two:
    def score(self, x, *, plus=5.0):
        return helper(x, plus=plus)
"""
USES = """
import own_module
one, two = own_module.One(), own_module.Two()
def predictor(x):
    return one.score(x) + two.score(x) + own_module.helper(x, 0.0)
"""


def test_functions_of_the_repository_s_modules_are_followed_and_pickled_by_name(tmp_path):
    (tmp_path / "own_module.py").write_text(MODULE)
    (tmp_path / "make.py").write_text(
        textwrap.dedent("""
        import sys, cloudpickle
        sys.path.insert(0, sys.argv[1])
        from unit.nb_scorer.batching.forms import form_of, notebook
        predictor = notebook(sys.argv[2])["predictor"]
        form = form_of(predictor, sys.argv[1])
        assert form.stops == ["model.predict"], form.stops
        sys.stdout.buffer.write(cloudpickle.dumps((predictor, form)))
        """)
    )
    (tmp_path / "ask.py").write_text(
        textwrap.dedent("""
        import pickle, sys
        sys.path.insert(0, sys.argv[1])
        predictor, form = pickle.load(sys.stdin.buffer)
        import own_module
        alone = [predictor([float(n)]) for n in range(4)]
        own_module.model.calls.clear()
        assert form.score([(([float(n)],), {}) for n in range(4)]) == alone, alone
        assert own_module.model.calls == [4, 4, 4], own_module.model.calls
        """)
    )
    path = {"PYTHONPATH": ":".join(sys.path)}
    made = subprocess.run(
        [sys.executable, tmp_path / "make.py", str(tmp_path), USES], env=path, check=True, stdout=subprocess.PIPE
    ).stdout
    assert b"Linear" not in made, "the module's model is in the pickle"
    subprocess.run([sys.executable, tmp_path / "ask.py", str(tmp_path)], input=made, env=path, check=True)


def test_a_predictor_of_several_arguments_is_derived_from_its_own_function():
    predictor = notebook("def predictor(a, b=2.0):\n    return float(model.predict([[a, b]])[0])\n", model=Linear())[
        "predictor"
    ]
    form, _ = derive_batch_form.derive_form(calls.CallByName(predictor, dict), "/nowhere")
    assert form.score([((), {"a": 1.0}), ((), {"b": 3.0, "a": 1.0})]) == [6.0, 8.0]
