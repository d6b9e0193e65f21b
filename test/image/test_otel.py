"""An image with OpenTelemetry: the service's environment has it, and nothing else does."""

import pytest

from engine import docker
from image.conftest import make_builder

LOOK = "ls -d /opt/nb-builder/*/lib/python3*/site-packages/opentelemetry 2>/dev/null || true"


@pytest.mark.other_base
def test_the_extra_is_where_it_was_asked_for(builder):
    image = make_builder("otel", "bookworm", "OTEL=1")
    (found,) = docker.shell(image, LOOK, "--user", "0").split()
    assert found.startswith("/opt/nb-builder/service/")


def test_the_default_image_has_none_of_it(builder):
    assert "opentelemetry" not in docker.shell(builder, LOOK, "--user", "0")
