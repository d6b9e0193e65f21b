import asyncio
import json
import os
import socket
import tempfile
import threading
import types

import pytest
from nb_scorer import frames, scorer
from nb_scorer.tally import SIZE, Tally


def made(predictor, validator=None):
    return scorer.Scorer(types.SimpleNamespace(predictor=predictor, validator=validator))


def test_a_sample_is_decoded_predicted_and_encoded():
    assert made(lambda x: {"twice": x * 2}).answer(b"[1]") == (frames.OK, b'{"twice": [1, 1]}')


def test_a_body_that_is_not_json_never_reaches_the_predictor():
    status, payload = made(pytest.fail).answer(b"{")
    assert status == frames.NOT_JSON
    assert "Expecting property name" in json.loads(payload)["reason"]


@pytest.mark.parametrize("no", [False, None, 0, "", []])
def test_a_falsy_word_of_the_validator_is_a_no(no):
    assert made(pytest.fail, lambda x: no).answer(b"1") == (frames.REFUSED, b'{"traceback": null}')


def test_a_validator_that_raises_says_no_and_the_log_says_why(capsys):
    status, payload = made(pytest.fail, lambda x: x["missing"]).answer(b"{}")
    assert status == frames.REFUSED
    assert "KeyError: 'missing'" in json.loads(payload)["traceback"]
    assert "The validator raised on a sample, which counts as a no:" in capsys.readouterr().err


def test_the_predictor_gets_what_came_in_whatever_the_validator_did_to_it():
    def validator(x):
        x["seen"] = x["list"].pop()
        return True

    assert made(lambda x: x, validator).answer(b'{"list": [1, 2]}') == (frames.OK, b'{"list": [1, 2]}')


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, MemoryError])
def test_whatever_the_predictor_raises_is_a_failure_and_no_end(error, capsys):
    def predictor(x):
        raise error("words")

    status, payload = made(predictor).answer(b"1")
    assert status == frames.FAILED
    shown = json.loads(payload)["traceback"]
    assert error.__name__ in shown
    assert "in predictor" in shown
    assert "scorer.py" not in shown.replace("test_scorer.py", "")
    assert "The predictor failed on a sample:\nTraceback" in capsys.readouterr().err


def test_an_exception_that_can_t_be_shown_is_a_failure_too(capsys):
    class Awkward(Exception):
        def __str__(self):
            raise RuntimeError

    def predictor(x):
        raise Awkward

    assert made(predictor).answer(b"1")[0] == frames.FAILED
    assert "Awkward" in capsys.readouterr().err


def test_an_answer_that_is_no_json_is_a_failure_that_names_the_type(capsys):
    assert made(lambda x: object()).answer(b"1")[0] == frames.FAILED
    assert "builtins.object" in capsys.readouterr().err


def test_async_functions_are_awaited():
    async def validator(x):
        await asyncio.sleep(0)
        return x > 0

    async def predictor(x):
        await asyncio.sleep(0)
        return x + 1

    asked = made(predictor, validator)
    assert asked.answer(b"1") == (frames.OK, b"2")
    assert asked.answer(b"-1")[0] == frames.REFUSED
    asked._loop.close()
    asyncio.set_event_loop(None)


def test_requests_are_counted_and_answered_in_order_until_the_front_closes():
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as memory, ours, theirs:
        memory.truncate(SIZE)
        tally = Tally(memory.fileno())
        thread = threading.Thread(target=scorer.serve, args=(theirs, tally, made(lambda x: x)))
        thread.start()
        ours.sendall(b"".join(frames.request(frames.SAMPLE, b"%d" % n) for n in range(5)))
        ours.shutdown(socket.SHUT_WR)
        thread.join()
        theirs.close()
        heard = bytearray()
        while data := ours.recv(65536):
            heard += data
    hello, *answers = frames.take_answers(heard)
    assert (hello[0], json.loads(hello[1])) == (frames.HELLO, {"pid": os.getpid()})
    assert [(status, payload) for status, payload, _ in answers] == [(frames.OK, b"%d" % n) for n in range(5)]
    assert tally.started == 5
