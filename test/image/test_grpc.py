"""The service image answers gRPC where its builder has the extra, also when it is made slim."""

import re
import subprocess
from pathlib import Path

import pytest

from contract import clients
from engine import docker
from image.conftest import slim_once

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs/how-to/serve-grpc.md"
LOCKED_DOWN = ("--read-only", "--cap-drop", "ALL", "--user", "4242:0")


def example_of(page, address):
    """Return the page's program for another address."""
    (program,) = re.findall(r"^```\n(import numpy.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return program.replace("localhost:8081", address)


def _assert_answers(image):
    with docker.service(image, *LOCKED_DOWN) as service:
        asked = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = docker.docker("inspect", "--format", asked, service.container).stdout.strip()
        command = [clients.python_of("triton-grpc"), "-c", example_of(PAGE, f"{address}:8081")]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[4 1]\n"
        assert "gRPC: listening on 0.0.0.0:8081." in service.logs()
        assert service.stop(grace=10) == 0


@pytest.mark.other_base
def test_triton_s_client_is_answered_as_the_page_has_it(bus_example):
    _assert_answers(bus_example)


@pytest.mark.other_base
@pytest.mark.parametrize("words", [(), ("S2I_SLIM=files",)], ids=["distributions", "files"])
def test_so_it_is_by_a_slim_image(bus_example, words):
    _assert_answers(slim_once(bus_example, *words).image)
