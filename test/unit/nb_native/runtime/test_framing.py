"""Where one request ends and the next begins: the service's own table, asked of a native program."""

import json
import re

import pytest

from contract.test_edge_framing import CASES, FINAL, LIMIT, REFUSALS, SMUGGLED, SPLIT
from contract.wire import PROBLEM, Wire, get, post
from unit.nb_native.runtime.programs import Served


def here(data):
    """Return a request as a native program has its routes: it has no /version, and /healthz instead."""
    return data.replace(b"/version", b"/healthz")


@pytest.fixture(scope="module")
def service(sanitized):
    """Return one for all cases."""
    with Served(sanitized, S2I_MAX_BODY=str(LIMIT), S2I_RECEIVE_TIMEOUT="3") as served:
        yield served
        status, said = served.end()
        assert (status, said) == (0, "")


def predictions(service):
    """Return how many samples were answered."""
    with Wire(service) as wire:
        text = wire.send(get(b"/metrics", b"Connection: close")).answer().body
    return int(re.search(rb"^nb_predictions_total (\d+)$", text, re.MULTILINE)[1])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_ends_where_rfc_9112_says(service, case):
    sent = here(case.sent)
    wanted = case.answers.removesuffix(" closed").split()
    choices = [[int(status) for status in word.split("/")] for word in wanted]
    closes = case.answers.endswith("closed")
    rejected = closes and choices[-1][0] != 200
    before = predictions(service)
    with Wire(service) as wire:
        # Behind what is refused comes what must not be taken for a request.
        wire.send(sent + (SMUGGLED * 2 if rejected else b""))
        answers = []
        for place, choice in enumerate(choices):
            answers.append(wire.answer(bodiless=sent.startswith(b"HEAD") and place == 0))
            assert answers[-1] and answers[-1].status in choice, answers
        last = answers[-1]
        reported_so = "close" in (last.headers.get("Connection") or "").lower()
        if closes or (reported_so and (last.status >= 400 or len(choices[-1]) > 1)):
            assert reported_so or (b"HTTP/1.0" in sent and not rejected)
            assert wire.rest() == b""
        else:
            assert wire.send(here(FINAL)).answer().status == 200
            assert wire.rest() == b""
    if rejected:
        assert last.status in REFUSALS
        assert last.headers.get_all("Content-Type") == [PROBLEM]
        body = json.loads(last.body)
        assert (body["status"], body["type"]) == (last.status, "about:blank") and body["detail"]
    answered = [json.loads(one.body) for one in answers if one.status == 200 and one.body.startswith((b'"', b"["))]
    assert predictions(service) - before == len(answered)
    named = [name.decode() for name in re.findall(rb'"(first|second|third)"', sent)]
    if answered and isinstance(answered[0], str):
        assert answered == named


# A native program has no route of the application.
@pytest.mark.parametrize("name", [name for name in SPLIT if b"/v1/" not in SPLIT[name]])
def test_it_does_not_matter_how_a_request_is_cut(service, name):
    sent = here(SPLIT[name])
    whole = sent.count(b"HTTP/1.1")
    for cut in range(1, len(sent)):
        with Wire(service) as wire:
            wire.send(sent[:cut])
            # Once another was answered, that was read.
            assert predictions(service) >= 0
            wire.send(sent[cut:])
            assert [wire.answer().status for _ in range(whole)] == [200] * whole


def test_a_request_of_single_bytes_is_one_too(service):
    with Wire(service) as wire:
        for byte in post(b'"first"') * 2:
            wire.send(bytes([byte]))
        assert [wire.answer().body for _ in range(2)] == [b'"first"'] * 2
