"""Starts with unintended files and settings: each fails with a sentence and a fix, never with a traceback."""

import json
import os
import re
import subprocess
import sys

import pytest

from contract.notebooks import ECHO
from contract.services import copy_of

DEEP = b"[" * 200_000
FILES = {
    "model/manifest.json": (
        *(None, b"", b"[]", b"{}", b"\xff\xfe", DEEP, b'{"a":' * 20_000_000, b'{"format": 2, "notebook": 5}'),
        *(b'{"format": 2, "folder": [".."]}', b'{"format": 2, "built": null}', b'{"format": 2, "golden": "x"}'),
        *(b'{"format": 2, "tolerance": "a"}', b'{"format": 2, "deterministic": 3}', b'{"format": 2, "path_first": 5}'),
        *(b'{"format": 2, "scorer_start": "x"}', b'{"format": 2, "sample_schema": 5}', b'{"format": 2, "cwd": []}'),
    ),
    "model/golden.ndjson": (None, b"[]", b'{"sample": 1}', b"\xff", DEEP, b'{"sample": 1, "answer": NaN}'),
    "environment.json": (None, b"", b"[]", b'{"A": 5}', b'{"A": "\\ud800"}', b'{"A=B": "c"}', b"\xff", DEEP),
}
SETTINGS = (
    {"PORT": "abc"},
    {"PORT": "1" * 5000},
    {"S2I_HOST": "\udcff\udcfe"},
    {"S2I_HOST": "x" * 300},
    {"S2I_PREDICT_TIMEOUT": "\udcff"},
    {"S2I_PREDICT_TIMEOUT": "nan"},
    {"WEB_CONCURRENCY": "²"},
    {"S2I_BACKEND": "\udcff"},
    {"S2I_CORS_ORIGINS": "\udcff"},
    {"S2I_MODEL_NAME": "größe"},
    {"APP_ROOT": "/dev/null"},
    {"APP_ROOT": "/nowhere/\udcff\n"},
    {"APP_ROOT": "/" + "x" * 5000},
    {"S2I_API_KEY_FILE": "/dev"},
    {"S2I_API_KEY_FILE": "/dev/null"},
    {"S2I_API_KEY_FILE": "/dev/zero"},
    {"S2I_API_KEY_FILE": "/dev/null/\udcff"},
)


def said(app_root, **env):
    """Return the exit code and the output of a service that does not serve."""
    inherited = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    ours = {"APP_ROOT": str(app_root), "PORT": "0", "S2I_HOST": "127.0.0.1"}
    command = [sys.executable, "-I", "-m", "nb_service"]
    ended = subprocess.run(command, env={**inherited, **ours, **env}, capture_output=True, timeout=30, check=False)
    return ended.returncode, (ended.stdout + ended.stderr).decode("utf-8", "replace")


def check(code, output):
    """Fail unless this is the outcome of a failed start."""
    assert "Traceback" not in output
    assert "\n  Why: " in output
    assert "\n  Fix: " in output
    assert output.rstrip().splitlines()[-1].startswith("  (problem ")
    assert code == 1


def short(value):
    """Return what a test is called by: pytest puts it into the environment, which has a limit."""
    return ascii(value)[:60]


@pytest.mark.parametrize(
    ("name", "data"), [(name, data) for name, all_of in FILES.items() for data in all_of], ids=short
)
def test_an_odd_file_ends_the_start_with_a_sentence_and_a_fix(model_cache, tmp_path, name, data):
    root = copy_of(model_cache(ECHO), tmp_path)
    path = root / name
    path.unlink(missing_ok=True)
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    check(*said(root))


@pytest.mark.parametrize("env", SETTINGS, ids=lambda env: ascii(env)[:60])
def test_an_odd_setting_ends_the_start_with_a_sentence_and_a_fix(model_cache, env):
    check(*said(model_cache(ECHO), **env))


def test_a_misspelt_setting_is_named_with_the_one_that_is_near(start):
    misspelt = {"S2I_MAX_BATH": "3", "WEB_CONCURENCY": "1"}
    # The second is a setting of a build, which its image keeps.
    service = start(ECHO, **misspelt, S2I_CELL_TIMEOUT="5").ready()
    assert re.findall(r"(\S+) is not a setting. Did you mean (\S+)\?", service.log) == [
        ("S2I_MAX_BATH", "S2I_MAX_BATCH"),
        ("WEB_CONCURENCY", "WEB_CONCURRENCY"),
    ]


def test_an_app_root_that_leads_in_a_circle_is_no_model(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    check(*said(tmp_path / "loop"))


def test_a_problem_is_one_object_in_json_too(tmp_path):
    code, output = said("/nowhere/\udcff\n", S2I_LOG_FORMAT="json")
    assert (code, json.loads(output)["problem"]) == (1, "model-missing")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">/dev/full", "<&- >&- 2>&-"])
def test_a_problem_that_no_one_can_read_ends_the_start_all_the_same(tmp_path, redirection):
    command = ["sh", "-c", f'exec "$0" -I -m nb_service {redirection}', sys.executable]
    assert subprocess.run(command, env={"APP_ROOT": str(tmp_path)}, stderr=subprocess.PIPE, check=False).returncode == 1


@pytest.mark.parametrize("data", [None, b"", b"[]", b"\xff", DEEP, b'{"commit": 5, "source": [1]}'], ids=short)
def test_an_odd_report_of_the_build_is_none(start, model_cache, tmp_path, data):
    root = copy_of(model_cache(ECHO), tmp_path)
    (root / "build").mkdir(exist_ok=True)
    path = root / "build" / "report.json"
    path.unlink(missing_ok=True)
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    service = start(root).ready()
    assert [service.status(path) for path in ("/", "/docs", "/v2/models/model")] == [200] * 3
    assert "Traceback" not in service.log
