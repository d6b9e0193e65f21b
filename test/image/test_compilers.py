"""An image with compilers: what has no wheel is built from its source."""

import json

import pytest

from cases import named
from engine import docker
from engine.s2i import S2i, git_repository, must
from image.conftest import APPS, make_builder

pytestmark = pytest.mark.other_base


def test_a_package_that_needs_a_compiler_installs_where_there_is_one(s2i, tmp_path):
    with_compilers = S2i(s2i.program, make_builder("nb-builder-candidate-compilers", "bookworm", "COMPILERS=1"))
    source = git_repository(named("fail-wheel-missing-compiler").repo, tmp_path / "repo")
    with docker.service(must(with_compilers.build(source, f"{APPS}-compilers")).image) as service:
        # MurmurHash3, 32 bits, of "foo": a published value.
        assert service.predict(json.dumps("foo").encode()).value == -156908512
