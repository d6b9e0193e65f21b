import io
import os
from contextlib import contextmanager
from dataclasses import replace

import pytest
from nb_builder.common import slim_levels
from nb_builder.common.installed import Distribution
from nb_builder.common.log import Log
from nb_builder.slim.plan import planner
from nb_builder.slim.trace import inotify, tracer
from nb_builder.slim.trace.selftest import Verdict
from nb_builder.slim.trace.tracer import Trace

from unit.nb_builder.slim import venvs

CODE = """
import used

def predictor(x):
    if x is None:
        import rare
        return rare.answer
    return used.double(x)

examples = [1, 2.5]
"""
INSTALLED = {
    "used": {
        "files": {
            "used/__init__.py": "import os\nopen(os.path.dirname(__file__) + '/fonts/a.ttf').close()\n"
            "def double(x):\n    return 2 * x\ndef table():\n    return open('c.csv')\n"
            "def other():\n    from used import named\n",
            "used/named.py": "",
            "used/unnamed.py": "def draw():\n    import charted, plug\n",
            "used/data.txt": "",
            "used/fonts/a.ttf": "",
            "used/fonts/b.ttf": "",
            "used/tables/c.csv": "",
            "used/samples/d.csv": "",
        },
        "requires": ["charted", "unmentioned", "wanted-plug"],
    },
    "charted": {"files": {"charted.py": ""}},
    "unmentioned": {"files": {"unmentioned.py": ""}},
    "rare": {"files": {"rare.py": "import undeclared\nanswer = 1\n"}, "requires": ["needed-by-rare"]},
    "needed-by-rare": {
        "files": {
            "needed/__init__.py": "from . import first",
            "needed/first.py": "",
            "needed/part.py": "",
            "needed/zones/a": "",
        }
    },
    "wanted": {"files": {"wanted/__init__.py": "", "wanted/part.py": ""}},
    "wanted-plug": {
        "files": {"plug/__init__.py": "", "plug/in.py": "", "plug/program.py": "", "plug/other.py": ""},
        "entry_points": "[used.plugs]\none = plug.in:load\n[console_scripts]\nrun = plug.program:main\n",
    },
    "undeclared": {"files": {"undeclared.py": ""}},
    "of-a-model": {"files": {"shelved/svm.py": ""}},
    "idle": {"files": {"idle.py": ""}},
}


@pytest.fixture(scope="module")
def app_root(make_app_root):
    root = make_app_root(CODE, INSTALLED)
    (root / "src" / "b.pkl").write_bytes(b"\x80\x02cshelved.svm\nSVC\n")
    return root


@pytest.fixture(scope="module")
def make(home, app_root):
    """Return a function that makes the plan of an APP_ROOT for a level."""

    def make_plan(level, root=app_root, keep=("Wanted",)):
        return planner.make(root, home=home, level=level, keep=keep, log=Log(io.StringIO()))

    return make_plan


@pytest.fixture(scope="module")
def by_distributions(make):
    return make(planner.DISTRIBUTIONS)


@pytest.fixture(scope="module")
def by_files(make):
    return make(planner.FILES)


def reasons(choices):
    return {choice.distribution.name: (choice.reason, choice.fixed) for choice in choices}


def names(files):
    return {file.rpartition("/site-packages/")[2] for file in files}


def test_each_distribution_that_stays_has_its_reason(by_distributions):
    assert reasons(by_distributions.kept) == {
        "used": ("in use", False),
        "cloudpickle": ("in use", False),
        "undeclared": ("imported by the notebook's packages", True),
        "of-a-model": ("b.pkl names shelved.svm", True),
        "charted": ("used may import it", True),
        "wanted-plug": ("used may import it", True),
        "rare": ("predictor names rare", True),
        "needed-by-rare": ("rare needs it", True),
        "wanted": ("S2I_KEEP names it", True),
    }


