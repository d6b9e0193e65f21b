"""The magics in a user's own kernel, which has the wheel beside its packages: what they show, serve and leave."""

import contextlib
import json
import os
import re
import urllib.request
from pathlib import Path

import pytest

from contract.services import wait_until
from kernels import Kernel, environment_with_wheel, save

pytestmark = pytest.mark.xdist_group("magics")
GOOD = ("requirements = []", "def predictor(x):\n    return x[0] + x[1]", "examples = [[1, 2]]")


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Return the Python of an environment that has the wheel."""
    return environment_with_wheel(tmp_path_factory.mktemp("own"))


@pytest.fixture
def notebook(tmp_path):
    """Return the path of a notebook that is good."""
    path = tmp_path / "my model.ipynb"
    save(path, *GOOD)
    return path


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    """Return the variables by which the magics make their environments apart from the user's own."""
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("caches")), "UV_CACHE_DIR": str(own / "uv")}


@pytest.fixture
def kernel(python, notebook, caches):
    """Return a kernel of the notebook, with the magics loaded."""
    with Kernel(python, notebook, **caches) as kernel:
        assert kernel.run("%load_ext nb_builder")[0] == ""
        yield kernel


def ask(html, sample):
    """Ask the service that a panel names; return its port and its answer."""
    url = re.search(r"http://127\.0\.0\.1:\d+/predict", html)[0]
    request = urllib.request.Request(url, json.dumps(sample).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(url.split(":")[2].split("/")[0]), json.load(answer)


def is_served(port):
    """Return whether anybody listens at a port of loopback."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
        return True
    return False


def test_a_good_notebook_has_no_findings(kernel):
    _, html, text, _ = kernel.run("%nb_check")
    assert "Nothing found; it defines predictor, examples\n" in text
    assert "Nothing found" in html


def test_who_forgot_to_save_is_told_and_nobody_else(kernel):
    said = "The cell that you have run last is not in it: save the notebook"
    kernel.run(GOOD[1])
    assert said not in kernel.run("%nb_check")[2]
    kernel.run(GOOD[1].replace("+", "-"))
    assert said in kernel.run("%nb_check")[2]


def test_findings_name_the_cell_by_a_link_and_what_helps(kernel, notebook):
    save(notebook, "requirements = []", "def predictor(x):\n    return <b>", "examples = [[1, 2]]")
    _, html, text, _ = kernel.run("%nb_check")
    assert "1 finding" in text
    assert "Why: " in text
    assert "Fix: " in text
    assert re.search(r'<a [^>]*href="[^"]*#[^"]*a2[^"]*"[^>]*>cell \[2\], line 2</a>', html), html
    assert "<b>" not in html.replace("&lt;b&gt;", "")


def test_the_notebook_is_served_and_served_anew_at_the_same_port_until_it_is_stopped(kernel, notebook):
    _, html, text, _ = kernel.run("%nb_serve")
    assert "Asked with [1, 2], it answers 3" in text, text
    port, answer = ask(html, [4, 5])
    assert answer == 9
    save(notebook, GOOD[0], GOOD[1].replace("+", "*"), GOOD[2])
    _, html, _, _ = kernel.run("%nb_serve")
    assert ask(html, [4, 5]) == (port, 20)
    assert kernel.run("%nb_serve --stop")[2].startswith("Stopped")
    assert not is_served(port)
    assert kernel.run("%nb_serve --stop")[2].startswith("Nothing was served")


def test_the_service_ends_with_its_kernel(kernel):
    _, html, _, _ = kernel.run("%nb_serve")
    port, _ = ask(html, [1, 2])
    kernel.process.kill()
    kernel.process.wait()
    assert wait_until(lambda: not is_served(port), 20)


def test_golden_shows_answers_and_proposes_the_cell_that_keeps_them(kernel):
    kernel.run("\n".join(GOOD))
    _, html, text, payload = kernel.run("%nb_golden [0.25, 0.5], [1]")
    assert "2 of 3 samples are answered" in text
    assert "IndexError" in html
    (cell,) = [each["text"] for each in payload if each["source"] == "set_next_input"]
    names = {}
    exec(cell, names)
    assert names["examples"] == [[1, 2], [0.25, 0.5]]


def test_wrong_words_are_a_line_and_no_traceback(kernel):
    for code, line in {
        "%nb_serve --port x": "argument --port: invalid int value: 'x'",
        "%nb_check --fast": "unrecognized arguments: --fast",
        "%nb_check 'a": "No closing quotation",
    }.items():
        printed = kernel.run(code)[0]
        assert line in printed
        assert "Traceback" not in printed


def test_a_file_that_is_not_there_is_named(kernel):
    printed, _, text, _ = kernel.run("%nb_check other.ipynb")
    assert "other.ipynb" in text
    assert "Fix: " in text
    assert "Traceback" not in printed
