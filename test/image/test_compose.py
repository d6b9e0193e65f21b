"""Compose files of the bus do what they say: one command starts broker, service, producer and viewer.

The brokers' own images are not reached everywhere: in their place, under their names, is Debian's of the same broker.
"""

import os
import subprocess

import pytest
import yaml

from contract.services import wait_until
from engine import compose, docker, provide

pytestmark = [pytest.mark.other_base, pytest.mark.xdist_group("compose")]
DEPLOY = provide.ROOT / "docs/deploy"
NAMES = ("nats", "redis", "mqtt", "rabbitmq", "kafka")
FILES = {name: yaml.safe_load((DEPLOY / f"compose-{name}.yaml").read_text(encoding="utf-8")) for name in NAMES}
# What the viewer shows of a prediction of the running example, and of which package the broker's programs are.
SHOWN = {"redis": "data", "mqtt": "predictions"}
LONG = 60


@pytest.mark.parametrize("name", NAMES)
def test_a_file_has_the_four_and_one_broker(name):
    services = FILES[name]["services"]
    assert [*services] == ["broker", "service", "producer", "viewer"]
    environ = services["service"]["environment"]
    scheme, _, rest = environ["S2I_BUS_URL"].partition("://")
    assert (environ["S2I_BACKEND"], environ["S2I_BUS_IN"], environ["S2I_BUS_OUT"]) == ("bus", "samples", "predictions")
    assert {"amqp": "rabbitmq"}.get(scheme, scheme) == name
    assert rest.rpartition("@")[2].startswith("broker:")
    assert all("broker" in services[one]["depends_on"] for one in ("service", "producer", "viewer"))
    head = (DEPLOY / f"compose-{name}.yaml").read_text(encoding="utf-8")
    assert f"docker compose -f docs/deploy/compose-{name}.yaml up" in head
    assert f"`nb-builder builder --bus {name}`" in head


@pytest.fixture
def stand_ins(broker_image, request):
    """Return what gives Debian's brokers the names of a file's images, for the time of a test."""
    given = []

    def give(*images):
        for image in images:
            if not docker.exists(image):
                docker.docker("tag", broker_image, image)
                given.append(image)

    yield give
    for image in given:
        docker.docker("image", "rm", image, ok=False)


@pytest.mark.parametrize("name", SHOWN)
def test_one_command_starts_all_four_and_predictions_are_shown(name, bus_example, stand_ins):
    compose.install_if_lacking()
    services = FILES[name]["services"]
    stand_ins(*{service["image"] for service in services.values() if "$" not in service["image"]})
    project = ("--project-name", f"{docker_name(bus_example)}{name}", "--file", str(DEPLOY / f"compose-{name}.yaml"))
    environ = {**os.environ, "SERVICE": bus_example, "PORT": "0"}

    def composed(*words):
        return subprocess.run(["docker-compose", *project, *words], env=environ, capture_output=True, text=True)

    try:
        up = composed("up", "--detach", "--no-color")
        assert up.returncode == 0, up.stderr
        found = wait_until(lambda: SHOWN[name] in _viewed(composed) and "x-model-name" in _viewed(composed), LONG)
        assert found, composed("logs", "--no-color").stdout[-6000:]
        published = composed("port", "service", "8080").stdout.strip()
        service = docker.Service("", f"http://{published}")
        assert service.get("/readyz").status == 200
        assert service.predict(b"[0.2, 0.7]").value == 4
    finally:
        composed("down", "--volumes", "--timeout", "1")


def _viewed(composed):
    return composed("logs", "--no-color", "viewer").stdout


def docker_name(image):
    """Return letters and digits of an image's name, of which a project's name may be."""
    return "".join(character for character in image.partition(":")[0] if character.isalnum())
