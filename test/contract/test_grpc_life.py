"""gRPC's calls and its process end in all ways."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from contract import clients, tls
from contract.half_messages import HalfMessage, IdleCalls
from contract.services import SOON, Service, children, wait_until
from contract.test_grpc import GrpcService
from contract.wire import resident

WAITS = """
    import time

    def predictor(x):
        time.sleep(x)
        return float(x)

    examples = [0.0, 0.01]
"""
LARGE = """
    def predictor(x):
        return "a" * 200_000

    examples = [0.0]
"""
FULL = "More samples are waiting than this service accepts (S2I_MAX_QUEUE); try again."
NO_KEY = (
    "This service requires a key: Authorization: Bearer <key>, or X-API-Key: <key>; "
    "a browser asks for it, as the password of any user."
)


@pytest.fixture
def begin(model_cache):
    """Return a function that starts a service, by default one that waits for a sample's time; the test stops it."""
    running = []

    def start(notebook=WAITS, **env):
        running.append(GrpcService(model_cache(notebook), WEB_CONCURRENCY="1", S2I_MAX_BATCH="1", **env))
        return running[-1]

    yield start
    for service in running:
        service.close()


def live(what, *words):
    """Return all that the program of this file's tests prints."""
    return [
        json.loads(line)
        for line in clients.run("triton-grpc", clients.HERE / "live_grpc.py", what, *words).splitlines()
    ]


def live_command(what, *words):
    """Return the command that runs the program of this file's tests."""
    return [clients.python_of("triton-grpc"), "-I", clients.HERE / "live_grpc.py", what, *words]


def live_until_stopped(service):
    """Return what a client says that watches health and has calls in flight while the service is stopped."""
    with subprocess.Popen(live_command("drain", service.grpc), stdout=subprocess.PIPE, text=True) as client:
        said = [json.loads(client.stdout.readline()) for _ in range(2)]
        assert wait_until(lambda: re.search("^nb_in_flight_samples [12]", metrics(service), re.MULTILINE))
        assert service.stop() == 0
        return said + [json.loads(line) for line in client.stdout]


def metrics(service):
    """Return the text of its metrics."""
    return service.ask(None, "/metrics", "GET", {})[1]


def scored(service):
    """Return how many samples scorers have worked on."""
    lines = metrics(service).splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("nb_processing_seconds_count"))


def test_what_no_one_waits_for_any_more_is_not_scored(begin):
    service = begin().ready()
    assert live("leave", service.grpc) == [True, [4.0], [0.0]]
    # The first, the last, and one at most that the scorer had been given already; of sixty others none.
    assert 2 <= scored(service) <= 4
    service.wait_for(r"ModelInfer CANCELLED [0-9.]+ms")


def test_health_turns_first_and_what_is_in_flight_is_answered_at_the_end(begin):
    service = begin(S2I_LINGER="2").ready()
    assert live_until_stopped(service) == [1, "asked", 2, [0.0], [[1.5], [1.5]]]


def test_the_key_is_asked_for_by_everything_but_checks(begin, tmp_path):
    (tmp_path / "keys").write_text("secret\n")
    service = begin(S2I_API_KEY_FILE=str(tmp_path / "keys")).ready()
    rejected = ["UNAUTHENTICATED", NO_KEY]
    assert live("key", service.grpc, "secret") == [rejected, rejected, [0.0], [0.0], True, 1]
    service.wait_for(r"ModelInfer UNAUTHENTICATED [0-9.]+ms")


def test_clients_without_the_key_choose_no_text_of_the_log_or_of_metrics(begin, tmp_path):
    (tmp_path / "keys").write_text("secret\n")
    service = begin(S2I_API_KEY_FILE=str(tmp_path / "keys")).ready()
    live("key", service.grpc, "secret")
    rejected = r'nb_http_requests_total\{protocol="grpc",route="\(unknown\)",status="UNAUTHENTICATED"\} 3'
    key = {"X-API-Key": "secret"}
    assert wait_until(lambda: re.search(rejected, service.ask(None, "/metrics", "GET", key)[1]))
    assert "no.Service" not in service.ask(None, "/metrics", "GET", key)[1]
    service.wait_for(r"GRPC \(unknown\) UNAUTHENTICATED [0-9.]+ms")
    assert "forged" not in service.log


def test_a_path_that_is_not_utf_8_stops_no_server(begin, tmp_path):
    (tmp_path / "keys").write_text("secret\n")
    service = begin(S2I_API_KEY_FILE=str(tmp_path / "keys")).ready()
    for path in ("/\udcff", f"{INFER}\udcff"):
        call = HalfMessage(service.grpc, path, 1)
        call.send(1)
        call.close()
    assert live("key", service.grpc, "secret")[2:] == [[0.0], [0.0], True, 1]


