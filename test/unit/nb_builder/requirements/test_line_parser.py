"""What the lines of requirements ask for, wherever they stand."""

import subprocess

import pytest
from nb_builder.problems.packages import GitMissing, RequirementIsOption, RequirementsMalformed
from nb_builder.requirements import line_parser
from nb_builder.requirements.index_options import IndexOptions
from nb_builder.requirements.line_parser import Origin
from nb_builder.requirements.sources import Packages


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
    origin = Origin("'requirements'", "entry", "model.ipynb", (top / "notebooks", top), top, strict=True)
    return line_parser.read(list(enumerate(lines, start=1)), origin)


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
        ("./empty", "'./empty' is not a Python project: it has no pyproject.toml and no setup.py"),
        ("hg+https://a.example.com/a", "git is the only supported version control system"),
        ("git+file:./nowhere", "the repository contains no git repository './nowhere'"),
        ("six and seven", "'six and seven' is not a requirement"),
        ("alpha.whl", "the repository has no file or folder 'alpha.whl'"),
    ],
)
def test_a_line_that_leads_nowhere_is_rejected_with_its_place(repo, line, reason):
    (repo.parent / "secret.txt").write_text("six\n")
    with pytest.raises(RequirementsMalformed) as rejected:
        read(repo, "six", line)
    assert f"'requirements' (entry 2): {reason}" in str(rejected.value) or reason in str(rejected.value)
    assert "Correct it in model.ipynb" in str(rejected.value)


@pytest.mark.parametrize("line", ["--user", "--target=/srv", "-r", "-x", '-e "unclosed', "--index-url=http://a b"])
def test_other_options_are_rejected(repo, line):
    with pytest.raises(RequirementIsOption) as rejected:
        read(repo, line)
    assert line in rejected.value.what.encode().decode("unicode_escape")


def test_without_git_a_git_repository_is_rejected(repo, monkeypatch):
    monkeypatch.setenv("PATH", str(repo))
    with pytest.raises(GitMissing, match=r"'requirements' \(entry 1\) requires git\+https://a.example.com/a.git"):
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


def test_several_files_may_be_named_in_a_line(repo):
    for name, text in {"a": "six<2\n-c b.txt\n", "b": "idna<3\n", "c": "--pre\nattrs\n", "d": "pywin32\n"}.items():
        (repo / f"notebooks/{name}.txt").write_text(text)
    asked = read(repo, "-c a.txt -c d.txt", "-r c.txt -r b.txt -e . -e ../lib", "zope")
    windows = "pywin32 ; sys_platform == 'win32'"
    assert asked.constraints == ("six<2", "idna<3", windows)
    assert asked.lines == (repo.as_uri(), (repo / "lib").as_uri(), "attrs", "idna<3", "zope")
    assert asked.notes == ("notebooks/d.txt: left out, because it is for Windows only: pywin32.",)
    assert asked.folders == (repo, repo / "lib") and asked.options.pre


def test_every_option_is_known_by_its_line(repo, monkeypatch):
    monkeypatch.setenv("HOST", "a.example.com")
    (repo / "wheels").mkdir()
    line = (
        "--extra-index-url https://${HOST}/s --extra-index-url https://b/s -f wheels -f https://${HOST}/w -f gone "
        "--trusted-host a --only-binary six --no-binary idna --no-index --pre --require-hashes --prefer-binary"
    )
    options = IndexOptions(
        "'requirements' (entry 1)",
        "",
        ("https://a.example.com/s", "https://b/s"),
        ((repo / "wheels").as_uri(), "https://a.example.com/w", "gone"),
        ("a",),
        ("six",),
        ("idna",),
        no_index=True,
        pre=True,
        written=(("https://a.example.com/s", "https://${HOST}/s"), ("https://a.example.com/w", "https://${HOST}/w")),
    )
    assert read(repo, line).options.lines == (options,)
    assert read(repo, "--pypi-url https://a", "-i https://b").options.index == "https://b"
    assert read(repo, f"--find-links={(repo / 'wheels').as_uri()}").options.links == ((repo / "wheels").as_uri(),)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("six and seven", "'six and seven' is not a requirement (Expected "),
        ("hg+https://a/b", "'hg+https://a/b': git is the only supported version control system"),
        ("bzr+https://a/b", "'bzr+https://a/b': git is the only supported version control system"),
        ("https://a/b/alpha-1.whl", "Invalid wheel filename (wrong number of parts): 'alpha-1'"),
        ("git+file:./nowhere@main", "the repository contains no git repository './nowhere@main'"),
        ("file:///nowhere", "the repository has no file or folder 'file:///nowhere'"),
    ],
)
def test_a_line_is_rejected_in_these_words(repo, line, reason):
    with pytest.raises(RequirementsMalformed) as rejected:
        read(repo, "six", line)
    assert f"'requirements' (entry 2): {reason}" in str(rejected.value)


