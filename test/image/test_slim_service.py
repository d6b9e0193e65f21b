"""A slim image serves as the image does that it was made of, under every restriction there is."""

import json
import re

import pytest

from engine import docker, slim

TIGHT = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


@pytest.mark.parametrize("user", ["1001", "4242:0"])
def test_it_answers_read_only_without_capabilities_and_as_any_user_of_group_0(slim_workbench, user):
    with docker.service(slim_workbench.image, *TIGHT, "--user", user) as service:
        assert service.predict(b'{"say": 1}').value == ["a=b, c", {"say": 1}]
        assert service.exec("ready") == '200 {"status": "ready"}\n'
        assert service.stop(grace=10) == 0


def test_its_pages_are_those_of_the_service_image(workbench, slim_workbench):
    pages = ("/", "/docs", "/openapi.json", "/notebook", "/healthz", "/readyz")
    with docker.service(workbench) as plain, docker.service(slim_workbench.image, "--read-only") as service:
        for page in pages:
            there, here = plain.get(page), service.get(page)
            assert (page, here.status) == (page, there.status)
            assert _lasting(here.body, service) == _lasting(there.body, plain)
        assert b"nb_http_requests_total" in service.get("/metrics").body


@pytest.mark.parametrize("user", ["1001", "4242:0"])
def test_without_a_network_it_passes_its_own_test(slim_workbench, user):
    options = (*TIGHT, "--network", "none", "--user", user)
    said = docker.inside(slim_workbench.image, "selftest", options=options)
    assert said.startswith("Selftest: 1 golden row with the same predictions, ")


def test_variables_of_the_service_image_are_there_and_docker_run_goes_first(slim_workbench):
    asked = b'{"environ": "GREETING"}'
    assert docker.answer(slim_workbench.image, asked) == "a=b, c"
    assert docker.answer(slim_workbench.image, asked, "--env", "GREETING=hello") == "hello"
    assert docker.answer(slim_workbench.image, b'{"environ": "S2I_SLIM"}') is None


def test_the_user_has_a_name_and_a_home_and_the_predictor_may_write_there(slim_workbench):
    assert docker.answer(slim_workbench.image, b'{"who": 1}') == ["default", "/opt/app-root/src", 1001]
    assert docker.answer(slim_workbench.image, b'{"write": "note.txt"}', "--user", "4242:0") == "written"
    with docker.service(slim_workbench.image) as service:
        assert service.predict(b'{"write": "/opt/app-root/model/x"}').status == 500
        assert service.predict(b'{"write": "/usr/local/bin/x"}').status == 500


def test_sagemakers_word_starts_it(slim_workbench):
    options = ("--env", "SAGEMAKER_BIND_TO_PORT=9000")
    with docker.service(slim_workbench.image, *options, port=9000, command=("serve",)) as service:
        assert service.get("/ping").status == 200


def test_what_the_model_was_built_of_is_in_its_labels(workbench, slim_workbench):
    plain, labels = docker.labels(workbench), docker.labels(slim_workbench.image)
    reported = {name: value for name, value in plain.items() if name.startswith("io.nb-builder.")}
    assert reported and reported.items() <= labels.items()
    assert json.loads(slim.read(slim_workbench.image, "/usr/share/nb-builder/slim.json"))["golden_rows"] == 1
    assert not [name for name in labels if "scripts-url" in name]


def _lasting(body, service):
    """Return a page without the service's own address, and without figures of the moment."""
    body = re.sub(rb'<section id="(?:figures|charts)".*?</section>', b"", body, flags=re.DOTALL)
    return body.replace(service.address.encode(), b"")
