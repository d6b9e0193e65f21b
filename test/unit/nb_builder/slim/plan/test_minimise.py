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


def package(name, text="", **options):
    """Return a package that is big enough for minimise to try without it."""
    return {"files": {f"{name}/__init__.py": text, f"{name}/big.bin": BIG["big.bin"]}, **options}


INSTALLED = {
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
    """Return the plan before and after, the tree that it was tried in, and the log."""
    app_root = make_app_root(CODE, INSTALLED)
    before = planner.make(app_root, home=home, level=planner.DISTRIBUTIONS, keep=["kept"], log=Log(io.StringIO()))
    root, output = lay_app_root(app_root, before, tmp_path_factory.mktemp("tree") / "root"), io.StringIO()
    return before, minimise.run(before, root, app_root, home=home, log=Log(output)), root, output.getvalue()


def lay_app_root(app_root, plan, root):
    """Lay what `plan` keeps of an APP_ROOT below `root`."""
    target = root / str(app_root).lstrip("/")
    target.parent.mkdir(parents=True)
    subprocess.run(["cp", "-a", app_root, target], check=True)
    hidden = minimise.HiddenFiles(root)
    hidden.hide(plan.gone)
    hidden.delete()
    return root


def reasons(choices):
    return {choice.distribution.name: choice.reason for choice in choices}


def test_what_is_imported_and_not_missed_is_dropped_with_what_only_it_uses(minimised):
    before, after, _root, _log = minimised
    assert {"needless", "follower"} <= set(reasons(before.kept))
    assert reasons(after.dropped) == {
        "needless": "an optional import: without it, every prediction is the same",
        "follower": "only used by needless, which is dropped",
    }


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("changes", "Not ready: golden row 1 (1) must give 2 and gave 3"),
        ("essential", "golden row 1 (1) must give 2 and gave no answer"),
        ("odd", "the sample null gets a different prediction"),
        ("warns", "the log differs: [scorer #] "),
    ],
)
def test_what_is_missed_stays_and_is_reported(minimised, name, difference):
    _before, after, root, log = minimised
    line = next(line for line in log.splitlines() if line.startswith(f"     without {name}: "))
    assert difference in line
    assert name in reasons(after.kept) and list(root.rglob(f"{name}/big.bin"))


def test_what_is_fixed_is_not_even_tried(minimised):
    _before, after, _root, log = minimised
    assert "without kept" not in log and reasons(after.kept)["kept"] == "S2I_KEEP names it"


def test_what_another_one_requires_and_imports_is_not_tried_either(minimised):
    _before, after, _root, log = minimised
    assert "without engine" not in log and reasons(after.kept)["engine"] == "in use"


def test_what_is_dropped_is_gone_from_the_tree_with_its_folder(minimised):
    _before, _after, root, _log = minimised
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
    plan = planner.make(app_root, home=home, level=planner.DISTRIBUTIONS, keep=(), log=Log(io.StringIO()))
    after = minimise.run(
        plan, lay_app_root(app_root, plan, tmp_path / "root"), app_root, home=home, log=Log(io.StringIO())
    )
    assert after == replace(
        plan, notes=(*plan.notes, "No package was tried for removal: there are no predictions to compare.")
    )


def test_at_level_off_nothing_is_asked(tmp_path):
    plan = planner.Plan("off", ())
    assert minimise.run(plan, tmp_path, tmp_path, home=tmp_path, log=Log(io.StringIO())) is plan


def verdict(log="a\nb", **answers):
    return Verdict(True, 1, True, (), log, {name: (200, answer) for name, answer in answers.items()})


def test_only_what_two_runs_agree_on_is_compared():
    baseline = minimise.Baseline(verdict(one=1, two=2.0, three=3), verdict(one=1, two=2.0 + 1e-9, three=4), 1e-6)
    assert baseline.difference(verdict(one=1, two=2.0, three=5)) == ""
    assert baseline.difference(verdict(one=2, two=2.0)) == "one gets a different prediction"
    assert baseline.difference(verdict(one=1)) == "two gets a different prediction"