def test_what_an_installer_is_to_judge_is_left_as_it_is(repo):
    place = Origin("requirements.txt", "line", "requirements.txt", (repo,), repo)
    assert line_parser.read([(1, "six and seven")], place).lines == ("six and seven",)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("file:lib%20x", "{top}/lib%20x"),
        ("file://{path}/lib%20x", "{top}/lib%20x"),
        ("{path}/lib x", "{top}/lib%20x"),
        ("alpha @ file:lib#egg=b ;python_version > '3' ", "alpha @ {top}/lib#egg=b ; python_version > '3'"),
        ("./lib --hash=sha256:00 --hash=sha256:11", "{top}/lib --hash=sha256:00 --hash=sha256:11"),
        ("https://a/a%5Fb-1-py3-none-any.whl#sha256=0/0", "a-b @ https://a/a%5Fb-1-py3-none-any.whl#sha256=0/0"),
        ("git+file:lib", "git+{top}/lib"),
        ("git+file:./lib@v1@2#egg=a", "git+{top}/lib%40v1@2#egg=a"),
        ("name / other==1", "name / other==1"),
    ],
)  # fmt: skip
def test_a_place_may_be_written_in_many_ways(repo, line, wanted):
    (repo / "lib x").mkdir()
    (repo / "lib x/setup.py").write_text("")
    place = Origin("r.txt", "line", "r.txt", (repo,), repo)
    line = line.format(path=str(repo).replace(" ", "%20") if line.startswith("file") else repo)
    if "v1@2" in line:
        (repo / "lib").rename(repo / "lib@v1")
    assert line_parser.read([(1, line)], place).lines == (wanted.format(top=repo.as_uri()),)


def test_the_first_folder_that_is_a_project_counts(repo):
    (repo / "notebooks/lib").mkdir()
    assert read(repo, "./lib").folders == (repo / "lib",)
    (repo / "notebooks/lib/setup.py").write_text("")
    assert read(repo, "./lib").folders == (repo / "notebooks/lib",)


def test_a_file_of_the_repository_says_its_own_name(repo):
    (repo / "notebooks/more.txt").write_text("# more\nsix\n--pre\npywin32\n")
    asked = line_parser.read_file(repo / "notebooks/more.txt", repo)
    assert asked.options.lines[0].where == "notebooks/more.txt (line 3)"
    assert asked.notes == ("notebooks/more.txt: left out, because it is for Windows only: pywin32.",)
    (repo / "requirements.lock").write_text("six==1 \\\n  --hash=sha256:00\n--pre\n--index-url https://a\n")
    options = line_parser.options_of(repo / "requirements.lock", repo)
    assert [line.where for line in options.lines] == ["requirements.lock (line 3)", "requirements.lock (line 4)"]
    assert (options.pre, options.index) == (True, "https://a")
    of_packages = line_parser.of_packages("setup.py", Packages(("six", "--pre"), ("idna<3",)), repo)
    assert of_packages.options.lines[0].where == "setup.py (entry 2)" and of_packages.constraints == ("idna<3",)
