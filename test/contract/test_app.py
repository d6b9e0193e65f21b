"""The app's process: it may die, be slow or be asked by strangers, and no prediction is lost."""

import os
import signal
from pathlib import Path

import pytest

from contract.notebooks import SLOW
from contract.services import children, wait_until
from contract.wire import Wire, get, post

V1 = b"/v1/models/model:predict"


def app_of(service) -> int | None:
    """Return the process id of the app, or None."""
    for child in children(service.process.pid):
        if b"\0app\0" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    return None


@pytest.fixture
def service(start):
    """Return a service whose app is there."""
    service = start(SLOW, S2I_MODEL_NAME="model").ready()
    assert service.status("/docs") == 200
    return service


def test_the_app_is_not_waited_for_by_what_does_without_it(start):
    service = start(SLOW).ready()
    assert service.predict(1) == (200, 1)
    assert service.status("/healthz") == service.status("/readyz") == 200
    assert wait_until(lambda: app_of(service) is not None)


def test_an_app_that_dies_is_started_again_and_costs_its_own_requests_alone(service):
    for _ in range(3):
        with Wire(service) as inside, Wire(service) as outside:
            inside.send(post(b'{"instances": [{"sleep": 1}]}', path=V1))
            outside.send(post(b'{"sleep": 1}'))
            assert service.status("/v1/models/model") == 200
            os.kill(app_of(service), signal.SIGKILL)
            answer = inside.answer()
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert b"is being started" in answer.body
            assert outside.answer().body == b'{"sleep": 1}'
        assert service.status("/docs") == 200
    service.wait_for(
        r"The app, which serves everything except plain predictions, was killed by signal 9 \(SIGKILL\); "
        r"starting another\."
    )
    assert "Traceback" not in service.log


def test_an_app_that_hangs_holds_up_no_prediction(service):
    os.kill(app_of(service), signal.SIGSTOP)
    try:
        with Wire(service) as waiting:
            waiting.send(get(b"/docs"))
            assert [service.predict(number) for number in range(20)] == [(200, number) for number in range(20)]
            assert service.status("/healthz") == 200
            os.kill(app_of(service), signal.SIGCONT)
            assert waiting.answer().status == 200
    finally:
        os.kill(app_of(service), signal.SIGCONT)


def test_clients_that_break_off_while_the_app_hangs_cost_no_one_an_answer(service):
    # More than its socket's queue takes; each leaves a connection there.
    os.kill(app_of(service), signal.SIGSTOP)
    try:
        with Wire(service) as other:
            for _ in range(1100):
                wire = Wire(service)
                wire.send(get(b"/version"))
                # Once the next is answered, the front has seen it, and has asked the app.
                assert other.send(get(b"/healthz")).answer().status == 200
                wire.reset()
        with Wire(service) as waiting:
            waiting.send(get(b"/version"))
            assert service.predict("meanwhile") == (200, "meanwhile")
            os.kill(app_of(service), signal.SIGCONT)
            assert waiting.answer().status == 200
    finally:
        os.kill(app_of(service), signal.SIGCONT)


def test_the_app_ends_with_the_front_whatever_ends_it(service):
    app = app_of(service)
    service.process.kill()
    assert wait_until(lambda: not Path(f"/proc/{app}").exists())


def target_of(descriptor: Path) -> str:
    """Return what a descriptor of a running process leads to; nothing where it was closed since it was listed."""
    try:
        return os.readlink(descriptor)
    except FileNotFoundError:
        return ""


def test_a_descriptor_that_is_closed_after_it_was_listed_leads_nowhere(tmp_path):
    assert target_of(tmp_path / "closed") == ""


def addresses(pid: int) -> list[str]:
    """Return the names of a process's UNIX sockets, in folders and outside."""
    links = map(target_of, Path(f"/proc/{pid}/fd").iterdir())
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [fields[7] for fields in lines if len(fields) > 7 and fields[6] in inodes]


def test_neither_the_front_nor_the_app_has_a_name_by_which_other_users_could_fill_it(service):
    assert service.status("/docs") == 200
    assert addresses(service.process.pid) == addresses(app_of(service)) == []


def test_a_client_can_t_say_what_the_front_says_to_the_app(service):
    status, _, headers = service.ask(None, "/version", "GET", {"X-NB-Route": "/mine"})
    assert status == 200
    assert "X-NB-Route" not in headers
    assert 'route="/mine"' not in service.ask(None, "/metrics", "GET", {})[1]


def test_the_app_has_so_much_memory_and_no_more(start):
    service = start(SLOW, S2I_MODEL_NAME="model", S2I_APP_MEMORY=str(1 << 28), S2I_MAX_BODY=str(1 << 26)).ready()
    body = b'{"instances": [' + b"1," * 9_000_000 + b"1]}"
    status, _, _ = service.ask(body, V1.decode())
    assert status in (413, 503)
    assert service.predict(1) == (200, 1)
    assert wait_until(lambda: service.status("/docs") == 200)