def test_a_full_queue_exhausts_resources_and_one_call_of_many_samples_does_not_fill_it(begin):
    service = begin(S2I_MAX_QUEUE="4").ready()
    many, codes, words = live("full", service.grpc)
    assert many == [0.2] * 3
    assert (codes, words) == (["RESOURCE_EXHAUSTED"], [FULL])


def test_a_thousand_connections_that_say_nothing_or_something_else_cost_no_one_an_answer(begin):
    assert live("silent", begin().ready().grpc) == [[0.0], [0.0]]


def test_a_process_that_ends_is_started_again_on_its_port_and_meanwhile_nothing_is_ready(begin):
    service = begin().ready()
    (pid,) = [child for child in children(service.process.pid) if is_grpc(child)]
    os.kill(pid, signal.SIGKILL)
    service.wait_for("gRPC's process was killed by signal 9 .SIGKILL.; starting another.")
    assert service.status("/readyz") == 503
    assert live("again", service.grpc) == ["answered"]
    assert wait_until(lambda: service.status("/readyz") == 200)
    assert service.stop() == 0


def is_grpc(pid):
    """Return whether a process is gRPC's."""
    with open(f"/proc/{pid}/cmdline", "rb") as words:
        return b"grpc_service" in words.read()


# --- before it starts ---


def test_a_port_that_is_taken_is_a_problem_at_once(begin):
    first = begin().ready()
    port = first.grpc.rpartition(":")[2]
    second = begin(S2I_GRPC_PORT=port)
    second.wait_for(f"ERROR: Can't listen on 127.0.0.1 port {port}: Address already in use.")
    second.wait_for("Set S2I_GRPC_PORT to a free port above 1023")
    assert second.process.wait(SOON) == 1


def test_a_port_without_the_extra_is_a_problem_and_off_or_nothing_is_not(model_cache):
    for port in ("off", ""):
        service = Service(model_cache(WAITS), **({"S2I_GRPC_PORT": port} if port else {})).ready()
        assert service.stop() == 0
        assert "gRPC" not in service.log
        service.close()
    service = Service(model_cache(WAITS), sys.executable, S2I_GRPC_PORT="8081")
    service.wait_for("ERROR: S2I_GRPC_PORT is set, but gRPC is not installed.")
    assert service.process.wait(SOON) == 1
    service.close()


# --- TLS ---


@pytest.fixture
def pems(tmp_path):
    """Return a folder with the PEM files of an authority, a server and a client."""
    tls.write_pems(tmp_path)
    return tmp_path


def test_tls_and_clients_certificates(begin, pems):
    files = {"S2I_GRPC_CERT_FILE": f"{pems}/server.pem", "S2I_GRPC_KEY_FILE": f"{pems}/server.key"}
    service = begin(**files, S2I_GRPC_CA_FILE=f"{pems}/ca.pem").ready()
    assert "with TLS and clients' certificates.\n" in service.log
    port = service.grpc.rpartition(":")[2]
    with_one, without = live("tls", f"localhost:{port}", pems)
    assert with_one == [0.0]
    assert without[0] == "UNAVAILABLE"
    alone = begin(**files).ready()
    port = alone.grpc.rpartition(":")[2]
    assert live("tls", f"localhost:{port}", pems) == [[0.0], [0.0]]


def test_files_that_cant_be_used_are_problems_at_once(begin, pems):
    files = {"S2I_GRPC_CERT_FILE": f"{pems}/server.pem", "S2I_GRPC_KEY_FILE": f"{pems}/client.key"}
    service = begin(**files)
    service.wait_for(
        "ERROR: The file named by S2I_GRPC_CERT_FILE can't be used: it does not match its key, or is not PEM."
    )
    assert service.process.wait(SOON) == 1
    service = begin(**{**files, "S2I_GRPC_KEY_FILE": "/nowhere"})
    service.wait_for("ERROR: The file named by S2I_GRPC_KEY_FILE can't be used: No such file or directory.")
    service = begin(S2I_GRPC_CERT_FILE=files["S2I_GRPC_CERT_FILE"])
    service.wait_for("S2I_GRPC_KEY_FILE")
    assert service.process.wait(SOON) == 1


# --- what arrives ---

INFER = "/inference.GRPCInferenceService/ModelInfer"


@pytest.fixture
def half():
    """Return a function that starts a call whose message stays incomplete; the test stops it."""
    begun = []

    def send(service, size, count, **how):
        begun.append(HalfMessage(service.grpc, INFER, size, **how))
        begun[-1].send(count)

    yield send
    for call in begun:
        call.close()


def grpc_pid(service):
    """Return the pid of gRPC's process."""
    (pid,) = [child for child in children(service.process.pid) if is_grpc(child)]
    return pid


