"""The steps of a native image as build stages run them, but for the engine: translate, compile, verify."""

import io
import json
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

import cloudpickle
import pytest
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.native import image_archive, steps
from nb_builder.problems.native_images import NativeRefused, NativeUnproved

from contract import native_app
from engine import provide

NOTEBOOK = """
    def predictor(x):
        return 0.1 * x[0] + x[1] ** 2

    def validator(x):
        return len(x) == 2 and all(type(number) in (int, float) for number in x)

    examples = [[1.5, 2], [-3, 4.25]]
"""
NAME = "nb-builder-native:test"


@pytest.fixture
def app(tmp_path):
    """Return what makes a service of a notebook's code."""
    provide.program("gcc", "gcc", "libc6-dev")

    def make(code):
        return Workspace(native_app.make(tmp_path / "app", code))

    return make


def compiled(app, work, cross=""):
    """Do the steps before the verification."""
    steps.translate(app, work, Log(), cross)
    subprocess.run(["sh", work / steps.COMPILE], check=True)
    # As the Dockerfile copies it.
    for path in (work / steps.MADE).iterdir():
        path.rename(work / path.name)


def image(path):
    """Return (configuration, {path: (content, mode)} of the layer, names) of an archive."""
    with tarfile.open(path) as archive:
        content = {member.name: archive.extractfile(member).read() for member in archive}
    (manifest,) = json.loads(content["manifest.json"])
    (layer,) = manifest["Layers"]
    with tarfile.open(fileobj=io.BytesIO(content[layer])) as files:
        inside = {
            member.name: (files.extractfile(member).read() if member.isfile() else None, member.mode, member.uid)
            for member in files
        }
    return json.loads(content[manifest["Config"]]), inside, manifest["RepoTags"]


@pytest.mark.parametrize("cross", ["", "aarch64"])
def test_what_is_proved_becomes_an_image_that_says_so(app, tmp_path, cross, capfd):
    if cross:
        provide.program("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", "linux-libc-dev-arm64-cross")
        provide.program("qemu-aarch64-static", "qemu-user-static")
    service, work = app(NOTEBOOK), tmp_path / "native"
    compiled(service, work, cross)
    assert (work / steps.EMULATOR).exists() is bool(cross)
    steps.prove(service, work, Log())
    assert "10,000 samples, 2 golden rows among them" in capfd.readouterr().out
    machine = cross or platform.machine()
    facts = json.loads((work / steps.PROVED / image_archive.FACTS).read_text())
    size = (work / steps.PROVED / image_archive.PROGRAM).stat().st_size
    labels = image_archive.labels(facts["proof"], size)
    image_archive.write(tmp_path / "image.tar", NAME, work / steps.PROVED, machine, "/model", labels)
    config, inside, names = image(tmp_path / "image.tar")
    assert (config["os"], config["architecture"]) == ("linux", {"x86_64": "amd64", "aarch64": "arm64"}[machine])
    assert names == [NAME]
    program, mode, _ = inside["model"]
    assert mode == 0o755
    # The machine in an ELF header.
    assert int.from_bytes(program[18:20], "little") == {"x86_64": 62, "aarch64": 183}[machine]
    assert set(inside) == {"model", "usr", "usr/share", "usr/share/nb-builder", "usr/share/nb-builder/native.json"}
    assert {owner for _, _, owner in inside.values()} == {0}
    assert (facts["machine"], facts["bytes"], facts["proof"]["samples"]) == (machine, len(program), 10_000)
    assert config["config"]["Labels"] == {
        "io.openshift.expose-services": "8080:http",
        "io.nb-builder.native": "/usr/share/nb-builder/native.json",
        "io.nb-builder.native.samples": "10000",
        "io.nb-builder.native.largest-difference": str(facts["proof"]["largest_difference"]),
        "io.nb-builder.native.tolerance": "1e-06",
        "io.nb-builder.native.program-bytes": str(len(program)),
    }
    assert (config["config"]["Entrypoint"], config["config"]["User"]) == (["/model"], "65534")


def test_a_program_that_answers_otherwise_gets_no_image(app, tmp_path):
    service, work = app(NOTEBOOK), tmp_path / "native"
    steps.translate(service, work, Log())
    source = work / "model.c"
    text = source.read_text()
    tenth = (0.1).hex()
    assert tenth in text or "0.1" in text
    source.write_text(text.replace(tenth, (0.2).hex()).replace("0.1", "0.2"))
    subprocess.run(["sh", work / steps.COMPILE], check=True)
    for path in (work / steps.MADE).iterdir():
        path.rename(work / path.name)
    with pytest.raises(NativeUnproved, match=r"predictor\(.*\) answers .*, the native program "):
        steps.prove(service, work, Log())
    assert not (work / steps.PROVED).exists()


def test_what_has_no_native_form_is_rejected_with_its_place(app, tmp_path):
    code = "def predictor(x):\n    with open(x) as file:\n        return file.read()\n\nexamples = ['/dev/null']\n"
    with pytest.raises(NativeRefused, match=r"native form.*\(model.ipynb cell \[1\], line 2\)"):
        steps.translate(app(code), tmp_path / "native", Log())
    assert not (tmp_path / "native" / steps.COMPILE).exists()


def test_a_service_that_asks_for_a_key_is_not_made_one_that_asks_for_none(app, tmp_path, monkeypatch):
    monkeypatch.setenv("S2I_API_KEY_FILE", "/run/secrets/key")
    with pytest.raises(NativeRefused, match=r"the service requires a key \(S2I_API_KEY_FILE\)"):
        steps.translate(app(NOTEBOOK), tmp_path / "native", Log())
    assert not (tmp_path / "native").exists()


def test_packages_without_numpy_are_rejected_with_what_to_do(app, tmp_path):
    service = app(NOTEBOOK)
    service.venv.unlink()
    python = service.venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    # One that has cloudpickle alone, without which there is no model.
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "cloudpickle").symlink_to(Path(cloudpickle.__file__).parent)
    python.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(NativeRefused, match="packages lack numpy, .*; add numpy to its requirements"):
        steps.translate(service, tmp_path / "native", Log())
