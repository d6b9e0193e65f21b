"""Conformance C: what assemble takes, refuses, prints and leaves."""

import shutil
import subprocess
import zipfile

import pytest

from cases import check_words, named
from engine import docker, provide
from engine.s2i import commit, git, git_repository, must
from image import repos

SCRIPTS = "/usr/libexec/s2i"
NEEDS_A_PACKAGE = 'requirements = [["six", "1.17.0"]]\n%%\n' + repos.ECHO


def answers(image, body=b"[1, 2]", *options):
    """Return the value that a service of `image` answers."""
    with docker.service(image, *options) as service:
        got = service.predict(body)
        assert got.status == 200, got.body
        return got.value


@pytest.fixture
def pure(tmp_path):
    """Return a git repository with a notebook that needs no packages, as a folder."""
    git_repository(named("ok-pure-python").repo, tmp_path / "pure")
    return tmp_path / "pure"


def test_point_31_the_word_tar_in_an_error_does_not_make_s2i_assemble_twice(s2i, tag, tmp_path):
    source = repos.write(tmp_path / "repo", repos.ECHO + '\n%%\nraise RuntimeError("the target column was not found")')
    build = s2i.build(source, tag)
    assert build.status == 1
    assert "the target column was not found" in build.output
    assert build.output.count("---> Checking the notebook") == 1
    assert "layered" not in build.output
    assert not docker.exists(tag)


def test_point_32_the_cell_is_named_in_the_last_lines(s2i, tag, tmp_path):
    build = s2i.build(repos.write(tmp_path / "repo", repos.ECHO + "\n%%\n1 / 0"), tag)
    last = "\n".join(build.output.splitlines()[-12:])
    assert "ZeroDivisionError" in last
    assert "cell" in last


def test_point_33_each_step_has_its_line(s2i, pure, tag):
    output = must(s2i.build(pure, tag)).output
    assert sum(line.startswith("---> ") for line in output.splitlines()) >= 3


def test_point_34_files_whose_names_begin_with_a_dot_are_in_the_image(s2i, tag, tmp_path):
    source = repos.write(tmp_path / "repo", repos.ECHO, **{".env.sample": "KEY=value\n"})
    must(s2i.build(git_repository(source, source), tag))
    assert docker.inside(tag, "cat", ".env.sample") == "KEY=value\n"


def test_point_34_an_empty_repository_is_refused_in_words(s2i, tag, tmp_path):
    (tmp_path / "repo").mkdir()
    git(tmp_path / "repo", "init", "--quiet")
    commit(tmp_path / "repo", "Nothing yet")
    build = s2i.build(f"file://{tmp_path}/repo", tag)
    assert build.status == 1
    assert "(problem source-missing)" in build.output


def test_point_35_files_of_the_repository_can_not_stand_in_for_ours(s2i, tag, tmp_path):
    bad = "raise SystemExit('the repository got in the way')\n"
    names = ("app", "flask", "json", "socket", "waitress", "nb_service", "nb_scorer", "nb_builder", "sitecustomize")
    files = {f"{name}.py": bad for name in names} | {"run.sh": "exit 1\n"}
    source = repos.write(tmp_path / "repo", repos.ECHO, **files)
    must(s2i.build(git_repository(source, source), tag))
    assert answers(tag) == [1, 2]


def test_point_36_neither_the_upload_nor_caches_stay_in_the_image(s2i, tag, tmp_path):
    must(s2i.build(repos.write(tmp_path / "repo", NEEDS_A_PACKAGE), tag))
    files = docker.inside(tag, "find", "/tmp", "/opt/app-root/src", "-type", "f", options=("--user", "0")).split()
    # The first is where s2i itself reads labels from, after assemble.
    assert set(files) - {"/tmp/.s2i/image_metadata.json"} == {"/opt/app-root/src/model.ipynb"}


def test_point_37_a_notebook_that_waits_for_input_ends_at_once(built):
    case = named("fail-cell-asks-input")
    check_words(case, built.of(case).output)


def test_point_38_a_cell_that_hangs_is_stopped(built):
    case = named("fail-cell-timeout")
    check_words(case, built.of(case).output)


def test_point_39_assemble_can_run_again_in_the_image_that_it_made(workbench, tag, tmp_path):
    source = repos.write(tmp_path / "repo", repos.ECHO)
    options = ("--volume", f"{source}:/tmp/src:ro")
    with docker.container(workbench, *options, command=(f"{SCRIPTS}/assemble",)) as name:
        assert docker.docker("wait", name).stdout == "0\n", docker.docker("logs", name).stdout
        docker.docker("commit", "--change", f'CMD ["{SCRIPTS}/run"]', name, tag)
    assert answers(tag) == [1, 2]


