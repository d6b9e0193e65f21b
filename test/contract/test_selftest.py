"""`python -m nb_service selftest` reports that a service is as verified, or the differences."""

import json
import os
import subprocess
import sys

import pytest
from nb_service import selftest as selftests
from nb_service import selftest_client, settings

from contract.services import copy_of

DOUBLE = "def predictor(x):\n    return x * 2\nexamples = [1, 2.5, 'a']\n"


@pytest.fixture
def selftest(model_cache):
    """Return what tests the service of a notebook's code, or of an APP_ROOT."""

    def run(code_or_root, *args, status=0, **env):
        root = model_cache(code_or_root) if isinstance(code_or_root, str) else code_or_root
        kept = {"PATH": os.environ["PATH"], "APP_ROOT": str(root), **env}
        command = [sys.executable, "-I", "-m", "nb_service", "selftest", *map(str, args)]
        said = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=50)
        assert (said.returncode, said.stderr) == (status, ""), said.stdout
        return said.stdout

    return run


@pytest.fixture
def verdict(selftest, tmp_path):
    """Return what reads the verdict on a notebook's code, or on an APP_ROOT."""

    def run(code_or_root, **env):
        selftest(code_or_root, "--verdict", tmp_path / "verdict.json", **env)
        return json.loads((tmp_path / "verdict.json").read_text())

    return run


def with_answer(root, answer):
    """Give the first golden row of an APP_ROOT another answer."""
    golden = root / "model" / "golden.ndjson"
    first, *others = golden.read_text().splitlines(keepends=True)
    golden.write_text(json.dumps({**json.loads(first), "answer": answer}) + "\n" + "".join(others))
    return root


def test_a_service_as_proved_gets_one_line(selftest):
    said = selftest(DOUBLE)
    assert said.startswith("Selftest: 3 golden rows with the same predictions, ")
    assert said.endswith(" requests with the expected responses.\n") and said.count("\n") == 1


def test_a_client_of_a_broker_that_can_not_be_loaded_is_a_difference(model_cache, tmp_path):
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "__init__.py").write_text("raise ImportError('no part of it')")
    kept = {"PATH": os.environ["PATH"], "APP_ROOT": str(model_cache(DOUBLE)), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "nb_service", "selftest"]
    said = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=50)
    assert (said.returncode, said.stdout) == (1, "The client of Redis Streams can't be loaded: no part of it\n")


def test_the_verdict_holds_every_answer(verdict):
    found = verdict(DOUBLE)
    assert (found["same"], found["rows"], found["deterministic"], found["differences"]) == (True, 3, True, [])
    reported = {one["asked"]: (one["status"], one["answer"]) for one in found["answers"]}
    assert reported["golden row 2"] == (200, 5.0)
    assert reported["golden rows as NDJSON"] == (200, [2, 5.0, "aa"])
    assert reported["a body that is not JSON"] == (400, None)
    assert reported["the sample null"] == (422, None)
    assert reported['the sample "text"'] == (200, "texttext")
    assert "TypeError: unsupported operand" in found["stderr"]


def test_the_log_in_the_verdict_is_the_same_at_each_run(verdict):
    first, second = verdict(DOUBLE), verdict(DOUBLE)
    assert first["stderr"] == second["stderr"] and "Serving on http://#.#.#.#:#" in first["stderr"]


def test_a_golden_row_that_differs_shows_both_answers(selftest, model_cache, tmp_path):
    root = with_answer(copy_of(model_cache(DOUBLE), tmp_path), 3)
    said = selftest(root, status=1)
    assert "golden row 1 (1) must give 3 and gave 2." in said


def test_a_golden_row_that_readiness_does_not_ask_shows_both_answers(selftest, model_cache, tmp_path):
    root = copy_of(model_cache(f"{DOUBLE}examples = list(range(30))"), tmp_path)
    golden = root / "model" / "golden.ndjson"
    golden.write_text(golden.read_text().replace('"answer": 50,', '"answer": 51,'))
    said = selftest(root, status=1)
    assert said == "golden row 26, 25: the answer must be 51 and is 50\n"


