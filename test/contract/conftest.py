"""Fixtures: models of a notebook's code, and services of them that end with the test."""

import json
import threading
from pathlib import Path

import pytest

from contract import services
from contract.services import EVERY_BROKER, SOON, Service, make_app_root
from engine import provide

OF_OTHER_BROKERS = ["test_bus_kafka.py", "test_bus_mqtt.py", "test_bus_rabbitmq.py", "test_bus_readers.py"]
collect_ignore = [] if EVERY_BROKER else OF_OTHER_BROKERS


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory):
    """Return what makes an APP_ROOT of a notebook's code, once for the same code."""
    made = {}

    def make(code: str, **manifest) -> Path:
        key = (code, json.dumps(manifest))
        if key not in made:
            made[key] = make_app_root(tmp_path_factory.mktemp("app-root"), code, manifest)
        return made[key]

    return make


@pytest.fixture
def start(model_cache):
    """Return a function that starts a service of a notebook's code; the test stops it."""
    running = []

    def begin(code_or_root, manifest=None, **env) -> Service:
        if isinstance(code_or_root, str):
            code_or_root = model_cache(code_or_root, **(manifest or {}))
        running.append(Service(code_or_root, **env))
        return running[-1]

    yield begin
    for service in running:
        service.close()


@pytest.fixture
def in_background():
    """Return what calls a function in a thread and gives a way to its result."""
    threads = []

    def run(call, *args):
        box = []
        thread = threading.Thread(target=lambda: box.append(call(*args)))
        thread.start()
        threads.append(thread)

        def result():
            thread.join(SOON)
            return box[0]

        return result

    yield run
    for thread in threads:
        thread.join(SOON)


@pytest.fixture
def free_port():
    """Return a port on which nothing listens."""
    return int(services.free_port())


@pytest.fixture(scope="session")
def chromium():
    """Return the path of Chromium."""
    return provide.program("chromium", "chromium")