@pytest.mark.parametrize("buildkit", ["0", "1"])
def test_point_40_the_dockerfile_of_s2i_builds_with_either_builder(s2i, pure, tag, tmp_path, monkeypatch, buildkit):
    folder = tmp_path / "as-dockerfile"
    folder.mkdir()
    done = s2i.run(
        "build", "--pull-policy=never", f"file://{pure}", s2i.builder, tag, "--as-dockerfile", f"{folder}/Dockerfile"
    )
    assert done.returncode == 0, done.stdout
    monkeypatch.setenv("DOCKER_BUILDKIT", buildkit)
    # Debian's client brings BuildKit; others need a plug-in for it.
    client = shutil.which("docker", path="/usr/bin") or "docker"
    made = subprocess.run([client, "build", "--tag", tag, str(folder)], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    assert answers(tag) == 3


def test_point_42_a_context_folder_may_have_spaces_and_umlauts_in_its_name(s2i, tag, tmp_path):
    inner = "Über uns/mein Modell"
    show = 'import os\nfound = os.environ["FROM_THE_FOLDER"]\n%%\ndef predictor(x):\n    return found'
    repos.write(tmp_path / inner, show)
    (tmp_path / inner / ".s2i").mkdir()
    (tmp_path / inner / ".s2i" / "environment").write_text("FROM_THE_FOLDER=yes\n")
    (tmp_path / "at-the-root.txt").write_text("not for the image")
    git_repository(tmp_path, tmp_path)
    must(s2i.build(f"file://{tmp_path}", tag, "--context-dir", inner))
    assert answers(tag) == "yes"
    assert "at-the-root.txt" not in docker.inside(tag, "ls", "-A")


# Not by a #fragment: the s2i program overwrites it with --ref, also where that is empty.
@pytest.mark.parametrize("way", ["branch", "tag", "commit"])
def test_point_43_a_ref_chooses_what_is_built(s2i, pure, tag, way):
    old = git(pure, "rev-parse", "HEAD").strip()
    git(pure, "tag", "v1")
    git(pure, "branch", "first")
    repos.write(pure, "def predictor(x):\n    return 'new'")
    commit(pure, "Answer otherwise")
    ref = {"branch": "first", "tag": "v1", "commit": old}[way]
    must(s2i.build(f"file://{pure}", tag, "--ref", ref))
    assert answers(tag) == 3


def test_point_44_what_s2iignore_names_is_not_in_the_image(s2i, tag, tmp_path):
    files = {".s2iignore": "# large\n*.csv\n!keep.csv\n", "data.csv": "1", "keep.csv": "2"}
    must(s2i.build(git_repository(repos.write(tmp_path / "repo", repos.ECHO, **files), tmp_path / "repo"), tag))
    listed = docker.inside(tag, "ls", "-A").split()
    assert "keep.csv" in listed
    assert "data.csv" not in listed


@pytest.mark.parametrize("options", [(), ("--copy",)], ids=["plain", "copy"])
def test_point_45_a_folder_without_git_builds_and_serves(s2i, tag, tmp_path, options):
    must(s2i.build(repos.write(tmp_path / "repo", repos.ECHO), tag, *options))
    assert answers(tag) == [1, 2]
    assert "io.openshift.s2i.build.commit.id" not in docker.labels(tag)


def test_point_45_copy_takes_uncommitted_files(s2i, pure, tag):
    repos.write(pure, "def predictor(x):\n    return 'not committed'")
    must(s2i.build(pure, tag, "--copy"))
    assert answers(tag) == "not committed"


def test_point_47_a_proxy_that_is_set_is_used_for_installing(s2i, tag, tmp_path):
    source = repos.write(tmp_path / "repo", NEEDS_A_PACKAGE)
    build = s2i.build(source, tag, env={"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"})
    assert build.status == 1
    assert "(problem index-unreachable)" in build.output


def test_point_47_a_proxy_in_the_image_does_not_stand_before_the_service(s2i, pure, tag):
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    with docker.service(_without_packages(s2i, pure, tag), *_env(proxies)) as service:
        assert service.predict(b"[1, 2]").body == b"3"


def test_point_48_the_index_is_pips_and_its_password_is_not_printed(built):
    case = named("fail-index-unreachable")
    output = built.of(case).output
    assert "127.0.0.1" in output
    assert "Zw8-secret-word" not in output


@pytest.fixture(scope="module")
def wheels(tmp_path_factory, engine):
    """Return a folder with cloudpickle and two versions of a package that no index has."""
    folder = tmp_path_factory.mktemp("wheels")
    pip = [provide.ROOT / ".nb-builder" / "build" / "bin" / "python", "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--dest", folder, "cloudpickle"], check=True)
    for version in ("1.0", "2.0"):
        _wheel(folder, "nb_test_only_here", version)
    (folder / "constraints.txt").write_text("nb-test-only-here<2\n")
    # pytest's folders are their owner's only, and the container has another user.
    folder.chmod(0o755)
    return folder


