"""An image with OpenTelemetry: the service's environment has it, and nothing else does."""

import pytest

from image.conftest import environments_with


@pytest.mark.other_base
def test_the_extra_is_where_it_was_asked_for(builder_with_more):
    assert environments_with("opentelemetry", builder_with_more) == ["service"]


def test_the_default_image_has_none_of_it(builder):
    assert environments_with("opentelemetry", builder) == []
