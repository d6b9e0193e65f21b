"""The back end `bus` with real brokers: the outcome of each sample, and the service's reaction to their absence."""

import contextlib
import json
import signal
import socket
import ssl
import subprocess
import threading
import time

import pika
import pytest

from contract.brokers import (
    ERRORS,
    SERVERS,
    SOURCE,
    TARGET,
    MqttServer,
    NatsServer,
    RabbitServer,
    RedisServer,
    count_until,
    kill_bus,
)
from contract.notebooks import TROUBLE
from contract.services import EVERY_BROKER, wait_until
from engine import provide

SUMS = """
    import os, time

    def validator(x):
        return len(x) == 2

    def predictor(x):
        while isinstance(x[0], str) and not os.path.exists(x[0]):
            time.sleep(0.01)
        return x[1] * 2

    examples = [[1, 2], [3, 4]]
"""


# How long a network is cut at least.
CUT_SECONDS = 20 if EVERY_BROKER else 0


@pytest.fixture(params=SERVERS)
def server(request, tmp_path):
    """Return a broker that runs, with all places made."""
    running = SERVERS[request.param](tmp_path).start()
    running.make()
    yield running
    running.close()


@pytest.fixture
def nats_server(tmp_path):
    """Return a NATS server that runs, without a stream."""
    running = NatsServer(tmp_path).start()
    yield running
    running.close()


def _taking(service):
    service.ready()
    service.wait_for("taking samples")
    assert service.status("/readyz") == 200
    return service


def test_answers_and_errors_carry_model_sample_trace_and_key(start, server):
    service = _taking(start(SUMS, **server.settings))
    reported = {"x-sample-id": "mine", "traceparent": "00-aa-bb-01", "correlation-id": "c", "key": "k"}
    server.put([(b"[1, 2]", reported), (b"[1]", {"key": "k"}), (b"{no JSON", {}), (b"[3, 4]", {})])
    assert count_until(server, 4, 20) == (2, 2)
    messages = server.everything()
    # Samples of different keys are answered in any order.
    answer, plain = sorted((message for message in messages if not message.is_error), key=lambda message: message.body)
    assert (answer.body, plain.body) == (b"4", b"8")
    assert reported.items() <= answer.headers.items()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-model-name"] == "model" and int(answer.headers["x-model-version"]) > 1
    assert plain.headers["x-sample-id"]
    by_reason = {message.headers["x-error-reason"]: message for message in messages if message.is_error}
    assert sorted(by_reason) == ["malformed", "refused"]
    rejected, malformed = by_reason["refused"], by_reason["malformed"]
    assert (rejected.body, rejected.headers["key"], malformed.body) == (b"[1]", "k", b"{no JSON")
    assert rejected.headers["x-error-detail"] == "The notebook's validator rejects this sample."
    assert malformed.headers["x-error-detail"].startswith("It is not JSON: ")
    # The same service answers by HTTP, and counts both.
    assert service.predict([5, 6]) == (200, 12)
    assert wait_until(lambda: service.metric("nb_bus_answered_total") == 2)
    assert service.metric('nb_bus_errors_total{reason="refused"}') == 1
    assert service.metric("nb_bus_connected") == 1
    assert not server.tells_lag or service.metric("nb_bus_lag_samples") == 0
    page = service.ask(None, "/docs", "GET", {})[1]
    assert ("connected; 0 waiting; 0 in flight" if server.tells_lag else "0 in flight") in page
    assert "samples: 4 taken, 0 of them delivered before" in page
    assert "samples without an answer: 2 (1 malformed, 1 refused)" in page


def test_events_are_answered_as_events_in_their_own_mode(start, server):
    _taking(start(SUMS, **server.settings))
    event = {"specversion": "1.0", "id": "e1", "source": "/s", "type": "t", "subject": "who", "traceparent": "00-1"}
    binary = {f"ce-{name}": value for name, value in {**event, "id": "e2", "correlationid": "c"}.items()}
    structured = json.dumps({**event, "data": [1, 2]}).encode()
    server.put([(structured, {"content-type": "application/cloudevents+json"})])
    server.put([(b"[3, 4]", {"content-type": "application/json", **binary})])
    assert count_until(server, 2, 20) == (2, 0)
    by_sample = {message.headers["x-sample-id"]: message for message in server.everything()}
    reported = json.loads(by_sample["e1"].body)
    assert by_sample["e1"].headers["content-type"] == "application/cloudevents+json"
    assert (reported["data"], reported["subject"], reported["traceparent"], reported["causationid"]) == (
        4,
        "who",
        "00-1",
        "e1",
    )
    headers = by_sample["e2"].headers
    assert (by_sample["e2"].body, headers["content-type"]) == (b"8", "application/json")
    assert (headers["ce-subject"], headers["ce-correlationid"], headers["ce-causationid"]) == ("who", "c", "e2")