def test_what_no_one_uses_is_dropped_with_all_its_files(by_distributions):
    assert reasons(by_distributions.dropped) == {"idle": ("not used", False), "unmentioned": ("not used", False)}
    assert "idle.py" in names(by_distributions.gone) and "used/unnamed.py" not in names(by_distributions.gone)


def test_the_plan_knows_what_was_opened_the_source_of_bytecode_too(by_distributions, app_root):
    packages = os.path.realpath(venvs.site(app_root / "venv"))
    opened = {file for file in by_distributions.opened if file.startswith(f"{packages}/used/")}
    assert f"{packages}/used/__init__.py" in opened and len(opened) == 3


def test_by_files_modules_go_that_nothing_loaded_and_nothing_loaded_names(by_files):
    gone = names(by_files.left_out)
    assert "used/unnamed.py" in gone
    assert not gone & {"used/__init__.py", "used/named.py", "used/data.txt", "rare.py"}


def test_by_files_data_goes_of_whose_folder_nothing_was_opened_and_no_code_names_anything(by_files):
    assert {name for name in names(by_files.left_out) if name.startswith("used/") and ".py" not in name} == {
        "used/samples/d.csv"
    }


def test_by_files_all_data_stays_where_the_kernel_can_t_say_what_was_opened(make, monkeypatch):
    @contextmanager
    def blind(folders):
        yield inotify.Opened(complete=False)

    monkeypatch.setattr(inotify, "watched", blind)
    plan = make(planner.FILES)
    assert "used/samples/d.csv" not in names(plan.left_out) and "used/unnamed.py" in names(plan.left_out)
    assert plan.notes == ("The kernel did not report which data files were opened, so all of them stay.",)


def test_by_files_what_s2i_keep_names_stays_whole(by_files):
    assert "wanted/part.py" not in names(by_files.left_out) and "needed/part.py" in names(by_files.left_out)


def test_by_files_the_package_of_a_distribution_that_nothing_has_loaded_can_still_be_imported(by_files):
    gone = names(by_files.left_out)
    assert not gone & {"needed/__init__.py", "needed/first.py", "needed/zones/a"} and "needed/part.py" in gone


def test_by_files_modules_stay_that_entry_points_name(by_files):
    gone = names(by_files.left_out)
    assert "plug/in.py" not in gone and {"plug/program.py", "plug/other.py"} <= gone


def test_by_files_the_standard_library_loses_what_nothing_names(by_files):
    library = os.path.dirname(os.path.realpath(os.__file__))
    gone = {file.removeprefix(library + "/") for file in by_files.left_out if file.startswith(library)}
    assert "wave.py" in gone
    assert not [name for name in gone if name.startswith(("_sysconfigdata", "dbm/"))]
    assert not gone & {"os.py", "traceback.py", "encodings/latin_1.py", "json/__init__.py", "http/client.py"}


def test_off_keeps_everything_and_runs_nothing(make, tmp_path):
    assert make(slim_levels.OFF, root=tmp_path) == planner.Plan("off", ())


def test_a_level_lower_is_files_then_distributions_then_off(by_files):
    lower = by_files.lower()
    assert (lower.level, lower.left_out) == ("distributions", frozenset()) and lower.dropped == by_files.dropped
    assert lower.lower().level == lower.lower().lower().level == "off"
    assert "idle" in reasons(lower.lower().kept) and lower.lower().gone == frozenset()
    assert replace(by_files, notes=("on what is left out",)).lower().lower().notes == ()


def test_what_the_notebook_asked_for_and_loaded_code_may_import_is_in_a_note(by_distributions):
    choices = {choice.distribution.name: choice for choice in by_distributions.kept}
    plan = replace(
        by_distributions,
        kept=tuple(choice for name, choice in choices.items() if name not in ("rare", "charted")),
        dropped=(choices["rare"], choices["charted"]),
        opened=frozenset(file for choice in choices.values() for file in choice.distribution.files),
    )
    note = "Left out, though a request may need it: charted (for used). S2I_KEEP keeps it."
    assert planner.with_note(plan, "3.11.2").notes == (note,)
    assert planner.with_note(replace(plan, kept=(choices["cloudpickle"],)), "3.11.2").notes == ()


