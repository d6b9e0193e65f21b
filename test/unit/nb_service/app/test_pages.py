import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest
from nb_service.http.metrics import Requests
from nb_service.pool import answer
from nb_service.pool.answer import Answer
from werkzeug.datastructures import MultiDict

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


def text_of(page):
    """Return a page as it reads."""
    return html.unescape(re.sub("<[^>]*>", "", page))


class ByField(HTMLParser):
    """Reads the form by field as a browser without scripts does: `pairs` to send, and `labelled` ids."""

    def __init__(self, page):
        super().__init__()
        self.pairs, self.labelled, self.ids, self.buttons = [], [], [], []
        self._open = self._options = None
        self.feed(page.partition('id="by-field"')[2].partition("</form>")[0])

    def handle_starttag(self, tag, attributes):
        facts = dict(attributes)
        if tag == "label":
            self.labelled.append(facts["for"])
        if "value" in facts.get("class", "").split():
            self.ids.append(facts["id"])
        if tag == "button":
            self.buttons.append(facts["value"])
        elif tag == "input" and (facts["type"] != "checkbox" or "checked" in facts):
            self.pairs.append((facts["name"], facts["value"]))
        elif tag == "select":
            self._options = (facts["name"], [])
        elif tag == "option":
            self._options[1].append((facts["value"], "selected" in facts))
        elif tag == "textarea":
            self._open = [facts["name"], ""]

    def handle_endtag(self, tag):
        if tag == "select":
            name, options = self._options
            self.pairs.append((name, next((value for value, chosen in options if chosen), options[0][0])))
        elif tag == "textarea":
            # The line break after the tag is not part of the text.
            self.pairs.append((self._open[0], self._open[1].removeprefix("\n")))
            self._open = None

    def handle_data(self, data):
        if self._open:
            self._open[1] += data


def test_a_browser_gets_the_page_and_a_client_the_routes(app_root):
    test_client = client(app_root)
    assert "<h1>half</h1>" in test_client.get("/", headers=BROWSER).text
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        response = test_client.get("/", headers=headers).json
        assert (response["status"], response["name"], response["version"]) == ("alive", "half", "1700000000")
        assert "POST /predict" in response["routes"]


def test_the_page_reports_of_the_notebook_and_fills_in_its_first_sample(app_root):
    page = client(app_root).get("/docs").text
    for words in (
        '<a href="./notebook">half.ipynb</a>',
        "Version 1700000000",
        "2023-11-14 22:13 UTC",
        "<code>abc123</code>",
        "https://example.com/half.git",
        "predictor(x: list) -&gt; float",
        "Add &lt;b&gt;two&lt;/b&gt; numbers.",
        ">\n[1, 2]</textarea>",
        "<code>[1, 2]</code></td><td><code>3</code>",
    ):
        assert words in page
    assert "curl -H 'Content-Type: application/json' -d '[1, 2]' http://localhost/predict" in text_of(page)


def test_a_model_without_golden_rows_is_shown_as_unproved(app_root):
    words = "No sample verifies this service"
    assert words not in client(app_root).get("/docs").text
    test_client = client_of(sum, app_root / "model", manifest={**MANIFEST, "golden": 0})
    for path in ("/docs", "/"):
        page = test_client.get(path, headers=BROWSER).text
        assert words in page and "examples = [[0.2, 0.7]]" in page


def test_a_model_whose_setup_the_build_did_not_call_is_shown_as_unproved(app_root):
    manifest = {**MANIFEST, "golden": 0, "setup_in_build": False}
    page = client_of(sum, app_root / "model", manifest=manifest).get("/docs").text
    assert "No sample verifies this service" in page and "S2I_SETUP_IN_BUILD=0" in page
    assert "examples = " not in page


def test_another_golden_row_can_be_taken(app_root):
    assert "&lt;i&gt;" in client(app_root).get("/docs?row=2").text.partition("</textarea>")[0]
    for row in ("0", "3", "x", "9" * 100):
        assert ">\n[1, 2]</textarea>" in client(app_root).get(f"/docs?row={row}").text


