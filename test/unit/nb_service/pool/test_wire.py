from hypothesis import given
from hypothesis import strategies as st
from nb_service.pool import wire
from nb_service.pool.answer import DIED, Answer


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, wire.NUMBERS), st.binary(max_size=50))), st.integers(1, 20))
def test_frames_come_out_as_they_went_in_however_the_bytes_arrive(whole, step):
    stream = b"".join(wire.frame(kind, number, payload) for kind, number, payload in whole)
    buffer, taken = bytearray(), []
    for at in range(0, len(stream), step):
        buffer += stream[at : at + step]
        taken += wire.take(buffer)
    assert taken == whole
    assert not buffer


def test_an_answer_comes_out_as_it_went_in():
    for answer in (Answer(DIED), Answer(0, b"[1, 2]", 0.25, 7), Answer(0, b"", 100_000.0, 0)):
        ((kind, number, payload),) = wire.take(bytearray(wire.answer_frame(3, answer)))
        assert (kind, number, wire.answer_of(payload)) == (wire.ANSWER, 3, answer)


def test_facts_are_json():
    assert list(wire.take(bytearray(wire.json_frame(wire.FACTS, 1, {"ready": True})))) == [
        (wire.FACTS, 1, b'{"ready": true}')
    ]


def test_a_frame_without_a_payload_has_none():
    assert list(wire.take(bytearray(wire.frame(wire.ABANDON, 5)))) == [(wire.ABANDON, 5, b"")]
