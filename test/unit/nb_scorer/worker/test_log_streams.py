import errno
import io
import json
import os

import pytest
from nb_scorer.protocol import log_forms
from nb_scorer.worker import log_streams
from nb_service import stdio_capture


def printed(form, *writes):
    """Return the bytes that come of writing `writes` to a marked stream."""
    raw = io.BytesIO()
    stream = log_streams.Marked(io.TextIOWrapper(raw), form, "stdout")
    for text in writes:
        stream.write(text)
    stream.flush()
    written = raw.getvalue().decode()
    stream.detach()
    return written


def test_each_line_says_which_scorer_printed_it():
    mark = f"[scorer {os.getpid()}] "
    assert printed(log_forms.TEXT, "one\ntwo", "\n", "three\n") == f"{mark}one\n{mark}two\n{mark}three\n"


def test_what_was_started_is_let_out_as_a_line():
    assert printed(log_forms.TEXT, "half") == f"[scorer {os.getpid()}] half\n"
    assert printed(log_forms.TEXT) == ""


def test_a_print_is_one_json_object_however_many_lines_it_has():
    (line,) = printed(log_forms.JSON, "one\ntwo", "\n").splitlines()
    record = json.loads(line)
    assert (record["scorer"], record["stream"], record["message"]) == (os.getpid(), "stdout", "one\ntwo")


@pytest.mark.parametrize("form", [log_forms.TEXT, log_forms.JSON])
def test_a_lone_surrogate_can_be_printed(form):
    assert "\\ud800" in printed(form, "\ud800\n")


class Full(io.RawIOBase):
    """A disk with no room left, until there is."""

    room = False

    def writable(self):
        return True

    def write(self, data):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)


def test_what_can_not_be_written_is_lost_and_fails_no_one():
    disk = Full()
    stream = log_streams.Marked(io.TextIOWrapper(io.BufferedWriter(disk, 100)), log_forms.TEXT, "stdout")
    for _ in range(100):
        print("said by the notebook", file=stream)
        stream.flush()
    disk.room = True
    stream.close()


class Parcels(io.RawIOBase):
    """Notes what is written at once."""

    def __init__(self):
        self.parcels = []

    def writable(self):
        return True

    def write(self, data):
        self.parcels.append(bytes(data))
        return len(data)


def test_lines_are_written_whole_and_as_many_together_as_stay_whole_in_a_pipe():
    raw = Parcels()
    print(
        "\xe9" * 30 + "\n" * 3_000 + "x" * 10_000,
        file=log_streams.Marked(io.TextIOWrapper(raw), log_forms.TEXT, "stdout"),
    )
    assert all(parcel.endswith(b"\n") and len(parcel) <= log_streams.PIPE_BUF for parcel in raw.parcels)
    assert len(raw.parcels) < 23


def test_a_long_line_goes_on_in_lines_of_the_same_scorer():
    mark = f"[scorer {os.getpid()}] "
    text = "x" * 4000 + "\xe9\U0001f600" * 3000
    lines = printed(log_forms.TEXT, text + "\n").splitlines()
    assert len(lines) > 4
    assert all(line.startswith(mark) for line in lines)
    assert "".join(line[len(mark) :] for line in lines) == text


def test_of_a_very_long_print_every_part_is_an_object_of_the_scorer_that_the_log_takes_whole():
    text = "\x00\U0001f600" * 100_000
    log = printed(log_forms.JSON, text + "\n")
    assert stdio_capture.objects(log.removesuffix("\n").encode()) == log.splitlines()
    assert all(len(line) < stdio_capture.MAX_LENGTH for line in log.splitlines())
    parts = [json.loads(line) for line in log.splitlines()]
    assert "".join(part["message"] for part in parts) == text
    assert all(part["scorer"] == os.getpid() for part in parts)
    assert printed(log_forms.JSON, "\n").count("\n") == 1


def test_no_print_moves_a_terminal_s_cursor_out_of_its_lines():
    mark = f"[scorer {os.getpid()}] "
    assert printed(log_forms.TEXT, "\r 10%\r 20%", "\n") == f"{mark} 10%\n{mark} 20%\n"
    assert printed(log_forms.TEXT, "one\r\ntwo\n") == f"{mark}one\n{mark}two\n"
    odd = "a\x1b[2J\x00\x85\u2028\x7f\tb"
    assert printed(log_forms.TEXT, odd + "\n") == f"{mark}a\\x1b[2J\\x00\\x85\\u2028\\x7f\tb\n"
