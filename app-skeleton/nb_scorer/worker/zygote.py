"""Supervises the scorers and is the process that they are forked from.

It never predicts, so a notebook's code can't block it. Only it starts, reaps and kills scorers.

It reads fixed-size orders from the control socket, and writes one JSON object per line to it: {"event": "loaded",
"threads", "unforkable"}, {"event": "failed", code, what, why, fix, traceback}, {"event": "started", "scorer"},
{"event": "unstarted", "scorer", "why"} for each order to start one, and {"event": "exited", "scorer", "status"}. At end
of file, it kills the processes that it started and exits.
"""

import array
import errno
import gc
import json
import os
import random
import select
import signal
import socket
import sys
import threading
import time
import warnings

from nb_scorer.protocol import launch
from nb_scorer.protocol.orders import ALL, FORK, MAX_DESCRIPTORS, ORDER, SPAWN, START, WAIT
from nb_scorer.protocol.shared_counters import SharedCounters
from nb_scorer.worker import scorer

_PR_SET_PDEATHSIG = 1
# These predict with threads, which a fork does not copy: the first prediction in a forked process would hang.
UNFORKABLE = ("tensorflow",)
# CUDA's state does not survive a fork: each call in the copy fails.
_CUDA, _CUDA_LIBRARY = "the CUDA driver", b"/libcuda.so"


def die_with_parent(parent):
    """Ask the kernel to kill this process when its parent `parent` (a pid) exits, if supported.

    The end of file on the sockets reports that, too, but a hanging predictor never reads it.
    """
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(0)


def thread_count():
    """Return the number of operating system threads in this process; if unknown, more than one."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        # Python can't count threads of native libraries, and forking is safe only if there are none.
        return threading.active_count() + 1


def unforkable():
    """Return the loaded libraries that are known to hang after a fork."""
    names = [name for name in UNFORKABLE if name in sys.modules]
    return [*names, _CUDA] if _has_cuda() else names


def _has_cuda():
    """Return whether CUDA's driver is loaded in this process; libraries load it when they first use a GPU."""
    try:
        with open("/proc/self/maps", "rb") as maps:
            return _CUDA_LIBRARY in maps.read()
    except OSError:
        return False


def _see_one_gpu(place):
    """Hide all GPUs from this process except the one at index `place` in CUDA_VISIBLE_DEVICES."""
    if place != ALL:
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["CUDA_VISIBLE_DEVICES"].split(",")[place]


class Zygote(object):
    """The children by number, and the control socket; `load` is called in fork mode only."""

    def __init__(self, control, mode, load, spawn_args, runs_setup=True):
        self._control = control
        self._runs_setup = runs_setup
        self._patience = 0.0  # seconds that the scorers have to exit by themselves
        self._mode = mode
        self._load = load
        self._spawn_args = spawn_args
        self._scorer = None
        self._pids = {}
        self._wake = None

    def run(self):
        """Execute orders until the front is gone; return the exit status."""
        if self._mode == FORK:
            self._scorer = self._load()
            gc.collect()
            if hasattr(gc, "freeze"):
                # Loaded objects stay shared: garbage collection would modify their pages, and so copy them.
                gc.freeze()
        self._report(event="loaded", threads=thread_count(), unforkable=unforkable())
        self._wake = _wake_on_child()
        while self._turn():
            pass
        self._await_scorers()
        for pid in self._pids.values():
            _kill_group(pid)
        return 0

    def _turn(self):
        """Wait for an order or a child's exit and handle it; return False once the front is gone."""
        readable = select.select([self._control, self._wake], [], [])[0]
        if self._wake in readable:
            os.read(self._wake, 4096)
            self._reap()
        return self._control not in readable or self._obey()

    def _await_scorers(self):
        """Give the scorers, whose sockets the front has closed, time for their teardown."""
        until = time.monotonic() + self._patience
        while self._pids and time.monotonic() < until:
            if select.select([self._wake], [], [], until - time.monotonic())[0]:
                os.read(self._wake, 4096)
            self._reap()

    def _obey(self):
        data, fds = _receive(self._control)
        if len(data) < ORDER.size:
            return False
        order, number, gpu, descriptors = ORDER.unpack(data)
        if order == START:
            self._begin(number, gpu, fds, descriptors)
        elif order == WAIT:
            self._patience = number / 1000.0
        elif number in self._pids:
            _kill_group(self._pids[number])
        return True

    def _begin(self, number, gpu, fds, descriptors):
        """Start the scorer `number` and report that at once, or report why it can't be started now."""
        # The kernel drops descriptors beyond this process's limit.
        why = None if 2 <= len(fds) == descriptors else os.strerror(errno.EMFILE)
        try:
            if why is None:
                self._start(number, gpu, fds)
        except OSError as error:
            why = error.strerror or str(error)
        for fd in fds:
            os.close(fd)
        if why is None:
            self._report(event="started", scorer=number)
        else:
            self._report(event="unstarted", scorer=number, why=why)

    def _start(self, number, gpu, fds):
        scorer.flush()
        zygote_pid = os.getpid()
        with warnings.catch_warnings():
            # CPython 3.12 warns about threads at a fork, and a notebook may have turned the warning into an error.
            warnings.simplefilter("ignore")
            pid = os.fork()
        if pid:
            self._pids[number] = pid
            return
        # From here on, this is the child, which must never return to the parent's loop.
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _see_one_gpu(gpu)
            if self._mode == SPAWN:
                self._exec(fds)
            die_with_parent(zygote_pid)
            self._score(fds)
        finally:
            os._exit(1)

    def _exec(self, fds):
        for fd in fds:
            os.set_inheritable(fd, True)
        argv = launch.command(sys.executable, "scorer", ",".join(map(str, fds)), os.getppid(), *self._spawn_args)
        os.execv(argv[0], argv)  # noqa: S606 - our own command line

    def _score(self, fds):
        self._control.close()
        _reseed()
        link = socket.socket(fileno=fds[0])
        lanes = scorer.lanes_of(fds)
        try:
            code = scorer.serve(link, SharedCounters(fds[-1]), self._scorer, self._runs_setup, lanes)
        except OSError:
            # The front has closed its socket between two frames.
            os._exit(0)
        os._exit(code)

    def _reap(self):
        while self._pids:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            for number, child in list(self._pids.items()):
                if child == pid:
                    # Its own children, such as a pool's workers, would outlive it.
                    _kill_group(pid)
                    del self._pids[number]
                    self._report(event="exited", scorer=number, status=status)

    def _report(self, **facts):
        send_event(self._control, facts)


def send_event(control, event):
    """Send `event` to the front as one line; a closed socket is noticed elsewhere."""
    try:
        control.sendall(json.dumps(event).encode("ascii") + b"\n")
    except OSError:
        return


def _kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    try:
        # In case the child has not created its group yet.
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _wake_on_child():
    """Return a descriptor that becomes readable when a child exits."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def _receive(control):
    """Return the bytes of one order, and the descriptors sent with it."""
    fds = array.array("i")
    try:
        room = socket.CMSG_SPACE(MAX_DESCRIPTORS * fds.itemsize)
        data, ancillary, _flags, _address = control.recvmsg(ORDER.size, room)
    except ConnectionError:
        # The front exited without reading this process's last events.
        return b"", []
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    while data and len(data) < ORDER.size:
        rest = control.recv(ORDER.size - len(data))
        if not rest:
            break
        data += rest
    return data, list(fds)


def _reseed():
    """Give a forked scorer its own random numbers, as a separately started process would have."""
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