def test_a_log_that_varies_by_itself_is_not_compared():
    assert minimise.Baseline(verdict("a"), verdict("b"), 0).difference(verdict("c")) == ""
    assert minimise.Baseline(verdict("a"), verdict("a"), 0).difference(verdict("c")) == "the log differs: c"


class Chance:
    """A service that logs one of these lines in each run, and uses no files."""

    def __init__(self, *logs):
        self.logs = list(logs)

    def __call__(self):
        return Trace(frozenset(), verdict(self.logs.pop(0), one=1), complete=True)


@pytest.mark.parametrize(("logs", "difference"), [(["by chance", "a"], ""), (["b", "c"], "the log differs: c")])
def test_a_line_that_comes_by_chance_is_no_miss(tmp_path, logs, difference):
    (tmp_path / "root").mkdir()
    trial = minimise.Trial(tmp_path / "root", Chance("a", "a", *logs))
    assert trial.begin() == ""
    trial.baseline = minimise.Baseline(*trial.verdicts, 0)
    assert trial.difference_without([]) == difference


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (SelftestEnded("ERROR: no\nOSError: no disk"), "the service can't be reached (OSError: no disk)"),
        (("golden row 1 differs",), "the service does not give the expected responses (golden row 1 differs)"),
    ],
)
def test_a_service_that_is_broken_before_anything_is_hidden_is_reported(tmp_path, outcome, reason):
    def run():
        if isinstance(outcome, SelftestEnded):
            raise outcome
        return Trace(frozenset(), Verdict(False, 1, True, outcome, ""), complete=True)

    assert minimise.Trial(tmp_path, run).begin() == reason


def test_what_is_hidden_comes_back_with_its_folders(tmp_path):
    root = tmp_path / "root"
    (root / "site" / "pack" / "__pycache__").mkdir(parents=True, mode=0o750)
    for name in ("a.py", "b.pyc", "__pycache__/a.cpython-311.pyc"):
        (root / "site" / "pack" / name).write_text(name)
    (root / "site" / "other.py").write_text("")
    hidden = minimise.HiddenFiles(root)
    hidden.hide(["/site/pack/a.py", "/site/pack/b.py", "/site/pack/gone.py"])
    assert os.listdir(root / "site") == ["other.py"]
    hidden.restore()
    assert (root / "site" / "pack" / "__pycache__" / "a.cpython-311.pyc").read_text() == "__pycache__/a.cpython-311.pyc"
    assert (root / "site" / "pack" / "b.pyc").exists() and os.listdir(tmp_path) == ["root"]


def test_the_gist_of_many_words_is_their_last_error():
    text = "The service ended: Traceback\n  File x\nValueError: old\nImportError: no y\nFix: do z"
    assert minimise.gist(text) == "ImportError: no y"
    assert minimise.gist("golden row 1 differs\nmore") == "golden row 1 differs"


def test_the_gist_is_no_page_and_may_be_nothing():
    assert minimise.gist("") == minimise.gist(" \n\n") == ""
    assert minimise.gist("\n  first \nsecond\n") == "first"
    assert minimise.gist("ValueError: " + 300 * "x") == "ValueError: " + 188 * "x"
    assert minimise.gist("all is well\nmodel.bad.BadException: no\nUserWarning: slow\nFix: it") == "UserWarning: slow"


def test_a_service_that_is_not_as_proved_is_reported_by_its_first_difference():
    baseline = minimise.Baseline(verdict(one=1), verdict(one=1), 0)
    broken = Verdict(False, 1, True, ("golden row 1 differs\nand how", "golden row 2 differs"), "a\nb", {})
    assert baseline.difference(broken) == "golden row 1 differs"


def test_another_status_is_another_answer():
    baseline = minimise.Baseline(verdict(one=1), verdict(one=1), 0)
    assert baseline.difference(replace(verdict(), answers={"one": (422, 1)})) == "one gets a different prediction"


