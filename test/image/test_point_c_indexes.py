"""Conformance C, points 47 to 49: proxies, indexes, and what must not stay in the image."""

import subprocess
import sys
import zipfile

import pytest

from cases import named
from engine import docker
from engine.s2i import must
from image import repos

NEEDS_A_PACKAGE = 'requirements = [["six", "1.17.0"]]\n%%\n' + repos.ECHO


def test_point_47_a_proxy_that_is_set_is_used_for_installing(s2i, tag, tmp_path):
    source = repos.write(tmp_path / "repo", NEEDS_A_PACKAGE)
    build = s2i.build(source, tag, env={"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"})
    assert build.status == 1
    assert "(problem index-unreachable)" in build.output


def test_point_47_a_proxy_in_the_image_does_not_stand_before_the_service(s2i, tag):
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    with docker.service(_without_packages(s2i, named("ok-pure-python").repo, tag), *_env(proxies)) as service:
        assert service.predict(b"[1, 2]").body == b"3"


@pytest.mark.xdist_group("image fail-index-unreachable")
def test_point_48_the_index_is_pips_and_its_password_is_not_printed(built):
    case = named("fail-index-unreachable")
    output = built.build_once(case).output
    assert "127.0.0.1" in output
    assert "Zw8-secret-word" not in output


@pytest.fixture(scope="module")
def wheels(tmp_path_factory, engine):
    """Return a folder with cloudpickle and two versions of a package that no index has."""
    folder = tmp_path_factory.mktemp("wheels")
    # By the tests' own pip: uv does not download.
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--dest", folder, "cloudpickle"], check=True)
    for version in ("1.0", "2.0"):
        _wheel(folder, "nb_test_only_here", version)
    (folder / "constraints.txt").write_text("nb-test-only-here<2\n")
    # pytest's folders are their owner's only, and the container has another user.
    folder.chmod(0o755)
    return folder


FROM_WHEELS = """\
requirements = [["nb-test-only-here", ""]]
%%
import nb_test_only_here
%%
def predictor(x):
    return nb_test_only_here.VERSION
"""


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_point_48_find_links_no_index_and_constraints_of_pip_hold(s2i, tag, tmp_path, wheels, installer):
    source = repos.write(tmp_path / "repo", FROM_WHEELS)
    env = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "/wheels",
        "PIP_CONSTRAINT": "/wheels/constraints.txt",
        "S2I_INSTALLER": installer,
    }
    must(s2i.build(source, tag, "--volume", f"{wheels}:/wheels:ro", env=env))
    assert docker.answer(tag) == "1.0"


def test_point_48_49_an_injected_pip_conf_takes_effect_and_no_secret_stays(s2i, tag, tmp_path, wheels):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    conf = "[global]\nno-index = true\nfind-links = /wheels\nconstraint = /wheels/constraints.txt\n# Zw8-secret-word\n"
    (secrets / "pip.conf").write_text(conf)
    source = repos.write(tmp_path / "repo", FROM_WHEELS)
    where = ("--inject", f"{secrets}:/opt/app-root/secrets", "--volume", f"{wheels}:/wheels:ro")
    build = must(s2i.build(source, tag, *where, env={"PIP_CONFIG_FILE": "/opt/app-root/secrets/pip.conf"}))
    assert docker.answer(tag) == "1.0"
    assert docker.inside(tag, "stat", "-c", "%s", "/opt/app-root/secrets/pip.conf") == "0\n"
    assert "Zw8-secret-word" not in build.output
    assert (
        docker.docker("run", "--rm", tag, "grep", "-r", "Zw8-secret-word", "/opt/app-root", "/tmp", ok=False).stdout
        == ""
    )


def _wheel(folder, name, version):
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", about)
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def _without_packages(s2i, source, tag):
    return must(s2i.build(source, tag)).image


def _env(variables):
    return tuple(word for name, value in variables.items() for word in ("--env", f"{name}={value}"))
