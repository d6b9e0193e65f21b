"""`%load_ext nb_builder` in real kernels of an environment with our wheel, as Jupyter's server starts them."""

import json
import os
import re
import signal
import threading
import urllib.request
from urllib.error import URLError

import pytest

from commands import ROOT, Block
from flow import stage
from kernels import Kernel, environment_with_wheel, save

ADDS_ONE, ADDS_TWO = ("def predictor(x):\n    return x + 1", "def predictor(x):\n    return x + 2")
EXAMPLES = "examples = [1, 2]"
SAMPLE = 41
PAGE = ROOT / "docs/how-to/work-in-jupyter.md"
# A cell with a magic and the panel below it, or a cell of the notebook.
FENCE = re.compile(r"^```\n(%.*?)^```$(?:\n+```text\n(.*?)^```$)?|^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a service has for requests that are under way, and some more.
PATIENCE = 40
pytestmark = pytest.mark.xdist_group("magics")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return the Python of a user's environment, and the folder in which nb-builder makes its own."""
    folder = tmp_path_factory.mktemp("magics")
    return environment_with_wheel(folder), folder / "home"


@pytest.fixture
def notebook(tmp_path):
    """Return where the notebook of the test is to be saved."""
    (tmp_path / "my models").mkdir()
    return tmp_path / "my models" / "model.ipynb"


@pytest.fixture
def env(shared, tmp_path, monkeypatch):
    """Return the variables of a kernel, with a mark that its processes inherit and a folder for what is temporary."""
    for name in os.environ:
        if name.startswith("S2I_"):
            monkeypatch.delenv(name)
    (tmp_path / "temporary").mkdir()
    return {"NB_BUILDER_HOME": str(shared[1]), "TMPDIR": str(tmp_path / "temporary"), stage.MARK: str(tmp_path)}


@pytest.fixture
def kernel(shared, notebook, env):
    """Return a kernel with the extension; nothing of it is left after the test."""
    with Kernel(shared[0], notebook, **env) as started:
        assert started.run("%load_ext nb_builder")[0] == ""
        yield started
    assert stage.processes_of(env, PATIENCE) == []


def url_of(text):
    """Return the address for programs that a panel of %nb_serve names."""
    return re.search(r"For programs: POST (\S+)", text)[1]


def answer_of(url):
    """Return the service's answer to the sample."""
    request = urllib.request.Request(url, json.dumps(SAMPLE).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return json.load(response)


def test_who_has_run_what_is_not_saved_is_reported_and_no_one_else(kernel, notebook):
    save(notebook, ADDS_ONE, EXAMPLES)
    reported = "It does not include the last changes: save the notebook"
    assert reported not in kernel.run("%nb_check")[2]
    kernel.run(ADDS_ONE)
    assert reported not in kernel.run("%nb_check")[2]
    kernel.run(ADDS_TWO)
    assert reported in kernel.run("%nb_check")[2]


def test_check_shows_findings_with_links_to_their_cells_and_says_where_there_are_none(kernel, notebook):
    save(notebook, ADDS_ONE, EXAMPLES)
    _, html, text, _ = kernel.run("%nb_check")
    assert text.startswith("Nothing found; it defines predictor, examples\n") and "<a " not in html
    save(notebook, "<script>alert(1)</script>", "import somewhere\nsomewhere.go()", "%nb_check")
    printed, html, text, _ = kernel.run("%nb_check")
    assert printed == "" and text.startswith("3 findings\n")
    assert "Cell [1] of model.ipynb (cell 1 of the file), line 1 has a syntax error" in text
    assert "Fix: Add 'def predictor(x): ...' to any cell, then build again." in text
    assert '<a href="model.ipynb#cell-id=a1">cell [1], line 1</a>: <code>&lt;script&gt;alert(1)' in html
    assert '<a href="model.ipynb#cell-id=a2">cell [2], line 1</a>: <code>import somewhere</code>' in html
    assert "<script" not in html


def test_serve_serves_what_was_saved_at_one_address_until_it_is_stopped(kernel, notebook):
    # A build skips our own magics.
    save(notebook, "%load_ext nb_builder\n%nb_serve", ADDS_ONE, EXAMPLES)
    _, html, text, _ = kernel.run(f"%nb_serve --port {stage.free_port()}")
    url = url_of(text)
    assert text.startswith("Serving until this kernel stops\n") and "Sample request: 1 → 2\n" in text
    assert answer_of(url) == 42
    page = re.search(r'<a href="(http://[^"]+)">', html)[1]
    with urllib.request.urlopen(page, timeout=PATIENCE) as response:
        assert b"model.ipynb" in response.read()
    save(notebook, ADDS_TWO, EXAMPLES)
    assert url_of(kernel.run("%nb_serve")[2]) == url
    assert answer_of(url) == 43
    assert kernel.run("%nb_serve --stop")[2] == "Stopped"
    with pytest.raises(URLError, match="refused"):
        answer_of(url)
    assert kernel.run("%nb_serve --stop")[2] == "Nothing was served"


def test_a_build_that_fails_is_shown_with_its_cell_and_the_end_of_a_kernel_ends_what_it_serves(
    shared, notebook, env, tmp_path
):
    save(notebook, ADDS_ONE, EXAMPLES)
    with Kernel(shared[0], notebook, **env) as kernel:
        kernel.run("%load_ext nb_builder")
        kernel.run(f"%nb_serve --port {stage.free_port()}")
        save(notebook, ADDS_ONE, "1 / 0")
        _, html, text, _ = kernel.run("%nb_serve")
        assert text.startswith("Not built\n") and "The previous service was stopped." in text
        assert '<a href="model.ipynb#cell-id=a2">cell [2], line 1</a>: <code>1 / 0</code>' in html
        assert "ZeroDivisionError" in text
        save(notebook, ADDS_ONE, EXAMPLES)
        url = url_of(kernel.run("%nb_serve")[2])
        assert answer_of(url) == 42
    # The kernel has been killed, and could end nothing itself.
    assert stage.processes_of(env, PATIENCE) == []
    assert list((tmp_path / "temporary").glob("nb-magic-*")) == []


def test_the_extension_is_unloaded_with_its_service_and_an_interrupt_cancels_a_build(kernel, notebook):
    save(notebook, ADDS_ONE)
    _, _, text, _ = kernel.run(f"%nb_serve --port {stage.free_port()}")
    assert "The notebook has no examples" in text and answer_of(url_of(text)) == 42
    kernel.run("%unload_ext nb_builder")
    with pytest.raises(URLError, match="refused"):
        answer_of(url_of(text))
    kernel.run("%load_ext nb_builder")
    save(notebook, f"import time\ntime.sleep({PATIENCE * 9})", ADDS_ONE)
    threading.Timer(2, os.killpg, (kernel.process.pid, signal.SIGINT)).start()
    assert kernel.run("%nb_serve")[2] == "Stopped; nothing is served"


def test_golden_shows_the_answers_and_proposes_the_cell_that_keeps_them(kernel):
    assert "This kernel has no predictor. (predictor-not-defined)" in kernel.run("%nb_golden 1")[2]
    kernel.run("import numpy\n" + ADDS_ONE)
    _, html, text, payload = kernel.run("%nb_golden 1, '<b>'")
    assert text.splitlines()[:3] == ["Answered: 1 of 2", "  sample  answer", "  1       2"]
    assert "predictor raises TypeError" in text and "&lt;b&gt;" in html and "<b>" not in html
    assert payload == [{"source": "set_next_input", "text": "examples = [1]", "replace": False}]
    kernel.run(payload[0]["text"])
    # Those that are known come first, and none comes twice.
    assert kernel.run("%nb_golden *range(3), 2.5")[3][0]["text"] == "examples = [1, 0, 2, 2.5]"
    assert kernel.run("%nb_golden")[3][0]["text"] == "examples = [1]"
    kernel.run("del examples; predictor = sum")
    # An array is its rows.
    assert kernel.run("%nb_golden numpy.array([[1, 2], [3, 4]])")[3][0]["text"] == "examples = [[1, 2], [3, 4]]"
    for line_text, reason in (("", "no samples are given, and examples is not defined."), ("[1", "SyntaxError")):
        _, _, text, payload = kernel.run(f"%nb_golden {line_text}")
        assert f"'{line_text}' contains no samples: {reason}" in text and "(samples-invalid)" in text and payload == []


def test_wrong_words_are_one_line(kernel):
    for line_text, line in {
        "%nb_check --all": "unrecognized arguments: --all; usage: %nb_check [FILE]",
        "%nb_serve --port x": "argument --port: invalid int value: 'x'; "
        "usage: %nb_serve [--stop] [--port PORT] [-e NAME=VALUE] [FILE]",
        "%nb_serve 'model": "No closing quotation",
    }.items():
        assert kernel.run(line_text)[0].strip() == f"UsageError: {line}"


def test_a_notebook_that_is_not_saved_or_that_no_one_names_is_reported_in_a_sentence(shared, kernel, notebook, env):
    _, _, text, _ = kernel.run("%nb_serve")
    assert f"The file {notebook} does not exist. (notebook-not-saved)" in text and "Fix: Save the notebook." in text
    with Kernel(shared[0], notebook, **env, JPY_SESSION_NAME="") as console:
        console.run("%load_ext nb_builder")
        assert "%nb_check can't find out which notebook it is in. (notebook-unnamed)" in console.run("%nb_check")[2]
        save(notebook, ADDS_ONE)
        assert "Nothing found; it defines predictor<" in console.run("%nb_check model.ipynb")[1]


def test_the_cells_of_the_page_show_what_is_below_them(kernel, notebook):
    ran = 0
    for found in FENCE.finditer(PAGE.read_text(encoding="utf-8")):
        magic, shown, cell = found.groups()
        if cell:
            save(notebook, cell)
            kernel.run(cell)
        elif shown:
            _, _, text, _ = kernel.run(magic.strip())
            lines = "\n".join(line.strip() for line in shown.splitlines())
            assert Block(magic, frozenset(), 0, lines).shows(text), text
            ran += 1
    assert ran == 5