def test_the_form_shows_the_answer_and_keeps_the_sample(app_root):
    response = client(app_root).post("/docs", data={"sample": "[4, 5]"})
    assert (response.status_code, ">\n[4, 5]</textarea>" in response.text) == (200, True)
    assert '<div class="answer" id="answer"><pre id="answer-text">9</pre>' in response.text
    assert "200 OK, answered in " in response.text


@pytest.mark.parametrize(
    ("sample", "outcome", "status", "words"),
    [
        ("", None, 400, "The body is empty"),
        ("[1", Answer(answer.NOT_JSON, b'{"reason": "<it>"}'), 400, "The body is not JSON: &lt;it&gt;."),
        ("1", Answer(answer.REFUSED, b'{"traceback": null}'), 422, "rejects this sample"),
        ("1", Answer(answer.FAILED, b'{"traceback": "secret"}'), 500, "predictor failed"),
    ],
)
def test_the_form_shows_a_rejection_as_words(app_root, sample, outcome, status, words):
    test_client = client(app_root)
    test_client.application.view_functions["try"].__self__.context.asker.ask = lambda sample, call=b"": outcome
    response = test_client.post("/docs", data={"sample": sample})
    assert response.status_code == status
    assert words in response.text and "secret" not in response.text


def test_nothing_on_a_page_runs_or_comes_from_elsewhere_but_our_own_script(app_root):
    response = client(app_root).get("/docs")
    (script,) = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"]
    for word in ("default-src 'none'", f"script-src 'sha256-{digest}'", "connect-src 'self'", "form-action 'self'"):
        assert word in policy.split("; ")
    for path in ("/notebook", "/drift"):
        response = client(app_root).get(path, headers=BROWSER)
        assert "<script" not in response.text
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy and "connect-src" not in policy
    assert "sandbox" in client(app_root).get("/notebook").headers["Content-Security-Policy"]


def test_the_notebook_is_shown_unless_that_is_switched_off_or_there_is_none(app_root):
    assert "As it was run" in client(app_root).get("/notebook").text
    off = client(app_root, notebook_page=False)
    assert off.get("/notebook").status_code == 404
    assert 'href="./notebook"' not in off.get("/docs").text
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


def test_the_openapi_document_reports_where_a_key_is_wanted(app_root):
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
    assert wanted in text_of(client(app_root, api_key_file="/a/key").get("/docs").text)
    assert "X-API-Key" not in client(app_root).get("/docs").text


HOSTILE = "<b>\"'&amp;</textarea>"
PERSON = {
    "type": "object",
    "properties": {
        HOSTILE: {"type": "string"},
        "age": {"type": "integer"},
        "height": {"type": "number"},
        "member": {"type": "boolean"},
        "colour": {"enum": ["red", HOSTILE], "type": "string"},
        "zip": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"type": "object", "properties": {"a/b": {"type": "string"}}},
        "any": {},
    },
    "required": ["age"],
}
ADA = {
    HOSTILE: HOSTILE,
    "age": 40,
    "height": 1.5,
    "member": True,
    "colour": HOSTILE,
    "zip": None,
    "tags": ["one\ntwo", ""],
    "place": {"a/b": "Oslo"},
    "any": [1, {"a": HOSTILE}],
}


@pytest.fixture
def people(app_root):
    """Return a client of an application whose samples are like ADA, and which answers with the sample."""
    (app_root / "model" / "golden.ndjson").write_text(json.dumps({"sample": ADA, "answer": 0}) + "\n")
    return client_of(folder=app_root / "model", manifest={"sample_schema": PERSON, "predictor_doc": HOSTILE})


def asked_of(test_client):
    """Return the last sample that was asked."""
    return json.loads(test_client.application.view_functions["try"].__self__.context.asker.asked[-1])


