"""The events by which a process reports its build, and what becomes of them."""

import asyncio
import io

from nb_builder.commands.dev.build_process import EventLog
from nb_builder.commands.dev.builder import Builder, Outcome


class Process:
    """A process that has written these lines."""

    def __init__(self, lines):
        self.stdout = self._read(lines)

    @staticmethod
    async def _read(lines):
        for line in lines:
            yield line


def followed(lines):
    steps, outcome = [], Outcome()
    is_done = asyncio.run(Builder._follow(Process(lines), outcome, steps.append))
    return is_done, steps, outcome.notes, outcome.messages


def test_events_are_sorted_by_kind_whatever_their_texts_look_like(capsys):
    events = io.StringIO()
    log = EventLog(events)
    log.step("note: a step")
    log.detail("seen in the log only")
    log.note("---> a note")
    log.note("seen in the log only, too", is_routine=True)
    log.line("     a line\nof two")
    log.send(done=True)
    reported = followed(line.encode() for line in events.getvalue().splitlines(keepends=True))
    assert reported == (True, ["note: a step"], ["---> a note"], ["     a line\nof two"])
    assert capsys.readouterr().out == (
        "---> note: a step\n     seen in the log only\n     note: ---> a note\n"
        "     note: seen in the log only, too\n     a line\nof two\n"
    )


def test_what_is_no_event_is_a_message():
    lines = [b"Traceback (most recent call last):\n", b"7\n", b"\xff\n"]
    assert followed(lines) == (False, [], [], ["Traceback (most recent call last):", "7", "\ufffd"])
