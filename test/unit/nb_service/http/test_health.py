"""Replies of health checks."""

import json

import pytest
from nb_service.http.health import Health


def test_what_is_ready_says_no_more():
    health = Health(lambda: True, why_not=lambda: pytest.fail("nobody has asked why"))
    assert [health.checked(path).status for path in health.paths] == [200] * len(health.paths)


@pytest.mark.parametrize("path", ["/readyz", "/ping", "/v2/health/ready", "/vertex"])
def test_what_is_not_ready_says_why(path):
    reply = Health(lambda: False, "/vertex", lambda: "The model is loading.").checked(path)
    assert reply.status == 503 and ("Retry-After", "1") in reply.headers
    assert json.loads(reply.body)["detail"] == "Not ready for predictions. The model is loading."
