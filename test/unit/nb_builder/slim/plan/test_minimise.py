import io
import os
import subprocess
from dataclasses import replace

import pytest
from nb_builder.common.log import Log
from nb_builder.slim.plan import minimise, planner
from nb_builder.slim.trace.selftest import SelftestEnded, Verdict
from nb_builder.slim.trace.tracer import Trace

BIG = {"big.bin": "x" * 300_000}
CODE = """
import sometimes

def predictor(x):
    return sometimes.double(x)

examples = [1, 2.5]
"""
SOMETIMES = """
def imported(name):
    try:
        return __import__(name)
    except ImportError:
        return None

imported("needless")
try:
    import engine
except ImportError:
    pass
if imported("changes"):
    factor = 2
else:
    factor = 3
if not imported("warns"):
    import warnings
    warnings.warn("warns is not there, this will be slow")
if not imported("odd"):
    odd = 1

def double(x):
    if x is None and odd:
        return "odd"
    return imported("essential").times(x, factor)

odd = imported("odd") is None
"""


def package(name, text="", **more):
    """Return a package that is big enough to be worth a try."""
    return {"files": {f"{name}/__init__.py": text, f"{name}/big.bin": BIG["big.bin"]}, **more}


HELD = {
    "sometimes": {"files": {"sometimes.py": SOMETIMES}, "requires": ["engine"]},
    "engine": package("engine"),
    "needless": package("needless", "import follower"),
    "follower": {"files": {"follower.py": ""}},
    "changes": package("changes"),
    "warns": package("warns"),
    "odd": package("odd"),
    "essential": package("essential", "def times(x, factor):\n    return x * factor\n"),
    "kept": package("kept"),
}


@pytest.fixture(scope="module")
def minimised(make_app_root, home, tmp_path_factory):
    """Return the plan before and after, the tree that it was tried in, and what was said."""
    app_root = make_app_root(CODE, HELD)
    before = planner.make(app_root, home=home, level=planner.DISTRIBUTIONS, keep=["kept"], log=Log(io.StringIO()))
    root, said = laid(app_root, before, tmp_path_factory.mktemp("tree") / "root"), io.StringIO()
    return before, minimise.run(before, root, app_root, home=home, log=Log(said)), root, said.getvalue()


def laid(app_root, made, root):
    """Lay an APP_ROOT as `made` says below `root`."""
    to = root / str(app_root).lstrip("/")
    to.parent.mkdir(parents=True)
    subprocess.run(["cp", "-a", app_root, to], check=True)
    hiding = minimise.Hiding(root)
    hiding.hide(made.gone)
    hiding.end()
    return root


def told(choices):
    return {choice.distribution.name: choice.reason for choice in choices}


def test_what_is_imported_and_not_missed_is_dropped_with_what_only_it_uses(minimised):
    before, after, _root, _said = minimised
    assert {"needless", "follower"} <= set(told(before.kept))
    assert told(after.dropped) == {
        "needless": "only imported where it is there: without it every answer is the same",
        "follower": "only used by needless, which is dropped",
    }


@pytest.mark.parametrize(
    ("name", "missed"),
    [
        ("changes", "Not ready: golden row 1 (1) must give 2 and gave 3"),
        ("essential", "golden row 1 (1) must give 2 and gave no answer"),
        ("odd", "the sample null is answered differently"),
        ("warns", "the log differs: [scorer #] "),
    ],
)
def test_what_is_missed_stays_and_is_told(minimised, name, missed):
    _before, after, root, said = minimised
    line = next(line for line in said.splitlines() if line.startswith(f"     without {name}: "))
    assert missed in line
    assert name in told(after.kept) and list(root.rglob(f"{name}/big.bin"))


def test_what_is_fixed_is_not_even_tried(minimised):
    _before, after, _root, said = minimised
    assert "without kept" not in said and told(after.kept)["kept"] == "S2I_KEEP names it"


def test_what_another_one_requires_and_imports_is_not_tried_either(minimised):
    _before, after, _root, said = minimised
    assert "without engine" not in said and told(after.kept)["engine"] == "in use"


def test_what_is_dropped_is_gone_from_the_tree_with_its_folder(minimised):
    _before, _after, root, _said = minimised
    assert list(root.rglob("needless*")) == list(root.rglob("follower*")) == []
    assert os.listdir(root.parent) == ["root"]


