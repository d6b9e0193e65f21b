"""What must not be in a slim image, what must, and how large it may be."""

import hashlib
import json
import stat

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

import shared
from engine import docker, slim

pytestmark = pytest.mark.xdist_group("slim absent")
SBOM = "/usr/share/nb-builder/sbom.cdx.json"
SHELLS_AND_TOOLS = {"sh", "bash", "dash", "busybox", "cat", "env", "apt-get", "dpkg", "perl", "gcc", "cc", "ld", "make"}
PACKAGES = {
    "pip",
    "setuptools",
    "virtualenv",
    "uv",
    "ipython",
    "ipykernel",
    "jupyter_client",
    "nbconvert",
    "nb_builder",
}


@pytest.fixture(scope="module")
def members(slim_workbench):
    """Return everything in the slim image of the workbench."""
    return slim.listed(slim_workbench.image)


@pytest.fixture(scope="module")
def python(workbench):
    """Return the name of Debian's Python in the workbench, such as "python3.13"."""
    return docker.shell(workbench, "basename $(readlink -f /usr/bin/python3)").strip()


def test_no_shell_tool_installer_or_compiler_is_there(members, python):
    programs = {member.name.split("/")[-1] for member in members if "bin/" in member.name and not member.isdir()}
    assert programs & SHELLS_AND_TOOLS == set()
    assert {python, "run", "serve", "ready", "selftest"} <= programs


def test_nothing_of_jupyter_pip_or_the_builder_is_there(members):
    names = {part.split("-")[0].lower() for member in members for part in member.name.split("/")}
    assert names & PACKAGES == set()
    assert {"flask", "waitress", "cloudpickle"} <= names


def test_nothing_is_setuid_open_to_the_world_or_anybody_elses_than_roots(members):
    ours = [member for member in members if not member.name.startswith(("dev", "proc", "sys"))]
    assert [member.name for member in ours if member.mode & (stat.S_ISUID | stat.S_ISGID)] == []
    assert [member.name for member in ours if member.mode & stat.S_IWOTH and not member.issym()] == []
    assert [member.name for member in ours if member.uid or member.gid] == []


def test_the_group_may_write_where_the_predictor_works_and_in_the_temporary_folder_only(members):
    writable = {member.name for member in members if member.mode & stat.S_IWGRP and not member.issym()}
    assert {name for name in writable if not name.startswith("opt/app-root/src")} <= {"tmp"}
    assert [stat.S_IMODE(member.mode) for member in members if member.name == "tmp"] == [0o1770]


def test_no_history_no_caches_no_repository_of_git_is_there(members):
    names = {member.name for member in members}
    assert not [name for name in names if "/.git/" in name or name.startswith(("slim", "root/", "home/"))]


def test_licences_of_the_interpreter_its_libraries_and_distributions_are_there(members, python):
    names = {member.name for member in members}
    assert f"usr/share/doc/lib{python}-minimal/copyright" in names
    # Debian 13 has added t64 to its name.
    assert {"usr/share/doc/libssl3/copyright", "usr/share/doc/libssl3t64/copyright"} & names
    assert [name for name in names if name.startswith("usr/share/common-licenses/")]
    assert [name for name in names if "flask" in name and "LICENSE" in name]


def test_certificates_and_time_zones_are_there(members):
    names = {member.name for member in members}
    assert {"etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo/Europe/Berlin"} <= names


def test_the_bill_of_materials_is_valid_and_lists_exactly_what_is_there(slim_workbench, members, python):
    text = slim.read(slim_workbench.image, SBOM)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.decode()) is None
    reported = {one["name"] for one in json.loads(text)["components"] if one.get("purl", "").startswith("pkg:pypi/")}
    held = [member.name.split("/")[-2] for member in members if member.name.endswith(".dist-info/METADATA")]
    assert reported == {canonicalize_name(name.split("-")[0]) for name in held} - {"nb-service"}
    packages = {one["name"] for one in json.loads(text)["components"] if one["purl"].startswith("pkg:deb/debian/")}
    assert {"libc6", f"{python}-minimal", "ca-certificates"} <= packages
    assert not packages & {"bash", "apt", "dpkg", "coreutils", "util-linux"}


def test_the_label_has_the_digest_of_the_bill_of_materials(slim_workbench):
    digest = hashlib.sha256(slim.read(slim_workbench.image, SBOM)).hexdigest()
    assert docker.labels(slim_workbench.image)["io.nb-builder.sbom-sha256"] == digest


def test_an_image_of_a_predictor_in_pure_python_is_small(slim_workbench):
    megabytes = docker.megabytes(slim_workbench.image)
    shared.note(f"slim image of a predictor in pure Python: {megabytes} MB (at most 45)")
    assert megabytes <= 45
