"""The Dockerfile of a repository where there is no s2i."""

import pytest
from nb_builder.cli import dockerfile


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
