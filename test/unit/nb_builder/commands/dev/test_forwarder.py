"""Connections of clients that stay while services come and go."""

import asyncio
import json
import socket

import pytest
from nb_builder.commands.dev.forwarder import Forwarder

SOON = 10


class Backend:
    """An HTTP server that answers each request with its name; it can be made to wait, and stops on request."""

    def __init__(self, name):
        self.name = name
        self.requests = []
        self.open = 0
        self.go = asyncio.Event()
        self.go.set()
        self.head = "Content-Length: {length}\r\n"

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def _serve(self, reader, writer):
        self.open += 1
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                length = next((int(line[16:]) for line in head.splitlines() if line.startswith("Content-Length: ")), 0)
                self.requests.append((head.split(" ", 2)[:2], await reader.readexactly(length)))
                await self.go.wait()
                is_head = head.startswith("HEAD")
                text = self.head.format(length=len(self.name))
                writer.write(f"HTTP/1.1 200 OK\r\n{text}\r\n{'' if is_head else self.name}".encode())
                await writer.drain()
                if "close" in self.head:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self.open -= 1
            writer.close()


class Client:
    """A connection to the forwarder."""

    made: list["Client"] = []  # noqa: RUF012 - closed by each test

    @classmethod
    async def to(cls, forwarder):
        self = cls()
        cls.made.append(self)
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", forwarder.port)
        return self

    async def ask(self, request=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
        self.writer.write(request)
        return await self.answer()

    async def answer(self):
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), SOON)
        length = next(int(line[16:]) for line in head.decode().splitlines() if line.startswith("Content-Length: "))
        return (await asyncio.wait_for(self.reader.readexactly(length), SOON)).decode()

    async def is_closed(self):
        return await asyncio.wait_for(self.reader.read(1), SOON) == b""


async def until(true):
    """Wait until `true()` is."""
    for _ in range(SOON * 100):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true")


def tried(scene):
    """Run `scene(forwarder, old, new)` with a forwarder that points at the first of two services."""

    async def run():
        forwarder = Forwarder()
        await forwarder.listen(socket.create_server(("127.0.0.1", 0)))
        async with Backend("old") as old, Backend("new") as new:
            forwarder.point_at(old.port)
            try:
                await scene(forwarder, old, new)
            finally:
                forwarder.stop_accepting()
                forwarder.close()
                while Client.made:
                    client = Client.made.pop()
                    client.writer.close()
                    await asyncio.gather(client.writer.wait_closed(), return_exceptions=True)
                await until(lambda: old.open == new.open == 0)

    asyncio.run(run())


def test_a_kept_connection_goes_to_the_new_service_with_its_next_request():
    async def scene(forwarder, old, new):
        client = await Client.to(forwarder)
        assert [await client.ask(), await client.ask()] == ["old", "old"]
        forwarder.point_at(new.port)
        await until(lambda: old.open == 0)
        assert [await client.ask(), await client.ask()] == ["new", "new"]

    tried(scene)


def test_a_request_that_is_under_way_is_answered_by_the_service_that_has_it():
    async def scene(forwarder, old, new):
        client = await Client.to(forwarder)
        old.go.clear()
        asking = asyncio.ensure_future(client.ask())
        await until(lambda: old.requests)
        forwarder.point_at(new.port)
        other = await Client.to(forwarder)
        assert await other.ask() == "new"
        old.go.set()
        assert await asking == "old"
        assert await client.ask() == "new"

    tried(scene)


def test_half_a_request_stays_where_its_first_half_is():
    async def scene(forwarder, old, new):
        client = await Client.to(forwarder)
        await client.ask()
        client.writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        # Another client's answer shows that the loop has been round.
        await (await Client.to(forwarder)).ask()
        forwarder.point_at(new.port)
        assert await client.ask(b"cd") == "old"
        assert old.requests[-1] == (["POST", "/"], b"abcd") or old.requests[-2][1] == b"abcd"
        assert await client.ask() == "new"

    tried(scene)


def test_requests_sent_in_one_go_are_all_answered_before_the_connection_leaves():
    async def scene(forwarder, old, new):
        client = await Client.to(forwarder)
        old.go.clear()
        client.writer.write(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        await until(lambda: old.requests)
        forwarder.point_at(new.port)
        old.go.set()
        assert [await client.answer() for _ in range(3)] == ["old"] * 3
        assert await client.ask() == "new"

    tried(scene)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
)
def test_a_connection_whose_answers_can_t_be_followed_stays_with_its_service(request_bytes):
    async def scene(forwarder, old, new):
        client = await Client.to(forwarder)
        client.writer.write(request_bytes)
        await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), SOON)
        if not request_bytes.startswith(b"HEAD"):
            await client.reader.readexactly(3)
        forwarder.point_at(new.port)
        assert await client.ask() == "old"

    tried(scene)


def test_a_service_that_closes_after_its_answer_closes_the_client_s_connection_too():
    async def scene(forwarder, old, new):
        client = await Client.to(forwarder)
        old.head = "Content-Length: {length}\r\nConnection: close\r\n"
        old.go.clear()
        asking = asyncio.ensure_future(client.ask())
        await until(lambda: old.requests)
        forwarder.point_at(new.port)
        old.go.set()
        assert await asking == "old"
        assert await client.is_closed()

    tried(scene)


def test_an_answer_without_a_length_ends_with_its_connection():
    async def scene(forwarder, old, new):
        client = await Client.to(forwarder)
        old.head = "Connection: close\r\n"
        client.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await asyncio.wait_for(client.reader.read(-1), SOON)).endswith(b"\r\n\r\nold")

    tried(scene)


def test_a_client_that_has_said_all_gets_its_answer():
    async def scene(forwarder, old, new):
        client = await Client.to(forwarder)
        client.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.writer.write_eof()
        assert await client.answer() == "old"
        assert await client.is_closed()

    tried(scene)


def test_without_a_service_clients_get_503_and_a_reason():
    async def scene(forwarder, old, new):
        forwarder.point_at(None)
        client = await Client.to(forwarder)
        client.writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000)
        answer = await asyncio.wait_for(client.reader.read(-1), SOON)
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n") and b"Retry-After: 1" in answer
        assert "the terminal of `nb-builder dev` shows why" in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]

    tried(scene)


def test_a_service_that_is_gone_is_503_too():
    async def scene(forwarder, old, new):
        async with Backend("gone") as gone:
            port = gone.port
        forwarder.point_at(port)
        client = await Client.to(forwarder)
        client.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await asyncio.wait_for(client.reader.read(-1), SOON)).startswith(b"HTTP/1.1 503 ")

    tried(scene)


def test_a_large_body_arrives_whole():
    async def scene(forwarder, old, new):
        client = await Client.to(forwarder)
        body = bytes(range(256)) * 40_000
        asking = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        assert await client.ask(asking) == "old"
        assert old.requests[-1][1] == body

    tried(scene)
