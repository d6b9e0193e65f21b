"""`nb-builder ab-report`: its words reach the report. What that says of real services is in test/contract."""

import json
import subprocess

import pytest

from contract.services import free_port
from flow import stage


def made(*words):
    """Return (exit status, stdout, stderr) of make."""
    command = ["make", "--no-print-directory", "ab-report", *words]
    ran = subprocess.run(command, cwd=stage.ROOT, capture_output=True, text=True)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "PROMETHEUS is not given. "),
        (("PROMETHEUS=http://localhost:1", "A=a"), "B is not given. "),
        (("PROMETHEUS=http://localhost:1", "A=a", "B=b", "SINCE=soon"), "SINCE=soon is not a time such as 30m"),
        (
            ("PROMETHEUS=http://localhost:1", "A=a", "B=b", "LABEL=my-label"),
            "LABEL=my-label is not the name",
        ),
        (("PROMETHEUS=http://localhost:1", "A=a", "B=b", "PREFIX=-"), "PREFIX=- is not a prefix of metric names"),
    ],
    ids=["none", "no B", "SINCE", "LABEL", "PREFIX"],
)
def test_a_word_that_is_not_understood_is_reported(words, said):
    status, out, _ = made(*words)
    # Make's own status; nb-builder ab-report has that of the problem.
    assert status == 2 and said.strip() in out and "(problem ab-words)" in out


def test_where_no_prometheus_is_that_is_reported_as_json_too():
    address = f"http://127.0.0.1:{free_port()}"
    words = (f"PROMETHEUS={address}", "A=a", "B=b")
    status, out, _ = made(*words)
    assert status == 2 and f"{address} returns no metrics: " in out and "(problem ab-prometheus)" in out
    status, out, _ = made(*words, "JSON=1")
    assert status == 2 and json.loads(out)["problem"] == "ab-prometheus"
    ran = subprocess.run(
        [stage.ROOT / "s2i/nb-builder", "ab-report", address, "a", "b"], capture_output=True, text=True
    )
    assert ran.returncode == 1
