import json
import os
import re

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


def test_a_log_that_nobody_reads_stops_nobody_and_counts_what_it_left_out(pipe, monkeypatch):
    monkeypatch.setattr(logs, "MOST_WAITING", 2)
    log = logs.Log(pipe[1])
    for line in ("one", "two", "three", "four"):
        log.request(line)
    log.close()
    assert os.read(pipe[0], 1000) == b"one\ntwo\n(2 lines were left out: nobody read this log fast enough)\n"


def test_a_log_whose_reader_is_gone_stops_nobody(pipe):
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
