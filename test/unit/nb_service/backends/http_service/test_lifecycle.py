"""What the app gets of the process that has the pool."""

from types import SimpleNamespace

import pytest
from nb_service.backends.http_service.lifecycle import HttpService


class Uncounted:
    """Numbers that must not be read."""

    def numbers(self):
        pytest.fail("a check of readiness makes all numbers")


@pytest.mark.parametrize("why", ["", "The model is loading."])
def test_a_check_of_readiness_makes_no_numbers(why):
    service = SimpleNamespace(
        _why_not_ready=lambda: why,
        _pool=SimpleNamespace(ready=not why),
        _requests=Uncounted(),
        _samples=Uncounted(),
        _feedback=Uncounted(),
    )
    state = HttpService._state(service)
    assert (state["ready"], state["why_not_ready"]) == (not why, why)