def test_the_form_sends_the_sample_that_it_shows_without_a_script(people):
    form = ByField(people.get("/docs").text)
    response = people.post("/docs", data=MultiDict([*form.pairs, ("do", form.buttons[0])]))
    assert response.status_code == 200 and 'id="answer-text"' in response.text
    assert asked_of(people) == ADA
    assert ByField(response.text).pairs == form.pairs


def test_what_is_typed_into_the_form_is_in_the_editor_then(people):
    pairs = dict(ByField(people.get("/docs").text).pairs)
    pairs |= {"#/age": "41", "kind:#/zip": "integer", "#/zip": "7", "kind:#/any": "absent", "#/colour": '"red"'}
    del pairs["#/member"]
    response = people.post("/docs", data=pairs)
    expected = {**ADA, "age": 41, "zip": 7, "colour": "red", "member": False}
    del expected["any"]
    assert asked_of(people) == expected
    editor = re.search(r'<textarea id="sample".*?>\n(.*?)</textarea>', response.text, re.DOTALL)[1]
    assert json.loads(html.unescape(editor)) == expected


def test_every_field_has_a_label_and_nothing_of_the_model_is_markup(people):
    page = people.get("/docs").text
    form = ByField(page)
    assert len(form.ids) == len(set(form.ids)) == 10 and set(form.ids) <= set(form.labelled)
    # Its name, its text, the documentation of predictor, the golden row and the programs.
    assert "<b>" not in page and page.count("&lt;b&gt;") > 10 and page.count("</textarea>") == 3


def test_lists_grow_and_shrink_without_asking_the_model(people):
    pairs = ByField(people.get("/docs").text).pairs
    page = people.post("/docs", data=MultiDict([*pairs, ("do", "add #/tags")])).text
    grown = ByField(page)
    assert dict(grown.pairs)["#/tags/2"] == "" and "remove #/tags/2" in grown.buttons
    assert "Nothing was asked yet." in page
    shrunk = ByField(people.post("/docs", data=MultiDict([*grown.pairs, ("do", "remove #/tags/0")])).text)
    assert [pair for pair in shrunk.pairs if pair[0].startswith("#/tags/")] == [("#/tags/0", ""), ("#/tags/1", "")]
    assert people.application.view_functions["try"].__self__.context.asker.asked == []


def test_the_script_gets_the_form_of_a_sample_without_asking_the_model(people):
    page = people.post("/docs", data={"do": "show", "sample": '{"age": 5, "more": 1}'}).text
    pairs = dict(ByField(page).pairs)
    assert (pairs["#/age"], pairs["kind:#/more"], pairs["kind:#/tags"]) == ("5", "json", "absent")
    assert people.application.view_functions["try"].__self__.context.asker.asked == []


def test_what_was_just_chosen_is_empty_and_no_mistake(people):
    pairs = dict(ByField(people.get("/docs").text).pairs)
    page = people.post("/docs", data={**pairs, "kind:#/zip": "integer", "#/zip": "", "do": "show"}).text
    assert dict(ByField(page).pairs)["#/zip"] == "0" and 'aria-invalid="true"' not in page


@pytest.mark.parametrize(("typed", "words"), [("", "Enter a number."), ("<i>", "This is not a number.")])
def test_a_field_that_can_not_be_read_is_reported_next_to_it(people, typed, words):
    pairs = dict(ByField(people.get("/docs").text).pairs)
    response = people.post("/docs", data={**pairs, "#/age": typed})
    assert response.status_code == 400 and "Some fields have invalid values." in response.text
    assert f'data-at="#/age">{words}</p>' in response.text
    assert dict(ByField(response.text).pairs)["#/age"] == typed
    assert people.application.view_functions["try"].__self__.context.asker.asked == []


