"""Conformance F: signals, logs, health, errors."""

import json
import pickle
import threading
import time

import pytest

from engine import docker

RUN = "/usr/libexec/s2i/run"


def ask(service, sample):
    """Return the workbench's answer to `sample`, status and all."""
    return service.predict(json.dumps(sample).encode())


def test_point_70_pid_1_is_the_front_and_stops_before_the_engine_kills(workbench):
    with docker.service(workbench) as service:
        assert service.exec("cat", "/proc/1/comm").strip().startswith("python")
        # After its own ten seconds an engine kills, and the status would be 137.
        assert service.stop(grace=10) == 0


def test_the_word_serve_starts_the_service_as_sagemaker_wants(workbench):
    with docker.service(workbench, "-e", "SAGEMAKER_BIND_TO_PORT=9000", port=9000, command=("serve",)) as service:
        assert service.get("/ping").status == 200
        assert service.stop(grace=10) == 0


def test_point_70_a_request_in_flight_is_answered_before_the_end(workbench):
    with docker.service(workbench) as service:
        got = []
        asking = threading.Thread(target=lambda: got.append(ask(service, {"sleep": 1})))
        asking.start()
        _until(lambda: "it sleeps" in service.logs())
        assert service.stop(grace=10) == 0
        asking.join()
        assert (got[0].status, got[0].value) == (200, "slept")


@pytest.mark.parametrize("user", ["1001:0", "4242:0"])
def test_point_71_what_a_predictor_leaves_behind_is_reaped(workbench, user):
    with docker.service(workbench, "--user", user) as service:
        # Its number exists before it has exited; until it is reaped, its folder below /proc exists, too.
        orphan = "sleep 0.1 & echo $! >/tmp/number; mv /tmp/number /tmp/orphan"
        assert ask(service, {"start": orphan}).value == "started"
        reaped = "test -e /tmp/orphan && ! test -e /proc/$(cat /tmp/orphan) && echo reaped || true"
        _until(lambda: service.exec("sh", "-c", reaped) == "reaped\n")
        states = service.exec("sh", "-c", "cat /proc/[0-9]*/stat | cut -d' ' -f2,3,4")
        orphans = [line for line in states.splitlines() if line.endswith(" Z 1")]
        assert orphans == [], states


def test_point_72_what_a_predictor_prints_and_each_request_are_in_the_log_at_once(workbench):
    with docker.service(workbench) as service:
        ask(service, {"print": "words from the predictor"})
        _until(lambda: "words from the predictor" in service.logs())
        _until(lambda: "/predict" in service.logs())
        assert service.exec("find", "/opt/app-root", "/tmp", "-name", "*.log*", "-newer", "/proc/1") == ""


def test_point_73_a_model_that_is_damaged_ends_the_start_with_words(workbench):
    damage = f"echo damage >> /opt/app-root/model/model.pickle && exec {RUN}"
    done = docker.docker("run", "--rm", workbench, "sh", "-c", damage, ok=False)
    assert done.returncode not in (0, 137)
    assert "(problem model-damaged)" in done.stdout + done.stderr


def test_point_73_the_builder_image_itself_has_no_model_to_serve(builder):
    done = docker.docker("run", "--rm", builder, RUN, ok=False)
    assert done.returncode not in (0, 137)
    assert "(problem model-missing)" in done.stdout + done.stderr


def test_point_73_a_bad_setting_ends_the_start_and_is_named(workbench):
    done = docker.docker("run", "--rm", "--env", "PORT=no-port", workbench, ok=False)
    assert done.returncode not in (0, 137)
    assert "PORT='no-port'" in done.stdout + done.stderr


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz"])
def test_point_74_health_is_where_it_is_looked_for(workbench, path):
    with docker.service(workbench) as service:
        assert service.get(path).status == 200


def test_point_75_port_moves_the_port(workbench):
    with docker.service(workbench, "--env", "PORT=9999", port=9999) as service:
        assert service.get("/").status == 200


def test_point_76_errors_are_errors_and_hide_the_code(workbench):
    with docker.service(workbench) as service:
        raised = ask(service, {"say": 1, "raise": "the secret formula"})
        assert raised.status == 500
        assert raised.headers["Content-Type"] == "application/problem+json"
        assert b"secret formula" not in raised.body
        unlike = ask(service, {"raise": "the secret formula"})
        assert (unlike.status, b"secret formula" in unlike.body) == (422, False)
        assert service.predict(b"[1, 2").status == 400
        assert service.get("/nowhere").status == 404
        assert ask(service, {"exit": 3}).status == 500
        _until(lambda: ask(service, {"say": 2}).status == 200)
        assert "the secret formula" in service.logs()


def test_point_76_a_pickle_from_a_client_is_not_loaded(workbench):
    with docker.service(workbench) as service:
        sent = pickle.dumps({"say": 1})
        assert service.predict(sent, kind="application/octet-stream").status == 415
        assert service.predict(sent).status == 400


def _until(holds, seconds=10):
    """Return once `holds` is true: what happens in the container has no moment of its own here."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
