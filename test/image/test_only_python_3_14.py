"""A machine whose only Python is 3.14, as Debian's testing distribution and Fedora have it: a container."""

import subprocess

import pytest

import shared
from engine import docker, machines, provide

# One worker: the first that is done removes the image.
pytestmark = [pytest.mark.long, pytest.mark.other_base, pytest.mark.xdist_group("only 3.14")]
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# A compiler, because a machine of a developer has one: without it, native programs are not tested.
PACKAGES = (
    "ca-certificates",
    "curl",
    "gcc",
    "git",
    "libc6-dev",
    "make",
    "pipx",
    "procps",
    "python3-venv",
    "tar",
    "xz-utils",
)
READER = """
FROM {base}
RUN useradd --create-home reader
USER reader
WORKDIR /home/reader
COPY --chown=reader clone nb-builder
"""
RUN = """
set -e
cd ~/nb-builder
S2I_PYTHON_DOWNLOADS=never PORT=8123 make run JSON=1 >~/ready 2>~/log & pid=$!
until [ -s ~/ready ]; do kill -0 $pid || { cat ~/log; exit 1; }; sleep 1; done
curl -s -d '[0.2, 0.7]' -H 'Content-Type: application/json' localhost:8123/predict
"""
WHEEL = """
set -e
cd ~/nb-builder
make --no-print-directory environments >&2
.nb-builder/build/bin/uv build --quiet --wheel --out-dir ~/wheel . >&2
pipx install --quiet ~/wheel/*.whl >&2
cd /tmp && mkdir notebook && cp ~/nb-builder/docs/examples/kmeans/model.ipynb notebook/
~/.local/bin/nb-builder check notebook
"""
UNIT = """
cd ~/nb-builder && make developer >/dev/null
.nb-builder/test/bin/python -m pytest -q -n 2 -m 'not long' test/unit
"""


@pytest.fixture(scope="module")
def reader(engine, tmp_path_factory):
    """Return an image of such a machine, whose user has a clone."""
    base = machines.image("only-3.14", "forky", *PACKAGES)
    folder = tmp_path_factory.mktemp("clone") / "clone"
    # Local changes, too. A folder of the context, where its .dockerignore leaves nothing out.
    folder.mkdir()
    files = "git ls-files -z | tar --create --null --files-from - | tar --extract --directory"
    subprocess.run(["bash", "-c", f'{files} "$0"', folder], cwd=provide.ROOT, check=True)
    name = f"{shared.name()}-reader-3.14"
    docker.docker("build", "--tag", name, "--file", "-", str(folder.parent), stdin=READER.format(base=base).encode())
    yield name
    docker.docker("image", "rm", "--force", name, ok=False)


def said(reader, script):
    """Return what a shell script of the reader's says; it must succeed."""
    # A proxy that inspects TLS may stand before the package index here.
    trust = ("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro", "--env", f"SSL_CERT_FILE={CERTIFICATES}")
    # A loopback address of IPv6, which containers lack by default.
    trust += ("--sysctl", "net.ipv6.conf.all.disable_ipv6=0")
    options = ("--rm", "--init", *trust, "--env", f"PIP_CERT={CERTIFICATES}", "--tmpfs", "/tmp:exec")
    done = docker.docker("run", *options, reader, "bash", "-c", script, ok=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout


def test_it_has_no_other_python(reader):
    assert said(reader, "ls /usr/bin/python3.* /usr/local/bin/python3.* 2>/dev/null || true").split() == [
        "/usr/bin/python3.14"
    ]


def test_the_readme_s_command_builds_and_serves(reader):
    assert said(reader, RUN).strip() in [str(cluster) for cluster in range(7)]


def test_the_wheel_is_installed_by_pipx(reader):
    assert "with Python 3.14\n" in said(reader, WHEEL)


def test_unit_tests_pass(reader):
    assert " passed" in said(reader, UNIT).splitlines()[-1]
