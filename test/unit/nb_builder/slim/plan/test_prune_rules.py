"""Files of distributions and of the standard library that no service reads."""

from nb_builder.common.installed import Distribution
from nb_builder.slim.plan import prune_rules
from nb_builder.slim.plan.planner import DISTRIBUTIONS, OFF, Choice, Plan

SITE = "/venv/lib/python3.11/site-packages"


def plan(*names, level=DISTRIBUTIONS, opened=()):
    """Return a plan that keeps one distribution with these files."""
    files = tuple(f"{SITE}/{name}" for name in names)
    distribution = Distribution("one", "1", files, 0, False)
    return Plan(level, (Choice(distribution, "in use"),), opened=frozenset(f"{SITE}/{name}" for name in opened))


def junk(plan, **options):
    """Return the junk of `plan`, as names."""
    return {path.removeprefix(f"{SITE}/") for path in prune_rules.of_packages(plan, **options)}


def test_what_the_library_has_for_other_systems_and_twins_of_compiled_modules_go():
    folder = "/usr/lib/python3.11"
    gone = {f"{folder}/{name}" for name in ("asyncio/windows_events.py", "_pydecimal.py", "_osx_support.py")}
    stay = {f"{folder}/{name}" for name in ("asyncio/unix_events.py", "decimal.py", "_strptime.py", "ntpath.py")}
    assert prune_rules.of_library(gone | stay, folder, Plan(DISTRIBUTIONS, ())) == gone


def test_headers_stubs_and_cython_sources_are_junk_and_modules_data_and_licences_are_not():
    kept = plan("one/a.py", "one/a.pyi", "one/a.pyx.tp", "one/a.h", "one/d.csv", "one-1.dist-info/LICENSE")
    assert junk(kept) == {"one/a.pyi", "one/a.pyx.tp", "one/a.h"}


def test_a_folder_of_tests_goes_with_its_data():
    kept = plan("one/a.py", "one/tests/__init__.py", "one/tests/test_a.py", "one/tests/data/x.npz")
    assert junk(kept) == {"one/tests/test_a.py", "one/tests/data/x.npz"}


def test_a_package_that_is_only_called_test_stays():
    assert junk(plan("one/test/client.py", "one/test/runner.py", "one/test/utils.py")) == set()


def test_what_the_trace_saw_in_use_is_no_junk_and_its_neighbours_are():
    kept = plan("one/tests/_natype.py", "one/tests/test_a.py", "one/b.h", opened=("one/tests/_natype.py", "one/b.h"))
    assert junk(kept) == {"one/tests/test_a.py"}


def test_a_module_whose_bytecode_was_read_is_in_use():
    kept = plan("one/tests/_natype.py", opened=("one/tests/__pycache__/_natype.cpython-311.pyc",))
    assert junk(kept) == set()


def test_where_one_stub_was_read_all_of_them_stay():
    kept = plan("one/__init__.pyi", "one/sub/__init__.pyi", "one/x.h", opened=("one/__init__.pyi",))
    assert junk(kept) == {"one/x.h"}


def test_native_modules_for_tests_are_junk():
    kept = plan("one/_umath_tests.cpython-311-x86_64-linux-gnu.so", "one/_umath.cpython-311-x86_64-linux-gnu.so")
    assert junk(kept) == {"one/_umath_tests.cpython-311-x86_64-linux-gnu.so"}


def test_what_needs_a_compiler_or_freezes_programs_is_junk():
    gone = (
        "numpy/distutils/exec_command.py",
        "numpy/f2py/crackfortran.py",
        "numpy/_core/_simd.cpython-311-x86_64-linux-gnu.so",
        "one/conftest.py",
    )
    assert junk(plan(*gone, "numpy/_core/_multiarray_umath.so", "one/distutils/a.py")) == set(gone)


def test_of_a_distribution_that_is_to_be_whole_nothing_is_junk():
    assert junk(plan("one/a.h"), unpruned=("one",)) == set()


