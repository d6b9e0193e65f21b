import os
import re

import pytest
from nb_service.http import request_id

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_client_s_own_id_is_kept():
    assert request_id.choose({"x-request-id": "order-17/a:b=c"}) == "order-17/a:b=c"


@pytest.mark.parametrize("given", ["", "x" * 129, "two words", "new\nline", 'quote"', "ü"])
def test_an_id_that_is_unfit_for_a_log_is_replaced(given):
    made = request_id.choose({"x-request-id": given})
    assert made != given
    assert request_id.choose({"x-request-id": made}) == made


def test_no_two_requests_get_the_same_id():
    assert len({request_id.choose({}) for _ in range(1000)}) == 1000


def test_an_id_says_nothing_about_the_next_one():
    # Two of these would share their first half by chance once in 2^48 / 10^6 runs.
    made = [request_id.new() for _ in range(1000)]
    assert all(re.fullmatch("[0-9a-f]{24}", one) for one in made)
    assert len({one[:12] for one in made}) == len({one[12:] for one in made}) == 1000


def test_a_child_process_makes_other_ids_than_its_parent():
    request_id.new()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, " ".join(request_id.new() for _ in range(300)).encode("ascii"))
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="ascii") as pipe:
        theirs = set(pipe.read().split())
    os.waitpid(child, 0)
    assert len(theirs) == 300
    assert not theirs & {request_id.new() for _ in range(300)}


def test_only_a_valid_trace_is_carried_on():
    assert request_id.trace_of({"traceparent": TRACE}) == TRACE
    for wrong in ("", TRACE[:-1], TRACE.upper(), "00-" + "0" * 32 + TRACE[35:], TRACE + "\n"):
        assert request_id.trace_of({"traceparent": wrong}) is None
    assert request_id.trace_of({}) is None
