"""`make release`: two wheels of one commit are the same, and the bill and digests are theirs."""

import json
import re
import subprocess

import pytest

from commands import ROOT
from release import artifacts

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the folder with what is released of this commit, signed, and the public key."""
    folder = tmp_path_factory.mktemp("release")
    key, public = folder / "key", folder / "public"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    artifacts.write(ROOT, "0.1.0", folder / "dist", key)
    return folder / "dist", public


def test_digests_and_signature_hold(written):
    dist, public = written
    subprocess.run(["sha256sum", "--check", "--strict", artifacts.SUMS], cwd=dist, check=True)
    verify = ["openssl", "dgst", "-sha256", "-verify", public, "-signature", f"{artifacts.SUMS}.sig", artifacts.SUMS]
    assert subprocess.run(verify, cwd=dist, capture_output=True, text=True).stdout == "Verified OK\n"


def test_the_bill_has_what_the_wheel_installs_in_the_lock_s_versions(written):
    dist, _ = written
    bill = json.loads((dist / "nb_builder-0.1.0.cdx.json").read_text())
    versions = {each["name"]: each["version"] for each in bill["components"]}
    assert {"flask", "waitress", "nbconvert", "jupyter-client", "ipykernel", "virtualenv", "uv"} <= versions.keys()
    assert {"pytest", "sphinx", "nb-builder", "nb-service"}.isdisjoint(versions)
    lock = (ROOT / "s2i" / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ \n]+)", lock, re.MULTILINE))
    assert {name: locked.get(name) for name in versions} == versions


def test_a_wheel_that_depends_on_the_machine_is_rejected(written, monkeypatch, tmp_path):
    real = artifacts._wheel

    def other(root, scratch, date, **more):
        wheel = real(root, scratch, date, **more)
        wheel.write_bytes(wheel.read_bytes() + str(scratch).encode())
        return wheel

    monkeypatch.setattr(artifacts, "_wheel", other)
    with pytest.raises(artifacts.NotReproducible, match=r"two builds of nb_builder-0\.1\.0-py3-none-any\.whl differ"):
        artifacts.write(ROOT, "0.1.0", tmp_path, None)
    assert list(tmp_path.iterdir()) == []
