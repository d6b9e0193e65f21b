"""What a build leaves for people: the pages of the service, with the notebook's own words, outputs and commit."""

import json
import urllib.request

import pytest

from flow import stage

pytestmark = pytest.mark.xdist_group("seen from outside")
CELLS = (
    "requirements = []",
    "print('a picture of <the> data')",
    'def predictor(x: int) -> int:\n    """Return the next number."""\n    return x + 1',
    "predictor(41)",
)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Return the port of a service that was built from CELLS at COMMIT."""
    folder = tmp_path_factory.mktemp("seen")
    built, env = stage.build_of(folder, *CELLS, S2I_COMMIT=COMMIT, S2I_SOURCE="https://example.com/next.git")
    assert built.status == 0, built.stdout
    with stage.running(env) as (port, _, _):
        yield port


def get(port, path, **headers):
    """Return (text, headers) of GET `path`."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(asked, timeout=20) as said:
        return said.read().decode(), said.headers


def test_the_page_shows_what_the_notebook_and_the_build_say(service):
    page, headers = get(service, "/", Accept="text/html")
    for words in (
        "predictor(x: int) -&gt; int",
        "Return the next number.",
        f"Commit <code>{COMMIT[:12]}</code>",
        'href="https://example.com/next.git"',
        "<code>41</code></td><td><code>42</code>",
        '<a href="./notebook">model.ipynb</a>',
    ):
        assert words in page
    assert headers["X-Model-Commit"] == COMMIT


def test_the_notebook_is_shown_as_it_was_run(service):
    page, _ = get(service, "/notebook")
    assert "a picture of &lt;the&gt; data" in page and ">42<" in page.replace("\n", "")
    assert "nb_scorer" not in page


def test_predictions_name_the_model_that_gave_them(service):
    version = json.loads(get(service, "/")[0])["version"]
    assert stage.ask(service, b"1") == (200, b"2")
    assert get(service, "/version")[0] == version
    assert json.loads(get(service, "/openapi.json")[0])["info"]["version"] == version
