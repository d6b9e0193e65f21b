from hypothesis import given
from hypothesis import strategies as st
from nb_scorer import frames


@given(st.lists(st.binary(max_size=50)), st.integers(min_value=1, max_value=20))
def test_requests_come_out_as_they_went_in_however_the_bytes_arrive(payloads, step):
    stream = b"".join(frames.request(frames.SAMPLE, payload) for payload in payloads)
    buffer, taken = bytearray(), []
    for at in range(0, len(stream), step):
        buffer += stream[at : at + step]
        taken += frames.take_requests(buffer)
    assert taken == [(frames.SAMPLE, payload) for payload in payloads]
    assert not buffer


def test_an_answer_carries_status_payload_time_and_batch():
    buffer = bytearray(frames.answer(frames.OK, b"1", 0.25, 7) + frames.answer(frames.FAILED, b"{}")[:-1])
    assert frames.take_answers(buffer) == [(frames.OK, b"1", 0.25, 7)]
    assert len(buffer) == frames.ANSWER.size + 1


def test_a_sample_that_took_an_hour_and_more_fits_the_frame():
    assert frames.take_answers(bytearray(frames.answer(frames.OK, b"", 1e9)))[0][2] > 4000


def test_answers_of_one_call_are_frames_one_after_the_other():
    told = [(frames.OK, b"1", 2), (frames.REFUSED, b"{}", 0)]
    each = b"".join(frames.answer(status, payload, 0.25, batch) for status, payload, batch in told)
    assert frames.answers(told, 0.25) == each
