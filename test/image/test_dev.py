"""The compose file of `nb-builder dev` serves a notebook of this machine, and each save of it."""

import json
import os
import subprocess

import pytest

from contract.services import wait_until
from engine import bases, compose, docker, provide
from flow import stage
from image.conftest import APPS

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("compose")]
FILE = provide.ROOT / "docs/deploy/compose-dev.yaml"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
LONG = 1200


def test_a_save_on_this_machine_is_answered_by_the_service_in_the_container(engine, tmp_path):
    compose.install_if_lacking()
    base = bases.base(bases.MAIN)
    cells = ["step = 1", "def predictor(x):\n    return x + step", "predictor(4)"]
    (tmp_path / "model.ipynb").write_text(stage._notebook(tuple(cells)), encoding="utf-8")
    project = ("--project-name", f"{''.join(filter(str.isalnum, APPS))}dev", "--file", str(FILE))
    environ = {**os.environ, "NOTEBOOK": str(tmp_path), "BASE_IMAGE": base, "PORT": "0", "LAB": "0"}
    # A proxy that inspects TLS may stand before the package index here.
    trust = ("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro", "--env", f"SSL_CERT_FILE={CERTIFICATES}")

    def composed(*words):
        return subprocess.run(["docker-compose", *project, *words], env=environ, capture_output=True, text=True)

    try:
        built = composed("build")
        assert built.returncode == 0, built.stdout + built.stderr
        name = f"{APPS}-dev"
        options = ("--detach", "--name", name, "--service-ports", *trust, "--env", f"PIP_CERT={CERTIFICATES}")
        ran = composed("run", *options, "dev")
        assert ran.returncode == 0, ran.stderr

        def log():
            return docker.docker("logs", name, ok=False).stdout

        def port(number):
            return int(docker.docker("port", name, str(number)).stdout.split()[0].rpartition(":")[2])

        assert wait_until(lambda: "served on http://127.0.0.1:8080/predict" in log(), LONG), log()
        assert json.loads(stage.ask(port(8080), b"4")[1]) == 5
        # Its page asks for the token.
        assert wait_until(lambda: "JupyterLab: http://127.0.0.1:8888/lab/" in log(), LONG), log()
        assert stage.ask(port(8888), b"", "GET", "/api/kernelspecs")[0] == 403
        cells[0] = "step = 2"
        (tmp_path / "model.ipynb").write_text(stage._notebook(tuple(cells)), encoding="utf-8")
        assert wait_until(lambda: json.loads(stage.ask(port(8080), b"4")[1]) == 6, LONG), log()
        stopped = docker.docker("stop", "--time", "30", name)
        assert stopped.returncode == 0 and "---> Stopping" in log()
    finally:
        composed("down", "--volumes", "--remove-orphans", "--timeout", "1")