def test_a_plan_comes_back_from_its_text(by_files):
    assert planner.from_json(by_files.as_json()) == by_files


def test_a_file_that_a_kept_distribution_shares_stays():
    one = Distribution("one", "1", ("/s/a.py", "/s/shared.py"), 0, False)
    two = Distribution("two", "1", ("/s/b.py", "/s/shared.py"), 0, False)
    plan = planner.Plan("distributions", (planner.Choice(one, ""),), (planner.Choice(two, ""),))
    assert plan.gone == {"/s/b.py"}


def test_names_to_keep_are_known_however_they_are_written():
    distributions = [Distribution("scikit-learn", "1", (), 0, False)]
    assert planner.not_installed(["Scikit_Learn", "sklearn"], distributions) == ["sklearn"]


def test_without_golden_rows_single_files_stay_and_the_plan_says_why(make, make_app_root):
    root = make_app_root("def predictor(x):\n    return x\n", {})
    plan = make(planner.FILES, root=root, keep=())
    assert (plan.level, plan.left_out) == ("distributions", frozenset())
    first, second = plan.notes
    assert first.startswith("There are no golden rows: files that only predictions use may be missing.")
    assert second == "No single files are removed."


def test_a_predictor_that_varies_gets_a_note(make, make_app_root):
    root = make_app_root("import random\ndef predictor(x):\n    return random.random()\nexamples = [1]\n", {})
    manifest = root / "model" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format"', '"deterministic": false, "format"'))
    assert make(planner.DISTRIBUTIONS, root=root, keep=()).notes == (
        "predictor returns different predictions for the same sample, which hides missing files.",
    )


def test_a_service_that_is_not_as_proved_gets_no_plan(make, make_app_root):
    root = make_app_root("def predictor(x):\n    return x\nexamples = [1]\n", {})
    golden = root / "model" / "golden.ndjson"
    golden.write_text(golden.read_text().replace('"answer": 1', '"answer": 2'))
    with pytest.raises(planner.Unproved, match="golden row 1 \\(1\\) must give 2 and gave 1"):
        make(planner.DISTRIBUTIONS, root=root, keep=())


def test_a_service_that_does_not_even_start_gets_no_plan_but_its_words(make, app_root, monkeypatch):
    monkeypatch.setenv("S2I_TOLERANCE", "much")
    with pytest.raises(planner.Unproved, match="S2I_TOLERANCE='much'"):
        make(planner.DISTRIBUTIONS)


def distribution(name, *files, requires=()):
    return Distribution(name, "1", files, 0, False, requires)


def test_what_is_fixed_used_and_neither_is_kept_and_dropped_with_these_words():
    one, two, three = map(distribution, ("one", "two", "three"))
    made = planner.choose("files", (one, two, three), {"two", "one"}, {"one": "why"})
    kept = (planner.Choice(one, "why", fixed=True), planner.Choice(two, "in use"))
    assert made == planner.Plan("files", kept, (planner.Choice(three, "not used"),))


def test_a_plan_that_drops_nothing_says_why_if_there_is_a_reason():
    one = distribution("one")
    assert planner.drop_nothing([one]) == planner.Plan("off", (planner.Choice(one, "nothing is dropped"),))
    assert planner.drop_nothing([], "too old").notes == ("too old",)


def test_one_level_down_what_was_dropped_is_kept_with_new_words():
    one, two = map(distribution, ("one", "two"))
    made = planner.Plan("distributions", (planner.Choice(one, "in use"),), (planner.Choice(two, "not used", True),))
    kept = (planner.Choice(one, "in use"), planner.Choice(two, "nothing is dropped", True))
    assert made.lower() == planner.Plan("off", kept)


