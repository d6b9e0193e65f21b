"""Conformance C: inputs of assemble, its errors, its output and its files."""

import json
import os
import shutil
import subprocess

import pytest

from cases import check_words, named
from engine import docker, provide
from engine.s2i import commit, git, git_repository, must
from image import repos

SCRIPTS = "/usr/libexec/s2i"
NEEDS_A_PACKAGE = 'requirements = [["six", "1.17.0"]]\n%%\n' + repos.ECHO


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


def test_point_34_an_empty_repository_is_rejected_in_words(s2i, tag, tmp_path):
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
    assert docker.answer(tag) == [1, 2]


def test_point_36_neither_the_upload_nor_caches_stay_in_the_image(s2i, tag, tmp_path):
    must(s2i.build(repos.write(tmp_path / "repo", NEEDS_A_PACKAGE), tag))
    files = docker.inside(tag, "find", "/tmp", "/opt/app-root/src", "-type", "f", options=("--user", "0")).split()
    # The first is where s2i itself reads labels from, after assemble.
    assert set(files) - {"/tmp/.s2i/image_metadata.json"} == {"/opt/app-root/src/model.ipynb"}


@pytest.mark.xdist_group("image fail-cell-asks-input")
def test_point_37_a_notebook_that_waits_for_input_ends_at_once(built):
    case = named("fail-cell-asks-input")
    check_words(case, built.build_once(case).output)


@pytest.mark.xdist_group("image fail-cell-timeout")
def test_point_38_a_cell_that_hangs_is_stopped(built):
    case = named("fail-cell-timeout")
    check_words(case, built.build_once(case).output)


def test_point_39_assemble_can_run_again_in_the_image_that_it_made(workbench, tag, tmp_path):
    source = repos.write(tmp_path / "repo", repos.ECHO)
    options = ("--volume", f"{source}:/tmp/src:ro")
    with docker.container(workbench, *options, command=(f"{SCRIPTS}/assemble",)) as name:
        assert docker.docker("wait", name).stdout == "0\n", docker.docker("logs", name).stdout
        docker.docker("commit", "--change", f'CMD ["{SCRIPTS}/run"]', name, tag)
    assert docker.answer(tag) == [1, 2]


@pytest.fixture
def as_dockerfile(s2i, pure, tag, tmp_path):
    """Return the folder with the Dockerfile that s2i writes for the builds of others, OpenShift's among them."""
    folder = tmp_path / "as-dockerfile"
    folder.mkdir()
    done = s2i.run(
        "build", "--pull-policy=never", f"file://{pure}", s2i.builder, tag, "--as-dockerfile", f"{folder}/Dockerfile"
    )
    assert done.returncode == 0, done.stdout
    return folder


def build_with_docker(folder, builder, tag, buildkit):
    # Debian's client includes BuildKit; others need a plug-in for it.
    client = shutil.which("docker", path="/usr/bin") or "docker"
    environ = {**os.environ, "DOCKER_BUILDKIT": buildkit}
    made = subprocess.run([client, "build", "--tag", tag, str(folder)], capture_output=True, text=True, env=environ)
    assert made.returncode == 0, made.stdout + made.stderr


