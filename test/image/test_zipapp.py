"""`nb-builder zipapp`: one file that answers in a bare Debian, without a network and with nothing of ours."""

import json
import subprocess

import pytest

import shared
import signers
from contract import zipapps
from engine import bases, docker, provide
from image.conftest import APPS

BARE = """\
FROM {base}
RUN apt-get -o Acquire::Languages=none -o Acquire::Retries=5 update \\
 && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y --no-install-recommends python3
RUN useradd --create-home somebody
USER somebody
WORKDIR /home/somebody
"""


@pytest.fixture(scope="module")
def bare(engine):
    """Return an image of Debian with its Python, and no more."""
    base = shared.once(f"base-{bases.MAIN}", lambda: bases.base(bases.MAIN))
    name = f"{APPS}-bare"

    def make():
        docker.docker("build", "--tag", name, "-", stdin=BARE.format(base=base).encode())
        return name

    return shared.once("bare", make)


@pytest.fixture(scope="module")
def signed(example, tmp_path_factory):
    """Return the file of the running example with its packages, signed on this machine, and the public key."""
    folder = tmp_path_factory.mktemp("signed")
    folder.chmod(0o755)
    private, public = signers.key_pair(folder)
    public.chmod(0o644)
    path = folder / "my-model"
    words = [f"SERVICE={example}", f"OUT={path}", "WHEELS=1", f"KEY={private}"]
    done = subprocess.run(
        ["make", "--no-print-directory", "zipapp", *words], cwd=provide.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " is signed with the key " in done.stdout
    return path, public


def asked(bare, path, public, *words, stdin=b"", keep=()):
    """Return the outcome of the file in a container without a network."""
    mounts = ("--volume", f"{path}:/my-model:ro", "--volume", f"{public}:/sign.pub:ro")
    command = ("python3", "/my-model", "--key", "/sign.pub", *words)
    return docker.docker(
        "run", "--rm", "-i", "--network", "none", *keep, *mounts, bare, *command, ok=False, stdin=stdin
    )


def test_it_answers_as_the_golden_rows_do(example, bare, signed):
    lines = docker.shell(example, "cat /opt/app-root/model/golden.ndjson").splitlines()
    rows = [json.loads(line) for line in lines]
    given = "".join(json.dumps(row["sample"]) + "\n" for row in rows).encode()
    done = asked(bare, *signed, stdin=given)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [row["answer"] for row in rows]
    assert "model verified by the key " in done.stderr


def test_a_forged_one_is_rejected_before_anything_is_unpickled(bare, signed, tmp_path):
    tmp_path.chmod(0o777)
    sings = "/out/sings"

    def change(found):
        return {**found, "model/model.pickle": zipapps.canary(sings)}

    path = zipapps.changed(signed[0], tmp_path / "forged", change)
    out = ("--volume", f"{tmp_path}:/out")
    done = asked(bare, path, signed[1], "[0.2, 0.7]", keep=out)
    assert (done.returncode, done.stdout) == (1, "")
    assert "model/model.pickle has changed since it was signed" in done.stderr
    assert not (tmp_path / "sings").exists()


def test_it_is_verified_by_the_program_that_is_here(signed, tmp_path):
    def verify(path):
        command = ["make", "--no-print-directory", "verify", f"MODEL={path}", f"KEY={signed[1]}"]
        return subprocess.run(command, cwd=provide.ROOT, capture_output=True, text=True)

    done = verify(signed[0])
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("The file is what the key ")
    forged = zipapps.changed(
        signed[0], tmp_path / "m", lambda found: {**found, "__main__.py": b"print('The file is what it says.')"}
    )
    done = verify(forged)
    assert done.returncode != 0 and "__main__.py has changed since it was signed" in done.stderr
