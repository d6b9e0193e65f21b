import os
import resource
import socket
import threading

import pytest
import waitress
from nb_service.http import handing


@pytest.fixture
def ends():
    """Return the front's end of a channel, and what the app accepts by."""
    channel, theirs = handing.pair()
    with channel, handing.Acceptor(fileno=theirs.detach()) as acceptor:
        acceptor.setblocking(False)
        yield channel, acceptor


def test_each_connection_is_accepted_once_and_in_order(ends):
    channel, acceptor = ends
    ours = [handing.connect(channel) for _ in range(3)]
    theirs = [acceptor.accept()[0] for _ in range(3)]
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        one.send(b"%d" % number)
        assert other.recv(9) == b"%d" % number
    with pytest.raises(BlockingIOError):
        acceptor.accept()
    for sock in (*ours, *theirs):
        sock.close()


def test_one_that_is_given_up_before_it_is_accepted_shows_its_end(ends):
    channel, acceptor = ends
    handing.connect(channel).close()
    with acceptor.accept()[0] as accepted:
        assert accepted.recv(1) == b""


def test_too_many_that_wait_are_an_error_that_leaves_nothing_open(ends, open_files):
    channel, _ = ends
    waiting = []
    with pytest.raises(BlockingIOError):
        while len(waiting) < 10_000:
            waiting.append(handing.connect(channel))
    before = open_files()
    with pytest.raises(BlockingIOError):
        handing.connect(channel)
    assert open_files() == before
    for sock in waiting:
        sock.close()


def test_an_app_without_descriptors_hangs_up_and_accepts_again_later(ends):
    channel, acceptor = ends
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with handing.connect(channel) as ours:
        spare = os.dup(0)
        os.close(spare)
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare, limits[1]))
        try:
            with pytest.raises(BlockingIOError):
                acceptor.accept()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert ours.recv(1) == b""
    with handing.connect(channel), acceptor.accept()[0] as accepted:
        assert accepted.family == socket.AF_UNIX


def test_waitress_takes_it_for_a_listening_socket(ends):
    channel, acceptor = ends

    def answer_one(_environ, start):
        start("200 OK", [("Content-Length", "1")])
        return [b"1"]

    server = waitress.create_server(answer_one, sockets=[acceptor])
    threading.Thread(target=server.run, daemon=True).start()
    with handing.connect(channel) as ours:
        ours.setblocking(True)
        ours.settimeout(10)
        ours.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: ours.recv(4096), b""))
    server.close()
    assert answer.endswith(b"\r\n\r\n1")