def build_with_buildah(folder, builder, tag, isolation):
    """Build as OpenShift's builds and Tekton's tasks do, without an engine; the result moves to this one."""
    provide.program("buildah", "buildah")
    store = folder.parent / "buildah"
    buildah = ["buildah", f"--root={store}/root", f"--runroot={store}/run", "--storage-driver=vfs"]

    def run(*words):
        done = subprocess.run([*buildah, *words], capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        docker.docker("save", "--output", str(folder.parent / "builder.tar"), builder)
        run("pull", f"docker-archive:{folder.parent}/builder.tar")
        # By the name that s2i writes; without the tag it would be looked for in a registry.
        run("tag", f"localhost/{builder}:latest", f"docker.io/library/{builder}:latest")
        run("bud", f"--isolation={isolation}", "--pull-never", f"--tag={tag}", str(folder))
        run("push", tag, f"docker-archive:{folder.parent}/service.tar:{tag}")
        docker.docker("load", "--input", str(folder.parent / "service.tar"))
    finally:
        (folder.parent / "builder.tar").unlink(missing_ok=True)
        (folder.parent / "service.tar").unlink(missing_ok=True)
        shutil.rmtree(store, ignore_errors=True)


@pytest.mark.parametrize(
    ("build", "how"),
    [(build_with_docker, "0"), (build_with_docker, "1"), (build_with_buildah, "chroot")],
    ids=["docker", "buildkit", "buildah"],
)
def test_point_40_the_dockerfile_of_s2i_makes_an_image_that_answers_and_ends_when_stopped(
    s2i, as_dockerfile, tag, build, how
):
    build(as_dockerfile, s2i.builder, tag, how)
    # CMD is in its shell form there, and Debian's sh would stay PID 1, which gets no SIGTERM.
    with docker.service(tag, "--read-only", "--tmpfs", "/tmp", "--env", "S2I_LINGER=0") as service:
        assert service.predict(b"[1, 2]").value == 3
        assert service.stop(grace=60) == 0, service.logs()


@pytest.mark.parametrize("build_on_this_machine", [True, False], ids=["s2i", "as-dockerfile"])
def test_point_54_a_run_of_the_repository_is_used_where_a_volume_hides_the_place_where_s2i_puts_it(
    s2i, pure, tag, request, build_on_this_machine
):
    script = pure / ".s2i" / "bin" / "run"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!/bin/sh\necho before-run\nexec {SCRIPTS}/run\n")
    script.chmod(0o755)
    commit(pure, "A run of the repository")
    if build_on_this_machine:
        must(s2i.build(f"file://{pure}", tag))
    else:
        build_with_docker(request.getfixturevalue("as_dockerfile"), s2i.builder, tag, "0")
    with docker.service(tag, "--read-only", "--tmpfs", "/tmp", "--env", "S2I_LINGER=0") as service:
        assert service.predict(b"[1, 2]").value == 3
        assert "before-run" in service.logs()
        assert service.stop(grace=60) == 0, service.logs()


def test_point_42_a_context_folder_may_have_spaces_and_umlauts_in_its_name(s2i, tag, tmp_path):
    inner = "Über uns/mein Modell"
    show = 'import os\nfound = os.environ["FROM_THE_FOLDER"]\n%%\ndef predictor(x):\n    return found'
    repos.write(tmp_path / inner, show)
    (tmp_path / inner / ".s2i").mkdir()
    (tmp_path / inner / ".s2i" / "environment").write_text("FROM_THE_FOLDER=yes\n")
    (tmp_path / "at-the-root.txt").write_text("not for the image")
    git_repository(tmp_path, tmp_path)
    must(s2i.build(f"file://{tmp_path}", tag, "--context-dir", inner))
    assert docker.answer(tag) == "yes"
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
    assert docker.answer(tag) == 3


def test_point_44_what_s2iignore_names_is_not_in_the_image(s2i, tag, tmp_path):
    files = {".s2iignore": "# large\n*.csv\n!keep.csv\n", "data.csv": "1", "keep.csv": "2"}
    must(s2i.build(git_repository(repos.write(tmp_path / "repo", repos.ECHO, **files), tmp_path / "repo"), tag))
    listed = docker.inside(tag, "ls", "-A").split()
    assert "keep.csv" in listed
    assert "data.csv" not in listed


def test_point_44_a_checkout_that_s2i_is_reported_to_install_names_commit_and_source_and_is_not_in_the_image(
    s2i, pure, tag
):
    must(s2i.build(f"file://{pure}", tag, "--exclude", ""))
    report = json.loads(docker.inside(tag, "cat", "/opt/app-root/build/report.json"))
    assert report["commit"] == git(pure, "rev-parse", "HEAD").strip()
    assert report["source"] == f"file://{pure}"
    assert ".git" not in docker.inside(tag, "ls", "-A").split()


@pytest.mark.parametrize("options", [(), ("--copy",)], ids=["plain", "copy"])
def test_point_45_a_folder_without_git_builds_and_serves(s2i, tag, tmp_path, options):
    must(s2i.build(repos.write(tmp_path / "repo", repos.ECHO), tag, *options))
    assert docker.answer(tag) == [1, 2]
    assert "io.openshift.s2i.build.commit.id" not in docker.labels(tag)


def test_point_45_copy_takes_uncommitted_files(s2i, pure, tag):
    repos.write(pure, "def predictor(x):\n    return 'not committed'")
    must(s2i.build(pure, tag, "--copy"))
    assert docker.answer(tag) == "not committed"


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
    assert docker.answer(tag, b'"Q"') == ["1,B=2 and more", "1,B=2 and more", '"kept"']
    assert docker.answer(tag, b'"EMPTY"', "--env", "A=at run") == ["1,B=2 and more", "at run", ""]


def test_point_52_labels_report_of_the_model_without_starting_it(workbench):
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
    assert docker.answer(tag) == 3


def test_point_56_a_notebook_that_prints_megabytes_builds_with_a_bounded_log(s2i, tag, tmp_path):
    loud = "print('x' * 300_000)\nfor _ in range(100_000):\n    print('a line of the notebook, again and again')\n%%\n"
    output = must(s2i.build(repos.write(tmp_path / "repo", loud + repos.ECHO), tag)).output
    assert len(output) < 1_000_000
