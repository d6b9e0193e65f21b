"""Starts that fail: models that can't be served, invalid ports and settings."""

import socket
import subprocess
import sys

import pytest

from contract.notebooks import ECHO
from contract.services import copy_of

DAMAGES = {
    "model-missing": ("rm model/model.pickle", "does not exist|is missing"),
    "model-damaged": ("printf x >> model/model.pickle", "has changed since the build"),
    "model-format-unknown": ("echo '{}' > model/manifest.json", "has format None"),
    "model-python-differs": (
        'sed -i \'s/"python": "3[^"]*"/"python": "2.7"/\' model/manifest.json',
        "saved with Python 2.7",
    ),
}


@pytest.mark.parametrize("code", DAMAGES)
@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_model_that_can_t_be_served_ends_the_service_with_the_reason_last(
    start, model_cache, tmp_path, code, start_by
):
    root = copy_of(model_cache(ECHO), tmp_path)
    damage, words = DAMAGES[code]
    subprocess.run(damage, shell=True, cwd=root, check=True)
    service = start(root, S2I_SCORER_START=start_by)
    assert service.process.wait(20) == 1
    service.wait_for(words)
    service.wait_for(rf"\(problem {code}\)\n$")


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_model_whose_loading_raises_ends_the_service_with_its_traceback(start, start_by):
    service = start(
        """
        class Bad:
            def __reduce__(self):
                return int, ("no number",)
        bad = Bad()
        def predictor(x):
            return bad
        """,
        S2I_SCORER_START=start_by,
    )
    assert service.process.wait(20) == 1
    service.wait_for("ValueError: invalid literal for int")
    service.wait_for(r"The model can't be loaded(.*\n)+.*\(problem model-load-failed\)\n$")


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_model_whose_loading_kills_the_process_ends_the_service(start, start_by):
    service = start(
        """
        import os
        class Deadly:
            def __reduce__(self):
                return os._exit, (7,)
        deadly = Deadly()
        def predictor(x):
            return deadly
        """,
        S2I_SCORER_START=start_by,
    )
    assert service.process.wait(20) == 1
    service.wait_for(
        r"The model did not load: its process exited with status 7 while loading\.(.*\n)+.*model-load-failed"
    )


def test_a_port_that_is_taken_is_rejected_with_its_number(start):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        service = start(ECHO, PORT=str(port))
        assert service.process.wait(20) == 1
    service.wait_for(rf"Can't listen on 127\.0\.0\.1 port {port}: Address already in use(.*\n)+.*port-taken")


def test_an_unknown_back_end_is_rejected_with_the_list(start):
    service = start(ECHO, S2I_BACKEND="pigeon")
    assert service.process.wait(20) == 1
    service.wait_for(r"S2I_BACKEND='pigeon' is not an installed back end(.*\n)+.*Installed: .*http")


def test_a_bad_setting_is_rejected_by_name(start):
    service = start(ECHO, S2I_PREDICT_TIMEOUT="soon")
    assert service.process.wait(20) == 1
    service.wait_for(r"S2I_PREDICT_TIMEOUT='soon' is not a number")


def test_a_wrong_word_on_the_command_line_shows_the_usage():
    said = subprocess.run([sys.executable, "-m", "nb_service", "nonsense"], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (
        2,
        (
            "Usage: python -m nb_service [serve | prove | ready | selftest [--verdict FILE] | alerts … | "
            "batch … | bus … | dashboard … | http … | model … | spark-model … | verify … | zipapp …]\n"
        ),
    )
