"""The Dockerfile of a repository on a machine without s2i."""

import pytest
from nb_builder.cli import dockerfile
from nb_builder.problems.notebooks import FileEncoding


@pytest.fixture
def laid(tmp_path):
    """Return a function that lays a repository of these files, and returns (context, files that it has)."""

    def lay(*names, **contents):
        folder, context = tmp_path / "repo", tmp_path / "context"
        context.mkdir()
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(contents.get(name.strip("."), ""))
        dockerfile.lay(folder, context, "nb-builder", {})
        src = context / "src"
        return context, sorted(str(path.relative_to(src)) for path in src.rglob("*") if path.is_file())

    return lay


def test_it_does_what_s2i_does():
    assert dockerfile.text("nb-builder", {"S2I_PYTHON": "3.9"}).splitlines() == [
        "FROM nb-builder",
        'LABEL io.openshift.s2i.build.image="nb-builder"',
        'ENV S2I_PYTHON="3.9"',
        "COPY --chown=1001:0 src /tmp/src",
        "RUN /usr/libexec/s2i/assemble",
        'CMD ["/usr/libexec/s2i/run"]',
    ]


@pytest.mark.parametrize(
    ("value", "line"),
    [('{"a": 1}', r'ENV X="{\"a\": 1}"'), ("$HOME", r'ENV X="\$HOME"'), ("a\\b", r'ENV X="a\\b"'), ("", 'ENV X=""')],
)
def test_a_value_stays_as_it_is(value, line):
    assert line in dockerfile.text("nb-builder", {"X": value}).splitlines()


def test_a_value_that_is_not_utf_8_is_a_problem_that_names_it(tmp_path):
    (tmp_path / "repo").mkdir()
    (tmp_path / "context").mkdir()
    variables = {"PLACE": "Z\udcfcrich"}
    with pytest.raises(FileEncoding, match="The value of PLACE is not UTF-8 text") as caught:
        dockerfile.lay(tmp_path / "repo", tmp_path / "context", "nb-builder", variables)
    assert ".s2i/environment" in caught.value.fix


def test_git_stays_behind_and_dot_files_come_along(laid):
    assert laid("model.ipynb", ".git/config", ".s2i/environment", "data/.git/x")[1] == [
        ".s2i/environment", "model.ipynb",
    ]  # fmt: skip


def test_s2iignore_says_what_stays_behind(laid):
    _, files = laid(
        ".s2iignore", "model.ipynb", "raw/big.csv", "notes.md", "README.md",
        s2iignore="# large\nraw\n*.md\n!README.md\n",
    )  # fmt: skip
    assert files == [".s2iignore", "README.md", "model.ipynb"]


def test_a_star_of_s2iignore_does_not_cross_a_slash(laid):
    _, files = laid(
        ".s2iignore", "a.csv", "data/b.csv", "data/deep/c.csv", "raw/deep/d.csv", "[x].txt", "x.txt",
        s2iignore="*.csv\n/raw/*/*.csv\ndata/?.csv\n[!x].csv\n[xy].txt\n",
    )  # fmt: skip
    # s2i matches with Go's filepath.Match.
    assert files == [".s2iignore", "[x].txt", "data/deep/c.csv"]
