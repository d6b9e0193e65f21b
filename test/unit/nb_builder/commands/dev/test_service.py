"""A service's output, and one that does not start."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from nb_builder.commands.dev import service

HOME = Path(os.environ.get("NB_BUILDER_HOME") or Path(__file__).parents[5] / ".nb-builder")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"time": "x", "scorer": 7, "stream": "stdout", "message": "asked 4"}\n', "asked 4"),
        (b'{"time": "x", "method": "POST", "path": "/predict", "status": 200}\n', None),
        (b"a traceback of our own\n", "a traceback of our own"),
        (b"7\n", "7"),
    ],
)
def test_requests_are_not_shown_and_all_else_is(line, message):
    assert service._message(line) == message


@pytest.mark.parametrize(
    ("env", "words"),
    [({}, "problem model-missing"), ({"S2I_GRACE": "long"}, "S2I_GRACE='long' is not a number from 0 to 3600")],
)
def test_a_service_that_can_t_start_says_why(tmp_path, env, words):
    environ = {"PATH": os.environ["PATH"], "NB_BUILDER_HOME": str(HOME), **env}

    async def start():
        await service.Service.started(tmp_path, environ, print, tmp_path / "log")

    with pytest.raises(service.NotServed, match=words):
        asyncio.run(start())


def test_a_program_that_does_not_end_is_killed_with_its_group(tmp_path):
    program = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid()); time.sleep(600)"
    )

    async def scene():
        process = await service.children.start([sys.executable, "-uc", program], os.environ)
        await process.stdout.readline()
        return await service.children.end(process, patience=0.1)

    assert asyncio.run(scene()) == -9
