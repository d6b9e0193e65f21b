"""Two services that are restarted in turn, behind nginx and HAProxy as the page about rollouts configures them."""

import contextlib
import http.client
import json
import re
import subprocess
import threading
from pathlib import Path

import pytest

from contract.notebooks import PLUS_ONE
from contract.proxies import NGINX
from contract.services import JSON, SOON, free_port, wait_until
from engine import provide

PAGE = Path(__file__).parents[2] / "docs/how-to/rollouts-behind-haproxy-and-nginx.md"
REQUESTS, MAX_COUNT = 5_000, 100_000
CLIENTS = 8
RESTARTS, AWAY = 2, 500
HAPROXY = "global\n    log stdout format raw local0\n{own}"
# What is left out of a configuration to have none of its precautions.
CARELESS = {
    "nginx": (("proxy_next_upstream error timeout", "proxy_next_upstream off"),),
    "haproxy": (("option httpchk GET /readyz", "retries 0"), (" check inter 250ms fall 2 rise 1", " weight 1")),
}


def configuration(text):
    """Return the page's configuration that contains this text."""
    blocks = re.findall(r"^```\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if text in block]
    return block


class Proxy:
    """A proxy before two ports: its own port, and its log."""

    def __init__(self, kind, folder, ports, changes=()):
        self.port = int(free_port())
        self._log = folder / "log"
        own = configuration("upstream predictions" if kind == "nginx" else "backend predictions")
        own = own.replace("listen 80;", f"listen 127.0.0.1:{self.port};").replace(":80\n", f"127.0.0.1:{self.port}\n")
        for name, port in zip(("one", "two"), ports, strict=True):
            own = own.replace(f"{name}:8080", f"127.0.0.1:{port}")
        for words, others in changes:
            assert words in own
            own = own.replace(words, others)
        config = folder / "config"
        if kind == "nginx":
            config.write_text(NGINX.format(folder=folder, own=own))
            program = provide.program("nginx", "nginx")
            command = [program, "-p", folder, "-c", config, "-e", self._log]
        else:
            own = own.replace("mode http\n", "mode http\n    log global\n    option httplog\n")
            config.write_text(HAPROXY.format(own=own))
            command = [provide.program("haproxy", "haproxy"), "-db", "-f", config]
        with open(folder / "out", "wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        if kind == "haproxy":
            self._log = folder / "out"

    @property
    def log(self):
        """Return all that was logged."""
        return self._log.read_text() if self._log.exists() else ""

    def answers(self):
        """Return whether a request is answered through it."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON)) as connection:
            try:
                return asked(connection, 1)[0] == 200
            except OSError:
                return False

    def close(self):
        """End it."""
        self.process.terminate()
        self.process.wait(SOON)


def asked(connection, number):
    """Return (status, answer) of a sample, sent without asking again."""
    connection.request("POST", "/predict", json.dumps(number), JSON)
    answer = connection.getresponse()
    return answer.status, answer.read()


class Clients:
    """Ask until they are stopped, each on a kept connection; `wrong` are unexpected answers."""

    def __init__(self, port):
        self._port, self._over = port, threading.Event()
        self.right, self.wrong = [0] * CLIENTS, []
        self._threads = [threading.Thread(target=self._run, args=(place,)) for place in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def end(self):
        """Have all of them end."""
        self._over.set()
        for thread in self._threads:
            thread.join(SOON)

    @property
    def count(self):
        """Return how many requests were made."""
        return sum(self.right) + len(self.wrong)

    def _run(self, place):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SOON)
        for number in range(place, MAX_COUNT, CLIENTS):
            if self._over.is_set():
                break
            try:
                status, body = asked(connection, number)
            except (OSError, http.client.HTTPException) as trouble:
                connection.close()
                self.wrong.append(repr(trouble))
                continue
            if status == 200 and json.loads(body) == number + 1:
                self.right[place] += 1
            else:
                self.wrong.append(status)
        connection.close()


def requests_later(clients, number):
    """Return whether that number of further requests is made soon."""
    until = clients.count + number
    return wait_until(lambda: clients.count >= until)


@pytest.fixture
def restarted(start, tmp_path):
    """Return what asks through a proxy while both services are restarted, and then gives its clients and the proxy."""
    ports = [free_port(), free_port()]
    running = [served(start, port) for port in ports]
    left = []

    def restart(kind, changes=()):
        proxy = Proxy(kind, tmp_path, ports, changes)
        left.append(proxy.close)
        assert wait_until(proxy.answers), proxy.log
        clients = Clients(proxy.port)
        left.append(clients.end)
        for turn in range(RESTARTS):
            assert running[turn].stop() == 0
            # So long that the proxy meets a closed port, beyond the last connections of the old one.
            assert requests_later(clients, AWAY)
            running[turn] = served(start, ports[turn])
            # A balancer that asks for itself takes it back when it has asked.
            assert wait_until(lambda back=running[turn]: " /predict 200 " in back.log)
        assert wait_until(lambda: clients.count >= REQUESTS, 120)
        clients.end()
        proxy.close()
        return clients, proxy

    yield restart
    for end in left[::-1]:
        end()


def served(start, port):
    """Return a service on this port."""
    return start(PLUS_ONE, PORT=port, WEB_CONCURRENCY="1").ready()


@pytest.mark.parametrize("kind", ["nginx", "haproxy"])
def test_behind_a_proxy_as_the_page_has_it_no_request_is_lost(restarted, kind):
    clients, _ = restarted(kind)
    assert clients.wrong == []
    assert clients.count >= REQUESTS


def test_without_nginx_s_second_try_nothing_is_lost_but_rejected_connections(restarted):
    clients, proxy = restarted("nginx", CARELESS["nginx"])
    rejected = re.findall(r"\[error\].*", proxy.log)
    assert set(clients.wrong) == {502}
    assert len(rejected) == len(clients.wrong)
    assert [line for line in rejected if "connect() failed (111: Connection refused)" not in line] == []


def test_without_haproxy_s_checks_nothing_is_lost_but_rejected_connections(restarted):
    clients, proxy = restarted("haproxy", CARELESS["haproxy"])
    ends = re.findall(r" (\d{3}) \d+ - - (\S{4}) ", proxy.log)
    assert set(clients.wrong) == {503}
    # S: by the server, C: while the connection to it was made.
    lost = [end for status, end in ends if status == "503"]
    assert len(lost) == len(clients.wrong)
    assert set(lost) == {"SC--"}