def test_an_answer_within_the_tolerance_is_the_same():
    baseline = minimise.Baseline(verdict(one=1.0), verdict(one=1.0), 0.1)
    assert baseline.difference(verdict(one=1.05)) == ""
    assert baseline.difference(verdict(one=1.2)) == "one gets a different prediction"


def test_what_is_new_in_a_log_is_reported_and_what_is_missing_too():
    baseline = minimise.Baseline(verdict("a\nb"), verdict("a\nb"), 0)
    assert baseline.difference(verdict("a\nd\nc\nb")) == "the log differs: c"
    assert baseline.difference(verdict("a\n" + 300 * "x" + "\nb")) == f"the log differs: {200 * 'x'}"
    assert baseline.difference(verdict("a")) == "the log differs: lines are missing"


def choice(name, *files):
    return planner.Choice(planner.Distribution(name, "1", files, 0, False), "in use")


def test_dropping_names_its_reason_and_keeps_what_others_have_too():
    one, two, three = choice("one", "/s/a", "/s/shared"), choice("two", "/s/shared", "/s/b"), choice("three", "/s/c")
    made = planner.Plan("distributions", (one, two), (three,))
    after = minimise.without(made, [one], "it is needless")
    assert after == planner.Plan("distributions", (two,), (three, replace(one, reason="it is needless")))
    assert minimise.files_without(made, [one]) == ["/s/a"]
    assert minimise.files_without(made, [one, two]) == ["/s/a", "/s/shared", "/s/shared", "/s/b"]


class Tree:
    """A service that answers, or ends, by which of its files are there."""

    def __init__(self, root):
        self.root = root

    def __call__(self):
        there = sorted(str(path) for path in self.root.rglob("*.py"))
        if not any(path.endswith("vital.py") for path in there):
            raise SelftestEnded("it ended\nImportError: no vital")
        answer = 1 if any(path.endswith("counts.py") for path in there) else 2
        return Trace(frozenset(there), verdict(one=answer), complete=True)


@pytest.fixture
def trial(tmp_path):
    """Return a trial of a tree with three modules, which has started."""
    root = tmp_path / "root"
    (root / "pack").mkdir(parents=True)
    (root / "pack").chmod(0o750)
    for name in ("vital.py", "pack/counts.py", "idle.py"):
        (root / name).write_text(name)
    made = minimise.Trial(root, Tree(root))
    assert made.begin() == ""
    made.baseline = minimise.Baseline(*made.verdicts, 0)
    return made


def left(tmp_path):
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))


EVERYTHING = ["root", "root/idle.py", "root/pack", "root/pack/counts.py", "root/vital.py"]


@pytest.mark.parametrize(
    ("file", "missed"),
    [("/vital.py", "ImportError: no vital"), ("/pack/counts.py", "one gets a different prediction")],
)
def test_what_is_missed_is_back_as_it_was(trial, tmp_path, file, missed):
    assert trial.difference_without([file]) == missed
    assert left(tmp_path) == EVERYTHING
    assert (tmp_path / "root/pack").stat().st_mode & 0o777 == 0o750


def test_what_is_not_missed_is_gone_and_the_files_in_use_are_known(trial, tmp_path):
    assert trial.files == {"/vital.py", "/pack/counts.py", "/idle.py"}
    assert trial.difference_without(["/idle.py"]) == ""
    assert left(tmp_path) == [name for name in EVERYTHING if name != "root/idle.py"]
    assert trial.files == {"/vital.py", "/pack/counts.py"}


def test_a_trial_that_has_not_started_can_t_compare_and_loses_nothing(tmp_path):
    (tmp_path / "root").mkdir()
    for name in ("vital.py", "idle.py"):
        (tmp_path / "root" / name).write_text("")
    with pytest.raises(RuntimeError, match="the complete service was not called before"):
        minimise.Trial(tmp_path / "root", Tree(tmp_path / "root")).difference_without(["/idle.py"])
    assert left(tmp_path) == ["root", "root/idle.py", "root/vital.py"]
