"""The causes outside a cell that the messages of many libraries show: a file, the network, a variable."""

import pytest
from nb_builder.common.cell import Cell
from nb_builder.execute import error_causes
from nb_builder.problems.surroundings import (
    FileIgnored,
    FileMissing,
    LanguageDataMissing,
    NetworkUnreachable,
    PathOfAnotherMachine,
    VariableUnset,
)

CELL = Cell("rows = read('https://data.example.com/train.csv')", number=1, position=1)


@pytest.fixture
def diagnose(tmp_path):
    """Return a function that returns the problem of an error in a notebook in the folder `work`."""
    (tmp_path / "work").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("price\n1\n")

    def cause(name, message, traceback=""):
        location = {"cell": CELL, "notebook": "work/model.ipynb", "line": 1, "error": f"{name}: {message}"}
        return error_causes.problem(name, message, tmp_path, {**location, "traceback": traceback})

    return cause


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'lost.h5'"),
        ("FileNotFoundError", '[Errno 2] No such file or directory: "lost.h5"'),
        ("FileNotFoundError", "[Errno 2] File lost.h5 does not exist: 'lost.h5'"),
        ("FileNotFoundError", "File b'lost.h5' does not exist"),
        ("FileNotFoundError", "lost.h5 not found."),
        ("FileNotFoundError", "lost.h5"),
        ("FileNotFoundError", "No such file or directory (os error 2): lost.h5"),
        ("OSError", "lost.h5 not found. [Errno 2] No such file or directory: 'lost.h5'"),
        ("OSError", "unable to open file: name = 'lost.h5', errno = 2, error message = 'No such file or directory'"),
        ("FileNotFoundError", "[Errno 2] Failed to open local file 'lost.h5'. Detail: [errno 2] No such file"),
        ("ValueError", "File not found: filepath=lost.h5. Please ensure the file is an accessible zip file."),
        ("OSError", "No file or directory found at lost.h5"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'lost.h5' -> 'kept.h5'"),
    ],
)
def test_the_file_is_read_from_the_words_of_each_library(diagnose, name, message):
    problem = diagnose(name, message)
    assert isinstance(problem, FileMissing)
    assert "opens 'lost.h5', and there is no such file" in problem.what


def test_a_file_with_a_space_in_its_name_is_read_from_pandas_words(diagnose):
    assert "opens 'my data'," in diagnose("FileNotFoundError", "File b'my data' does not exist").what


def test_a_file_that_another_notebook_writes_is_made_by_building_both(diagnose, tmp_path):
    (tmp_path / "work" / "train.py").write_text("# %%\nmodel.save('lost.h5')\n")
    (tmp_path / ".gitignore").write_text("*.h5\n")
    problem = diagnose("FileNotFoundError", "[Errno 2] No such file or directory: 'lost.h5'")
    assert problem.code == "file-missing"
    assert "work/train.py writes it: commit the file, or write S2I_SOURCE_NOTEBOOK_LIST=" in problem.fix
    assert "LIST=work/train.py, work/model.ipynb into .s2i/environment, which runs them" in problem.fix


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ValueError", "'lost.h5' is not what was expected"),
        ("KeyError", "'price'"),
        ("ValueError", "file format does not exist"),
        ("FileNotFoundError", "Could not find module 'libx.so' (or one of its dependencies)"),
    ],
)
def test_other_errors_are_the_cells_own(diagnose, name, message):
    assert diagnose(name, message) is None


def test_a_program_that_is_not_there_is_no_file_that_a_cell_opens(diagnose):
    trace = "File /usr/lib/python3.11/subprocess.py:1950, in Popen._execute_child(self, args)"
    assert diagnose("FileNotFoundError", "[Errno 2] No such file or directory: 'wget'", trace) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("train.csv", FileMissing),
        ("data/train.csv", FileMissing),
        ("../Data/Train.CSV", FileMissing),
        ("..\\\\data\\\\train.csv", FileMissing),
        ("/tmp/train.csv", FileMissing),
        ("C:\\\\Users\\\\ann\\\\train.csv", PathOfAnotherMachine),
        ("/home/ann/churn/train.csv", PathOfAnotherMachine),
        ("~/churn/train.csv", PathOfAnotherMachine),
    ],
)
def test_the_path_of_the_repositorys_own_file_is_named(diagnose, path, kind):
    problem = diagnose("FileNotFoundError", f"[Errno 2] No such file or directory: '{path}'")
    assert isinstance(problem, kind)
    assert problem.fix == "Write '../data/train.csv', which is in the repository, then build again."


def test_of_two_files_of_that_name_the_one_that_fits_better_is_named(diagnose, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "train.csv").write_text("")
    missing = "[Errno 2] No such file or directory: '{}'"
    assert "'../data/train.csv'" in diagnose("FileNotFoundError", missing.format("/home/ann/data/train.csv")).fix
    assert "train.csv'), and commit" in diagnose("FileNotFoundError", missing.format("/home/ann/train.csv")).fix


