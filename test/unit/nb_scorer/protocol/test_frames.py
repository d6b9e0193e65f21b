import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_scorer.protocol import frames


@given(st.lists(st.binary(max_size=50)), st.integers(min_value=1, max_value=20))
def test_requests_come_out_as_they_went_in_however_the_bytes_arrive(payloads, step):
    stream = b"".join(frames.request(frames.SAMPLE, number, payload) for number, payload in enumerate(payloads))
    buffer, requests = bytearray(), []
    for offset in range(0, len(stream), step):
        buffer += stream[offset : offset + step]
        requests += frames.take_requests(buffer)
    assert requests == [(frames.SAMPLE, number, payload) for number, payload in enumerate(payloads)]
    assert not buffer


def test_an_answer_carries_status_payload_number_time_and_batch():
    buffer = bytearray(frames.answer(frames.OK, b"1", 3, 0.25, 7) + frames.answer(frames.FAILED, b"{}")[:-1])
    assert frames.take_answers(buffer) == [(frames.OK, b"1", 0.25, 7, 3)]
    assert len(buffer) == frames.ANSWER.size + 1


def test_large_frames_come_out_as_they_went_in():
    large = b"x" * 200_000
    buffer = bytearray(frames.request(frames.MANY, 1, large) + frames.request(frames.SAMPLE, 2, b"1") + b"\0")
    assert frames.take_requests(buffer) == [(frames.MANY, 1, large), (frames.SAMPLE, 2, b"1")]
    assert buffer == b"\0"


@pytest.mark.parametrize("call", [b"", b"{}"])
def test_a_large_file_is_received_where_it_stays(call):
    file = bytes(range(256)) * 8000
    stream = frames.request(frames.FILES, 5, file, call)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=lambda: (ours.sendall(stream[100:]), ours.sendall(b"next")))
        sender.start()
        buffer = bytearray(stream[:100])
        assert frames.take_requests(buffer) == []
        (request,) = frames.take_large_files(buffer, theirs.recv_into)
        sender.join()
        assert (buffer, theirs.recv(10)) == (b"", b"next")
    kind, number, payload = request
    assert (number, frames.without_call(kind, payload)) == (5, (frames.FILES, call, file))


def test_other_requests_are_not_waited_for():
    for request in (frames.request(frames.FILES, 1, b"x" * 9), frames.request(frames.MANY, 1, b"x" * (2 << 20))):
        buffer = bytearray(request[:-1])
        assert frames.take_large_files(buffer, None) == []
        assert len(buffer) == len(request) - 1


def test_a_connection_that_ends_within_a_large_file_is_reported():
    stream = frames.request(frames.FILES, 5, b"x" * (2 << 20))
    with pytest.raises(EOFError):
        frames.take_large_files(bytearray(stream[:100]), lambda view: 0)


def test_a_sample_that_took_an_hour_and_more_fits_the_frame():
    assert frames.take_answers(bytearray(frames.answer(frames.OK, b"", 0, 1e9)))[0][2] > 4000


def test_answers_of_one_call_are_frames_one_after_the_other_whose_numbers_start_again_after_the_last():
    outcomes = [(frames.OK, b"1", 2), (frames.REFUSED, b"{}", 0)]
    stream = frames.answer(frames.OK, b"1", frames.NUMBERS, 0.25, 2) + frames.answer(frames.REFUSED, b"{}", 0, 0.25, 0)
    assert frames.answers(outcomes, frames.NUMBERS, 0.25) == stream