FROM_WHEELS = """\
requirements = [["nb-test-only-here", ""]]
%%
import nb_test_only_here
%%
def predictor(x):
    return nb_test_only_here.VERSION
"""


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_point_48_find_links_no_index_and_constraints_of_pip_hold(s2i, tag, tmp_path, wheels, installer):
    source = repos.write(tmp_path / "repo", FROM_WHEELS)
    env = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "/wheels",
        "PIP_CONSTRAINT": "/wheels/constraints.txt",
        "S2I_INSTALLER": installer,
    }
    must(s2i.build(source, tag, "--volume", f"{wheels}:/wheels:ro", env=env))
    assert answers(tag) == "1.0"


def test_point_48_49_an_injected_pip_conf_takes_effect_and_no_secret_stays(s2i, tag, tmp_path, wheels):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    conf = "[global]\nno-index = true\nfind-links = /wheels\nconstraint = /wheels/constraints.txt\n# Zw8-secret-word\n"
    (secrets / "pip.conf").write_text(conf)
    source = repos.write(tmp_path / "repo", FROM_WHEELS)
    where = ("--inject", f"{secrets}:/opt/app-root/secrets", "--volume", f"{wheels}:/wheels:ro")
    build = must(s2i.build(source, tag, *where, env={"PIP_CONFIG_FILE": "/opt/app-root/secrets/pip.conf"}))
    assert answers(tag) == "1.0"
    assert docker.inside(tag, "stat", "-c", "%s", "/opt/app-root/secrets/pip.conf") == "0\n"
    assert "Zw8-secret-word" not in build.output
    assert (
        docker.docker("run", "--rm", tag, "grep", "-r", "Zw8-secret-word", "/opt/app-root", "/tmp", ok=False).stdout
        == ""
    )


READS_VARIABLES = """\
import os
at_build = os.environ["A"]
%%
def predictor(x):
    return [at_build, os.environ.get("A"), os.environ.get(x)]
"""


def test_point_50_51_variables_of_the_build_are_there_at_run_and_run_wins(s2i, tag, tmp_path):
    source = repos.write(tmp_path / "repo", READS_VARIABLES)
    (source / ".s2i").mkdir()
    (source / ".s2i" / "environment").write_text('A=from the file\n# a comment\nQ = "kept" \nEMPTY=\n')
    must(s2i.build(git_repository(source, source), tag, env={"A": "1,B=2 and more"}))
    assert answers(tag, b'"Q"') == ["1,B=2 and more", "1,B=2 and more", '"kept"']
    assert answers(tag, b'"EMPTY"', "--env", "A=at run") == ["1,B=2 and more", "at run", ""]


def test_point_52_labels_tell_of_the_model_without_starting_it(workbench):
    labels = docker.labels(workbench)
    assert labels["io.nb-builder.notebook"] == "model.ipynb"
    assert labels["io.nb-builder.golden-rows"] == "1"
    digest = docker.inside(workbench, "sha256sum", "/opt/app-root/model/model.pickle").split()[0]
    assert labels["io.nb-builder.model-sha256"] == digest


def test_point_54_scripts_of_the_repository_may_wrap_ours(s2i, tag, tmp_path):
    source = repos.write(tmp_path / "repo", repos.ECHO)
    scripts = source / ".s2i" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "assemble").write_text(f"#!/bin/sh\nset -e\n{SCRIPTS}/assemble\ntouch after-assemble\n")
    (scripts / "run").write_text(f"#!/bin/sh\necho before-run\nexec {SCRIPTS}/run\n")
    for script in scripts.iterdir():
        script.chmod(0o755)
    must(s2i.build(git_repository(source, source), tag))
    with docker.service(tag) as service:
        assert service.predict(b"[1, 2]").value == [1, 2]
        assert "before-run" in service.logs()
        assert "after-assemble" in service.exec("ls").split()


def test_point_55_scripts_from_elsewhere_work_in_the_image(s2i, pure, tag):
    must(s2i.build(pure, tag, "--scripts-url", f"file://{provide.ROOT}/s2i/bin"))
    assert answers(tag) == 3


def test_point_56_a_notebook_that_prints_megabytes_builds_with_a_bounded_log(s2i, tag, tmp_path):
    loud = "print('x' * 300_000)\nfor _ in range(100_000):\n    print('a line of the notebook, again and again')\n%%\n"
    output = must(s2i.build(repos.write(tmp_path / "repo", loud + repos.ECHO), tag)).output
    assert len(output) < 1_000_000


def _wheel(folder, name, version):
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", about)
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def _without_packages(s2i, source, tag):
    return must(s2i.build(source, tag)).image


def _env(variables):
    return tuple(word for name, value in variables.items() for word in ("--env", f"{name}={value}"))
