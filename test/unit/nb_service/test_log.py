import json
import os
import re
import threading
import time

import pytest
from nb_service import log as logs


@pytest.fixture
def pipe():
    """Return both ends of a pipe, closed after the test."""
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


def test_lines_come_in_the_order_in_which_they_were_said(pipe):
    log = logs.Log(pipe[1])
    log.request("one")
    log.request("two")
    log.say("three \udc80")
    log.close()
    assert os.read(pipe[0], 1000) == b"one\ntwo\nthree \\udc80\n"


@pytest.mark.parametrize("as_json", [False, True])
def test_no_line_is_a_command_to_a_ci_server(pipe, as_json):
    """A service's log is shown in jobs that test it; clients and notebooks choose some of what it says."""
    log = logs.Log(pipe[1], as_json=as_json)
    said = ("##[error]x", "##vso[task.setvariable]x", "a ##[group]", " ::error::x", "a ::b", "c#[d]", "### x[")
    if as_json:
        log.captured("".join(json.dumps({"message": text}) + "\n" for text in said).encode(), bytes)
    else:
        log.captured("".join(f"{text}\n" for text in said[:2]).encode(), bytes)
        log.request(said[2])
        for text in said[3:]:
            log.say(text)
    log.close()
    lines = os.read(pipe[0], 10_000).decode().splitlines()
    assert not any("##[" in line or "##vso[" in line or line.lstrip().startswith("::") for line in lines)
    if as_json:
        assert [json.loads(line)["message"] for line in lines] == [*said]
    else:
        commands = (r"#\x23[error]x", r"#\x23vso[task.setvariable]x", r"a #\x23[group]", r" \x3a:error::x")
        assert lines == [*commands, *said[4:]]


def all_of(descriptor):
    """Return what comes out of a pipe in the end."""
    with open(descriptor, "rb") as file:
        return file.read()


def full(writer):
    """Return a pipe's end after so much was written to it, in one line, that no more goes in."""
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b" " * 4096):
            continue
    except BlockingIOError:
        os.set_blocking(writer, True)
    return writer


def closed(log, writer):
    """Close `log` and its end of the pipe, once all is written."""
    log.close(20)
    os.close(writer)


def test_a_log_that_no_one_reads_stops_no_one_and_counts_what_it_left_out(pipe, monkeypatch):
    monkeypatch.setattr(logs, "MAX_WAITING", 200_000)
    monkeypatch.setattr(logs, "PARCEL", 1000)
    # No room, so that nothing can be written between two lines.
    log = logs.Log(full(pipe[1]))
    for number in range(20_000):
        log.request(f"{number:099}")
    log.say("a word")
    threading.Thread(target=closed, args=(log, pipe[1])).start()
    *lines, word = all_of(pipe[0]).decode().splitlines()
    (note,) = [line for line in lines if line.startswith("(")]
    numbers = [int(line) for line in lines if line != note]
    assert 1900 < len(numbers) < 2100
    assert numbers == sorted(numbers)
    assert (note, word) == (logs.left_out(20_000 - len(numbers)), "a word")


def test_what_is_printed_past_a_log_that_no_one_reads_is_bounded_and_leaves_room_for_its_own_words(pipe):
    log = logs.Log(full(pipe[1]))
    for _ in range(1000):
        log.captured(b"x" * 99_999 + b"\n", bytes)
    log.say("a word")
    threading.Thread(target=closed, args=(log, pipe[1])).start()
    *lines, note, word = all_of(pipe[0]).splitlines()
    assert sum(map(len, lines)) < logs.MAX_OF_CAPTURED + 200_000
    assert (note, word) == (logs.left_out(1000 - len(lines)).encode(), b"a word")


def test_what_is_larger_than_all_room_is_written_where_nothing_else_waits(pipe, monkeypatch):
    monkeypatch.setattr(logs, "MAX_OF_CAPTURED", 10)
    log = logs.Log(pipe[1])
    log.captured(b"a longer line\n", bytes)
    log.close()
    assert os.read(pipe[0], 1000) == b"a longer line\n"


def test_a_stdout_that_never_waits_gets_every_line(pipe):
    os.set_blocking(pipe[1], False)
    log = logs.Log(pipe[1])
    for _ in range(10):
        log.captured(b"x" * 99_999 + b"\n", bytes)
    threading.Thread(target=closed, args=(log, pipe[1])).start()
    assert len(all_of(pipe[0])) == 1_000_000


def test_a_full_disk_stops_no_one_and_does_not_hold_up_the_end():
    with open("/dev/full", "wb", buffering=0) as full:
        log = logs.Log(full.fileno())
        for _ in range(100):
            log.say("into the void")
        began = time.monotonic()
        log.close(20)
    assert time.monotonic() - began < 10


def test_a_log_whose_reader_is_gone_stops_no_one(pipe):
    log = logs.Log(pipe[1])
    os.close(pipe[0])
    log.say("into the void")
    log.close()


def test_as_json_what_happens_is_an_object_a_line(pipe):
    log = logs.Log(pipe[1], as_json=True)
    log.say("two\nlines")
    log.close()
    (line,) = os.read(pipe[0], 1000).splitlines()
    assert json.loads(line)["message"] == "two\nlines"


def test_the_log_s_time_is_utc_to_the_second():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", logs.stamp())


def test_facts_go_to_who_asked_for_them_and_then_no_request_is_logged(pipe):
    reader, writer = os.pipe()
    log = logs.Log(pipe[1], facts=writer)
    log.fact(port=8080)
    log.request("one")
    log.say("two")
    log.close()
    assert (os.read(reader, 1000), os.read(pipe[0], 1000)) == (b'{"port": 8080}\n', b"two\n")
    os.close(reader)
    log.fact(unfit="nobody reads it")
    os.close(writer)


def test_facts_are_nowhere_without_one_who_asked(pipe):
    log = logs.Log(pipe[1])
    log.fact(port=8080)
    log.close()
    os.close(pipe[1])
    assert os.read(pipe[0], 1000) == b""


def test_what_a_terminal_would_obey_is_shown(pipe):
    log = logs.Log(pipe[1])
    log.say("a\x1b[31mb\r\x9b\tc\u202ed")
    threading.Thread(target=closed, args=(log, pipe[1])).start()
    assert all_of(pipe[0]) == b"a\\x1b[31mb\\x0d\\x9b\tc\\u202ed\n"
