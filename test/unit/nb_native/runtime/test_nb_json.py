"""The reader of JSON, held to what the service's json_codec takes and says."""

import json
import math
import random
import subprocess
import sys

import pytest
from nb_scorer.model import json_codec

from unit.nb_native.runtime import programs

RANDOM = random.Random(14)
TAKEN, NOT_JSON, TOO_MUCH, NOT_EXACT = range(4)


@pytest.fixture(scope="module")
def read(folder):
    """Return a function that gives, for each text, what became of it and the words."""
    program = programs.tool(folder, "json_tool", "nb_json.c", "nb_output.c", "nb_numbers.c")

    def ask(texts):
        asked = b"".join(b"%d\n%b" % (len(text), text) for text in texts)
        said = subprocess.run([program], input=asked, capture_output=True, check=True).stdout
        answers, at = [], 0
        for _ in texts:
            end = said.index(b"\n", at)
            trouble, length = map(int, said[at:end].split())
            answers.append((trouble, said[end + 1 : end + 1 + length]))
            at = end + length + 2
        return answers

    return ask


def has_large(value):
    """Return whether there is a whole number beyond 2^53 in a value."""
    if type(value) is int:
        return abs(value) > 1 << 53
    if isinstance(value, dict):
        return any(map(has_large, value.values()))
    return isinstance(value, list) and any(map(has_large, value))


class Pairs(list):
    """An object's members with all that have the same key."""


def any_large(text):
    """Return whether there is such a number even in a member that another of the same key replaces."""
    found = []
    json.loads(text, parse_int=lambda digits: found.append(abs(int(digits)) > 1 << 53), object_pairs_hook=Pairs)
    return any(found)


# The words are those of json up to Python 3.12: newer ones word some errors differently.
HAS_NEWER_WORDS = sys.version_info >= (3, 13)


def without_infinities(value):
    """Return a value as it is written: null for what is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [without_infinities(item) for item in value]
    if isinstance(value, dict):
        return {key: without_infinities(item) for key, item in value.items()}
    return value


def check(read, texts):
    """Assert that each text is taken, or refused in the same words, as by json_codec."""
    different = []
    for text, (trouble, said) in zip(texts, read(texts), strict=True):
        try:
            value = json_codec.decode(text)
        except ValueError as error:
            same = trouble == NOT_JSON and (HAS_NEWER_WORDS or said.decode() == str(error))
        else:
            if any_large(text.removeprefix(b"\xef\xbb\xbf")):
                same = trouble == NOT_EXACT
            else:
                same = trouble == TAKEN and repr(json.loads(said)) == repr(without_infinities(value))
        if not same:
            different.append((text, trouble, said))
    assert different == []


PIECES = ["a", "é", "€", "😀", "\\n", '\\"', "\\\\", "\\/", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "\\udc00"]
PIECES += ["\\u0000", "\x7f", " "]
KEYS = ["a", "b", "é", "\\u0061", ""]


def text(pieces=None):
    """Return a string of JSON."""
    return '"' + "".join(pieces or RANDOM.choices(PIECES, k=RANDOM.randint(0, 5))) + '"'


def number():
    """Return a number of JSON."""
    return RANDOM.choice(
        [
            str(RANDOM.randint(-100, 100)),
            repr(RANDOM.uniform(-10, 10)),
            f"{RANDOM.randint(0, 99)}e{RANDOM.randint(-9, 400)}",
            str(RANDOM.randint(-(2**55), 2**55)),
            "-0",
            "-0.0",
            "1E+2",
        ]
    )


def document(depth=0):
    """Return a JSON document."""
    kind = RANDOM.random() if depth < 4 else 1
    if kind < 0.25:
        items = [document(depth + 1) for _ in range(RANDOM.randint(0, 4))]
        return "[" + RANDOM.choice([", ", ",", " ,\r\n\t"]).join(items) + "]"
    if kind < 0.45:
        members = [f"{text([RANDOM.choice(KEYS)])} : {document(depth + 1)}" for _ in range(RANDOM.randint(0, 4))]
        return "{" + ", ".join(members) + "}"
    return RANDOM.choice([number(), number(), text(), "true", "false", "null"])


BROKEN = [b"\\", b'"', b"[", b"]", b"{", b"}", b",", b":", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]
BROKEN += [b"\xc0\x80", b"\xe0\x80\x80", b"\n", b"\t", b"\0", b"1", b"-", b".", b"e", b"u", b"NaN", b"-Infinity"]


def broken(text):
    """Return a text with up to three things done to it."""
    for _ in range(RANDOM.randint(1, 3)):
        at = RANDOM.randint(0, len(text))
        kind = RANDOM.random()
        if kind < 0.5:
            text = text[:at] + RANDOM.choice(BROKEN) + text[at:]
        elif kind < 0.8:
            text = text[:at] + text[at + 1 :]
        else:
            text = text[:at]
    return text


def test_documents_are_taken_as_json_codec_takes_them(read):
    check(read, [document().encode() for _ in range(15_000)])


def test_broken_documents_are_rejected_in_the_words_of_json_codec(read):
    check(read, [broken(document().encode()) for _ in range(25_000)])


CASES = [
    b"",
    b" ",
    b"[",
    b"1 2",
    b"\xef\xbb\xbf1",
    b"\xef\xbb\xbf\xef\xbb\xbf1",
    b"[" * 900 + b"]" * 900,
    b"[" * 1001 + b"]" * 1001,
    b'{"a":' * 1001,
    b"1" * 4301,
    b"-" + b"1" * 5000,
    b"0." + b"1" * 5000,
    b"9007199254740992",
    b"-9007199254740992",
    b"9007199254740993",
    b"-9007199254740993",
    b'{"a": 1, "b": 2, "a": 3}',
    b"[1,]",
    b"{,}",
    b'{"a":1,}',
    b'{"a" 1}',
    b'{"a":}',
    b"{1:2}",
    b'"\\u12"',
    b'"\\u12345',
    b'"\\u123g"',
    b'"\\ud800\\u"',
    b'"\\ud800\\udc"',
    b'"\\ud83d\\ude00\\ude00"',
    b"1\0",
    b"nul",
    b"nulll",
    b"-",
    b"-I",
    b"01",
    b"+1",
    b"1.",
    b".5",
    b"1.e5",
    b"1e",
    b"1e+",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b'"a\nb"',
    b'"\\x"',
    b'"\\',
    b'"\xc3\xa9\n',
    b"\n\n  x",
]


@pytest.mark.parametrize("text", CASES, ids=lambda text: repr(text[:20]))
def test_edges_are_as_json_codec_has_them(read, text):
    if text.startswith(b"[" * 900) and b"]" in text and len(text) == 1800:
        # As Python does it, a frame of the test counts as a level.
        assert read([text]) == [(TAKEN, text)]
    else:
        check(read, [text])


def test_what_would_take_too_much_memory_or_time_is_rejected(read):
    values = b"[" + b"1," * 65_535 + b"1]"
    members = b"{" + b",".join(b'"%d":1' % key for key in range(1025)) + b"}"
    assert [trouble for trouble, _ in read([values, members])] == [TOO_MUCH, TOO_MUCH]
    fewer = b"[" + b"1," * 65_533 + b"1]"
    assert read([fewer])[0][0] == TAKEN
