"""The way without an engine needs nothing that only Linux has: neither at import, nor of the shell."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = [ROOT / "s2i" / name for name in ("install", "python", "nb-builder", "check", "runtime", "native")] + sorted(
    ROOT.glob("s2i/bin/*")
)
# What bash has since 4.0, while macOS has 3.2.
LATER_BASH = re.compile(
    r"\bmapfile\b|\breadarray\b|\bdeclare -[Ag]|\blocal -n\b|\bcoproc\b|\$\{\w+(?:,,|\^\^|@)"
    r"|\|&|&>>|\bwait -n\b|\[\[ -v "
)
# What GNU's tools have, and those of BSD, which macOS has, do not.
GNU = re.compile(
    r"\bsed (?:-\w+ )*-[irz]\b|\bgrep -\w*P|\breadlink -[ef]|\bdate -d\b|\bsha256sum\b|\bstat -c\b|\bcp -\w*T\b"
)
# Python on Linux alone has these.
LINUX = """
import importlib, os, pkgutil, select, signal, socket, sys
for module, names in {
    os: ("memfd_create", "sched_getaffinity", "sched_setaffinity", "pidfd_open", "eventfd", "pipe2", "splice",
         "posix_fadvise", "O_TMPFILE", "setns", "unshare", "getrandom", "copy_file_range"),
    select: ("epoll", "EPOLLIN"),
    signal: ("pidfd_send_signal", "SIGPWR", "SIGSTKFLT", "sigtimedwait", "sigwaitinfo"),
    socket: ("SO_PEERCRED", "SCM_CREDENTIALS", "SOCK_NONBLOCK", "SOCK_CLOEXEC", "TCP_USER_TIMEOUT", "SO_BINDTODEVICE"),
}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
for package in sys.argv[1:]:
    top = importlib.import_module(package)
    for module in pkgutil.walk_packages(top.__path__, package + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_understood_by_bash_3_2_and_calls_no_tool_of_gnu_s_own(script):
    lines = [line for line in script.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if LATER_BASH.search(line) or GNU.search(line)] == []


def test_the_patterns_find_what_they_are_for():
    for line in ("mapfile -t a < <(b)", "echo ${a,,}", "declare -A map"):
        assert LATER_BASH.search(line)
    for line in ("sed -i s/a/b/ file", "grep -oP x", "sha256sum file", "readlink -f x"):
        assert GNU.search(line)


@pytest.mark.parametrize(
    "packages",
    [
        ["nb_builder.cli", "nb_builder.commands"],
        ["nb_service.front", "nb_service.pool", "nb_service.app"],
        ["nb_scorer"],
    ],
)
def test_nothing_is_imported_that_only_linux_has(packages):
    ran = subprocess.run([sys.executable, "-c", LINUX, *packages], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
