import json
import subprocess
import sys

import pytest
from nb_service import strays

PROGRAM = """
import os, sys
from nb_service import strays
with strays.opened_log({form!r}) as log:
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


def test_as_text_the_streams_stay_what_they_are():
    assert set(ran("text")) == {"printed", "raw", "by a child", "said", "after"}


def test_in_json_an_exception_that_nobody_caught_is_one_object():
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
    assert [json.loads(line)["message"] for line in strays.objects(printed)] == messages


def test_words_without_a_line_s_end_are_written_in_the_end():
    assert "half" in [json.loads(line)["message"] for line in ran("json", "os.write(1, b'half')")[:-1]][-1]
