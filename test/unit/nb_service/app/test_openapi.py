import re

import pytest
from nb_service.app import openapi_bodies
from nb_service.protocols import csv_body
from nb_service.protocols.rows import Rows

from route_contexts import client_of

NUMBER, TEXT = {"type": "number"}, {"type": "string"}
LISTS = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}
OBJECTS = {"type": "object", "properties": {"name": TEXT, "a.b": NUMBER}, "required": ["name", "a.b"]}


def document(folder, sample=None, answer=None, **settings):
    manifest = {"sample_schema": sample, "answer_schema": answer}
    return (
        client_of(folder=folder, manifest={k: v for k, v in manifest.items() if v}, **settings)
        .get("/openapi.json")
        .json
    )


def documented(document):
    return {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}


def test_every_route_is_in_the_document(tmp_path):
    client = client_of(
        folder=tmp_path, manifest={"answer_schema": NUMBER, "explainer": True}, aip_predict_route="/ask", export=True
    )
    there = documented(client.get("/openapi.json").json)
    for rule in client.application.url_map.iter_rules():
        path = re.sub(r"<(\w+)>", r"{\1}", rule.rule)
        # What each model takes and gives is its own.
        path = re.sub("^/(predict|docs)/{name}", r"/\1/half", path)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            assert (method, path) in there or "path:" in path, path
    assert ("POST", "/ask") in there
    assert {("POST", "/v1/models/{name}:regress"), ("GET", "/v1/models/{name}/versions/{version}/metadata")} <= there


def test_a_stream_may_have_more_items_than_the_golden_rows(tmp_path):
    manifest = {"answer_schema": LISTS, "streams": True}
    answer = client_of(folder=tmp_path, manifest=manifest).get("/openapi.json").json["components"]["schemas"]["Answer"]
    assert answer == {"type": "array", "items": NUMBER, "x-cog-array-type": "iterator"}


def test_what_is_off_is_not_in_the_document(tmp_path):
    assert not {"/model", "/notebook"} & set(document(tmp_path)["paths"])


@pytest.mark.parametrize(
    ("answer", "fitting"),
    [
        (NUMBER, {"regress"}),
        ({"type": "array", "items": NUMBER, "minItems": 1, "maxItems": 1}, {"regress"}),
        ({"type": "object", "properties": {"a": NUMBER}}, {"classify"}),
        ({"type": "object", "properties": {"a": TEXT}}, set()),
        (TEXT, set()),
        (None, set()),
    ],
)
def test_routes_that_answers_do_not_fit_are_left_out(answer, fitting, tmp_path):
    paths = document(tmp_path, answer=answer)["paths"]
    assert {path.rpartition(":")[2] for path in paths if ":" in path} - {"predict"} == fitting


@pytest.mark.parametrize("schema", [LISTS, OBJECTS, NUMBER, TEXT, {}, {"type": "array"}])
def test_the_pattern_of_csv_fits_what_is_read_as_csv(schema, tmp_path):
    pattern = document(tmp_path, schema)["paths"]["/predict/batch"]["post"]["requestBody"]["content"]["text/csv"][
        "schema"
    ]
    lines = {0: "name,a.b\nMary Ann,1.5\nBob,-2\n", 1: "1.5,2\n-3,4\n", 2: "1.5\n-2\n"}
    fitting = [number for number, text in lines.items() if re.fullmatch(pattern["pattern"][1:-1], text)]
    expected = {id(OBJECTS): [0], id(LISTS): [1], id(NUMBER): [2]}.get(id(schema), [])
    assert fitting == expected
    for number in fitting:
        assert csv_body.read(lines[number].encode(), Rows(schema), None)


def test_events_and_tensors_have_their_header_fields(tmp_path):
    paths = document(tmp_path)["paths"]
    names = [parameter["name"] for parameter in paths["/"]["post"]["parameters"]]
    assert names == ["ce-id", "ce-source", "ce-type", "ce-specversion"]
    assert "parameters" not in paths["/"]["get"]
    infer = paths["/v2/models/{name}/infer"]["post"]
    assert [parameter["name"] for parameter in infer["parameters"]] == ["name", "Inference-Header-Content-Length"]
    assert infer["requestBody"]["content"]["application/octet-stream"]["schema"] == openapi_bodies.BINARY


def test_the_field_of_the_page_s_form_is_json_of_a_sample(tmp_path):
    body = document(tmp_path)["paths"]["/docs"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    field = body["schema"]["properties"]["sample"]
    assert (field["contentMediaType"], field["contentSchema"]) == ("application/json", openapi_bodies.SAMPLE)


def test_the_list_of_models_links_to_what_is_reported_of_one(tmp_path):
    paths = document(tmp_path)["paths"]
    for version in ("v1", "v2"):
        link = paths[f"/{version}/models"]["get"]["responses"]["200"]["links"]["model"]
        assert link["operationId"] == paths[f"/{version}/models/{{name}}"]["get"]["operationId"]
        assert link["parameters"] == {"name": "$response.body#/models/0"}


def test_the_front_knows_which_routes_take_bodies(tmp_path):
    from nb_service.front import server

    client = client_of(folder=tmp_path)
    methods = {}
    for rule in client.application.url_map.iter_rules():
        methods.setdefault(re.sub(r"<[^>]*>", "a", rule.rule), set()).update(rule.methods)
    assert {path for path in methods if server.TAKE_BODIES.fullmatch(path)} == {
        path for path, allowed in methods.items() if "POST" in allowed
    }