def test_a_model_that_does_not_load_is_a_difference_and_no_traceback(selftest, model_cache, tmp_path):
    root = copy_of(model_cache(DOUBLE), tmp_path)
    (root / "model" / "model.pickle").write_bytes(b"no pickle")
    said = selftest(root, status=1)
    assert said.startswith("The service must become ready but ended: ") and "(problem model-damaged)" in said


def test_a_verdict_is_written_and_the_status_is_0_although_rows_differ(verdict, model_cache, tmp_path):
    found = verdict(with_answer(copy_of(model_cache(DOUBLE), tmp_path), 3))
    assert found["same"] is False and len(found["differences"]) == 1 and found["seconds"] is None


def test_a_verdict_that_can_not_be_written_is_printed(selftest, tmp_path):
    said = selftest(DOUBLE, "--verdict", tmp_path / "no" / "verdict.json")
    assert json.loads(said.splitlines()[-1])["same"] is True


def test_a_predictor_that_answers_differently_each_time_is_only_asked(selftest, model_cache):
    code = "import random\ndef predictor(x):\n    return random.random()\nexamples = [1]\n"
    said = selftest(model_cache(code, deterministic=False))
    assert said.startswith("Selftest: 1 golden row with predictions (predictor is random, so they differ), ")


def test_without_golden_rows_the_rest_is_asked(selftest):
    said = selftest("def predictor(x):\n    return x\n")
    assert said.startswith("Selftest: ") and said.endswith("; no golden rows.\n")


def test_a_sample_that_ends_the_scorer_is_no_difference(verdict):
    code = "import os\ndef predictor(x):\n    return os._exit(3) if x is None else x\nexamples = [1]\n"
    found = verdict(code)
    assert found["same"] and {"asked": "the sample null", "status": 500, "answer": None} in found["answers"]


def test_settings_for_clients_do_not_keep_it_from_asking(selftest):
    said = selftest(
        DOUBLE, S2I_API_KEY_FILE="/none", S2I_EXPORT="1", S2I_MAX_SAMPLES="1", S2I_MAX_BODY="5", PORT="1", S2I_HOST="no"
    )
    assert said.startswith("Selftest: 3 golden rows with the same predictions")


@pytest.mark.parametrize("args", [["--verdict"], ["--other", "x"], ["more"]])
def test_other_words_show_the_usage(args):
    said = subprocess.run(
        [sys.executable, "-I", "-m", "nb_service", "selftest", *args], capture_output=True, text=True, env={}
    )
    assert said.returncode == 2
    backends = "alerts … | batch … | bus … | dashboard … | http … | model … | spark-model … | verify … | zipapp …"
    words = f"serve | prove | ready | selftest [--verdict FILE] | {backends}"
    assert said.stderr == f"Usage: python -m nb_service [{words}]\n"


REWORDED = """
import os, sys
from nb_service.__main__ import main
from nb_service.log import Log
say = Log.say
Log.say = lambda self, text: say(self, "(a new word for each: " + "".join("_" if c in "aeiou" else c for c in text))
sys.exit(main(sys.argv[sys.argv.index("nb_service") + 1 :], dict(os.environ)))
"""


@pytest.fixture
def reworded(monkeypatch, tmp_path):
    """Have the service that is tested say all in other words, and return what tests an APP_ROOT."""
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable} -I{REWORDED}")
    program.chmod(0o755)

    def run(root):
        monkeypatch.setattr(selftest_client.sys, "executable", str(program))
        environ = {"PATH": os.environ["PATH"], "APP_ROOT": str(root), "S2I_VERIFY_TIMEOUT": "20"}
        return selftests.run(root, settings.Settings(environ), environ)

    return run


def test_the_words_of_the_log_are_for_people(reworded, model_cache):
    verdict = reworded(model_cache(DOUBLE))
    assert (verdict["same"], verdict["differences"]) == (True, [])
    assert "S_rv_ng _n http://" in verdict["stderr"] and " id=" not in verdict["stderr"]


def test_a_wrong_row_is_reported_in_the_services_words_whatever_its_log_says(reworded, model_cache, tmp_path):
    (difference,) = reworded(with_answer(copy_of(model_cache(DOUBLE), tmp_path / "copy"), 3))["differences"]
    assert "will not be: Not ready: golden row 1 (1) must give 3 and gave 2." in difference