def test_arrays_by_a_setting(start, server):
    _taking(start(SUMS, S2I_BUS_ARRAYS="1", **server.settings))
    server.put([(b"[[1, 2], [3, 4]]", {}), (b"[[1, 2], [3]]", {})])
    assert count_until(server, 2, 20) == (1, 1)
    answers, error = server.everything()
    assert (json.loads(answers.body), error.body) == ([4, 8], b"[[1, 2], [3]]")
    assert error.headers["x-error-detail"] == "Sample 2: The notebook's validator rejects this sample."


def test_what_kills_or_hangs_goes_to_errors_and_holds_no_one(start, server):
    service = _taking(start(TROUBLE, S2I_BUS_TRIES="2", S2I_PREDICT_TIMEOUT="1", **server.settings))
    server.put([(json.dumps(sample).encode(), {}) for sample in ["die", "hang", "a", "fail", *"bcdefg"]])
    assert count_until(server, 10, 60) == (7, 3)
    messages = server.everything()
    assert sorted(json.loads(message.body) for message in messages if not message.is_error) == list("ABCDEFG")
    reasons = {json.loads(message.body): message.headers["x-error-reason"] for message in messages if message.is_error}
    assert reasons == {"die": "died", "hang": "too-slow", "fail": "failed"}
    assert wait_until(lambda: server.unsettled() == 0)
    assert service.stop() == 0


def test_a_message_as_large_as_nats_takes_holds_no_one(start, nats_server):
    nats_server.make()
    _taking(start(SUMS, **nats_server.settings))
    lacks = (0, 20, 40, 60, 200, 1000)
    nats_server.put([(b"x" * ((1 << 20) - lack), {}) for lack in lacks])
    nats_server.put([(b"[1, 2]", {})])
    assert count_until(nats_server, len(lacks) + 1, 20) == (1, len(lacks))
    errors = [message for message in nats_server.everything() if message.is_error]
    # With its reason, none of them fits; the report shows that it existed.
    assert {message.headers["x-error-reason"] for message in errors} == {"malformed"}
    assert all("The message itself is left out" in message.headers["x-error-detail"] for message in errors)


# What the server stores and its client rejects, and what it says itself where it has no samples or a consumer is gone.
ODD_HEADERS = (
    *(b"X\0Y: 1\r\n", b"\xff\xfe: x\r\n", b"A B: x\r\n", b": x\r\n", b"A\tB: x\r\n", b"Nats-Rollup: all\r\n"),
    *(b"Status: 503\r\n", b"Status: 404\r\nNats-Pending-Messages: 9\r\n", b"Status: 409\r\nDescription: x\r\n"),
)


def test_no_header_of_a_producer_holds_a_consumer_of_nats(start, nats_server):
    nats_server.make()
    _taking(start(SUMS, **nats_server.settings))
    with socket.create_connection(("127.0.0.1", int(nats_server.port)), 10) as link:
        link.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
        for fields in ODD_HEADERS:
            head = b"NATS/1.0\r\n" + fields + b"\r\n"
            link.sendall(b"HPUB %b %d %d\r\n%b\r\n" % (SOURCE.encode(), len(head), len(head), head))
        link.sendall(b"PING\r\n")
        while not link.recv(4096).endswith(b"PONG\r\n"):
            pass
    nats_server.put([(b"[1, 2]", {})])
    answered, errors = count_until(nats_server, len(ODD_HEADERS) + 1, 20)
    # The server itself drops what has no header's name.
    assert answered == 1 and errors >= len(ODD_HEADERS) - 1


