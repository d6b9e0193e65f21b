"""The log is coloured on a terminal, and nowhere else."""

import io
import os
import pty

import pytest
from nb_builder.common.log import Log

PROBLEM = "ERROR: It failed.\n  Why: So.\n  Fix: Do it.\n  (problem it)"


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that has lines written to a terminal, and returns what it got."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def written(*lines):
        ours, theirs = pty.openpty()
        with open(theirs, "w", encoding="utf-8") as stream:
            log = Log(stream)
            for line in lines:
                log.line(line)
            log.line("END")
            got = b""
            while not got.endswith(b"END\r\n"):
                got += os.read(ours, 65536)
        os.close(ours)
        return got.decode().replace("\r\n", "\n").removesuffix("END\n")

    return written


def test_titles_problems_fixes_and_notes_have_colours_on_a_terminal(terminal):
    assert terminal("---> Checking", "     note: a note", PROBLEM, "  [1] 0.0 s  a = 1") == (
        "\x1b[1m---> Checking\x1b[0m\n\x1b[33m     note:\x1b[0m a note\n"
        "\x1b[1;31mERROR:\x1b[0m It failed.\n  Why: So.\n\x1b[32m  Fix:\x1b[0m Do it.\n  (problem it)\n"
        "  [1] 0.0 s  a = 1\n"
    )


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "")])
def test_anyone_who_wants_none_has_none(name, value, terminal, monkeypatch):
    monkeypatch.setenv(name, value)
    assert terminal("---> Checking") == "---> Checking\n"


def test_a_file_has_none(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    Log(stream).step("Checking")
    assert stream.getvalue() == "---> Checking\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b]0;T\x07b", r"a\x1b]0;T\x07b"),
        ("a\rb\x85c\u2028d", r"a\rb\x85c\u2028d"),
        ("evil_\u202epkg\u2066x", r"evil_\u202epkg\u2066x"),
        ("a\udcffb", r"a\udcffb"),
        ("a\n\tb ü →", "a\n\tb ü →"),
        ("  ::error::x\n::warning file=a::y", "  \\x3a:error::x\n\\x3a:warning file=a::y"),
        ("Cell ##[error]x ##vso[task]y", r"Cell #\x23[error]x #\x23vso[task]y"),
        ("a::b ## [c] # [d] ::", "a::b ## [c] # [d] ::"),
    ],
)
def test_nothing_that_a_terminal_or_a_ci_server_obeys_is_printed(text, shown):
    stream = io.StringIO()
    Log(stream).line(text)
    assert stream.getvalue() == shown + "\n"


def test_a_step_and_a_note_are_one_line():
    stream = io.StringIO()
    Log(stream).step("Checking a\n---> Fine")
    Log(stream).note("a\nb")
    assert stream.getvalue() == "---> Checking a\\n---> Fine\n     note: a\\nb\n"
