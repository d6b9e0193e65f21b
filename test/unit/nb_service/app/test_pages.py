import html
import json

import pytest
from nb_service.pool import answer
from nb_service.pool.answer import Answer

from route_contexts import client_of

MANIFEST = {
    "predictor_doc": "Add <b>two</b> numbers.",
    "predictor_signature": "predictor(x: list) -> float",
    "sample_schema": {"type": "array"},
    "answer_schema": {"type": "number"},
    "python_full": "3.11.7",
}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def app_root(tmp_path):
    """Return an APP_ROOT with two golden rows and a notebook's page."""
    (tmp_path / "model").mkdir()
    (tmp_path / "build").mkdir()
    rows = [
        {"sample": [1, 2], "answer": 3, "from": "call"},
        {"sample": ["<i>", "ü\ud800"], "answer": 0, "from": "call"},
    ]
    (tmp_path / "model" / "golden.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "build" / "notebook.html").write_text("<h1>As it was run</h1>")
    return tmp_path


def client(app_root, predict=sum, **test_client):
    """Return a client of an application with that model."""
    return client_of(predict, app_root / "model", manifest=MANIFEST, **test_client)


def test_a_browser_gets_the_page_and_a_client_the_routes(app_root):
    test_client = client(app_root)
    assert "<h1>half</h1>" in test_client.get("/", headers=BROWSER).text
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        response = test_client.get("/", headers=headers).json
        assert (response["status"], response["name"], response["version"]) == ("alive", "half", "1700000000")
        assert "POST /predict" in response["routes"]


def test_the_page_tells_of_the_notebook_and_fills_in_its_first_sample(app_root):
    page = client(app_root).get("/docs").text
    for words in (
        '<a href="/notebook">half.ipynb</a>',
        "Version 1700000000",
        "2023-11-14 22:13 UTC",
        "<code>abc123</code>",
        "https://example.com/half.git",
        "predictor(x: list) -&gt; float",
        "Add &lt;b&gt;two&lt;/b&gt; numbers.",
        ">\n[1, 2]</textarea>",
        "<code>[1, 2]</code></td><td><code>3</code>",
        "curl -H &#39;Content-Type: application/json&#39; -d &#39;[1, 2]&#39; http://localhost/predict",
    ):
        assert words in page


def test_a_model_without_golden_rows_is_shown_as_unproved(app_root):
    words = "Nothing proves that this service answers"
    assert words not in client(app_root).get("/docs").text
    test_client = client_of(sum, app_root / "model", manifest={**MANIFEST, "golden": 0})
    for path in ("/docs", "/"):
        page = test_client.get(path, headers=BROWSER).text
        assert words in page and "examples = [[0.2, 0.7]]" in page


def test_another_golden_row_can_be_taken(app_root):
    assert "&lt;i&gt;" in client(app_root).get("/docs?row=2").text.partition("</textarea>")[0]
    for row in ("0", "3", "x", "9" * 100):
        assert ">\n[1, 2]</textarea>" in client(app_root).get(f"/docs?row={row}").text


def test_the_form_shows_the_answer_and_keeps_the_sample(app_root):
    response = client(app_root).post("/docs", data={"sample": "[4, 5]"})
    assert (response.status_code, ">\n[4, 5]</textarea>" in response.text) == (200, True)
    assert '<section class="answer" id="answer"><h2>Answer</h2><pre>9</pre>' in response.text


@pytest.mark.parametrize(
    ("sample", "outcome", "status", "words"),
    [
        ("", None, 400, "The body is empty"),
        ("[1", Answer(answer.NOT_JSON, b'{"reason": "<it>"}'), 400, "The body is not JSON: &lt;it&gt;."),
        ("1", Answer(answer.REFUSED, b'{"traceback": null}'), 422, "refuses this sample"),
        ("1", Answer(answer.FAILED, b'{"traceback": "secret"}'), 500, "predictor failed"),
    ],
)
def test_the_form_shows_a_refusal_as_words(app_root, sample, outcome, status, words):
    test_client = client(app_root)
    test_client.application.view_functions["try"].__self__._context.asker.ask = lambda sample: outcome
    response = test_client.post("/docs", data={"sample": sample})
    assert response.status_code == status
    assert words in response.text and "secret" not in response.text


def test_nothing_on_a_page_runs_or_comes_from_elsewhere(app_root):
    for path in ("/docs", "/notebook"):
        response = client(app_root).get(path)
        assert "<script" not in response.text
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy
    assert "sandbox" in client(app_root).get("/notebook").headers["Content-Security-Policy"]


def test_the_notebook_is_shown_unless_that_is_switched_off_or_there_is_none(app_root):
    assert "As it was run" in client(app_root).get("/notebook").text
    off = client(app_root, notebook_page=False)
    assert off.get("/notebook").status_code == 404
    assert 'href="/notebook"' not in off.get("/docs").text
    (app_root / "build" / "notebook.html").unlink()
    assert client(app_root).get("/notebook").status_code == 404


def test_a_model_without_golden_rows_has_a_page_too(app_root):
    (app_root / "model" / "golden.ndjson").unlink()
    assert "Samples of the notebook" not in client(app_root).get("/docs").text


def test_the_openapi_document_has_the_golden_rows_as_examples(app_root):
    document = client(app_root).get("/openapi.json").json
    assert (document["info"]["title"], document["info"]["version"]) == ("half", "1700000000")
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Sample"}
    assert body["examples"]["row1"] == {"value": [1, 2]}
    assert document["components"]["schemas"]["Sample"] == {"type": "array"}


def test_the_openapi_document_tells_where_a_key_is_wanted(app_root):
    document = client(app_root, api_key_file="/a/key").get("/openapi.json").json
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key", "browser"}
    predict, healthz = document["paths"]["/predict"]["post"], document["paths"]["/healthz"]["get"]
    assert predict["security"] == [{"bearer": []}, {"key": []}, {"browser": []}] and "401" in predict["responses"]
    assert "security" not in healthz and "401" not in healthz["responses"]
    assert "securitySchemes" not in client(app_root).get("/openapi.json").json["components"]


def test_open_inference_s_example_is_the_golden_samples_as_a_tensor(app_root):
    rows = [{"sample": [1, 2], "answer": 3, "from": "call"}, {"sample": [3, 4], "answer": 7, "from": "call"}]
    (app_root / "model" / "golden.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    test_client = client(app_root)
    infer = test_client.get("/openapi.json").json["paths"]["/v2/models/{name}/infer"]["post"]
    example = infer["requestBody"]["content"]["application/json"]["examples"]["row1"]["value"]
    assert test_client.post("/v2/models/half/infer", json=example).json["outputs"][0]["data"] == [3, 7]


def test_the_page_s_command_has_the_key_where_one_is_wanted(app_root):
    wanted = (
        "curl -H 'Content-Type: application/json' -H \"X-API-Key: $(cat key)\" -d '[1, 2]' http://localhost/predict"
    )
    assert wanted in html.unescape(client(app_root, api_key_file="/a/key").get("/docs").text)
    assert "X-API-Key" not in client(app_root).get("/docs").text
