"""Conformance D: save-artifacts and incremental builds."""

import io
import tarfile

from cases import named
from engine import docker
from engine.s2i import git_repository, must
from image import repos

SAVE = "/usr/libexec/s2i/save-artifacts"
# What a Zstandard frame begins with (RFC 8878, section 3.1.1).
ZSTANDARD = b"\x28\xb5\x2f\xfd"


def saved(image, *options):
    """Return the names in the tar that save-artifacts of `image` writes, and what it says on stderr."""
    done = docker.raw("run", "--rm", *options, image, SAVE)
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        return tar.getnames()


def test_point_59_save_artifacts_writes_nothing_but_a_tar(workbench):
    assert saved(workbench) != []


def test_point_59_the_environment_in_it_is_compressed(workbench):
    done = docker.raw("run", "--rm", workbench, SAVE)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        assert tar.extractfile("venv.tar").read(4) == ZSTANDARD


def test_point_59_there_is_a_tar_even_if_there_is_nothing_to_save(builder):
    assert saved(builder) == []


def test_point_64_nothing_that_a_shell_prints_gets_into_the_tar(workbench):
    assert saved(workbench, "--env", "BASH_ENV=/dev/null", "--env", "PYTHONVERBOSE=1") == saved(workbench)


def test_point_60_an_incremental_build_takes_over_what_is_unchanged_and_leaves_no_artifacts(s2i, tag, tmp_path):
    source = git_repository(named("ok-pure-python").repo, tmp_path / "repo")
    must(s2i.build(source, tag, "--incremental"))
    output = must(s2i.build(source, tag, "--incremental")).output
    assert "unchanged since the previous build" in output
    assert docker.shell(tag, "find /tmp -path /tmp/.s2i -prune -o -type f -print") == ""
    with docker.service(tag) as service:
        assert service.predict(b"[1, 2]").body == b"3"


def test_point_61_artifacts_of_an_older_image_that_are_broken_do_not_break_the_build(s2i, tag, tmp_path):
    source = git_repository(named("ok-pure-python").repo, tmp_path / "repo")
    broken = f"FROM {s2i.builder}\nUSER 0\nRUN printf '#!/bin/sh\\necho this is no tar' > {SAVE}\nUSER 1001\n"
    docker.docker("build", "--tag", tag, "-", stdin=broken.encode())
    must(s2i.build(source, tag, "--incremental"))
    with docker.service(tag) as service:
        assert service.predict(b"[1, 2]").body == b"3"


def test_point_61_artifacts_of_another_python_are_dropped_with_a_note(s2i, tag, tmp_path):
    source = git_repository(named("ok-pure-python").repo, tmp_path / "repo")
    must(s2i.build(source, tag))
    report = "/opt/app-root/build/report.json"
    older = f"""FROM {tag}\nRUN sed -i 's/"python": "[0-9.]*"/"python": "3.6.15"/' {report}\n"""
    docker.docker("build", "--tag", tag, "-", stdin=older.encode())
    assert '"python": "3.6.15"' in docker.inside(tag, "cat", report)
    output = must(s2i.build(source, tag, "--incremental")).output
    assert "results of the previous build can't be reused: they belong to Python 3.6.15" in output
    with docker.service(tag) as service:
        assert service.predict(b"[1, 2]").body == b"3"


def test_point_63_a_requirement_that_is_gone_from_the_notebook_is_gone_from_the_image(s2i, tag, tmp_path):
    with_six = 'requirements = [["six", "1.17.0"]]\n%%\n' + repos.ECHO
    must(s2i.build(repos.write(tmp_path / "repo", with_six), tag, "--incremental"))
    assert "six.py" in docker.shell(tag, "ls /opt/app-root/venv/lib/python3*/site-packages")
    must(s2i.build(repos.write(tmp_path / "repo", repos.ECHO), tag, "--incremental"))
    assert "six.py" not in docker.shell(tag, "ls /opt/app-root/venv/lib/python3*/site-packages")


def test_point_65_incremental_with_a_runtime_image_is_rejected_by_s2i(s2i, tag, tmp_path):
    source = repos.write(tmp_path / "repo", repos.ECHO)
    build = s2i.build(source, tag, "--incremental", "--runtime-image", s2i.builder)
    # s2i reports it and exits with 0: only the missing image shows the failure.
    assert "Incremental build with runtime image isn't supported" in build.output
    assert not docker.exists(tag)