def test_a_message_of_thousands_of_headers_holds_no_one(start, tmp_path):
    server = RedisServer(tmp_path).start()
    try:
        _taking(start(SUMS, **server.settings))
        server.put([(b"x", {f"h{at}": "v" for at in range(4200)}), (b"[1, 2]", {})])
        assert count_until(server, 2, 20) == (1, 1)
        (error,) = [message for message in server.everything() if message.is_error]
        assert error.body == b"x" and error.headers["x-error-reason"] == "malformed"
        assert "Some of its headers are left out" in error.headers["x-error-detail"]
    finally:
        server.close()


def test_the_order_within_a_key_is_kept(start, server):
    _taking(start(SUMS, **server.settings))
    server.put([(b"[0, %d]" % number, {"key": f"k{number % 3}"}) for number in range(300)])
    assert count_until(server, 300, 30) == (300, 0)
    for key in ("k0", "k1", "k2"):
        own = [int(message.body) // 2 for message in server.everything() if message.headers["key"] == key]
        assert own == sorted(own) and len(own) == 100


def test_services_share_a_group_s_samples_and_a_slow_one_does_not_hold_the_other(start, server, tmp_path):
    services = [
        _taking(start(SUMS, **{**server.settings, "WEB_CONCURRENCY": "1", "S2I_BUS_CLIENT": f"service-{number}"}))
        for number in range(2)
    ]
    gate = tmp_path / "gate"
    # As many as one of them may take at the start: a process that gets one of these waits with it.
    server.put([(json.dumps([str(gate), number]).encode(), {}) for number in range(2)])
    assert wait_until(lambda: sum(service.metric("nb_bus_in_flight_samples") for service in services) == 2)
    server.put([(b"[0, 1]", {})] * 100)
    if all(service.metric("nb_bus_in_flight_samples") for service in services):
        # Each scorer has one that waits.
        gate.touch()
    count_until(server, 100, 20)
    gate.touch()
    assert count_until(server, 102, 20) == (102, 0)
    assert wait_until(lambda: sum(service.metric("nb_bus_answered_total") for service in services) == 102)


def test_the_metrics_report_what_waits_and_how_old_the_oldest_is(start, nats_server, tmp_path):
    nats_server.make()
    service = _taking(start(SUMS, **nats_server.settings))
    gate = tmp_path / "gate"
    nats_server.put([(json.dumps([str(gate), number]).encode(), {}) for number in range(50)])
    assert wait_until(lambda: service.metric("nb_bus_lag_samples") >= 40)
    assert wait_until(lambda: service.metric("nb_bus_in_flight_samples") + service.metric("nb_bus_lag_samples") == 50)
    assert wait_until(lambda: service.metric("nb_bus_oldest_seconds") > 1)
    gate.touch()
    assert count_until(nats_server, 50, 20) == (50, 0)
    assert wait_until(lambda: service.metric("nb_bus_lag_samples") == 0)
    assert wait_until(lambda: service.metric("nb_bus_oldest_seconds") == 0)
    # How often a sample was delivered again is counted, too.
    assert service.metric("nb_bus_redelivered_total") == 0


def test_the_end_answers_and_acknowledges_what_is_in_flight_and_takes_nothing_new(start, server, tmp_path):
    service = _taking(start(SUMS, **server.settings))
    gate = tmp_path / "gate"
    server.put([(json.dumps([str(gate), 7]).encode(), {})])
    assert wait_until(lambda: service.metric("nb_in_flight_samples") == 1)
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("Stopping: ")
    # What comes now is the next service's.
    time.sleep(1)
    server.put([(b"[0, 1]", {})])
    gate.touch()
    assert service.process.wait(15) == 0
    assert [message.body for message in server.everything()] == [b"14"]
    assert server.unsettled() == 1


def test_an_end_that_comes_too_soon_gives_back_what_has_no_answer(start, server, tmp_path):
    service = _taking(start(SUMS, S2I_GRACE="0.5", S2I_BUS_RECLAIM="3600", **server.settings))
    server.put([(json.dumps([str(tmp_path / "never"), 7]).encode(), {})])
    assert wait_until(lambda: service.metric("nb_in_flight_samples") == 1)
    assert service.stop() == 0
    (tmp_path / "never").touch()
    # Not after an hour: it was given back.
    _taking(start(SUMS, S2I_BUS_RECLAIM="3600", **server.settings))
    assert count_until(server, 1, 20) == (1, 0)


def test_a_broker_that_is_away_is_waited_for_while_http_goes_on(start, server):
    server.kill()
    service = start(SUMS, **server.settings).ready()
    service.wait_for(r"can't be used: .*connection refused.*; not ready, trying again\.")
    assert (service.status("/readyz"), service.status("/healthz")) == (503, 200)
    assert service.predict([1, 2]) == (200, 4)
    server.start()
    # It may have been asked while it started, and is asked again after a pause.
    service.wait_for("is available again after", 40)
    assert service.status("/readyz") == 200
    server.put([(b"[1, 2]", {})])
    assert count_until(server, 1, 20) == (1, 0)
    server.kill()
    assert wait_until(lambda: service.status("/readyz") == 503)
    server.start()
    assert wait_until(lambda: service.status("/readyz") == 200, 40)
    server.put([(b"[1, 2]", {})])
    assert count_until(server, 2, 20) == (2, 0)
    # Once for each reason of each time that it was away, however often it was tried.
    for time_away in service.log.split("available again"):
        said = [line for line in time_away.splitlines() if "trying again" in line]
        assert len(set(said)) == len(said)


def test_the_bus_s_process_is_started_again(start, server):
    service = _taking(start(SUMS, S2I_BUS_RECLAIM="1", **server.settings))
    server.put([(b"[1, 2]", {})])
    assert count_until(server, 1, 20) == (1, 0)
    assert wait_until(lambda: service.metric("nb_bus_answered_total") == 1)
    kill_bus(service)
    service.wait_for(r"The bus's process was killed by signal 9 \(SIGKILL\); starting another\.")
    assert wait_until(lambda: service.log.count("taking samples") == 2)
    server.put([(b"[3, 4]", {})])
    assert count_until(server, 2, 20) == (2, 0)
    # What was counted before is not forgotten.
    assert wait_until(lambda: service.metric("nb_bus_answered_total") == 2)


def test_a_stream_that_is_not_there_is_waited_for_or_made(start, nats_server):
    waiting = start(SUMS, **nats_server.settings).ready()
    waiting.wait_for(r"no stream has the subject samples \(S2I_BUS_CREATE=1 creates one\); not ready")
    assert waiting.status("/readyz") == 503
    making = _taking(start(SUMS, S2I_BUS_CREATE="1", **nats_server.settings))
    nats_server.put([(b"[1, 2]", {})])
    assert count_until(nats_server, 1, 20) == (1, 0)
    waiting.wait_for("is available again")
    assert making.stop() == 0


def test_a_stream_that_is_deleted_is_waited_for(start, nats_server):
    nats_server.make()
    service = _taking(start(SUMS, **nats_server.settings))
    nats_server.put([(b"[1, 2]", {})])
    assert count_until(nats_server, 1, 20) == (1, 0)

    async def delete(client, js):
        await js.delete_stream(SOURCE)

    nats_server.ask(delete)
    service.wait_for(r"can't be used: .*(is gone|Consumer Deleted).*; not ready")
    assert wait_until(lambda: service.status("/readyz") == 503)
    nats_server.make(SOURCE)
    assert wait_until(lambda: service.status("/readyz") == 200)
    # The new stream's first sample is another one than the old one's.
    nats_server.put([(b"[3, 4]", {})])
    assert count_until(nats_server, 2, 20) == (2, 0)
    assert [message.body for message in nats_server.everything()] == [b"4", b"8"]


def test_two_models_may_publish_into_one_stream(start, nats_server):
    nats_server.make()
    for group in ("one", "other"):
        _taking(start(SUMS, S2I_BUS_GROUP=group, **nats_server.settings))
    nats_server.put([(b"[1, 2]", {})] * 5)
    assert count_until(nats_server, 10, 20) == (10, 0)


def test_a_stream_of_redis_that_is_deleted_is_started_again(start, tmp_path):
    server = RedisServer(tmp_path).start()
    try:
        service = _taking(start(SUMS, **server.settings))
        with server.client() as client:
            client.delete(SOURCE)
        service.wait_for("not ready, trying again")
        server.put([(b"[1, 2]", {})])
        assert count_until(server, 1, 20) == (1, 0)
    finally:
        server.close()


def test_answers_for_which_there_is_no_place_any_more_wait(start, nats_server):
    nats_server.make()
    service = _taking(start(SUMS, **nats_server.settings))

    async def delete(client, js):
        await js.delete_stream(TARGET)

    nats_server.ask(delete)
    nats_server.put([(b"[1, 2]", {})])
    service.wait_for(r"can't be used: no stream accepts the published message|no stream has the subject predictions")
    assert wait_until(lambda: service.status("/readyz") == 503)
    nats_server.make(TARGET)
    assert count_until(nats_server, 1, 30) == (1, 0)


class GuardedNats(NatsServer):
    """One that asks for a password, and lets `poor` publish nothing."""

    def command(self):
        allowed = f'["$JS.>", "{TARGET}", "{ERRORS}"]'
        users = f'{{user: rich, password: "p@ss/1", permissions: {{publish: {allowed}, subscribe: [">"]}}}}'
        users += ', {user: poor, password: p, permissions: {publish: ["$JS.API.STREAM.NAMES"], subscribe: [">"]}}'
        (self.folder / "nats.conf").write_text(
            f"authorization {{users: [{users}, {{user: all, password: all}}]}}\n"
            f"jetstream {{store_dir: '{self.folder}'}}\n"
        )
        return [super().command()[0], "-a", "127.0.0.1", "-p", self.port, "-c", str(self.folder / "nats.conf")]

    def ask(self, use, **options):
        return super().ask(use, user="all", password="all")


class GuardedRedis(RedisServer):
    """One that asks for a password, and lets `poor` read nothing."""

    def command(self):
        rules = "user default on nopass ~* +@all\nuser rich on >p@ss/1 ~* +@all\nuser poor on >p ~* +ping\n"
        (self.folder / "users.acl").write_text(rules)
        return [*super().command(), "--aclfile", str(self.folder / "users.acl")]


class GuardedRabbit(RabbitServer):
    """One with users, of which `poor` may not publish."""

    def make(self, *queues):
        for user, password, rules in (("rich", "p@ss/1", [".*"] * 3), ("poor", "p", ["^$", "^$", ".*"])):
            self.control("add_user", user, password)
            self.control("set_permissions", user, *rules)
        super().make(*queues)


class GuardedMqtt(MqttServer):
    """One that asks for a password, and lets `poor` publish nothing."""

    def lines(self):
        words = self.folder / "words"
        words.touch()
        hashing = provide.program("mosquitto_passwd", "mosquitto")
        for user, password in (("rich", "p@ss/1"), ("poor", "p"), ("tests", "t")):
            subprocess.run([hashing, "-b", str(words), user, password], check=True)
        rules = "".join(f"user {user}\ntopic readwrite #\n" for user in ("rich", "tests"))
        (self.folder / "rules").write_text(f"{rules}user poor\ntopic read #\n")
        lines = [line for line in super().lines() if not line.startswith("allow_anonymous")]
        return [*lines, "allow_anonymous false", f"password_file {words}", f"acl_file {self.folder}/rules"]

    def client(self, name, **options):
        client = super().client(name, **options)
        client.username_pw_set("tests", "t")
        return client


@pytest.mark.parametrize("kind", [GuardedNats, GuardedRedis, GuardedRabbit, GuardedMqtt])
def test_users_and_passwords_come_by_url_or_file_and_are_never_shown(start, tmp_path, kind):
    server = kind(tmp_path)
    try:
        server.start().make()
        scheme, rest = server.settings["S2I_BUS_URL"].split("://")
        by_url = {**server.settings, "S2I_BUS_URL": f"{scheme}://rich:p%40ss%2F1@{rest}"}
        (tmp_path / "user").write_text("rich\n")
        (tmp_path / "password").write_text("p@ss/1\n")
        files = {"S2I_BUS_USER_FILE": str(tmp_path / "user"), "S2I_BUS_PASSWORD_FILE": str(tmp_path / "password")}
        for settings in (by_url, {**server.settings, **files}):
            service = _taking(start(SUMS, **settings))
            server.put([(b"[1, 2]", {})])
            assert wait_until(lambda service=service: service.metric("nb_bus_answered_total") == 1)
            metrics = service.ask(None, "/metrics", "GET", {})[1]
            # A session of MQTT is one service's.
            assert service.stop() == 0
            assert "p@ss" not in service.log + metrics and "p%40ss" not in service.log + metrics
        assert count_until(server, 2, 20) == (2, 0)
        wrong = start(SUMS, **{**server.settings, "S2I_BUS_URL": f"{scheme}://rich:wr0ng@{rest}"}).ready()
        wrong.wait_for("can't be used: .*(?i:authoriz|password|authentication).*; not ready")
        assert "wr0ng" not in wrong.log
        poor = start(SUMS, **{**server.settings, "S2I_BUS_URL": f"{scheme}://poor:p@{rest}"}).ready()
        # A broker of MQTT says it of a message that it gets.
        server.put([(b"[1, 2]", {})])
        poor.wait_for("can't be used: .*(?i:permission|access|not authorized).*; not ready")
        assert wait_until(lambda: poor.status("/readyz") == 503)
    finally:
        server.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Return a folder with an authority's certificate (ca), and certificates with keys of a broker and a client."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("broker", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "req")
        signed = ["-CA", "ca", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
        openssl("x509", "-req", "-in", "req", *signed, "-out", name)
    return folder


class NatsByTls(NatsServer):
    """One that speaks TLS alone, with clients that have a certificate."""

    scheme, user = "tls", ""

    def command(self):
        pems = [f"--tlscert={self.pems}/broker", f"--tlskey={self.pems}/broker.key", f"--tlscacert={self.pems}/ca"]
        return [*super().command(), "--tlsverify", *pems]

    def ask(self, use, **options):
        context = ssl.create_default_context(cafile=f"{self.pems}/ca")
        context.load_cert_chain(f"{self.pems}/client", f"{self.pems}/client.key")
        return super().ask(use, tls=context)


class RedisByTls(RedisServer):
    """The same of Redis."""

    scheme, user = "rediss", ""

    def command(self):
        words = [word if word != "--port" else "--tls-port" for word in super().command()]
        pems = ["--tls-cert-file", f"{self.pems}/broker", "--tls-key-file", f"{self.pems}/broker.key"]
        return [*words, "--port", "0", *pems, "--tls-ca-cert-file", f"{self.pems}/ca"]

    def client(self, **options):
        pems = {"ssl_certfile": f"{self.pems}/client", "ssl_keyfile": f"{self.pems}/client.key"}
        return super().client(host="127.0.0.1", ssl=True, ssl_ca_certs=f"{self.pems}/ca", **pems)


class RabbitByTls(RabbitServer):
    """The same of RabbitMQ; a certificate's owner still says a user, its default one."""

    scheme, user = "amqps", "guest:guest@"

    def lines(self):
        pems = {"cacertfile": "ca", "certfile": "broker", "keyfile": "broker.key"}
        asks = ["ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true"]
        own = [f"ssl_options.{name} = {self.pems}/{file}" for name, file in pems.items()]
        return ["listeners.tcp = none", f"listeners.ssl.1 = 127.0.0.1:{self.port}", *own, *asks]

    def parameters(self):
        context = ssl.create_default_context(cafile=f"{self.pems}/ca")
        context.load_cert_chain(f"{self.pems}/client", f"{self.pems}/client.key")
        return pika.ConnectionParameters("127.0.0.1", int(self.port), ssl_options=pika.SSLOptions(context, "127.0.0.1"))


class MqttByTls(MqttServer):
    """The same of mosquitto."""

    scheme, user = "mqtts", ""

    def lines(self):
        pems = [f"cafile {self.pems}/ca", f"certfile {self.pems}/broker", f"keyfile {self.pems}/broker.key"]
        return [*super().lines(), *pems, "require_certificate true"]

    def client(self, name, **options):
        client = super().client(name, **options)
        client.tls_set(f"{self.pems}/ca", f"{self.pems}/client", f"{self.pems}/client.key")
        return client


@pytest.mark.parametrize("kind", [NatsByTls, RedisByTls, RabbitByTls, MqttByTls])
def test_a_broker_by_tls_is_trusted_by_its_authority_and_trusts_a_certificate(start, tmp_path, certificates, kind):
    kind.pems = certificates
    server = kind(tmp_path)
    try:
        server.start().make()
        where = {"S2I_BUS_URL": f"{kind.scheme}://{kind.user}127.0.0.1:{server.port}"}
        pems = {
            "S2I_BUS_CA_FILE": f"{certificates}/ca",
            "S2I_BUS_CERT_FILE": f"{certificates}/client",
            "S2I_BUS_KEY_FILE": f"{certificates}/client.key",
        }
        _taking(start(SUMS, **{**server.settings, **where, **pems}))
        server.put([(b"[1, 2]", {})])
        assert count_until(server, 1, 20) == (1, 0)
        stranger = start(SUMS, **{**server.settings, **where}).ready()
        stranger.wait_for(r"can't be used: TLS failed \(.*certificate.*\); not ready")
    finally:
        server.close()


class Cable:
    """Connections of clients to a port, which can be cut without a message to either side."""

    def __init__(self, port):
        self._to = int(port)
        self._ends = []
        self._threads = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self._listener.getsockname()[1])
        self.whole = threading.Event()
        self.whole.set()
        self._begin(self._accept)

    def _begin(self, target, *args):
        self._threads.append(threading.Thread(target=target, args=args))
        self._threads[-1].start()

    def close(self):
        """End all of it."""
        self.whole.set()
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                self._ends.append(near)
                self.whole.wait()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends.append(far)
                self._begin(self._carry, near, far)
                self._begin(self._carry, far, near)

    def _carry(self, source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.whole.wait()
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)


def test_a_network_that_is_cut_loses_nothing_and_doubles_only_what_is_promised(start, server):
    cable = Cable(server.port)
    try:
        server.known_by(cable.port)
        url = server.settings["S2I_BUS_URL"].replace(server.port, cable.port)
        service = _taking(start(SUMS, **{**server.settings, "S2I_BUS_URL": url, "S2I_BUS_RECLAIM": "2"}))
        server.put([(b"[%d, 1]" % number, {"x-sample-id": str(number)}) for number in range(1500)])
        assert sum(count_until(server, 300, 20))
        cable.whole.clear()
        began = time.monotonic()
        # At least as long as it takes to notice: it gets no message.
        service.wait_for("can't be used: .*; not ready", 60)
        assert service.status("/readyz") == 503
        # And longer than brokers wait for a client, some of which take less time to be noticed.
        time.sleep(max(0.0, CUT_SECONDS - (time.monotonic() - began)))
        cable.whole.set()
        assert wait_until(lambda: service.status("/readyz") == 200, 60)
        assert sum(count_until(server, 1500, 60)) >= 1500
        assert wait_until(lambda: server.unsettled() == 0)
        messages = server.everything()
        assert len({message.headers["x-sample-id"] for message in messages}) == 1500
        assert not server.once or len(messages) == 1500
    finally:
        cable.close()


def test_a_service_says_what_it_is_connected_to_and_which_brokers_it_could_have(start, server):
    service = _taking(start(SUMS, S2I_BUS_GROUP="g", S2I_BUS_ERRORS=ERRORS, **server.settings))
    service.wait_for(
        rf"127\.0\.0\.1:{server.port}, from samples to predictions, errors to predictions\.errors, group g\."
    )
    service.wait_for("This image has clients for: nats, tls, redis, rediss")


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, r"S2I_BUS_URL is not set\.(.*\n)+.*\(problem bus-unset\)"),
        ({"S2I_BUS_URL": "nats://h", "S2I_BUS_IN": "a"}, r"S2I_BUS_OUT is not set\.(.*\n)+.*\(problem bus-unset\)"),
        (
            {"S2I_BUS_URL": "pigeon://a:secret@h"},
            r"scheme pigeon is not a broker's; valid ones: nats.*(.*\n)+.*bus-url",
        ),
        ({"S2I_BUS_URL": "nats://u:secret@h:port"}, r"a port or an address in it is not valid(.*\n)+.*bus-url"),
        ({"S2I_BUS_URL": "redis://h", "S2I_BUS_PASSWORD_FILE": "/none"}, r"S2I_BUS_PASSWORD_FILE .*(.*\n)+.*bus-file"),
        ({"S2I_BUS_URL": "redis://h", "S2I_BUS_CA_FILE": "/none"}, r"S2I_BUS_CA_FILE.*No such file(.*\n)+.*bus-file"),
    ],
)
def test_settings_that_can_t_work_end_the_service_before_the_model_loads(start, env, words):
    places = {"S2I_BUS_IN": "a", "S2I_BUS_OUT": "b"} if env and "S2I_BUS_IN" not in env else {}
    service = start(SUMS, S2I_BACKEND="bus", **env, **places)
    assert service.process.wait(20) == 1
    service.wait_for(words)
    assert "secret" not in service.log and "Serving on" not in service.log
