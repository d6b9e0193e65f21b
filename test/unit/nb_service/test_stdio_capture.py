import json
import re
import subprocess
import sys

import pytest
from nb_service import stdio_capture

PROGRAM = """
import os, sys
from nb_service import stdio_capture
with stdio_capture.opened_log({form!r}) as log:
    print("printed")
    os.write(2, b"raw\\n")
    os.system("echo by a child")
    log.say("said")
    {last}
print("after")
"""


def ran(form, last="pass"):
    """Return what a program prints that has opened a log in `form`."""
    command = [sys.executable, "-c", PROGRAM.format(form=form, last=last)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.splitlines()


def test_in_json_all_that_is_printed_is_an_object_a_line():
    *lines, after = ran("json")
    messages = "\n".join(json.loads(line)["message"] for line in lines)
    assert sorted(messages.split("\n")) == ["by a child", "printed", "raw", "said"]
    assert after == "after"


def test_as_text_all_that_is_printed_is_in_the_log_as_it_is():
    assert set(ran("text")) == {"printed", "raw", "by a child", "said", "after"}
    assert "\u2713 \xe9" in ran("text", "os.write(2, '\u2713 \xe9\\n'.encode())")


def test_lines_of_one_process_stay_in_order():
    print_many = "[os.write(1 + at % 2, b'%d\\n' % at) for at in range(20000)]"
    lines = [int(line) for line in ran("text", print_many) if line.isdigit()]
    assert lines == list(range(20_000))


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_of_any_length_takes_little_memory(form):
    endless = "[os.write(1, b'\\xc3\\xa9' * 500_000) for _ in range(100)]"
    largest = "__import__('resource').getrusage(0).ru_maxrss"
    lines = ran(form, f"before = {largest}; {endless}; log.say(str({largest} - before) + ' kB')")
    (grown,) = [re.search(r"(\d+) kB", line)[1] for line in lines if " kB" in line]
    assert int(grown) < 50_000
    assert ("\xe9" if form == "text" else "\\u00e9") * 1000 in "".join(lines)


def test_a_line_that_does_not_end_is_shown_when_nothing_follows():
    program = "os.write(1, b'half'); import time; time.sleep(1.5); log.say('later')"
    lines = ran("text", program)
    assert lines.index("half") < lines.index("later")


@pytest.mark.parametrize(
    "end", [b"", b"a", "\xe9".encode(), "\u2713".encode()[:2], "\U0001f600".encode()[:3], b"\x80" * 9]
)
def test_a_line_that_is_too_long_is_cut_between_two_characters(end):
    data = b"one\n" + b"x" * stdio_capture.MAX_LENGTH + b"y" + end
    whole, unended = stdio_capture.parted(data)
    assert whole.startswith(b"one\nx") and whole.endswith(b"\n")
    assert whole[:-1] + unended == data
    if end[:1] >= b"\xc0":
        assert unended == end
    assert len(unended) <= 4


def test_in_json_an_exception_that_no_one_caught_is_one_object():
    messages = [json.loads(line)["message"] for line in ran("json", "1 / 0")]
    assert messages[-1].startswith("Traceback (most recent call last):")
    assert messages[-1].endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("printed", "messages"),
    [
        (b"one\ntwo", ["one\ntwo"]),
        (b'one\n{"message": "two"}\nthree', ["one", "two", "three"]),
        (b"\n\n", []),
        (b'{"broken": ', ['{"broken": ']),
        (b"[1]", ["[1]"]),
        (b"\xff", ["\\xff"]),
        (b"{" * 100_000, ["{" * 100_000]),
        (b'{"a":' * 100_000, ['{"a":' * 100_000]),
    ],
)
def test_objects_stay_and_what_stands_between_them_becomes_a_message(printed, messages):
    assert [json.loads(line)["message"] for line in stdio_capture.objects(printed)] == messages


def test_words_without_a_line_s_end_are_written_in_the_end():
    assert "half" in [json.loads(line)["message"] for line in ran("json", "os.write(1, b'half')")[:-1]][-1]
