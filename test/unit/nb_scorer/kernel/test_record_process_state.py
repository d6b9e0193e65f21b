"""What a notebook does to its process, recorded in one process and set again in another."""

import json
import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import nb_scorer
import pytest
from nb_scorer.kernel import record_process_state

RECORD = """
import json, sys
from nb_scorer.kernel import record_process_state
record_process_state.remember()
source = sys.stdin.read()
exec(source, globals())
state, lost = record_process_state.describe([source])
sys.__stdout__.write("\\n" + json.dumps([state, lost]))
"""
RESTORE = """
import json, sys
from nb_scorer.model import process_state
state, source = json.load(sys.stdin)
process_state.before_load(state)
process_state.after_load(state)
exec(source, globals())
"""
FAKE_TORCH = """
__version__ = "2"
class Kind:
    def __init__(self, name): self.name = name
    def __str__(self): return "torch." + self.name
float32, float64 = Kind("float32"), Kind("float64")
chosen = {"threads": 8, "dtype": float32, "grad": True, "deterministic": False}
def get_num_threads(): return chosen["threads"]
def set_num_threads(number): chosen["threads"] = number
def get_default_dtype(): return chosen["dtype"]
def set_default_dtype(kind): chosen["dtype"] = kind
def is_grad_enabled(): return chosen["grad"]
def set_grad_enabled(on): chosen["grad"] = on
def are_deterministic_algorithms_enabled(): return chosen["deterministic"]
def use_deterministic_algorithms(on): chosen["deterministic"] = on
"""


@pytest.fixture
def run(tmp_path):
    """Return what runs a program of this Python: (program, what it reads) -> (stdout, stderr)."""
    (tmp_path / "torch.py").write_text(FAKE_TORCH)
    (tmp_path / "odd.py").write_text("raise RuntimeError('never imported')")

    def program(text, stdin):
        ours = str(Path(nb_scorer.__file__).parents[1])
        env = {"PYTHONPATH": f"{ours}:{tmp_path}"}
        command = [sys.executable, "-c", text]
        process = subprocess.run(command, input=stdin, capture_output=True, text=True, env=env, timeout=50)
        assert process.returncode == 0, process.stderr
        return process.stdout, process.stderr

    return program


@pytest.fixture
def recorded(run):
    """Return what gives (state, lost) of a notebook's code."""
    return lambda source: json.loads(run(RECORD, textwrap.dedent(source))[0].splitlines()[-1])


@pytest.fixture
def restored(run, recorded):
    """Return what gives (stdout, stderr) of code in a process that has the state that other code left."""
    return lambda before, after: run(RESTORE, json.dumps([recorded(before)[0], after]))


def test_a_notebook_that_sets_nothing_leaves_nothing_to_set(recorded):
    assert recorded("import json, torch, logging, decimal\nlogging.getLogger('a').warning('x')") == [{"version": 1}, []]


@pytest.mark.parametrize(
    ("before", "after", "printed"),
    [
        ("import sys; sys.setrecursionlimit(3210)", "print(sys.getrecursionlimit())", "3210"),
        ("import socket; socket.setdefaulttimeout(3)", "import socket; print(socket.getdefaulttimeout())", "3.0"),
        (
            "import locale; locale.setlocale(locale.LC_TIME, 'C.UTF-8')",
            "import locale; print(locale.setlocale(locale.LC_TIME))",
            "C.UTF-8",
        ),
        (
            "import decimal; decimal.getcontext().prec = 3; decimal.getcontext().rounding = decimal.ROUND_UP",
            "import decimal; print(decimal.Decimal(1) / 3)",
            "0.334",
        ),
        (
            "import torch; torch.set_num_threads(2); torch.set_grad_enabled(False)",
            "import torch; print(torch.get_num_threads(), torch.is_grad_enabled())",
            "2 False",
        ),
        (
            "import torch; torch.set_default_dtype(torch.float64); torch.use_deterministic_algorithms(True)",
            "import torch; print(torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled())",
            "torch.float64 True",
        ),
        ("import torch", "print('torch' in sys.modules)", "False"),
        (
            "import logging, sys; logging.basicConfig(level='INFO', format='<%(message)s>', stream=sys.stdout)",
            "import logging; logging.getLogger('x').info('seen'); logging.debug('not seen')",
            "<seen>",
        ),
        (
            "import logging; logging.getLogger('a.b').setLevel(logging.ERROR); logging.root.setLevel(logging.DEBUG)",
            "import logging; print(logging.getLogger('a.b').level, logging.root.level, logging.root.handlers)",
            f"{logging.ERROR} {logging.DEBUG} []",
        ),
    ],
)
def test_what_is_set_is_set_again(restored, before, after, printed):
    out, err = restored(before, after)
    assert (out.strip(), err) == (printed, "")


def test_a_warning_is_an_error_again(restored):
    before = "import warnings; warnings.filterwarnings('error', 'bad .*', UserWarning)"
    after = (
        "import warnings\ntry:\n    warnings.warn('bad one')\nexcept UserWarning as wrong:\n    print('raised', wrong)"
    )
    assert restored(before, after) == ("raised bad one\n", "")


def test_threads_of_torch_are_the_services_where_the_notebook_sets_none(recorded):
    assert recorded("import torch; torch.chosen['threads'] = 3")[0] == {"version": 1}


def test_a_warning_of_the_notebooks_own_class_is_left_out(recorded):
    source = "import warnings\nclass Own(UserWarning): pass\nwarnings.simplefilter('ignore', Own)"
    assert recorded(source)[0] == {"version": 1}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os; os.environ['TOKEN'] = 'secret'", "the environment variables TOKEN"),
        ("import logging; logging.root.addHandler(logging.NullHandler())", "handlers of logging"),
        ("import logging; logging.basicConfig(filename='/dev/null')", "handlers of logging"),
        ("import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)", "handlers of signals"),
        ("import atexit; atexit.register(print)", "functions registered with atexit"),
    ],
)
def test_what_can_not_be_kept_is_named(recorded, source, words):
    state, lost = recorded(source)
    assert lost == [words]
    assert "secret" not in json.dumps(state)


def test_seeds_are_noted(recorded):
    assert recorded("import random; random.seed(7)")[0] == {"version": 1, "seeds": True}


def test_what_can_not_be_set_here_is_said_and_no_reason_not_to_serve(run):
    state = {"version": 1, "locale": {"LC_TIME": "tlh_XX"}, "libraries": {"torch": {"dtype": "float7"}}}
    out, err = run(RESTORE, json.dumps([state, "import torch; print('served')"]))
    assert out == "served\n"
    assert "The notebook's settings of locale can't be applied (Error: unsupported locale setting)." in err
    assert "The notebook's settings of torch can't be applied (AttributeError:" in err


@pytest.mark.parametrize("state", [None, {}, {"version": 2, "recursion_limit": 5}])
def test_a_model_of_another_build_is_served_without(run, state):
    assert run(RESTORE, json.dumps([state, "print(sys.getrecursionlimit())"])) == ("1000\n", "")


@pytest.mark.parametrize("cells", [None, 7, [None, 5, "import random; random.seed(1)"]])
def test_a_notebook_may_call_something_else_in(cells):
    assert record_process_state.describe(cells)[0].get("seeds", False) == isinstance(cells, list)
