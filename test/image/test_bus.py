"""The service image scores from a bus: with the clients that its builder was made with, also when it is made slim."""

import pytest

from contract.brokers import NatsServer, RedisServer, count_until
from contract.services import SOON, wait_until
from engine import docker
from image.conftest import environments_with, slim_once

pytestmark = pytest.mark.long

START = "redis-server --protected-mode no --appendonly yes --dir /tmp & exec /usr/sbin/nats-server -js -sd /tmp/nats"
KINDS = {"nats": (NatsServer, 4222), "redis": (RedisServer, 6379)}
SAMPLES = [(b"[0.2, 0.7]", {"x-sample-id": "a"}), (b"[0.9, 0.1]", {"x-sample-id": "b"}), (b'"x"', {"x-sample-id": "c"})]


@pytest.fixture(params=KINDS)
def broker(request, broker_image, tmp_path):
    """Return (a client of a broker in a container, the address that other containers reach it by)."""
    kind, port = KINDS[request.param]
    command = ("sh", "-c", START)
    with docker.container(broker_image, "--publish", f"127.0.0.1::{port}", command=command) as container:
        client = kind(tmp_path)
        client.port = docker.docker("port", container, f"{port}/tcp").stdout.split()[0].rpartition(":")[2]
        asked = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = docker.docker("inspect", "--format", asked, container).stdout.strip()

        def made():
            try:
                client.make()
                return client.counts() == (0, 0)
            except Exception:  # noqa: BLE001 - of two libraries; it starts
                return False

        assert wait_until(made), docker.docker("logs", container).stdout
        yield client, f"{request.param}://{address}:{port}"


def _options(address):
    settings = {"BACKEND": "bus", "BUS_URL": address, "BUS_IN": "samples", "BUS_OUT": "predictions"}
    environ = [word for name, value in settings.items() for word in ("--env", f"S2I_{name}={value}")]
    return ("--read-only", "--cap-drop", "ALL", "--user", "4242:0", *environ)


def _assert_scores(image, broker):
    client, address = broker
    with docker.service(image, *_options(address)) as service:
        client.put(SAMPLES)
        assert count_until(client, 3, SOON) == (2, 1), service.logs()
        said = {
            message.headers["x-sample-id"]: (message.is_error, message.body.decode()) for message in client.everything()
        }
        assert said == {"a": (False, "4"), "b": (False, "1"), "c": (True, '"x"')}
        assert "This image has clients for: nats, tls, redis, rediss, mqtt, mqtts." in service.logs()
        assert service.stop(grace=10) == 0


@pytest.mark.other_base
def test_samples_of_a_broker_get_their_predictions(bus_example, broker):
    _assert_scores(bus_example, broker)


@pytest.mark.other_base
@pytest.mark.parametrize("words", [(), ("S2I_SLIM=files",)], ids=["distributions", "files"])
def test_so_they_do_from_a_slim_image(bus_example, broker, words):
    _assert_scores(slim_once(bus_example, *words).image, broker)


@pytest.mark.other_base
def test_the_clients_are_where_they_were_asked_for(builder_with_more):
    assert [environments_with(name, builder_with_more) for name in ("nats", "redis", "pika")] == [["service"]] * 2 + [
        []
    ]


@pytest.mark.parametrize(
    ("image", "url", "has"),
    [("example", "redis://broker", "none"), ("bus_example", "kafka://b", "nats, tls, redis, rediss, mqtt, mqtts")],
)
def test_where_a_client_is_missing_what_to_build_is_reported(request, image, url, has):
    ran = docker.docker("run", "--rm", *_options(url), request.getfixturevalue(image), ok=False)
    assert ran.returncode == 1
    kind = url.partition(":")[0]
    assert f"nb-builder builder --bus {kind}" in ran.stdout and "(problem bus-needs-more)" in ran.stdout
    assert has in ran.stdout
