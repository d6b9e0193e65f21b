"""Real installations, and the problems that the output of installers becomes."""

import io
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import datetime, timezone
from pathlib import Path

import pytest
from nb_builder.common import digests
from nb_builder.common.log import Log
from nb_builder.common.resolve_date import AsOf
from nb_builder.install import installer as installers
from nb_builder.install import resolver_errors, venv
from nb_builder.install.installer import UV, Installer, Previous, uv_environ
from nb_builder.install.interpreters import Python
from nb_builder.problems.model import DiskFull
from nb_builder.problems.packages import (
    GitFailed,
    GitMissing,
    IndexUnreachable,
    IndexWithoutDates,
    InstallFailed,
    LockOutdated,
    NotYetPublished,
    RequirementsConflict,
    VersionMissing,
)
from nb_builder.requirements.collect import Wanted
from nb_builder.requirements.line_parser import Asked
from virtualenv.seed.wheels.embed import get_embed_wheel

HERE = Python(Path(sys.executable).resolve(), f"{sys.version_info[0]}.{sys.version_info[1]}")


def wheel(folder, name, requires="", version="1.0"):
    """Write a minimal wheel: one module, and the metadata that an installer requires."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "x = 1\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)


def make_installer(tmp_path, choice="auto", **environ):
    venv.make(tmp_path / "venv", HERE)
    offline = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    return Installer(tmp_path / "venv", HERE.minor, choice, {**offline, **environ}, Log())


def install(tmp_path, *lines, choice="auto", **environ):
    (tmp_path / "requirements.txt").write_text("\n".join(lines) + "\n")
    installer = make_installer(tmp_path, choice, **environ)
    installer.install(Wanted((), tmp_path / "requirements.txt", None), tmp_path / "requirements.lock")
    return installer.freeze().split()


@pytest.mark.parametrize("choice", ["auto", "uv", "pip"])
def test_either_installer_installs_from_an_offline_folder(tmp_path, choice):
    wheel(tmp_path, "alpha", "Requires-Dist: beta\n")
    wheel(tmp_path, "beta")
    assert install(tmp_path, "alpha==1.0", choice=choice) == ["alpha==1.0", "beta==1.0"]


@pytest.mark.parametrize("version", ["0.20.3", "0.24.2"])
def test_releases_of_pandas_whose_metadata_uv_rejects_are_resolved_for_old_pythons(tmp_path, version):
    wheel(tmp_path, "pandas", "Requires-Dist: numpy (>=1.7.0)\nRequires-Dist: pytz (>=2011k)\n", version)
    for name, number in (("numpy", "1.14.0"), ("pytz", "2018.5"), ("python_dateutil", "2.7")):
        wheel(tmp_path, name, version=number)
    made = make_installer(tmp_path, "uv")
    old = Installer(made.venv, "3.7", "uv", made.environ, Log())
    (tmp_path / "requirements.txt").write_text("pandas\n")
    old.install(Wanted((), tmp_path / "requirements.txt", None), tmp_path / "lock")
    assert f"pandas=={version}" in old.freeze()
    assert "numpy==1.14.0" in old.freeze()


def test_settings_that_a_user_has_for_uv_stay_in_place(tmp_path):
    (tmp_path / ".config" / "uv").mkdir(parents=True)
    (tmp_path / ".config" / "uv" / "uv.toml").write_text("")
    assert "UV_CONFIG_FILE" not in Installer(tmp_path, "3.6", "uv", {"HOME": str(tmp_path)}, Log()).environ


@pytest.mark.parametrize("name", ["uv.toml", "pyproject.toml"])
def test_settings_for_uv_in_the_current_folder_do_not_count(tmp_path, monkeypatch, name):
    """It may be the repository, whose author does not choose where packages come from."""
    others = tmp_path / "others"
    others.mkdir()
    wheel(others, "alpha")
    table = "[tool.uv]\n" if name == "pyproject.toml" else ""
    (tmp_path / name).write_text(f'{table}find-links = ["{others}"]\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VersionMissing, match="alpha"):
        install(tmp_path, "alpha", choice="uv")


def test_neither_pip_nor_anything_else_is_left_in_the_environment(tmp_path):
    wheel(tmp_path, "alpha")
    assert install(tmp_path, "alpha", choice="pip") == ["alpha==1.0"]
    assert [path.name for path in (tmp_path / "venv").rglob("pip*")] == []


def test_a_date_with_the_same_packages_is_reported_from_one_with_others(tmp_path):
    wheel(tmp_path, "alpha")
    (tmp_path / "requirements.txt").write_text("alpha\n")
    wanted = Wanted((), tmp_path / "requirements.txt", None)
    installer, day = make_installer(tmp_path), AsOf(datetime(2024, 1, 1, tzinfo=timezone.utc), "a test")
    installer.install(wanted, tmp_path / "requirements.lock")
    assert installer.resolves_alike(wanted, day)
    wheel(tmp_path, "alpha", version="1.1")
    assert not installer.resolves_alike(wanted, day)
    (tmp_path / "requirements.txt").write_text("of_nobody_known\n")
    assert not installer.resolves_alike(wanted, day)


def test_a_version_that_is_not_there_is_named(tmp_path):
    wheel(tmp_path, "alpha")
    with pytest.raises(VersionMissing, match="alpha==99") as rejected:
        install(tmp_path, "alpha==99")
    assert rejected.value.what.startswith(f"A requirement is not available for Python {HERE.minor}: Because ")


def test_two_pins_that_exclude_each_other_are_named(tmp_path):
    wheel(tmp_path, "alpha", "Requires-Dist: beta<1\n")
    wheel(tmp_path, "beta")
    with pytest.raises(RequirementsConflict, match="all versions of alpha depend on beta<1 and you require alpha==1.0"):
        install(tmp_path, "alpha==1.0", "beta==1.0")
    with pytest.raises(RequirementsConflict, match="you require beta==1.0 and beta==2.0"):
        install(tmp_path, "beta==1.0", "beta==2.0")


def test_an_index_that_does_not_answer_is_named_without_its_password(tmp_path):
    index = {"PIP_NO_INDEX": "", "PIP_INDEX_URL": "http://me:secret@127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    with pytest.raises(IndexUnreachable, match="127.0.0.1:9") as rejected:
        install(tmp_path, "alpha", **index)
    assert "secret" not in str(rejected.value) + rejected.value.detail


class FailingInstaller(Installer):
    """An installer whose uv fails with the given output."""

    def __init__(self, output):
        super().__init__(Path("venv"), "3.11", "uv", {}, Log())
        self.output = output

    def _run(self, command, environ=None, folders=()):
        return self.output


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("error: Failed to write\n  cause: No space left on device (os error 28)", DiskFull),
        ("error: Request failed after 3 retries\n  cause: dns error", IndexUnreachable),
        ("error: something new\n  cause: never seen", InstallFailed),
        ("ERROR: ResolutionImpossible: for help visit", RequirementsConflict),
        ("ERROR: No matching distribution found for x==9", VersionMissing),
    ],
)
def test_words_become_problems(output, problem):
    with pytest.raises(problem):
        FailingInstaller(output).install(Wanted((), Path("r.txt"), None), Path("r.lock"))


def test_a_wheel_whose_metadata_uv_rejects_is_installed_by_pip(tmp_path, capsys):
    wheel(tmp_path, "alpha", "Requires-Python: >=3.6.\n")
    with pytest.raises(InstallFailed, match="alpha==1.0 has (an )?invalid"):
        install(tmp_path, "alpha==1.0", choice="uv")
    assert install(tmp_path, "alpha==1.0") == ["alpha==1.0"]
    assert "note: uv can't install these requirements (Because alpha==1.0 has " in capsys.readouterr().out


@pytest.fixture
def no_embedded_pip(monkeypatch, tmp_path):
    """Bundle no pip for this Python, as for old ones; return the folder that is searched for one."""
    monkeypatch.setattr(installers, "get_embed_wheel", lambda *_: None)
    return tmp_path


def test_a_pip_is_taken_from_the_index_where_none_goes_with_the_python(no_embedded_pip):
    shutil.copy(get_embed_wheel("pip", HERE.minor).path, no_embedded_pip)
    wheel(no_embedded_pip, "alpha")
    assert install(no_embedded_pip, "alpha", choice="pip") == ["alpha==1.0"]


@pytest.mark.parametrize(
    ("version", "as_of", "lacks"),
    [
        ("21.3.1", None, "can't report the packages that it installs"),
        ("24.0", AsOf(datetime(2024, 6, 2, tzinfo=timezone.utc), "S2I_RESOLVE_AS_OF"), "can't resolve as of a date"),
    ],
)
def test_a_pip_that_is_too_old_says_what_it_can_not(no_embedded_pip, version, as_of, lacks):
    wheel(no_embedded_pip, "pip", version=version)
    installer = make_installer(no_embedded_pip, "pip")
    installer.as_of = as_of
    (no_embedded_pip / "requirements.txt").touch()
    with pytest.raises(InstallFailed) as caught:
        installer.install(Wanted((), no_embedded_pip / "requirements.txt", None), no_embedded_pip / "requirements.lock")
    assert f"pip {version}, the newest one for Python {HERE.minor}, {lacks}" in caught.value.what


def test_where_there_is_no_pip_at_all_the_installer_s_words_are_reported(no_embedded_pip):
    with pytest.raises(VersionMissing, match="pip"):
        install(no_embedded_pip, "alpha", choice="pip")


def test_the_python_that_would_do_is_named():
    output = (
        "error: No solution\n  cause: Because the current Python version (3.8.18) does not satisfy Python>=3.9 and …"
    )
    problem = resolver_errors.explain(output, "uv", venv=Path("venv"), minor="3.8")
    assert isinstance(problem, VersionMissing)
    assert problem.fix.endswith("choose another Python with S2I_PYTHON. The requirement needs Python>=3.9.")


def test_a_named_cache_is_used_even_where_none_is_kept():
    environ = uv_environ({"UV_NO_CACHE": "1", "PIP_CACHE_DIR": "/cache"})
    assert environ["UV_CACHE_DIR"] == "/cache"
    assert "UV_NO_CACHE" not in environ


def test_the_new_environment_holds_nothing(tmp_path):
    python = venv.make(tmp_path / "venv", HERE)
    listed = subprocess.run([python, "-c", "import pip"], capture_output=True, text=True)
    assert "No module named 'pip'" in listed.stderr


@pytest.mark.parametrize("choice", ["uv", "pip"])
def test_the_lock_has_versions_and_hashes_and_can_be_installed_again(tmp_path, choice):
    wheel(tmp_path, "alpha", "Requires-Dist: beta\n")
    wheel(tmp_path, "beta")
    install(tmp_path, "alpha", choice=choice)
    lock = tmp_path / "requirements.lock"
    assert sorted(line.split()[0] for line in lock.read_text().splitlines() if "==" in line) == [
        "alpha==1.0",
        "beta==1.0",
    ]
    assert lock.read_text().count("--hash=sha256:") == 2
    again = make_installer(tmp_path)
    again.install(Wanted((), tmp_path / "requirements.txt", lock), tmp_path / "again.lock")
    assert again.freeze().split() == ["alpha==1.0", "beta==1.0"]
    assert (tmp_path / "again.lock").read_text() == lock.read_text()


def test_a_package_that_is_not_what_the_lock_says_is_rejected(tmp_path):
    wheel(tmp_path, "alpha")
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"alpha==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(InstallFailed, match="[Hh]ash mismatch"):
        make_installer(tmp_path).install(Wanted((), tmp_path / "requirements.txt", lock), tmp_path / "again.lock")


def dated(tmp_path, day="2024-06-01", choice="uv"):
    """Return an installer that resolves to the packages of `day`."""
    installer = make_installer(tmp_path, choice)
    as_of = AsOf(datetime.fromisoformat(day).replace(tzinfo=timezone.utc), "S2I_RESOLVE_AS_OF")
    return Installer(installer.venv, HERE.minor, choice, installer.environ, Log(), as_of)


def asking(tmp_path, *lines):
    (tmp_path / "requirements.txt").write_text("".join(line + "\n" for line in lines))
    return Wanted((), tmp_path / "requirements.txt", None)


@pytest.mark.parametrize("choice", ["uv", "pip"])
def test_the_lock_begins_with_the_date_that_it_was_resolved_to(tmp_path, choice):
    wheel(tmp_path, "alpha")
    lock = tmp_path / "requirements.lock"
    dated(tmp_path, choice=choice).install(asking(tmp_path, "alpha"), lock)
    assert lock.read_text().splitlines()[0] == "# Resolved as of 2024-06-01T00:00:00Z, by S2I_RESOLVE_AS_OF."
    assert "alpha==1.0" in lock.read_text()


def test_the_same_requirements_as_of_another_date_are_asked_again(tmp_path):
    wanted = asking(tmp_path, "alpha")
    fingerprints = [
        installer.fingerprint(wanted)
        for installer in (make_installer(tmp_path), dated(tmp_path), dated(tmp_path, "2024-06-02"))
    ]
    assert len(set(fingerprints)) == 3
    assert dated(tmp_path).fingerprint(wanted) == fingerprints[1]


@pytest.mark.parametrize(
    ("before", "kept"), [("2024-06-01T00:00:00Z", True), ("2023-01-01T00:00:00Z", False), (None, False)]
)
def test_versions_of_the_build_before_are_kept_where_it_had_the_same_date(tmp_path, before, kept):
    wheel(tmp_path, "alpha")
    wheel(tmp_path, "alpha", version="2.0")
    folder = tmp_path / "artifacts"
    (folder / "build").mkdir(parents=True)
    (folder / "build" / "requirements.lock").write_text("alpha==1.0\n")
    lock = tmp_path / "requirements.lock"
    dated(tmp_path).install(
        asking(tmp_path, "alpha"), lock, Previous("something else", before, folder / "build" / "requirements.lock")
    )
    assert ("alpha==1.0" in lock.read_text()) is kept


LATER = """\
error: No solution found when resolving dependencies
  cause: there is no version of a==2