def test_at_level_off_nothing_is_junk():
    assert junk(plan("one/a.h", level=OFF)) == set()


def test_of_the_standard_library_its_tests_editor_and_terminal_are_junk():
    verdicts = {
        "os.py": False,
        "sqlite3/dbapi2.py": False,
        "sqlite3/test/test_x.py": True,
        "idlelib/run.py": True,
        "lib-dynload/_json.cpython-311-x86_64-linux-gnu.so": False,
        "lib-dynload/readline.cpython-311-x86_64-linux-gnu.so": True,
        "site-packages/pip/__init__.py": True,
        "config-3.11-x86_64-linux-gnu/Makefile": True,
    }
    files = [f"/usr/lib/python3.11/{name}" for name in verdicts]
    removed = prune_rules.of_library(files, "/usr/lib/python3.11", plan())
    assert removed == {f"/usr/lib/python3.11/{name}" for name, is_junk in verdicts.items() if is_junk}


def test_at_level_off_the_standard_library_is_whole():
    files = ["/l/idlelib/run.py", "/l/dist-packages/apt.py"]
    assert prune_rules.of_library(files, "/l", plan(level=OFF)) == {"/l/dist-packages/apt.py"}


def test_what_the_trace_saw_of_the_standard_library_stays():
    file = "/l/lib-dynload/_dbm.cpython-311-x86_64-linux-gnu.so"
    traced = Plan(DISTRIBUTIONS, (), opened=frozenset([file]))
    assert prune_rules.of_library([file], "/l", traced) == set()


def write(folder, files):
    """Write `files`, {name: text}, below `folder`; return their paths."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return [str(folder / name) for name in files]


def test_what_the_notebook_names_of_the_standard_library_stays_with_what_that_names(tmp_path):
    files = write(
        tmp_path,
        {
            "curses/__init__.py": "from _curses import *",
            "curses/ascii.py": "import os",
            "lib-dynload/_curses.cpython-311-x86_64-linux-gnu.so": "",
            "lib-dynload/readline.cpython-311-x86_64-linux-gnu.so": "",
            "idlelib/run.py": "",
        },
    )
    naming = Plan(DISTRIBUTIONS, (), named=frozenset(["curses.ascii", "numpy"]))
    assert prune_rules.of_library(files, str(tmp_path), naming) == set(files[3:])


def test_what_the_notebook_or_a_module_that_stays_names_of_a_package_is_no_junk(tmp_path):
    site = tmp_path / "lib/python3.11/site-packages"
    texts = {
        "num/testing.py": "from num.tests._natype import NA",
        "num/tests/_natype.py": "from . import test_values",
        "num/tests/test_values.py": "",
        "num/tests/test_num.py": "import num.tests.test_data",
        "num/tests/test_data.py": "",
        "numpy/distutils/log.py": "",
        "numpy/distutils/core.py": "",
    }
    files = write(site, texts)
    distribution = Distribution("one", "1", tuple(files), 0, False)
    naming = Plan(DISTRIBUTIONS, (Choice(distribution, "in use"),), named=frozenset(["numpy.distutils.log"]))
    gone = {"num/tests/test_num.py", "num/tests/test_data.py", "numpy/distutils/core.py"}
    assert {path.removeprefix(f"{site}/") for path in prune_rules.of_packages(naming)} == gone


def test_what_only_a_test_in_use_names_is_junk_all_the_same(tmp_path):
    site = tmp_path / "lib/python3.11/site-packages"
    texts = {"num/__init__.py": "", "num/tests/_used.py": "import num.tests.test_num\n", "num/tests/test_num.py": ""}
    files = write(site, texts)
    one = Distribution("one", "1", tuple(files), 0, False)
    made = Plan(DISTRIBUTIONS, (Choice(one, "in use"),), opened=frozenset(files[:2]))
    assert prune_rules.of_packages(made) == {files[2]}