def test_messages_that_never_arrive_as_a_whole_do_not_fill_the_memory(begin, half):
    service = begin(S2I_MAX_HELD=str(10 << 20)).ready()
    assert live("again", service.grpc) == ["answered"]
    before = resident(grpc_pid(service))
    peak = 0
    for _ in range(40):
        half(service, 15 << 20, 8 << 20)
        peak = max(peak, resident(grpc_pid(service)))
    # 20 MB, what comes between two looks, and what messages leave behind in grpcio.
    assert peak - before < 100
    service.wait_for(r"ModelInfer RESOURCE_EXHAUSTED [0-9.]+ms")
    assert live("again", service.grpc) == ["answered"]


def test_a_message_that_takes_too_long_is_rejected_and_one_that_never_comes(begin, half):
    service = begin(S2I_RECEIVE_TIMEOUT="1").ready()
    half(service, 1000, 10)
    service.wait_for(r"ModelInfer DEADLINE_EXCEEDED [1-9][0-9]{3}\.")
    assert live("again", service.grpc) == ["answered"]


def test_a_call_ends_when_its_deadline_has_passed_whatever_its_client_does(begin, half):
    service = begin().ready()
    half(service, 1000, 10, timeout="300m")
    service.wait_for(r"ModelInfer DEADLINE_EXCEEDED [0-9]{3,}\.")
    assert live("again", service.grpc) == ["answered"]


def test_rejected_messages_leave_no_memory_behind(begin):
    service = begin().ready()
    assert live("refused", service.grpc) == [60]
    before = resident(grpc_pid(service))
    assert live("refused", service.grpc) == [60]
    # 900 MB were refused.
    assert resident(grpc_pid(service)) - before < 200


# --- who says or takes nothing ---

OPEN_INFERENCE, HEALTH = "/inference.GRPCInferenceService/", "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@pytest.fixture
def idle():
    """Return a function that starts idle calls, 150 on each of some connections; the test stops them."""
    begun = []

    def begin_calls(service, path, connections, *, asks):
        begun.extend(IdleCalls(service.grpc, path, 150, asks=asks) for _ in range(connections))

    yield begin_calls
    for calls in begun:
        calls.close()


@pytest.mark.parametrize(
    ("path", "asks"),
    [
        (HEALTH + "Check", False),
        (HEALTH + "Check", True),
        (HEALTH + "Watch", False),
        (HEALTH + "Watch", True),
        (REFLECTION, False),
        (OPEN_INFERENCE + "ModelStreamInfer", False),
        (OPEN_INFERENCE + "ServerLive", False),
        (OPEN_INFERENCE + "ServerLive", True),
    ],
)
def test_more_idle_calls_than_there_may_be_leave_room_for_others(begin, idle, path, asks):
    service = begin(S2I_RECEIVE_TIMEOUT="1").ready()
    idle(service, path, 30, asks=asks)
    assert live("again", service.grpc) == ["answered"]


def test_checks_without_a_key_leave_room_for_streams(begin, idle):
    service = begin().ready()
    idle(service, HEALTH + "Watch", 30, asks=True)
    assert live("again", service.grpc) == ["answered"]
    assert live("stream", service.grpc) == [[0.0]]


def test_a_watcher_that_takes_nothing_keeps_no_one_from_seeing_health_turn(begin, idle):
    service = begin(S2I_LINGER="2").ready()
    idle(service, HEALTH + "Watch", 1, asks=True)
    assert live_until_stopped(service) == [1, "asked", 2, [0.0], [[1.5], [1.5]]]


@pytest.mark.parametrize("what", ["hoard", "hoard refusals"])
def test_answers_that_no_one_takes_do_not_fill_the_memory(begin, what):
    service = begin(LARGE, S2I_MAX_HELD=str(10 << 20)).ready()
    assert live("large", service.grpc) == [2_000_000]
    before = resident(grpc_pid(service))
    with subprocess.Popen(
        live_command(what, service.grpc), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert json.loads(client.stdout.readline()) == "asked"
        # Of 384 MB: what may be held, copies on the way of each, and what grpcio keeps for its clients.
        assert resident(grpc_pid(service)) - before < 100
        client.communicate("\n")
    # What they held is there again.
    assert live("large", service.grpc) == [2_000_000]


def test_checks_are_answered_also_when_as_much_is_held_as_may_be(begin):
    service = begin(S2I_MAX_HELD=str(1 << 16)).ready()
    rejected = ["RESOURCE_EXHAUSTED", "This service already holds the maximum bytes of requests (S2I_MAX_HELD)."]
    assert live("check while held", service.grpc) == [1, True, rejected, 10_000]


def test_streams_that_are_idle_do_not_keep_a_service_from_ending(begin):
    service = begin(S2I_GRACE="60").ready()
    with subprocess.Popen(live_command("idle", service.grpc), stdout=subprocess.PIPE, text=True) as client:
        assert json.loads(client.stdout.readline()) == [0.0]
        assert service.stop() == 0
        assert [json.loads(line) for line in client.stdout] == [
            ["UNAVAILABLE", "This service is shutting down; retry, or use another replica."]
        ]
