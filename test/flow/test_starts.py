"""Point 73: a service that can't start exits with a status other than 0, and its last lines give the reason."""

import json
import re
import shutil
import socket
import subprocess
from dataclasses import replace

import pytest

from cases import named
from flow import stage

pytestmark = pytest.mark.xdist_group("starts")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the variables of a build that others spoil in copies of their own."""
    build, env = stage.assemble(named("ok-pure-python"), tmp_path_factory.mktemp("built"))
    assert build.status == 0, build.stdout
    return env


@pytest.fixture
def copy(built, tmp_path):
    """Return (variables, model folder) of a fresh copy of that build."""
    app_root = tmp_path / "app-root"
    shutil.copytree(built["APP_ROOT"], app_root, symlinks=True)
    return {**built, "APP_ROOT": str(app_root), "S2I_HOST": "127.0.0.1", "PORT": "0"}, app_root / "model"


def output_of(env):
    """Run the service, which must exit by itself; return its output."""
    ran = subprocess.run(
        [stage.BIN / "run"], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    output = ran.stdout + ran.stderr
    assert ran.returncode not in (0, None), output
    assert re.findall(r'File ".*/nb_service/.*', output) == []
    return output


def change(model, **facts):
    """Write other facts into the manifest of a model folder."""
    path = model / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def test_a_service_without_a_model_says_so(copy):
    env, model = copy
    shutil.rmtree(model)
    assert "(problem model-missing)" in output_of(env)


def test_a_service_without_its_environment_says_so(copy):
    env, model = copy
    shutil.rmtree(model.parent / "venv")
    assert "(problem model-" in output_of(env)


def test_a_pickle_that_was_cut_off_is_not_loaded(copy):
    env, model = copy
    pickle = model / "model.pickle"
    pickle.write_bytes(pickle.read_bytes()[:-20])
    assert "(problem model-damaged)" in output_of(env)


def test_a_model_of_another_python_is_not_loaded(copy):
    env, model = copy
    change(model, python="3.5")
    assert "(problem model-python-differs)" in output_of(env)


def test_a_model_of_another_cloudpickle_is_not_loaded(copy):
    env, model = copy
    change(model, cloudpickle="0.1")
    assert "(problem model-python-differs)" in output_of(env)


def test_a_model_of_an_unknown_format_is_not_loaded(copy):
    env, model = copy
    change(model, format=99)
    assert "(problem model-format-unknown)" in output_of(env)


def test_an_unknown_back_end_is_rejected_with_those_there_are(copy):
    output = output_of({**copy[0], "S2I_BACKEND": "telepathy"})
    assert "(problem backend-unknown)" in output
    assert "http" in output


def test_a_bad_setting_is_rejected_by_name(copy):
    output = output_of({**copy[0], "WEB_CONCURRENCY": "many"})
    assert "WEB_CONCURRENCY='many' is not a whole number from 1 to 1024." in output
    assert "(problem setting-invalid)" in output


def test_a_port_that_is_taken_is_named(copy):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        output = output_of({**copy[0], "PORT": str(port)})
    assert f"Can't listen on 127.0.0.1 port {port}" in output
    assert "(problem port-taken)" in output


LOADED_FROM_A_FILE = """
class Weights:
    def __init__(self, path):
        self.values = [float(word) for word in open(path).read().split()]

    def __reduce__(self):
        return Weights, ("weights.txt",)

open("weights.txt", "w").write("0.5 2")
weights = Weights("weights.txt")

def predictor(x):
    return weights.values[x]
"""


def test_a_model_that_raises_while_loading_is_named_with_its_reason(tmp_path):
    build, env = stage.build_of(tmp_path, LOADED_FROM_A_FILE)
    assert build.status == 0, build.stdout
    (build.app_root / "src" / "weights.txt").unlink()
    output = output_of({**env, "S2I_HOST": "127.0.0.1", "PORT": "0"})
    assert "No such file or directory: 'weights.txt'" in output
    assert "(problem model-load-failed)" in output


# s2i puts them into the image, where they look like those of `docker run -e`.
OF_THE_REPOSITORY = "S2I_API_KEY_FILE=/run/secrets/key\nS2I_DEBUG=1\nPATH=/evil\nGREETING=hello\n"


@pytest.fixture(scope="module")
def built_by_s2i(tmp_path_factory):
    """Return the variables of an image whose repository sets what only the platform may set."""
    folder = tmp_path_factory.mktemp("by-s2i")
    case = named("ok-pure-python")
    repo = folder / "repo"
    shutil.copytree(case.repo, repo)
    (repo / ".s2i").mkdir(exist_ok=True)
    (repo / ".s2i/environment").write_text(OF_THE_REPOSITORY)
    build, env = stage.assemble(replace(case, repo=repo, env={"STI_SCRIPTS_PATH": "/usr/libexec/s2i"}), folder)
    assert build.status == 0, build.stdout
    assert ".s2i/environment sets PATH, S2I_API_KEY_FILE, S2I_DEBUG: ignored" in build.stdout
    assert "starts only with other values of S2I_API_KEY_FILE" in build.stdout
    return {**env, "S2I_HOST": "127.0.0.1", "PORT": "0"}


@pytest.mark.parametrize("front", ["asyncio", "waitress"])
def test_a_key_of_the_repository_s_starts_no_service(built_by_s2i, front):
    output = output_of({**built_by_s2i, "S2I_FRONT": front})
    assert "The repository's .s2i/environment has set S2I_API_KEY_FILE" in output
    assert "(problem setting-from-repository)" in output


def test_other_settings_of_the_repository_s_are_ignored_and_logged(built_by_s2i, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("a-key-of-the-platform\n")
    service = stage.serve(replace(named("ok-pure-python"), ask=[]), {**built_by_s2i, "S2I_API_KEY_FILE": str(keys)})
    assert "Ignored PATH, S2I_DEBUG: set by the repository's .s2i/environment" in service.log
    assert service.status == 0, service.log