def test_a_rejection_names_its_fields_next_to_them(people):
    rejection = {"misfit": True, "reason": "it", "errors": [{"pointer": "#/age", "detail": "too <old>"}]}
    people.application.view_functions["try"].__self__.context.asker.ask = lambda sample, call=b"": Answer(
        answer.REFUSED, json.dumps({**rejection, "traceback": None}).encode()
    )
    response = people.post("/docs", data=MultiDict(ByField(people.get("/docs").text).pairs))
    assert response.status_code == 422 and 'data-at="#/age">too &lt;old&gt;</p>' in response.text


def test_a_form_that_is_not_ours_is_rejected(people):
    response = people.post("/docs", data={"kind:#": "set"})
    assert (response.status_code, "The form has no value at #." in response.text) == (400, True)


def test_where_nothing_is_known_of_samples_the_editor_is_alone(app_root):
    (app_root / "model" / "golden.ndjson").unlink()
    page = client_of(folder=app_root / "model").get("/docs").text
    assert "The form of samples is unknown" in page and ">\n</textarea>" in page
    hinted = client_of(folder=app_root / "model", manifest={"sample_hint": PERSON}).get("/docs").text
    assert ">\n{&#34;age&#34;: 0}</textarea>" in hinted and "#/age" in dict(ByField(hinted).pairs)


@pytest.mark.parametrize("sample", ["[1e999]", "[", *('{"any": ' + "[" * n + "]" * n + "}" for n in (300, 900, 9000))])
def test_json_that_can_not_be_read_has_no_form(people, sample):
    response = people.post("/docs", data={"sample": sample, "do": "show"})
    assert response.status_code == 200 and 'id="no-form">The sample is not JSON' in response.text


@pytest.mark.parametrize("depth", [50, 300, 900, 9000])
def test_json_in_a_field_is_nested_as_deeply_as_the_page_can_write_it(people, depth):
    pairs = {"kind:#": "object", "kind:#/any": "json", "#/any": "[" * depth + "]" * depth}
    status = people.post("/docs", data=pairs).status_code
    assert status == (200 if depth == 50 else 400)


def test_figures_are_those_of_the_service(app_root):
    requests = Requests()
    requests.asked("/predict", 200, 0.002)
    requests.asked("/readyz", 503, 0.002)
    pool = {"waiting": 0, "in_flight": 0, "scorers": 2, "batches": {"counts": [1], "total": 7}}
    numbers = {**requests.numbers(), **pool}
    page = client(app_root, numbers=lambda: numbers).get("/docs").text
    assert "<dt>Samples</dt><dd>7</dd>" in page and "<dt>Requests</dt><dd>1</dd>" in page
    assert '<p class="state good" id="state">Ready</p>' in page
    page = client(app_root, ready=False).get("/docs").text
    assert '<p class="state bad" id="state">Not ready</p>' in page and 'id="figures"' not in page


def test_cells_that_a_traceback_names_lead_to_the_notebook(app_root):
    failed = Answer(answer.FAILED, b'{"traceback": "File <m.ipynb> cell [3], line 2"}')
    test_client = client(app_root, debug=True)
    test_client.application.view_functions["try"].__self__.context.asker.ask = lambda sample, call=b"": failed
    page = test_client.post("/docs", data={"sample": "1"}).text
    assert 'File &lt;m.ipynb&gt; <a href="./notebook#cell-3">cell [3]</a>, line 2' in page


@pytest.mark.parametrize(
    ("path", "root"), [("/", "./"), ("/docs", "./"), ("/v2/docs", "../"), ("/v2/models/half/docs", "../../../")]
)
def test_links_are_relative_so_that_a_proxy_can_add_a_prefix(app_root, path, root):
    page = client(app_root).get(path, headers=BROWSER).text
    assert f'<a href="{root}openapi.json">' in page and f'<form method="post" action="{root}docs#result"' in page
    assert f'<body data-root="{root}" ' in page and 'href="/' not in page


def test_the_page_is_small_without_what_is_the_models_own(app_root):
    assert len(client(app_root).get("/docs").data) < 60_000
