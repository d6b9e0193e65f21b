"""Takes from Python processes what only Linux has: with NB_TEST_PORTABLE=1, the services of contract tests run so.

`environment` makes a virtual environment whose processes all begin with `take_away`. What only a compiled library can
see, such as the kernel's own answers, stays Linux's.
"""

import atexit
import builtins
import errno
import fcntl
import functools
import importlib
import io
import os
import select
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import types

VARIABLE = "NB_TEST_PORTABLE"
# Python on Linux alone has these.
NAMES = {
    fcntl: ("F_SETPIPE_SZ", "F_GETPIPE_SZ", "F_ADD_SEALS", "F_GET_SEALS"),
    os: (
        *("memfd_create", "sched_getaffinity", "sched_setaffinity", "pidfd_open", "eventfd", "pipe2", "splice"),
        *("posix_fadvise", "posix_fallocate", "O_TMPFILE", "setns", "unshare", "getrandom", "copy_file_range"),
    ),
    select: ("epoll", "EPOLLIN"),
    signal: ("pidfd_send_signal", "SIGPWR", "SIGSTKFLT", "sigtimedwait", "sigwaitinfo"),
    socket: (
        *("SO_PEERCRED", "SCM_CREDENTIALS", "SOCK_NONBLOCK", "SOCK_CLOEXEC", "TCP_USER_TIMEOUT", "SO_BINDTODEVICE"),
        *("SO_ATTACH_FILTER", "accept4"),
    ),
}
FOLDERS = ("/proc", "/sys", "/dev/shm")  # noqa: S108 - nothing is written there
READERS = {os: ("open", "listdir", "scandir", "stat", "lstat", "readlink", "access"), io: ("open",)}
# sun_path of macOS.
MAX_ADDRESS = 104
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27


def take_away() -> None:
    """Remove from this process what only Linux has; sys.platform is macOS's."""
    for module, names in NAMES.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    # It has chosen epoll.
    importlib.reload(selectors)
    # Its data file has Linux's name; from then on it is cached.
    sysconfig.get_config_vars()
    sys.platform = "darwin"
    # What urllib asks macOS for.
    settings = types.ModuleType("_scproxy")
    vars(settings).update(_get_proxies=dict, _get_proxy_settings=dict)
    sys.modules["_scproxy"] = settings
    os.uname = lambda: os.uname_result(("Darwin", "mac", "24.0.0", "Darwin Kernel Version 24.0.0", "arm64"))
    for module, names in READERS.items():
        for name in names:
            setattr(module, name, _without_folders(getattr(module, name)))
    builtins.open = io.open
    socket.socket.bind = _with_paths_only(socket.socket.bind)
    socket.socket.connect = _with_paths_only(socket.socket.connect)
    socket.socket.setsockopt = _without_filters(socket.socket.setsockopt)


def _without_folders(call):
    @functools.wraps(call)
    def made(path, *arguments, **options):
        text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        if any(f"{text}/".startswith(f"{folder}/") for folder in FOLDERS):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), text)
        return call(path, *arguments, **options)

    return made


def _with_paths_only(call):
    def made(self, address):
        if self.family == socket.AF_UNIX:
            path = os.fsencode(address)
            if not path or path.startswith(b"\0"):
                raise OSError(errno.EINVAL, "an abstract address")
            if len(path) >= MAX_ADDRESS:
                raise OSError("AF_UNIX path too long")
        return call(self, address)

    return made


def _without_filters(call):
    def made(self, level, option, *value):
        if level == socket.SOL_SOCKET and option in (SO_ATTACH_FILTER, SO_DETACH_FILTER):
            raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
        return call(self, level, option, *value)

    return made


@functools.cache
def python() -> str:
    """Return the Python of services: the tests' own, or with NB_TEST_PORTABLE=1 that of an environment as above."""
    return environment() if os.environ.get(VARIABLE) else sys.executable


def environment() -> str:
    """Return the Python of a new environment with the tests' packages, whose processes begin with `take_away`."""
    folder = tempfile.mkdtemp(prefix="nb-portable-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder], check=True)
    paths = {name: sysconfig.get_path(name) for name in ("purelib", "platlib")}
    own = os.path.join(folder, os.path.relpath(paths["purelib"], sys.prefix))
    shutil.copy(__file__, os.path.join(own, "nb_portable.py"))
    lines = [f"import site; site.addsitedir({path!r})" for path in dict.fromkeys(paths.values())]
    with open(os.path.join(own, "nb_portable.pth"), "w", encoding="utf-8") as file:
        file.write("\n".join([*lines, "import nb_portable; nb_portable.take_away()"]) + "\n")
    return os.path.join(folder, "bin", "python")
