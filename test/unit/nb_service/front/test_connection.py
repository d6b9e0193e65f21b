"""Connections over real sockets, with a pool and an app that are made up: what goes wrong between requests."""

import asyncio
import errno
import socket
import struct
import types

import pytest
from nb_service.front import app_link, connection, server
from nb_service.http import handing
from nb_service.http.health import Health
from nb_service.pool.answer import OK, Answer, Job
from nb_service.settings import Settings

SETTINGS = {"S2I_MAX_HELD": str(1 << 20), "S2I_MAX_SAMPLES": "1000", "S2I_MODEL_NAME": "m"}


class Process:
    """An app's process that is never started."""

    is_down = has_jobs = False
    received_at = 0.0
    pid = 7

    def __init__(self) -> None:
        self.on_down = lambda: None
        self.killed: list[str] = []

    def kill(self, why: str) -> None:
        """Note why."""
        self.killed.append(why)

    def start(self) -> None:
        """Do nothing."""

    works = start


class Pool:
    """Answers each sample with its own JSON after `delay` seconds."""

    def __init__(self, loop) -> None:
        self.delay = 0.01
        self.plan = types.SimpleNamespace(batch=1)
        self.model = types.SimpleNamespace(
            manifest={"notebook": "m.ipynb"},
            folder=types.SimpleNamespace(),
            has_default=True,
            predictors={},
            predictor="",
        )
        self._loop = loop

    def submit(self, body, done, request_id=None, call=b"", stream=0):
        """Answer later."""
        self._loop.call_later(self.delay, done, Answer(OK, body))
        return Job(body, done)

    def abandon(self, job):
        """Do nothing."""

    def is_waiting(self, job):
        """Return False."""
        return False


class Bench:
    """A front on a free port, its parts, and a client's connection."""

    def __init__(self, loop, monkeypatch, **settings) -> None:
        identity = types.SimpleNamespace(header_bytes=b"")
        monkeypatch.setattr(server.identity, "read_identity", lambda model, name: identity)
        self.process, self.pool = Process(), Pool(loop)
        self._channel, behind = handing.pair()
        self.acceptor = handing.Acceptor(fileno=behind.detach())
        self.link = app_link.AppLink(loop, self._channel, self.process, 60)
        parts = (loop, self.pool, self.link, Health(lambda: True), None, lambda request, status: None)
        self.front = server.Front(*parts, Settings({**SETTINGS, **settings}))
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        self.front.open(listener, 5000, connection.Connection)
        self._writers: list[asyncio.StreamWriter] = []

    async def client(self):
        """Return reader and writer of a new connection."""
        reader, writer = await asyncio.open_connection(*self.address)
        self._writers.append(writer)
        return reader, writer

    async def close(self) -> None:
        """Let go of everything."""
        self.front.close()
        for writer in self._writers:
            writer.transport.abort()
        # The listening socket is closed in a moment.
        await asyncio.sleep(0.05)
        self._channel.close()
        self.acceptor.close()


@pytest.fixture
def run(monkeypatch):
    """Return what runs a coroutine function with a Bench, to its end."""

    def run_with(scenario, **settings):
        async def whole():
            bench = Bench(asyncio.get_running_loop(), monkeypatch, **settings)
            try:
                await scenario(bench)
            finally:
                await bench.close()

        asyncio.run(whole())

    return run_with


def post(path: bytes, body: bytes, framing: bytes = b"") -> bytes:
    """Return a request."""
    framing = framing or b"Content-Length: %d" % len(body)
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n%b" % (path, framing, body)


async def said(reader, seconds: float = 1.0) -> bytes:
    """Return what comes next, b"" where nothing does."""
    try:
        return await asyncio.wait_for(reader.read(1 << 16), seconds)
    except TimeoutError:
        return b""


def test_who_waited_for_room_receives_nothing_more_after_its_answer(run, monkeypatch):
    monkeypatch.setattr(connection, "ROOM_SECONDS", 0.1)

    async def scenario(bench):
        bench.front.budget.take(1 << 20)
        reader, writer = await bench.client()
        writer.write(post(b"/predict", b"1\r\n7\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"))
        assert (await said(reader)).endswith(b"\r\n\r\n7")
        assert await said(reader, 0.3) == b""
        assert bench.front.budget.held == 1 << 20

    run(scenario)