def test_each_note_is_for_its_verdict():
    proved = Verdict(True, 1, True, (), "")
    assert planner.notes_on(proved) == ()
    words = "files that only predictions use may be missing. Call predictor in a cell or define examples."
    assert planner.notes_on(replace(proved, rows=0)) == (f"There are no golden rows: {words}",)
    assert planner.notes_on(replace(proved, deterministic=False)) == (
        "predictor returns different predictions for the same sample, which hides missing files.",
    )


def test_a_service_that_is_not_as_proved_says_all_its_differences():
    rejected = planner.Unproved(iter(["one", "two"]))
    assert (rejected.differences, str(rejected)) == (("one", "two"), "one\ntwo")


@pytest.fixture
def bare(tmp_path):
    """Return an APP_ROOT with nothing but a manifest and modules in its venv, and what says who stays and why."""
    site = tmp_path / "venv/lib/python3.11/site-packages"
    texts = {"named/__init__.py": "import brought\n", "brought.py": "", "kept.py": "", "needed.py": "", "other.py": ""}
    for name, text in texts.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/manifest.json").write_text('{"format": 2, "python": "3.11", "python_full": "3.11.2"}')
    needs = {"kept": ("needed; python_full_version == '3.11.2'", "other; python_version < '3.11'")}
    return tmp_path, tuple(
        distribution(name.split("/")[0].removesuffix(".py"), str(site / name), requires=needs.get(name[:4], ()))
        for name in texts
    )


def test_what_is_named_kept_needed_and_installed_is_fixed_each_with_its_reason(bare):
    app_root, held = bare
    # A module that no distribution has put there.
    (app_root / "venv/lib/python3.11/site-packages/nobodys.py").write_text("")
    (app_root / "venv/lib/python3.11/site-packages/brought.py").write_text("import nobodys\n")
    assert planner.fixed_reasons(app_root, held, {"named.part": "predictor"}, ["Kept"]) == {
        "named": "predictor names named.part",
        "kept": "S2I_KEEP names it",
        "needed": "kept needs it",
        "brought": "imported by the notebook's packages",
    }


def test_the_python_is_known_in_full_or_as_an_older_builder_wrote_it(bare):
    app_root, _held = bare
    assert planner.python_of(app_root) == "3.11.2"
    (app_root / "model/manifest.json").write_text('{"format": 2, "python": "3.11"}')
    assert planner.python_of(app_root) == "3.11"


def test_what_a_kept_one_requires_and_may_import_comes_back(bare, tmp_path):
    app_root, held = bare
    found = {each.name: planner.Choice(each, "not used") for each in held}
    (app_root / "venv/lib/python3.11/site-packages/kept.py").write_text("def later():\n    import needed\n")
    made = planner.Plan("distributions", (found["kept"],), (found["needed"], found["other"]), notes=("one",))
    back = planner.Choice(found["needed"].distribution, "kept may import it", fixed=True)
    assert planner.with_needs(made, "3.11.2") == replace(made, kept=(found["kept"], back), dropped=(found["other"],))
    assert planner.with_needs(made, "3.11.3") == made


def test_a_python_that_is_too_old_to_be_watched_keeps_everything_and_says_so(bare, home, monkeypatch):
    app_root, _held = bare
    blind = Trace(frozenset(), Verdict(True, 1, True, (), ""), complete=False)
    # No Python below 3.8 is installed.
    monkeypatch.setattr(tracer, "run", lambda *_, **__: blind)
    said = io.StringIO()
    made = planner.make(app_root, home=home, level=planner.FILES, keep=(), log=Log(said))
    note = "The model's Python is older than 3.8 and can't be traced: nothing is dropped."
    assert (made.level, made.dropped, made.notes) == ("off", (), (note,))
    words = "     tracing the service during golden rows, unusual samples and malformed requests\n"
    assert said.getvalue() == words