hint: `a` was filtered by `exclude-newer` to only include packages uploaded before 2024-06-01T00:00:00Z. The requested \
version, v2, was published at 2024-07-08T01:02:03Z. Consider using `exclude-newer-package`."""


BACKEND = """
import pathlib, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    # Like setuptools, the build writes into the project itself.
    pathlib.Path("build").mkdir(exist_ok=True)
    pathlib.Path("build/left.txt").write_text("left")
    info = "alpha-1.0.dist-info"
    files = {
        "alpha.py": pathlib.Path("alpha.py").read_text(),
        info + "/METADATA": "Metadata-Version: 2.1\\nName: alpha\\nVersion: 1.0\\nRequires-Dist: beta\\n",
        info + "/WHEEL": "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = "".join(name + ",,\\n" for name in files) + info + "/RECORD,,\\n"
    with zipfile.ZipFile(pathlib.Path(folder) / "alpha-1.0-py3-none-any.whl", "w") as archive:
        for name, text in {**files, info + "/RECORD": record}.items():
            archive.writestr(name, text)
    return "alpha-1.0-py3-none-any.whl"
"""


@pytest.fixture
def project(tmp_path):
    """Return a project whose build needs no index, and leaves files behind."""
    folder = tmp_path / "src/lib"
    folder.mkdir(parents=True)
    backend = 'requires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (folder / "pyproject.toml").write_text(f"[build-system]\n{backend}")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "alpha.py").write_text("x = 1\n")
    return folder


def install_project(tmp_path, project, choice="auto", lock=None):
    emitted = tmp_path / "requirements.txt"
    emitted.write_text(f"{project.as_uri()}\n")
    asked = Asked((project.as_uri(),), folders=(project,))
    installer = make_installer(tmp_path, choice)
    installer.install(Wanted((), emitted, lock, asked, project.parent), tmp_path / "made.lock")
    return installer


def build_on(tmp_path, project, asked_before):
    """Install into the environment of a previous build, with its lock; return the installer and the log."""
    (tmp_path / "before/build").mkdir(parents=True, exist_ok=True)
    shutil.copy(tmp_path / "made.lock", tmp_path / "before/build/requirements.lock")
    asked = Asked((project.as_uri(),), folders=(project,))
    wanted = Wanted((), tmp_path / "requirements.txt", None, asked, project.parent)
    stream = io.StringIO()
    offline = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    installer = Installer(tmp_path / "venv", HERE.minor, "uv", offline, Log(stream))
    installer.install(
        wanted,
        tmp_path / "made.lock",
        Previous(asked_before or installer.fingerprint(wanted), None, tmp_path / "before/build/requirements.lock"),
    )
    return installer, stream.getvalue()


def value_of_x(installer):
    # Compiled code is compared with its source by size and second, and both installations may be in one second.
    return subprocess.run(
        [installer.python, "-B", "-c", "import alpha; print(alpha.x)"], capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize("choice", ["uv", "pip"])
def test_a_folder_is_installed_as_a_copy_locked_by_its_digest_and_left_as_it_was(tmp_path, project, choice):
    wheel(tmp_path, "beta")
    before = sorted(project.rglob("*"))
    digest = digests.tree(project)
    installer = install_project(tmp_path, project, choice)
    assert sorted(path for path in project.rglob("*") if "__pycache__" not in path.parts) == before
    first, second = [line for line in (tmp_path / "made.lock").read_text().splitlines() if line[0] != " "]
    assert first == f"alpha @ file:./lib#sha256={digest}"
    assert second.startswith("beta==1.0")
    assert list(installer.venv.glob("lib/python*/site-packages/alpha.py"))


def test_a_folder_with_the_same_dates_and_another_content_is_built_again(tmp_path, project):
    wheel(tmp_path, "beta")
    install_project(tmp_path, project)
    (project / "alpha.py").write_text("x = 2\n")
    assert value_of_x(install_project(tmp_path, project)) == "2\n"


def test_a_lock_with_a_folder_is_installed_from(tmp_path, project):
    wheel(tmp_path, "beta")
    install_project(tmp_path, project)
    lock = Path(shutil.copy(tmp_path / "made.lock", project.parent / "kept.lock"))
    installer = install_project(tmp_path, project, lock=lock)
    assert value_of_x(installer) == "1\n"
    assert [line.split()[0].partition("=")[0] for line in installer.freeze().splitlines()] == ["alpha", "beta"]
    (project / "alpha.py").write_text("x = 2\n")
    with pytest.raises(LockOutdated, match="the folder './lib'"):
        install_project(tmp_path, project, lock=lock)


GIT_FAILED = """error: Git operation failed
  cause: git fetch 'https://a.example.com/a.git' 'x' (exit status: 128)
   --- stderr
   fatal: couldn't find remote ref refs/tags/x
"""


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        ("warning: `a-1.0.whl` is missing an upload date, but user provided: x", IndexWithoutDates, r"\(a-1.0.whl\)"),
        ("ERROR: Index https://a.test/simple/six/ does not provide upload-time metadata.", IndexWithoutDates, "a.test"),
        (
            LATER,
            NotYetPublished,
            "there is no version of a==2; a 2 was published on 2024-07-08.",
        ),
    ],
)
def test_what_installers_say_of_the_date(tmp_path, output, kind, message):
    assert re.search(message, dated(tmp_path).explain(output, "uv").what)
    assert isinstance(dated(tmp_path).explain(output, "uv"), kind)
    assert not isinstance(make_installer(tmp_path).explain(output, "uv"), kind)


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        ("error: Git executable not found. Ensure that Git is", GitMissing, "git is not installed"),
        ("ERROR: Cannot find command 'git' - do you have 'git' installed", GitMissing, "builder --apt git"),
        (
            GIT_FAILED,
            GitFailed,
            "git could not fetch https://a.example.com/a.git: couldn't find remote ref refs/tags/x",
        ),
        (
            "Because there is no version of torch==2.4.1+cpu and you require torch==2.4.1+cpu",
            VersionMissing,
            "'--extra-index-url https://download.pytorch.org/whl/cpu'",
        ),
        (
            "ERROR: No matching distribution found for torchvision==0.19.1+cu121",
            VersionMissing,
            "torchvision==0.19.1+cu121 is on PyTorch's own index",
        ),
        (
            "error: Failed to build `a @ file:///a`\ncommand 'gcc' failed: No such file",
            InstallFailed,
            "builder --compilers",
        ),
        (
            "Failed to build a\nError: pg_config executable not found.",
            InstallFailed,
            "builder --compilers --apt libpq-dev",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(output, kind, message):
    problem = resolver_errors.explain(output, "uv", venv=Path("venv"), minor="3.11")
    assert isinstance(problem, kind)
    assert message in str(problem)


def test_an_incremental_build_has_the_folder_as_it_is_now(tmp_path, project):
    wheel(tmp_path, "beta")
    install_project(tmp_path, project)
    installer, log = build_on(tmp_path, project, asked_before="")
    assert (value_of_x(installer), "unchanged since the previous build" in log) == ("1\n", True)
    (project / "alpha.py").write_text("x = 2\n")
    installer, log = build_on(tmp_path, project, asked_before="another")
    assert (value_of_x(installer), "unchanged since the previous build" in log) == ("2\n", False)
    assert digests.tree(project) in (tmp_path / "made.lock").read_text()


def test_a_package_that_is_not_what_its_author_s_digest_says_is_rejected(tmp_path):
    wheel(tmp_path, "alpha")
    line = f"alpha==1.0 --hash=sha256:{'0' * 64}"
    (tmp_path / "requirements.txt").write_text(line + "\n")
    with pytest.raises(InstallFailed, match="[Hh]ash mismatch"):
        make_installer(tmp_path).install(
            Wanted((), tmp_path / "requirements.txt", None, Asked((line,))), tmp_path / "requirements.lock"
        )


@pytest.mark.parametrize("is_exact", [False, True])
def test_an_environment_that_holds_what_the_lock_says_is_left_as_it_is(tmp_path, is_exact):
    wheel(tmp_path, "alpha")
    (tmp_path / "requirements.txt").write_text("alpha\n")
    wanted = Wanted((), tmp_path / "requirements.txt", None, Asked(("alpha",)), tmp_path)
    installer = make_installer(tmp_path)
    installer.install(wanted, tmp_path / "before.lock")
    # What is missing now shows whether it was looked at.
    subprocess.run([UV, "pip", "uninstall", "--quiet", "--python", installer.python, "alpha"], check=True)
    previous = Previous(installer.fingerprint(wanted), None, tmp_path / "before.lock", is_exact)
    installer.install(wanted, tmp_path / "made.lock", previous)
    assert (installer.freeze() == "") is is_exact
    assert (tmp_path / "made.lock").read_bytes() == (tmp_path / "before.lock").read_bytes()


@pytest.mark.parametrize(("day", "exempt"), [("2018-09-01", True), ("2018-11-01", False)])
def test_a_formula_can_be_read_by_a_patsy_that_is_newer_than_the_date(day, exempt):
    options = installers.cutoff(AsOf(datetime.fromisoformat(f"{day}T00:00:00+00:00"), "the last commit"))
    assert ("patsy=false" in options) is exempt