def test_a_connection_is_read_again_after_the_app_had_no_place_for_its_request(run):
    async def scenario(bench):
        bench.link._slots[app_link.POSTS] = app_link.MAX_REQUESTS
        reader, writer = await bench.client()
        writer.write(post(b"/v1/models/m:predict", b"x" * 70_000))
        await asyncio.sleep(0.1)
        bench.process.on_down()
        assert (await said(reader)).startswith(b"HTTP/1.1 503 ")
        writer.write(post(b"/predict", b"8"))
        assert (await said(reader)).endswith(b"\r\n\r\n8")

    run(scenario)


def test_who_is_connected_to_an_app_that_keeps_ending_is_reported(run):
    async def scenario(bench):
        reader, writer = await bench.client()
        writer.write(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        bench.process.is_down = True
        bench.process.on_down()
        assert (await said(reader)).startswith(b"HTTP/1.1 503 ")
        assert bench.link._slots == [0, 0, 0]

    run(scenario)


def test_without_a_descriptor_for_the_app_a_request_is_rejected_and_its_place_free(run, monkeypatch):
    async def scenario(bench):
        reader, writer = await bench.client()

        def none_left(*_):
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(handing.socket, "socketpair", none_left)
        writer.write(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await said(reader)).startswith(b"HTTP/1.1 503 ")
        monkeypatch.undo()
        assert bench.link._slots == [0, 0, 0]

    run(scenario)


def test_an_answer_without_a_body_says_nothing_of_its_length(run):
    async def scenario(bench):
        reader, writer = await bench.client()
        writer.write(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await said(reader)
        assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert b"Content-Length" not in answer

    run(scenario)


def test_a_large_answer_that_is_not_taken_is_counted_as_it_is_held(run):
    async def scenario(bench):
        _, writer = await bench.client()
        writer.transport.pause_reading()
        writer.write(post(b"/predict", b"1" * 12_000_000))
        await writer.drain()
        await asyncio.sleep(0.5)
        (one,) = bench.front._connections
        assert 0 < one._untaken == one._transport.get_write_buffer_size()
        assert bench.front.budget.held == one._untaken

    run(scenario, S2I_MAX_HELD=str(1 << 26))


class Resets:
    """A transport whose client breaks off as soon as something was sent to it."""

    def __init__(self, transport, client) -> None:
        self._transport = transport
        self._client = client

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def write(self, data):
        """Send it all, and have the client reset the connection."""
        self._transport.write(data)
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.close()


def test_a_client_that_breaks_off_when_it_is_rejected_is_no_fault_of_ours(run, capfd):
    async def scenario(bench):
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()

        class Refused(connection.Connection):
            def connection_made(self, transport):
                super().connection_made(Resets(transport, client))

        transport, _ = await loop.connect_accepted_socket(lambda: Refused(bench.front), ours)
        client.sendall(post(b"/predict", b"", b"Content-Length: 999999999999"))
        for _ in range(100):
            await asyncio.sleep(0.01)
            if transport.is_closing():
                break
        assert transport.is_closing()

    run(scenario)
    assert capfd.readouterr().err == ""


class App:
    """What stands for the app: each accepted connection, as reader and writer."""

    def __init__(self, bench) -> None:
        self.accepted: asyncio.Queue = asyncio.Queue()
        self._bench = bench

    async def __aenter__(self):
        self._writers: list[asyncio.StreamWriter] = []

        async def keep(sock):
            reader, writer = await asyncio.open_unix_connection(sock=sock)
            self._writers.append(writer)
            self.accepted.put_nowait((reader, writer))

        self._bench.acceptor.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(
            self._bench.acceptor, lambda: asyncio.ensure_future(keep(self._bench.acceptor.accept()[0]))
        )
        return self

    async def __aexit__(self, *_):
        for writer in self._writers:
            writer.transport.abort()
        self._loop.remove_reader(self._bench.acceptor)
        await asyncio.sleep(0.01)

    async def request(self):
        """Return (the head of the next request, reader, writer)."""
        reader, writer = await self.accepted.get()
        return await reader.readuntil(b"\r\n\r\n"), reader, writer


def test_head_is_asked_of_the_app_as_head_and_the_connection_is_kept_for_the_client_alone(run):
    async def scenario(bench):
        async with App(bench) as app:
            reader, writer = await bench.client()
            writer.write(b"HEAD /model HTTP/1.1\r\nHost: x\r\n\r\n")
            head, app_reader, app_writer = await app.request()
            assert head.startswith(b"HEAD /model HTTP/1.1\r\n")
            app_writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 123456\r\nContent-Type: a/b\r\n\r\n")
            answer = await said(reader)
            assert b"\r\nContent-Length: 123456\r\n" in answer and answer.endswith(b"\r\n\r\n")
            # Its parser would wait for a body.
            assert await app_reader.read() == b""
            assert bench.link._slots == [0, 0, 0] and bench.link._draining == 0
            writer.write(b"HEAD /docs HTTP/1.1\r\nHost: x\r\n\r\n")
            _, _, app_writer = await app.request()
            app_writer.write(b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert (await said(reader)).startswith(b"HTTP/1.1 404 Not Found\r\n")

    run(scenario)


def test_a_body_that_the_app_does_not_read_is_held_back_from_its_first_bytes_on(run, monkeypatch):
    class Client:
        held = True

        def hold(self):
            self.held = True

        def release(self):
            self.held = False

        def fail(self, request, reply):
            """Do nothing."""

    async def scenario(bench):
        monkeypatch.setattr(bench.link, "head_of", lambda request, length: b"")
        reading, full = (app_link.Exchange(bench.link, Client(), None, 3) for _ in range(2))
        for exchange, most in ((reading, 1 << 16), (full, 0)):
            ours, theirs = socket.socketpair()
            upstream = app_link.Upstream(bench.link)
            await bench.link.loop.create_unix_connection(lambda made=upstream: made, sock=ours)
            upstream._transport.set_write_buffer_limits(high=most)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            exchange.send(b"x" * 1_000_000 if exchange is full else b"x")
            exchange.connected(upstream)
            theirs.close()
        assert (reading._connection.held, full._connection.held) == (False, True)

    run(scenario)


def test_an_app_that_shows_no_sign_of_life_is_killed_and_its_clients_are_reported(run):
    async def scenario(bench):
        async with App(bench) as app:
            bench.process.has_jobs = True
            reader, writer = await bench.client()
            writer.write(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
            _, _, app_writer = await app.request()
            now = bench.link.loop.time()
            # It waits for scorers.
            bench.link.expire(now + 1000)
            bench.process.has_jobs = False
            bench.process.received_at = now + 1001
            bench.link.expire(now + 1030)
            assert not bench.process.killed
            bench.link.expire(now + 1062)
            assert bench.process.killed == ["it has been working on requests for 60 s without any activity"]
            app_writer.close()
            assert (await said(reader)).startswith(b"HTTP/1.1 503 ")

    run(scenario)


def test_a_request_that_the_app_has_forgotten_gets_504_while_the_app_answers_others(run):
    async def scenario(bench):
        async with App(bench) as app:
            reader, writer = await bench.client()
            writer.write(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
            _, app_reader, _ = await app.request()
            now = bench.link.loop.time()
            bench.process.received_at = now + 65
            hung = set(bench.link._active)
            other_reader, other_writer = await bench.client()
            other_writer.write(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
            _, _, other_app = await app.request()
            for exchange in bench.link._active - hung:
                exchange.active_at = now + 65
            bench.link.expire(now + 66)
            assert (await said(reader)).startswith(b"HTTP/1.1 504 ")
            # Another client waits for it.
            assert not bench.process.killed
            assert await app_reader.read() == b"" and bench.link._slots == [1, 0, 0]
            other_app.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            assert (await said(other_reader)).endswith(b"hi")
            bench.link.expire(now + 67)
            bench.link.expire(now + 68)
            assert bench.process.killed == ["1 of its threads did not respond within 60 s"]

    run(scenario)


@pytest.mark.parametrize(("stuck", "pid", "kills"), [(15, 7, 0), (16, 7, 1), (16, 8, 0)])
def test_an_app_of_which_too_many_threads_hang_is_replaced_at_once(run, stuck, pid, kills):
    async def scenario(bench):
        async with App(bench) as app:
            _, writer = await bench.client()
            writer.write(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
            await app.request()
            bench.link._stuck, bench.link._stuck_pid = stuck, pid
            bench.link.expire(bench.link.loop.time())
            assert len(bench.process.killed) == kills

    run(scenario)


def test_a_client_that_reads_slowly_or_has_not_sent_its_body_is_no_fault_of_the_app(run):
    async def scenario(bench):
        async with App(bench) as app:
            slow, half = await bench.client(), await bench.client()
            slow[1].transport.pause_reading()
            slow[1].write(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
            _, _, app_writer = await app.request()
            app_writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n" + b"x" * 20_000_000)
            half[1].write(post(b"/v1/models/m:predict", b"", b"Content-Length: 400000") + b"x" * 200_000)
            await app.request()
            await asyncio.sleep(0.3)
            bench.link.expire(bench.link.loop.time() + 1000)
            assert not bench.process.killed
            assert len(bench.link._active) == 2

    run(scenario, S2I_MAX_HELD=str(1 << 26))
