"""Services are restarted in turn behind HAProxy: of 10,000 calls none is lost.

It balances calls, as the page about gRPC configures it, or connections, as a Service of Kubernetes does.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from contract import clients
from contract.services import SOON, free_port, wait_until
from contract.test_grpc import GrpcService
from engine import provide

PAGE = Path(__file__).parents[2] / "docs/reference/grpc.md"
NOTEBOOK = """
    def predictor(x):
        return x + 1.0
    examples = [1.0]
"""
CALLS = 10_000
RESTARTS, AWAY = 4, 300
# Longer than the age: connections have left a service before it stops.
LEAVING = {"S2I_GRPC_CONNECTION_AGE": "1", "S2I_LINGER": "2"}


@pytest.fixture
def begin(model_cache):
    """Return a function that starts a service on two ports; the test stops it."""
    running = []

    def start(ports, **env):
        http, grpc = map(str, ports)
        env |= {"PORT": http, "S2I_GRPC_PORT": grpc, "WEB_CONCURRENCY": "1", "S2I_MODEL_NAME": "model"}
        running.append(GrpcService(model_cache(NOTEBOOK), **env).ready())
        return running[-1]

    yield start
    for service in running:
        service.close()


@pytest.fixture
def balance(tmp_path):
    """Return a function that starts HAProxy before pairs of ports, and returns its own; the test stops it."""
    running = []

    def start(pairs, *, calls):
        port = free_port()
        (own,) = re.findall(r"^```\n(defaults.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        own = own.replace("bind :8081", f"bind 127.0.0.1:{port}")
        for name, (http, grpc) in zip(("one", "two"), pairs, strict=True):
            own = own.replace(f"{name}:8081 ", f"127.0.0.1:{grpc} ")
            own = own.replace("port 8080", f"port {http}", 1)
        if not calls:
            own = own.replace("mode http", "mode tcp").replace(" check-proto h1", "").replace(" proto h2", "")
        (tmp_path / "config").write_text(own)
        with open(tmp_path / "log", "wb") as log:
            command = [provide.program("haproxy", "haproxy"), "-db", "-f", tmp_path / "config"]
            running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
        return port

    yield start
    for process in running:
        process.terminate()
        process.wait(SOON)


def calls_of(service):
    """Return how many calls a service has answered."""
    return service.log.count("ModelInfer OK")


@pytest.mark.parametrize(("calls", "env"), [(True, {}), (False, LEAVING)], ids=["calls", "connections"])
def test_behind_a_balancer_no_call_is_lost_while_services_are_restarted(begin, balance, calls, env):
    pairs = [(free_port(), free_port()) for _ in range(2)]
    services = [begin(pair, **env) for pair in pairs]
    port = balance(pairs, calls=calls)
    words = [clients.python_of("triton-grpc"), clients.HERE / "balance_grpc.py", f"127.0.0.1:{port}", str(CALLS)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        for turn in range(RESTARTS):
            leaving, staying = services[turn % 2], services[1 - turn % 2]
            assert wait_until(lambda both=(leaving, staying): all(map(calls_of, both)))
            assert leaving.stop() == 0
            until = calls_of(staying) + AWAY
            assert wait_until(lambda left=staying, until=until: calls_of(left) >= until)
            services[turn % 2] = begin(pairs[turn % 2], **env)
        assert wait_until(lambda: calls_of(services[1]))
        right, wrong = json.loads(client.communicate("over\n", timeout=300)[0])
    assert wrong == {}
    assert right >= CALLS