def test_a_folder_that_git_did_not_keep_is_to_be_made(diagnose):
    problem = diagnose("FileNotFoundError", "[Errno 2] No such file or directory: 'out/model.bin'")
    assert "create the folder 'out' first, because git keeps no empty folders" in problem.fix


@pytest.mark.parametrize(
    ("rules", "path", "rule"),
    [
        ({".gitignore": "# all\n*.bin\n"}, "big.bin", ".gitignore leaves out of the repository (line 2: *.bin)"),
        ({".gitignore": "/out/\n"}, "../out/big.txt", ".gitignore leaves out of the repository (line 1: /out/)"),
        ({".gitignore": "/out/\n"}, "../out", ".gitignore leaves out of the repository (line 1: /out/)"),
        ({"work/.gitignore": "big.*\n"}, "big.txt", "work/.gitignore leaves out of the repository (line 1: big.*)"),
    ],
)
def test_a_rule_that_ignores_the_file_is_named(diagnose, tmp_path, rules, path, rule):
    for name, text in rules.items():
        (tmp_path / name).write_text(text)
    problem = diagnose("FileNotFoundError", f"[Errno 2] No such file or directory: '{path}'")
    assert isinstance(problem, FileIgnored)
    assert rule in problem.what


def test_a_rule_that_makes_an_exception_ignores_nothing(diagnose, tmp_path):
    (tmp_path / ".gitignore").write_text("*.bin\n!big.bin\n")
    assert isinstance(diagnose("FileNotFoundError", "[Errno 2] No such file or directory: 'big.bin'"), FileMissing)


@pytest.mark.parametrize(
    ("name", "message", "address"),
    [
        ("URLError", "<urlopen error [Errno -3] Temporary failure in name resolution>", "data.example.com"),
        ("URLError", "<urlopen error [Errno 111] Connection refused>", "data.example.com"),
        (
            "ConnectionError",
            "HTTPSConnectionPool(host='files.example.org', port=443): Max retries exceeded with url: /a (Caused by …)",
            "files.example.org",
        ),
        (
            "Exception",
            "URL fetch failure on https://storage.example.org/mnist.npz: None -- [Errno -2] Name or service not known",
            "storage.example.org",
        ),
        ("OSError", "We couldn't connect to 'https://huggingface.co' to load the files", "huggingface.co"),
        ("ConnectionRefusedError", "[Errno 111] Connection refused", "data.example.com"),
    ],
)
def test_a_network_that_is_not_there_is_reported_with_its_address(diagnose, name, message, address):
    problem = diagnose(name, message)
    assert isinstance(problem, NetworkUnreachable)
    assert f"connects to {address}, which can't be reached" in problem.what


CHAINED = """Cell In[1], line 3
----> 3 rows = read(url)

URLError: <urlopen error [Errno -2] Name or service not known>

{how}:

NameError                                 Traceback (most recent call last)
Cell In[1], line 4
----> 4 except HTTPError:

NameError: name 'HTTPError' is not defined
"""
HANDLING = "During handling of the above exception, another exception occurred"
CAUSE = "The above exception was the direct cause of the following exception"


@pytest.mark.parametrize("how", [HANDLING, CAUSE])
def test_an_error_on_the_way_from_a_network_that_is_not_there_is_reported_with_it(diagnose, how):
    problem = diagnose("NameError", "name 'HTTPError' is not defined", CHAINED.format(how=how))
    assert isinstance(problem, NetworkUnreachable)
    assert problem.what.endswith(
        "connects to data.example.com, which can't be reached from the build: URLError: <urlopen error [Errno -2] Name "
        "or service not known> (and then NameError: name 'HTTPError' is not defined)"
    )


def test_a_network_that_was_missed_before_another_error_was_handled_is_no_cause(diagnose):
    trace = CHAINED.format(how=HANDLING) + f"\n{HANDLING}:\n\nNameError: name 'x' is not defined\n"
    assert diagnose("NameError", "name 'x' is not defined", trace) is None


@pytest.mark.parametrize(
    "trace",
    [
        "File <frozen os>:679, in __getitem__(self, key)",
        "File <frozen os>:714, in _Environ.__getitem__(self, key)",
        "File /usr/lib/python3.9/os.py:679, in _Environ.__getitem__(self, key)",
        "/usr/lib/python3.6/os.py in __getitem__(self, key)",
        '  File "<frozen os>", line 679, in __getitem__',
        '  File "/usr/lib/python3.8/os.py", line 675, in __getitem__',
    ],
)
def test_a_variable_that_is_not_set_is_named(diagnose, trace):
    problem = diagnose("KeyError", "'TOKEN'", trace)
    assert isinstance(problem, VariableUnset)
    assert "needs the environment variable TOKEN, which is not set" in problem.what


