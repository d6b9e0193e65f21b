"""Images with more of the system in them: compilers for what has no wheel, git for requirements, Java for Spark."""

import json

import pytest

from cases import named
from engine import docker
from engine.s2i import S2i, git_repository, must
from image.conftest import APPS

pytestmark = [pytest.mark.other_base, pytest.mark.long]


@pytest.fixture
def with_more(s2i, builder_with_more):
    """Return s2i with a builder image that has both."""
    return S2i(s2i.program, builder_with_more)


def test_a_package_that_needs_a_compiler_installs_where_there_is_one(with_more, tmp_path):
    source = git_repository(named("fail-wheel-missing-compiler").repo, tmp_path / "repo")
    with docker.service(must(with_more.build(source, f"{APPS}-compilers")).image) as service:
        # MurmurHash3, 32 bits, of "foo": a published value.
        assert service.predict(json.dumps("foo").encode()).value == -156908512


def test_a_git_repository_is_installed_where_there_is_git(with_more, tmp_path):
    case = named("ok-requirement-from-git")
    source = git_repository(case.repo, tmp_path / "repo")
    with docker.service(must(with_more.build(source, f"{APPS}-git")).image) as service:
        assert service.predict(case.ask[0]).value == case.answer[0]


def test_java_can_be_installed_though_manuals_are_left_out(builder, tag):
    # As APT of `make builder` does it, without building all else once more.
    step = "apt-get update && apt-get install -y --no-install-recommends default-jre-headless"
    docker.docker("build", "--tag", tag, "-", stdin=f"FROM {builder}\nUSER root\nRUN {step}\n".encode())
    ran = docker.docker("run", "--rm", tag, "java", "-version")
    assert "openjdk version" in ran.stderr
