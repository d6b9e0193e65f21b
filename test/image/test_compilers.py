"""Images with more of the system in them: compilers for what has no wheel, git for requirements in repositories."""

import json

import pytest

from cases import named
from engine import docker
from engine.s2i import S2i, git_repository, must
from image.conftest import APPS, make_builder

pytestmark = pytest.mark.other_base


def test_a_package_that_needs_a_compiler_installs_where_there_is_one(s2i, tmp_path):
    with_compilers = S2i(s2i.program, make_builder("with-compilers", "bookworm", "COMPILERS=1"))
    source = git_repository(named("fail-wheel-missing-compiler").repo, tmp_path / "repo")
    with docker.service(must(with_compilers.build(source, f"{APPS}-compilers")).image) as service:
        # MurmurHash3, 32 bits, of "foo": a published value.
        assert service.predict(json.dumps("foo").encode()).value == -156908512


def test_a_git_repository_is_installed_where_there_is_git(s2i, tmp_path):
    case = named("ok-requirement-from-git")
    with_git = S2i(s2i.program, make_builder("with-git", "bookworm", "APT=git"))
    source = git_repository(case.repo, tmp_path / "repo")
    with docker.service(must(with_git.build(source, f"{APPS}-git")).image) as service:
        assert service.predict(case.ask[0]).value == case.answer[0]