def test_a_key_of_a_dict_is_no_variable(diagnose):
    assert diagnose("KeyError", "'TOKEN'", "Cell In[1], line 1\n----> 1 settings['TOKEN']") is None


def test_pointers_are_reported_by_their_first_line(tmp_path):
    (tmp_path / "a.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n")
    (tmp_path / "b.csv").write_text("version\n1\n")
    assert error_causes.pointers(tmp_path) == ["a.csv"]
    assert error_causes.named_in(["read('data/a.csv')"], ["x/a.csv", "x/b.csv"]) == ["x/a.csv"]


@pytest.mark.parametrize(
    ("message", "thing", "command"),
    [
        ("[E050] Can't find model 'en_md'. It", "spaCy's model en_md", "!python -m spacy download en_md"),
        ("Resource punkt not found.\n Please use NLTK", "nltk's resource punkt", "nltk.download('punkt')"),
    ],
)
def test_data_of_a_language_are_named_with_what_includes_them(diagnose, message, thing, command):
    problem = diagnose("LookupError", message)
    assert isinstance(problem, LanguageDataMissing)
    assert thing in str(problem) and command in problem.fix


def test_a_variable_that_is_to_be_declared_is_named(diagnose):
    problem = diagnose("UndefinedValueError", "API_KEY not found. Declare it as envvar or define a default value.")
    assert isinstance(problem, VariableUnset) and "API_KEY" in problem.what


def test_a_network_without_an_address_is_something_outside(diagnose, tmp_path):
    place = {"cell": Cell("ask()", 1, 1), "notebook": "m.ipynb", "line": 1, "error": "OSError: x", "traceback": ""}
    problem = error_causes.problem("OSError", "[Errno 101] Network is unreachable", tmp_path, place)
    assert "connects to something outside, which can't be reached" in problem.what


@pytest.mark.parametrize(
    ("message", "address"),
    [
        ("Max retries exceeded: http://me:secret@files.example.org:8080/a", "files.example.org:8080"),
        ("HTTPConnectionPool(host='a.example.org', port=80): Read timed out. (connect timeout=1)", "a.example.org"),
        ('Could not connect to the endpoint URL: "https://s3.example.org/b"', "s3.example.org"),
    ],
)
def test_an_address_is_reported_with_its_port_and_without_a_password(diagnose, message, address):
    assert f"connects to {address}, which" in diagnose("OSError", message).what


def test_what_is_to_be_committed_or_written_is_reported_by_its_folder(diagnose, tmp_path):
    missing = "[Errno 2] No such file or directory: '{}'"
    commit = "Commit the file, or create or download it in an earlier cell, then build again."
    assert diagnose("FileNotFoundError", missing.format("lost.bin")).fix == commit
    assert diagnose("FileNotFoundError", missing.format("../data/lost.bin")).fix == commit
    foreign = diagnose("FileNotFoundError", missing.format("/home/ann/lost.bin")).fix
    write = "Use a path relative to the notebook's folder ('lost.bin'), and commit the file if it is read"
    assert foreign == f"{write}, then build again."
    assert isinstance(diagnose("FileNotFoundError", missing.format(tmp_path / "lost.bin")), FileMissing)
    assert isinstance(diagnose("FileNotFoundError", missing.format("data\\\\lost.bin")), FileMissing)


def test_the_file_next_to_the_notebook_and_of_the_same_capitals_fits_best(diagnose, tmp_path):
    (tmp_path / "work" / "other").mkdir()
    for name in ("work/TRAIN.csv", "work/other/Train.csv"):
        (tmp_path / name).write_text("")
    fix = diagnose("FileNotFoundError", "[Errno 2] No such file or directory: 'gone/Train.csv'").fix
    assert fix == "Write 'other/Train.csv', which is in the repository, then build again."
    fix = diagnose("FileNotFoundError", "[Errno 2] No such file or directory: 'gone/TRAIN.CSV'").fix
    assert fix == "Write 'TRAIN.csv', which is in the repository, then build again."


def test_a_file_outside_of_the_repository_is_no_rule_s(diagnose, tmp_path):
    (tmp_path / ".gitignore").write_text("*\n")
    problem = diagnose("FileNotFoundError", "[Errno 2] No such file or directory: '../../lost.bin'")
    assert isinstance(problem, FileMissing)


def test_what_is_no_file_is_no_pointer(tmp_path):
    assert not error_causes.is_pointer(tmp_path) and not error_causes.is_pointer(tmp_path / "gone")


def test_a_data_set_that_a_library_downloads_is_named_by_its_host(tmp_path):
    cell = Cell("import seaborn as sns\niris = sns.load_dataset('iris')", 1, 1)
    message = "<urlopen error [Errno -3] Temporary failure in name resolution>"
    location = {"cell": cell, "notebook": "model.ipynb", "line": 2, "error": f"URLError: {message}", "traceback": ""}
    problem = error_causes.problem("URLError", message, tmp_path, location)
    assert "raw.githubusercontent.com" in problem.what
