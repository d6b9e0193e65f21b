import pytest
from nb_service.http import request_id

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_client_s_own_id_is_kept():
    assert request_id.of({"x-request-id": "order-17/a:b=c"}) == "order-17/a:b=c"


@pytest.mark.parametrize("given", ["", "x" * 129, "two words", "new\nline", 'quote"', "ü"])
def test_an_id_that_is_unfit_for_a_log_is_replaced(given):
    made = request_id.of({"x-request-id": given})
    assert made != given
    assert request_id.of({"x-request-id": made}) == made


def test_no_two_requests_get_the_same_id():
    assert len({request_id.of({}) for _ in range(1000)}) == 1000


def test_only_a_valid_trace_is_carried_on():
    assert request_id.trace_of({"traceparent": TRACE}) == TRACE
    for wrong in ("", TRACE[:-1], TRACE.upper(), "00-" + "0" * 32 + TRACE[35:], TRACE + "\n"):
        assert request_id.trace_of({"traceparent": wrong}) is None
    assert request_id.trace_of({}) is None
