import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_service.front.chunked import Chunks
from nb_service.front.head import Unreadable


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.integers(1, 30), st.binary(max_size=10))
def test_a_body_is_put_together_and_what_follows_is_left_wherever_it_is_cut(chunks, cut, behind):
    body = b"".join(b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nTrailer: x\r\n\r\n"
    reader, data, used = Chunks(1 << 20), body + behind, 0
    while used < len(data) and not reader.ended:
        used += reader.feed(data[used : used + cut])
    assert (bytes(reader.content), used, reader.ended) == (b"".join(chunks), len(body), True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"5\n\r\nabcde", "missing expected CR after chunk size"),
        (b"5 \r\nabcde\r\n", "invalid character in chunk size"),
        (b"0x5\r\nabcde\r\n", "invalid character in chunk size"),
        (b"+5\r\nabcde\r\n", "invalid character in chunk size"),
        (b"\r\n5\r\nabcde\r\n", "invalid character in chunk size"),
        (b"1" * 17 + b"\r\n", "chunk size overflow"),
        (b"5\r\nabcdefg\r\n", "expected LF after chunk data"),
        (b"5;" + b"a" * 5000, "its chunk extensions or trailers are too large"),
        (b"0\r\n" + b"A: b\r\n" * 4000, "its chunk extensions or trailers are too large"),
        (b"0\r\nA b\r\n\r\n", "invalid header token"),
        (b"0\r\nA: \x01\r\n\r\n", "invalid header value char"),
    ],
)
def test_what_is_no_such_body_is_rejected(data, reason):
    with pytest.raises(Unreadable) as rejected:
        Chunks(1 << 20).feed(data)
    assert (rejected.value.status, str(rejected.value)) == (400, reason)
