import base64
import contextlib

import pytest
from nb_service.protocols import Malformed, arrow_messages

# As pyarrow writes a column of 1,000 zeros of eight bytes each, by zstd.
SCHEMA = base64.b64decode(
    "EAAAAAAACgAMAAYABQAIAAoAAAAAAQQADAAAAAgACAAAAAQACAAAAAQAAAABAAAAFAAAABAAFAAIAAYABwAMAAAAEAAQAAAAAAABAhAAAAAcAAAABAAAAA"
    "AAAAABAAAAYQAAAAgADAAIAAcACAAAAAAAAAFAAAAA"
)
RECORDS = base64.b64decode(
    "FAAAAAAAAAAMABgABgAFAAgADAAMAAAAAAMEABwAAAAgAAAAAAAAAAAAAAAMAB4AEAAEAAgADAAMAAAAUAAAACQAAAAYAAAA6AMAAAAAAAAAAAAAAAAGAA"
    "gABwAGAAAAAAAAAQIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAbAAAAAAAAAAAAAAABAAAA6AMAAAAAAAAAAAAAAAAAAA=="
)
BODY = base64.b64decode("QB8AAAAAAAAotS/9YEAeTQAAEAAAAQA73wMsAAAAAAA=")


def test_what_a_compressed_buffer_says_that_it_unpacks_to_is_counted():
    assert arrow_messages.unpacked_size(RECORDS, memoryview(BODY)) == 8000
    assert arrow_messages.unpacked_size(SCHEMA, memoryview(b"")) == 0


def test_a_buffer_that_was_left_as_it_is_counts_with_its_own_length():
    assert arrow_messages.unpacked_size(RECORDS, memoryview(b"\xff" * 8 + BODY[8:])) == 27


@pytest.mark.parametrize(
    ("metadata", "body", "words"),
    [
        (RECORDS, BODY[:7], "a message is truncated"),
        (RECORDS, b"\xfe" + b"\xff" * 7 + BODY[8:], "a negative length"),
        (RECORDS + b"ARROW:experimental_compression", BODY, "before version 1.0"),
        (b"", BODY, "a message is truncated"),
    ],
)
def test_what_is_not_read_is_rejected(metadata, body, words):
    with pytest.raises(Malformed, match=words):
        arrow_messages.unpacked_size(metadata, memoryview(body))


@pytest.mark.parametrize("metadata", [SCHEMA, RECORDS])
def test_metadata_with_any_byte_changed_or_cut_anywhere_raise_nothing_else(metadata):
    for at in range(len(metadata)):
        for broken in (
            metadata[:at],
            *(metadata[:at] + bytes([byte]) + metadata[at + 1 :] for byte in (0, 1, 127, 255)),
        ):
            with contextlib.suppress(Malformed):
                assert arrow_messages.unpacked_size(broken, memoryview(BODY)) >= 0