@pytest.mark.parametrize(
    ("code", "deterministic"),
    [("def predictor(x):\n    return 1\n", True), ("def predictor(x):\n    return 1\nexamples = [1]\n", False)],
)
def test_without_answers_to_compare_nothing_is_tried(make_app_root, home, tmp_path, code, deterministic):
    app_root = make_app_root(code, {"needless": package("needless")})
    path = app_root / "model" / "manifest.json"
    path.write_text(path.read_text().replace('"format"', f'"deterministic": {str(deterministic).lower()}, "format"'))
    made = planner.make(app_root, home=home, level=planner.DISTRIBUTIONS, keep=(), log=Log(io.StringIO()))
    after = minimise.run(made, laid(app_root, made, tmp_path / "root"), app_root, home=home, log=Log(io.StringIO()))
    assert after == replace(made, notes=(*made.notes, "Nothing was tried without: that takes answers to compare."))


def test_at_level_off_nothing_is_asked(tmp_path):
    made = planner.Plan("off", ())
    assert minimise.run(made, tmp_path, tmp_path, home=tmp_path, log=Log(io.StringIO())) is made


def verdict(log="a\nb", **answers):
    return Verdict(True, 1, True, (), log, {name: (200, answer) for name, answer in answers.items()})


def test_only_what_two_runs_agree_on_is_compared():
    steady = minimise.Steady(verdict(one=1, two=2.0, three=3), verdict(one=1, two=2.0 + 1e-9, three=4), 1e-6)
    assert steady.missed_by(verdict(one=1, two=2.0, three=5)) == ""
    assert steady.missed_by(verdict(one=2, two=2.0)) == "one is answered differently"
    assert steady.missed_by(verdict(one=1)) == "two is answered differently"


def test_a_log_that_varies_by_itself_is_not_compared():
    assert minimise.Steady(verdict("a"), verdict("b"), 0).missed_by(verdict("c")) == ""
    assert minimise.Steady(verdict("a"), verdict("a"), 0).missed_by(verdict("c")) == "the log differs: c"


class Chance:
    """A service that says these words in its log, one after the other, and uses nothing."""

    def __init__(self, *logs):
        self.logs = list(logs)

    def __call__(self):
        return Trace(frozenset(), verdict(self.logs.pop(0), one=1), complete=True)


@pytest.mark.parametrize(("logs", "missed"), [(["by chance", "a"], ""), (["b", "c"], "the log differs: c")])
def test_a_line_that_comes_by_chance_is_no_miss(tmp_path, logs, missed):
    (tmp_path / "root").mkdir()
    trial = minimise.Trial(tmp_path / "root", Chance("a", "a", *logs))
    assert trial.begin() == ""
    trial.steady = minimise.Steady(*trial.verdicts, 0)
    assert trial.missed([]) == missed


@pytest.mark.parametrize(
    ("said", "lack"),
    [
        (SelftestEnded("ERROR: no\nOSError: no disk"), "the service can't be asked (OSError: no disk)"),
        (("golden row 1 differs",), "the service does not answer as it ought to (golden row 1 differs)"),
    ],
)
def test_a_service_that_is_broken_before_anything_is_hidden_is_told(tmp_path, said, lack):
    def run():
        if isinstance(said, SelftestEnded):
            raise said
        return Trace(frozenset(), Verdict(False, 1, True, said, ""), complete=True)

    assert minimise.Trial(tmp_path, run).begin() == lack


def test_what_is_hidden_comes_back_with_its_folders(tmp_path):
    root = tmp_path / "root"
    (root / "site" / "pack" / "__pycache__").mkdir(parents=True, mode=0o750)
    for name in ("a.py", "b.pyc", "__pycache__/a.cpython-311.pyc"):
        (root / "site" / "pack" / name).write_text(name)
    (root / "site" / "other.py").write_text("")
    hiding = minimise.Hiding(root)
    hiding.hide(["/site/pack/a.py", "/site/pack/b.py", "/site/pack/gone.py"])
    assert os.listdir(root / "site") == ["other.py"]
    hiding.undo()
    assert (root / "site" / "pack" / "__pycache__" / "a.cpython-311.pyc").read_text() == "__pycache__/a.cpython-311.pyc"
    assert (root / "site" / "pack" / "b.pyc").exists() and os.listdir(tmp_path) == ["root"]


def test_the_gist_of_many_words_is_their_last_error():
    words = "The service ended: Traceback\n  File x\nValueError: old\nImportError: no y\nFix: do z"
    assert minimise.gist(words) == "ImportError: no y"
    assert minimise.gist("golden row 1 differs\nmore") == "golden row 1 differs"
