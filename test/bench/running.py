"""A server of the bench while it runs."""

import os
import socket
import subprocess
import time
from pathlib import Path

from environments import PLACE, SERVERS, command_of, free_port
from peers import Peer

START_SECONDS = 90


class Running:
    """A started server."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.port = free_port()
        self._log = (PLACE / f"{peer.name}.log").open("w")
        command, environ = command_of(peer, self.port)
        self.process = subprocess.Popen(
            command,
            env={**environ, "PORT": str(self.port)},
            cwd=SERVERS,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self) -> bool:
        """Return whether it listens and answers before START_SECONDS are over."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.2)
        return False

    def _answers(self) -> bool:
        head = f"POST {self.peer.path} HTTP/1.0\r\nHost: x\r\nContent-Type: {self.peer.kind}\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                client.sendall(f"{head}Content-Length: {len(self.peer.body)}\r\n\r\n{self.peer.body}".encode())
                return client.recv(12).endswith(b" 200")
        except OSError:
            return False

    def cpu(self) -> float:
        """Return the CPU seconds of all its processes so far."""
        ticks = 0
        for pid in tree(self.process.pid):
            try:
                ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it with all its processes."""
        pids = tree(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for pid in pids:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        self.process.wait()
        self._log.close()


def tree(pid: int) -> list[int]:
    """Return `pid` and the process ids of all that descend from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return [pid]
    return [pid, *(one for child in children for one in tree(int(child)))]
