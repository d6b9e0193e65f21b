"""What workers of a run share: made once, said at once, noted for the end."""

import multiprocessing
import os
import threading

import pytest

import shared


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of a run of this test's own."""
    monkeypatch.setenv(shared.VARIABLE, str(tmp_path))
    return tmp_path


def _make(folder, number):
    """Make something slow, and leave a trace of it."""
    with open(folder / "trace", "a") as trace:
        trace.write("made\n")
    return number


def _ask(folder, number, answers):
    answers.put(shared.once("it", lambda: _make(folder, number)))


def test_what_several_processes_want_is_made_by_one(folder):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_ask, args=(folder, number, answers)) for number in range(4)]
    for process in processes:
        process.start()
    assert len({answers.get(timeout=20) for _ in processes}) == 1
    for process in processes:
        process.join()
    assert (folder / "trace").read_text() == "made\n"


def test_what_could_not_be_made_is_tried_again(folder):
    with pytest.raises(ZeroDivisionError):
        shared.once("it", lambda: 1 / 0)
    assert shared.once("it", lambda: [1]) == shared.once("it", lambda: [2]) == [1]


def test_lines_are_said_while_the_run_goes_on_and_noted_for_its_end(folder):
    folder.rmdir()
    said = []
    run = shared.Run(said.append)
    shared.say("first")
    shared.say("second")
    shared.note("small")
    assert run.notes == ["small"]
    assert not shared.is_over()
    run.end()
    assert shared.folder() is None
    assert said == ["first", "second"]
    assert not folder.exists()


def test_without_a_run_a_line_is_printed(monkeypatch, capsys):
    monkeypatch.delenv(shared.VARIABLE)
    shared.say("hello")
    assert capsys.readouterr().out == "hello\n"


def test_a_line_for_a_run_that_was_killed_holds_no_one(folder):
    os.mkfifo(folder / shared.WORDS)
    speaking = threading.Thread(target=shared.say, args=("nobody listens",), daemon=True)
    speaking.start()
    speaking.join(5)
    assert not speaking.is_alive()


def test_a_run_is_over_when_its_first_process_has_closed_its_end_or_its_folder_is_gone(folder):
    assert shared.is_over()
    os.mkfifo(folder / shared.OPEN)
    held = os.open(folder / shared.OPEN, os.O_RDWR)
    assert not shared.is_over()
    os.close(held)
    assert shared.is_over()
