import sys

import pytest
from nb_service import selftest_client
from nb_service.selftest_client import Child, NoAnswer
from nb_service.selftest_requests import Question

from contract.services import wait_until

# The descriptor for facts is the last argument, as nb_service has it.
TELL = "import json, os, sys\ntell = lambda **facts: os.write(int(sys.argv[-1]), json.dumps(facts).encode() + b'\\n')\n"


@pytest.fixture
def service(monkeypatch, tmp_path):
    """Return what starts a child whose service is the given code."""
    started = []

    def begin(code):
        # nb_service itself is what test/contract asks; here any program will do.
        program = tmp_path / "python"
        program.write_text(f"#!{sys.executable}\n{TELL}{code}")
        program.chmod(0o755)
        monkeypatch.setattr(selftest_client.sys, "executable", str(program))
        started.append(Child({}))
        return started[-1]

    yield begin
    for one in started:
        one.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('no model')", "The service must become ready but ended: no model"),
        ("tell(unfit='Not ready: row 1'); input()\n", "The service must become ready but ended: Not ready: row 1"),
    ],
)
def test_a_service_that_does_not_get_ready_is_reported_with_its_last_words(service, code, words):
    started = service(code)
    with pytest.raises(NoAnswer) as raised:
        started.ready(20)
        started.close()
    assert words in str(raised.value) or str(raised.value).startswith("The service must become ready but will not be")


def test_sentences_of_the_log_are_no_facts(service):
    words = "Serving on http://127.0.0.1:1 with 1 scorer\\nNot ready: row 1\\nAll: not ready. Again."
    started = service(f"import time; print('{words}', flush=True); time.sleep(60)")
    assert wait_until(lambda: started.log)
    with pytest.raises(NoAnswer, match=r"is not after 0.1 s: Serving on"):
        started.ready(0.1)


def test_a_service_that_is_not_there_gives_no_answer(service):
    started = service("import time; tell(port=1); time.sleep(60)")
    started.ready(20)
    with pytest.raises(NoAnswer, match=r"a check: no response was received \(ConnectionRefusedError"):
        started.ask(Question("a check", "GET", "/"), 5)


def test_another_end_than_0_is_reported(service):
    started = service("import signal, time; tell(port=1); time.sleep(60)")
    started.ready(20)
    with pytest.raises(NoAnswer, match="must exit with status 0 after SIGTERM, but exited with -15"):
        started.end()


def test_what_is_printed_late_by_one_that_will_not_be_ready_is_in_its_log(service):
    started = service(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('the reason')))\n"
        "print('Not ready: row 1', flush=True); tell(unfit='Not ready: row 1'); time.sleep(60)"
    )
    with pytest.raises(NoAnswer, match="will not be: Not ready: row 1"):
        started.ready(20)
    started.close()
    assert started.log == "Not ready: row 1\nthe reason\n"


def test_the_steady_log_has_no_numbers_and_order(service):
    started = service("print('[scorer 12] b at 0x7f12')\nprint('a 1.5')")
    started._process.wait(20)
    started.close()
    assert started.steady_log() == "[scorer #] b at #\na #.#"
