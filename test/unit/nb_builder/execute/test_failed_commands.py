"""The failed command behind a cell's error: a download that reached no host, or left no file."""

import pytest
from nb_builder.common.cell import Cell
from nb_builder.execute import failed_commands
from nb_builder.execute.failed_commands import Failed
from nb_builder.problems.cells import CellFailed
from nb_builder.problems.surroundings import FileMissing, NetworkUnreachable

READS = Cell("df = pd.read_csv('data/a.csv')", 5, 5)
WGET = "wget -q https://files.example.org/x/a.csv"


def explained(command, status, folder, *, error=""):
    """Return the problem of a cell that fails with an error, or because of the missing file data/a.csv."""
    known = {"cell": READS, "notebook": "m.ipynb", "line": 1, "error": error or "FileNotFoundError: x"}
    problem = CellFailed(**known, again="") if error else FileMissing(**known, path="data/a.csv", instead="Commit it")
    failed = [Failed(Cell(f"!{command}", 2, 2), command, status)]
    found = failed_commands.explain(problem, READS, failed, notebook="m.ipynb", folder=folder)
    return None if found is problem else found


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (WGET, 4),
        ("mkdir data && wget -P data https://files.example.org/a.csv", 4),
        ("wget 'https://files.example.org/get?id=3' -O data/a.csv", 4),
        ("curl -sLo data/a.csv https://files.example.org/b", 6),
        ("curl https://files.example.org/b > a.csv", 7),
        ("curl --output=a.csv https://files.example.org/b", 28),
    ],
)
def test_a_download_that_does_not_reach_its_host_is_the_cause(tmp_path, command, status):
    problem = explained(command, status, tmp_path)
    assert isinstance(problem, NetworkUnreachable)
    assert "Cell [2] of m.ipynb (cell 2 of the file) connects to files.example.org, which" in problem.what
    assert f"exited with status {status}" in problem.what


@pytest.mark.parametrize(
    ("command", "status", "advice"),
    [
        (WGET, 8, f"Correct cell [2], where '!{WGET}' exited with status 8, or commit the file, then build again."),
        (
            "kaggle download a.csv",
            127,
            (
                "Correct cell [2], where '!kaggle download a.csv' exited with status 127, or commit the file, "
                "then build again."
            ),
        ),
        (
            "wget https://files.example.org/all.zip",
            4,
            (
                "Commit the file, or give the build access to files.example.org if cell [2] should have created it "
                "('!wget https://files.example.org/all.zip' exited with status 4), then build again."
            ),
        ),
        ("wget https://files.example.org/old_a.csv", 8, ""),
        ("rm a.csv", 1, ""),
        ("make data.csv", 2, ""),
        ("echo 'a.csv", 2, "Correct cell [2], where '!echo 'a.csv' exited with status 2, or commit the file, then"),
    ],
)
def test_only_a_command_that_may_create_the_file_is_to_be_corrected(tmp_path, command, status, advice):
    problem = explained(command, status, tmp_path)
    assert problem.fix.startswith(advice) if advice else problem is None


@pytest.mark.parametrize(("status", "kind"), [(4, NetworkUnreachable), (8, CellFailed)])
def test_the_empty_file_of_a_failed_download_is_the_cause(tmp_path, status, kind):
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "a.csv"
    file.touch()
    problem = explained(f"{WGET} -O data/a.csv", status, tmp_path, error="EmptyDataError: No columns")
    assert isinstance(problem, kind) and f"exited with status {status}" in f"{problem.what}{problem.fix}"
    if kind is CellFailed:
        assert "above: the file that the cell reads is empty, because '!wget" in problem.fix
    file.write_text("a,b")
    assert explained(f"{WGET} -O data/a.csv", status, tmp_path, error="EmptyDataError: No columns") is None


def test_a_command_s_end_is_reported_in_words():
    assert [failed_commands.ending(status) for status in (1, -9)] == ["exited with status 1", "was killed by signal 9"]
    words = ", as 'ffmpeg' is not installed; add ffmpeg to apt.txt"
    missing = failed_commands.missing_program
    assert missing("ffmpeg -i a", 127) == words
    assert missing("ffmpeg -i a", 1) == missing("own", 127) == missing("", 127) == ""


def test_a_command_is_reported_within_a_line():
    brief = failed_commands.brief
    assert [brief(command) for command in (" ls ", "a\nb", "", "x" * 200)] == ["ls", "a …", "", "x" * 200]
    assert brief("x" * 201) == "x" * 200 + " …"
