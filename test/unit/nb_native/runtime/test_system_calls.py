"""The list of system calls is complete: with any other, the program would be killed."""

import re
import subprocess

import pytest
from nb_native.runtime import build

from contract.wire import Wire, get, post
from unit.nb_native.runtime import programs
from unit.nb_native.runtime.programs import Served

LISTED = (build.FOLDER / "system_calls.txt").read_text().split()


@pytest.fixture(scope="module")
def sandboxed(folder, echo):
    """Return a program that runs another with the listed system calls only; its first argument is that one."""
    sandbox = folder / "sandbox"
    allowed = " ".join(f"ALLOW({name})" for name in LISTED)
    subprocess.run(["gcc", f"-DALLOWED={allowed}", programs.HERE / "sandbox.c", "-o", sandbox], check=True)
    script = folder / "sandboxed"
    script.write_text(f'#!/bin/sh\nexec {sandbox} {echo} "$@"\n')
    script.chmod(0o755)
    return script


def test_the_list_has_what_the_code_asks_for_and_no_more():
    asked = set(re.findall(r"__NR_(\w+),", (build.FOLDER / "nb_system.h").read_text()))
    # How a program ends is in the files that begin it.
    assert sorted(asked | {"exit_group"}) == LISTED


def test_a_call_that_is_not_listed_would_end_it(folder):
    program = folder / "sandboxed-true"
    subprocess.run(["gcc", "-DALLOWED=", programs.HERE / "sandbox.c", "-o", program], check=True)
    assert subprocess.run([program, "/bin/true"], check=False).returncode == -31


def test_the_command_line_needs_no_other(sandboxed):
    for arguments, said, status in ((["1"], b"", 0), (["x"], b"", 1), (["--help"], b"", 0), (["-"], b"1\nx\n", 1)):
        ended = subprocess.run([sandboxed, *arguments], input=said, capture_output=True, check=False)
        assert (arguments, ended.returncode) == (arguments, status)


def test_the_service_needs_no_other(sandboxed):
    with Served(sandboxed) as served:
        with Wire(served) as wire:
            assert wire.send(get(b"/metrics")).answer().status == 200
            assert len(wire.send(post(b'{"long": 10000000}')).answer().body) == 10_000_000
            assert wire.send(post(b"[" + b"1," * 60_000 + b"1]")).answer().status == 200
            assert wire.send(b"no\r\n\r\n").answer().status == 400
            assert wire.rest() == b""
        assert served.end() == (0, "")
