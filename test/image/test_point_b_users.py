"""Conformance B: any user of group 0, no rights, no writable root."""

import json

import pytest

from cases import named
from engine import docker
from engine.s2i import git_repository, must
from image import repos

EVERYTHING_DROPPED = ("--cap-drop=ALL", "--security-opt=no-new-privileges")
ASSEMBLE = "/usr/libexec/s2i/assemble"

# Prints what group 0 may not do although the owner may; links have no rights of their own.
NOT_OPEN_TO_GROUP = """
import os, stat
for folder, folders, files in os.walk("/opt/app-root"):
    for path in [folder, *(os.path.join(folder, name) for name in folders + files)]:
        now = os.lstat(path)
        if stat.S_ISLNK(now.st_mode):
            continue
        if now.st_gid or (now.st_mode >> 6 & 7) != (now.st_mode >> 3 & 7):
            print(oct(now.st_mode), now.st_gid, path)
"""


def ask(service, sample):
    """Return the workbench's answer to `sample`."""
    return service.predict(json.dumps(sample).encode()).value


def test_point_21_the_service_runs_as_any_user_of_group_0(workbench):
    with docker.service(workbench, "--user", "1000730000:0") as service:
        assert ask(service, {"say": 1}) == ["a=b, c", {"say": 1}]
        assert ask(service, {"who": 1})[2] == 1000730000


@pytest.mark.parametrize("user", ["123456:0", "1001:0"])
def test_point_22_26_the_builder_assembles_as_any_user_from_a_read_only_source_without_capabilities(builder, tag, user):
    source = ("--volume", f"{named('ok-pure-python').repo}:/tmp/src:ro")
    with docker.container(builder, "--user", user, *EVERYTHING_DROPPED, *source, command=(ASSEMBLE,)) as name:
        assert docker.docker("wait", name).stdout == "0\n", docker.docker("logs", name).stdout
        docker.docker("commit", "--change", 'CMD ["/usr/libexec/s2i/run"]', name, tag)
    with docker.service(tag, "--user", user) as service:
        assert service.predict(b"[1, 2]").body == b"3"


def test_point_23_group_0_may_do_what_the_owner_may_before_and_after_assemble(builder, workbench):
    for image in (builder, workbench):
        assert docker.inside(image, "/opt/nb-builder/build/bin/python", "-c", NOT_OPEN_TO_GROUP) == ""


def test_point_24_26_the_service_needs_no_capability_and_writes_nowhere_but_in_tmp(workbench):
    with docker.service(workbench, "--read-only", "--tmpfs=/tmp", "--user=12345:0", *EVERYTHING_DROPPED) as service:
        assert ask(service, {"say": 1}) == ["a=b, c", {"say": 1}]
        # Larger than what waitress keeps in memory by default.
        large = {"say": "x" * 2_000_000}
        assert ask(service, large) == ["a=b, c", large]


@pytest.mark.xdist_group("image ok-numpy-answers")
def test_point_24_the_service_of_a_package_that_caches_needs_no_writable_root(built):
    build = must(built.build_once(named("ok-numpy-answers")))
    with docker.service(build.image, "--read-only", "--tmpfs=/tmp", "--user=12345:0", *EVERYTHING_DROPPED) as service:
        assert service.get("/readyz").status == 200


def test_point_25_a_user_without_a_passwd_entry_has_a_name_and_a_home(workbench):
    with docker.service(workbench, "--user", "99999:0") as service:
        assert ask(service, {"who": 1}) == ["default", "/opt/app-root/src", 99999]


def test_point_25_etc_passwd_is_not_writable_by_group_0(builder):
    assert docker.shell(builder, "stat -c %a /etc/passwd").strip() == "644"


def test_point_26_s2i_builds_without_capabilities(s2i, tag, tmp_path):
    source = git_repository(named("ok-pure-python").repo, tmp_path / "repo")
    must(s2i.build(source, tag, "--cap-drop", "ALL"))


def test_point_27_the_service_is_reached_from_outside_at_port_8080(workbench):
    with docker.service(workbench, port=8080) as service:
        assert service.get("/healthz").status == 200


def test_point_28_modes_and_links_of_the_repository_survive(s2i, tag, tmp_path):
    source = repos.write(tmp_path / "plain", repos.ECHO, **{"tool.sh": "#!/bin/sh\necho works\n"})
    (source / "tool.sh").chmod(0o755)
    (source / "link.sh").symlink_to("tool.sh")
    must(s2i.build(git_repository(source, tmp_path / "repo"), tag))
    assert docker.shell(tag, "./link.sh && readlink link.sh") == "works\ntool.sh\n"
