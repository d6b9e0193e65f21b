"""The lock has wheels of everything that nb-builder needs, for each machine and Python that it is for."""

import re
import subprocess

import pytest
from nb_builder.install.installer import UV

from commands import ROOT

pytestmark = pytest.mark.long
MACHINES = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin")
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
BROKERS = re.findall(r"^bus-[a-z]+(?= = )", (ROOT / "app-skeleton/pyproject.toml").read_text(), re.MULTILINE)
EXTRAS = [word for name in ("otel", "batch", "grpc", *BROKERS) for word in ("--extra", name)]
ENVIRONMENTS = {
    "build": ["-r", "s2i/pyproject.toml"],
    "service": ["-r", "app-skeleton/pyproject.toml", *EXTRAS],
    "kernel": ["--group", "kernel"],
}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_environment_is_made_of_wheels(environment, machine, python, tmp_path):
    command = [UV, "pip", "install", "--dry-run", "--quiet", "--target", tmp_path / "none", "--only-binary", ":all:"]
    command += ["--python-platform", machine, "--python-version", python]
    command += ["--require-hashes", "-c", "s2i/requirements.lock", *ENVIRONMENTS[environment]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
