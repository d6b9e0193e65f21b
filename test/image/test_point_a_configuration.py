"""Conformance A: labels and the configuration of the image."""

import pytest

from engine import docker
from engine.s2i import must
from image import repos

SCRIPTS = "/usr/libexec/s2i"


def test_point_1_the_scripts_url_label_names_the_folder_in_the_image(builder):
    assert docker.labels(builder)["io.openshift.s2i.scripts-url"] == f"image://{SCRIPTS}"


def test_point_2_the_scripts_are_where_s2i_falls_back_to(builder):
    assert docker.inside(builder, "ls", SCRIPTS).split() == ["assemble", "command", "run", "save-artifacts", "usage"]


def test_point_3_the_older_names_of_the_scripts_place_agree(builder):
    assert docker.labels(builder)["io.s2i.scripts-url"] == f"image://{SCRIPTS}"
    assert docker.inside(builder, "printenv", "STI_SCRIPTS_PATH", "STI_SCRIPTS_URL").split() == [
        SCRIPTS,
        f"image://{SCRIPTS}",
    ]


def test_point_4_the_image_describes_itself_and_s2i_names_the_result(builder, workbench):
    assert docker.labels(builder)["io.k8s.description"]
    assert docker.labels(builder)["io.k8s.display-name"] == "nb-builder"
    assert docker.labels(workbench)["io.k8s.display-name"] == workbench


def test_point_5_port_8080_is_exposed_and_named(builder):
    assert docker.labels(builder)["io.openshift.expose-services"] == "8080:http"
    assert list(docker.config(builder)["ExposedPorts"]) == ["8080/tcp"]


def test_point_6_the_tags_make_it_a_builder(builder):
    assert {"builder", "python", "jupyter"} <= set(docker.labels(builder)["io.openshift.tags"].split(","))


@pytest.mark.parametrize("name", ["summary", "description", "name", "version", "usage", "maintainer"])
def test_point_7_the_customary_labels_are_there(builder, name):
    assert docker.labels(builder)[name]


def test_point_8_the_commit_of_the_builder_is_a_label(builder):
    assert docker.labels(builder)["io.openshift.builder-version"]


def test_point_10_the_user_is_numeric_and_not_root(builder, s2i, tag, tmp_path):
    assert docker.config(builder)["User"] == "1001"
    must(s2i.build(repos.write(tmp_path / "repo", repos.ECHO), tag, "--allowed-uids", "1-"))


def test_point_12_no_label_changes_the_user_of_assemble(builder):
    assert "io.openshift.s2i.assemble-user" not in docker.labels(builder)


def test_point_13_the_user_has_group_0(builder):
    assert docker.inside(builder, "id", "-g").strip() == "0"
    assert docker.inside(builder, "id", "-u").strip() == "1001"


def test_point_14_there_is_no_onbuild(builder):
    assert not docker.config(builder).get("OnBuild")


def test_point_15_sh_and_tar_are_there(builder):
    assert len(docker.shell(builder, "command -v tar && command -v sh").split()) == 2


def test_point_16_a_command_runs_as_it_is(builder):
    assert docker.inside(builder, "echo", "hi") == "hi\n"


def test_point_17_usage_is_what_the_image_says_by_itself(builder, s2i):
    bare = docker.docker("run", "--rm", builder).stdout
    assert "s2i build <git repository>" in bare
    # s2i trims each line that a script says.
    said = [line.strip() for line in s2i.run("usage", builder).stdout.splitlines()]
    assert [line for line in bare.splitlines() if line.strip() not in said] == []
    assert docker.inside(builder, f"{SCRIPTS}/assemble", "-h") == bare
    assert [docker.inside(builder, word) for word in ("--help", "-h")] == [bare, bare]


def test_point_18_all_scripts_are_executable_with_a_shebang_and_plain_line_ends(builder):
    for name in ("assemble", "run", "save-artifacts", "usage"):
        text = docker.shell(builder, f"test -x {SCRIPTS}/{name} && cat {SCRIPTS}/{name}")
        assert text.startswith("#!/bin/bash -p\n")
        assert "\r" not in text


def test_point_19_the_environment_is_what_python_images_have(builder):
    config = docker.config(builder)
    environ = dict(line.split("=", 1) for line in config["Env"])
    assert environ["HOME"] == config["WorkingDir"] == "/opt/app-root/src"
    assert environ["APP_ROOT"] == "/opt/app-root"
    assert environ["PYTHONUNBUFFERED"] == "1"
    assert environ["PYTHONIOENCODING"] == "UTF-8"
    assert environ["LANG"] == environ["LC_ALL"] == "C.UTF-8"
    assert environ["PATH"].startswith("/opt/app-root/venv/bin:")


def test_point_20_our_labels_leave_room_for_long_commit_messages(builder):
    assert sum(len(name) + len(value) for name, value in docker.labels(builder).items()) < 1500
