"""What the lines of requirements ask for, wherever they stand."""

import subprocess

import pytest
from nb_builder.problems.requirements import GitMissing, RequirementIsOption, RequirementsMalformed
from nb_builder.requirements import line_parser
from nb_builder.requirements.line_parser import Place


@pytest.fixture
def repo(tmp_path):
    """Return a repository with a project, a wheel, and a folder for the notebook."""
    top = tmp_path / "re po"
    for folder in ("notebooks", "lib", "empty"):
        (top / folder).mkdir(parents=True)
    (top / "lib/pyproject.toml").write_text("")
    (top / "setup.py").write_text("")
    (top / "alpha-1.0-py3-none-any.whl").write_bytes(b"")
    return top


def read(top, *lines):
    place = Place("'requirements'", "entry", "model.ipynb", (top / "notebooks", top), top, strict=True)
    return line_parser.read(list(enumerate(lines, start=1)), place)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy>=1; python_version > '3'", "numpy>=1; python_version > '3'"),
        ("six==1.17.0 --hash=sha256:00", "six==1.17.0 --hash=sha256:00"),
        ("./lib", "{top}/lib"),
        ("../lib", "{top}/lib"),
        ("lib/", "{top}/lib"),
        ("./lib[dev,test]", "{top}/lib[dev,test]"),
        ("file:./lib", "{top}/lib"),
        ("alpha @ file:lib", "alpha @ {top}/lib"),
        ("alpha[x]==./lib", "alpha[x] @ {top}/lib"),
        ("alpha @ ./lib ; python_version > '3'", "alpha @ {top}/lib ; python_version > '3'"),
        ("-e .", "{top}"),
        ("-e ./lib", "{top}/lib"),
        ("--editable=lib/", "{top}/lib"),
        ("alpha-1.0-py3-none-any.whl --hash=sha256:00", "alpha @ {top}/alpha-1.0-py3-none-any.whl --hash=sha256:00"),
        ("https://a.example.com/alpha-1.0.tar.gz", "https://a.example.com/alpha-1.0.tar.gz"),
        ("alpha==git+https://a.example.com/a.git@main#subdirectory=b", "alpha @ git+https://a.example.com/a.git@main#subdirectory=b"),
        ("alpha==@ git+ssh://git@a.example.com/a.git", "alpha @ git+ssh://git@a.example.com/a.git"),
        ("-e git+https://a.example.com/a.git#egg=alpha", "git+https://a.example.com/a.git#egg=alpha"),
        ("git+file:./lib@main", "git+{top}/lib@main"),
    ],
)  # fmt: skip
def test_a_line_can_be_read_from_any_folder(repo, line, wanted):
    assert read(repo, line).lines == (wanted.format(top=repo.as_uri()),)


def test_folders_are_kept_for_those_who_build_them(repo):
    assert read(repo, "-e .", "lib/", "six").folders == (repo, repo / "lib")


def test_files_are_drawn_in_relative_to_themselves_and_once(repo):
    (repo / "notebooks/one.txt").write_text("-r ../more/two.txt  # and more\nsix \\\n  ==1.17.0\n")
    (repo / "more").mkdir()
    (repo / "more/two.txt").write_text("--pre\n-r ../notebooks/one.txt\n-c three.txt\n../lib\nnot a requirement\n")
    (repo / "more/three.txt").write_text("idna<3\n")
    asked = read(repo, "-r one.txt")
    assert asked.lines == ((repo / "lib").as_uri(), "not a requirement", "six ==1.17.0")
    assert asked.constraints == ("idna<3",)
    assert asked.options.pre


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("./nowhere", "the repository has no file or folder './nowhere'"),
        ("-r nowhere.txt", "the repository has no file 'nowhere.txt'"),
        ("-r https://a.example.com/r.txt", "the repository has no file 'https://a.example.com/r.txt'"),
        ("-c ../../secret.txt", "the repository has no file '../../secret.txt'"),
        ("../..", "the repository has no file or folder '../..'"),
        ("./empty", "'./empty' is no Python project: it has no pyproject.toml and no setup.py"),
        ("hg+https://a.example.com/a", "of version control systems, git alone is supported"),
        ("git+file:./nowhere", "the repository has no git repository './nowhere'"),
        ("six and seven", "'six and seven' is no requirement"),
        ("alpha.whl", "the repository has no file or folder 'alpha.whl'"),
    ],
)
def test_a_line_that_leads_nowhere_is_refused_with_its_place(repo, line, reason):
    (repo.parent / "secret.txt").write_text("six\n")
    with pytest.raises(RequirementsMalformed) as refused:
        read(repo, "six", line)
    assert f"'requirements' (entry 2): {reason}" in str(refused.value) or reason in str(refused.value)
    assert "Correct it in model.ipynb" in str(refused.value)


@pytest.mark.parametrize("line", ["--user", "--target=/srv", "-r", "-x", '-e "unclosed', "--index-url=http://a b"])
def test_other_options_are_refused(repo, line):
    with pytest.raises(RequirementIsOption) as refused:
        read(repo, line)
    assert line in refused.value.what.encode().decode("unicode_escape")


def test_without_git_a_git_repository_is_refused(repo, monkeypatch):
    monkeypatch.setenv("PATH", str(repo))
    with pytest.raises(GitMissing, match=r"'requirements' \(entry 1\) asks for git\+https://a.example.com/a.git"):
        read(repo, "git+https://a.example.com/a.git")


def test_variables_fill_in_what_must_not_be_committed(repo, monkeypatch):
    monkeypatch.setenv("TOKEN", "secret")
    assert (
        read(repo, "-i https://${TOKEN}@a.example.com/${OTHER}").options.index
        == "https://secret@a.example.com/${OTHER}"
    )


def test_a_path_with_an_at_sign_is_no_branch(repo):
    bare = repo / "a@b.git"
    subprocess.run(["git", "init", "-q", "--bare", bare], check=True)
    assert read(repo, "git+file:./a@b.git").lines == (f"git+{bare.as_uri()}",)
