"""Real PySpark scores with the archive: the answers of requests, and the reasons of the back end `batch`."""

import json
import subprocess

import pytest

from contract import clients
from contract.archives import archive_of
from contract.batches import batch
from contract.notebooks import LISTS, OBJECTS, TROUBLE
from contract.services import Service

KINDS = """
    def predictor(x):
        return [1, 2.5, None, "three", True, [4], {"five": 5}][int(x)]

    examples = [0]
"""
ROWS = 2500
TEXTS = ["a", "refused", "raising", "b", "fail", "exit", "die", "odd", "hang", "print", "c", None]


@pytest.fixture(scope="module")
def archives(model_cache, tmp_path_factory):
    """Return what makes the archive of a notebook's code, once."""
    folder = tmp_path_factory.mktemp("archives")
    made = {}

    def make(name, code):
        if name not in made:
            made[name] = str(archive_of(model_cache(code), folder / name))
        return made[name]

    return make


@pytest.fixture(scope="module")
def outcomes(archives, tmp_path_factory):
    """Return what became of all jobs, by name: they share a session, whose start takes longer than they."""
    lists, objects = archives("lists", LISTS), archives("objects", OBJECTS)
    trouble, kinds = archives("trouble", TROUBLE), archives("kinds", KINDS)
    people = [["a", 1], ["Zoë", 2]]
    jobs = {
        "many": {"archive": lists, "schema": "id bigint, x bigint, y double", "options": {"columns": ["x", "y"]}},
        "refused": {"archive": lists, "schema": "x double, y double, z double", "rows": [[1.0, 2.0, 3.0]]},
        "objects": {"archive": objects, "schema": "name string, age bigint", "rows": people},
        "struct": {
            "archive": objects, "schema": "name string, age bigint", "rows": people, "as_json": True,
            "options": {"answer": "struct<greeting: string, next: bigint>", "errors_column": "", "column": "hi"},
        },
        "trouble": {"archive": trouble, "schema": "text string", "rows": [[text] for text in TEXTS]},
        "kinds": {"archive": kinds, "schema": "x bigint", "rows": [[at] for at in range(7)]},
        "kinds as json": {
            "archive": kinds, "schema": "x bigint", "rows": [[at] for at in range(7)], "options": {"answer": "json"},
        },
        "udf": {"archive": lists, "schema": "x bigint, y bigint", "rows": [[1, 2], [None, 2], [3, 4]], "udf": {}},
        "udf of a struct": {
            "archive": objects, "schema": "name string, age bigint", "rows": people, "udf": {}, "struct": True,
        },
        "udf with names": {
            "archive": objects, "schema": "a string, b bigint", "rows": people, "udf": {"columns": ["name", "age"]},
        },
        "value": {
            "archive": lists, "schema": "id bigint, v string", "rows": [[1, "[1, 2]"], [2, "[3, 4.5]"]],
            "options": {"columns": ["v"]},
        },
        "bytes": {"archive": lists, "schema": "x binary", "rows": [["bytes"]]},
        "no column": {"archive": lists, "schema": "x bigint", "rows": [[1]], "options": {"columns": ["z"]}},
        "nothing": {"archive": lists, "schema": "x bigint, y bigint", "rows": []},
    }  # fmt: skip
    jobs["many"]["rows"] = [[at, at, at / 8] for at in range(ROWS)]
    path = tmp_path_factory.mktemp("jobs") / "jobs.json"
    path.write_text(json.dumps(list(jobs.values())))
    return dict(zip(jobs, clients.ask("spark", "score_spark.py", path, S2I_PREDICT_TIMEOUT="1"), strict=True))


def test_every_row_has_its_answer_next_to_it_and_the_type_of_the_model_s_answers(outcomes):
    found = outcomes["many"]
    assert found["types"] == {
        "id": "bigint", "x": "bigint", "y": "double", "prediction": "double", "prediction_error": "string",
    }  # fmt: skip
    assert found["rows"] == [[at, at, at / 8, at + at / 8, None] for at in range(ROWS)]


def test_answers_are_those_of_requests(outcomes, model_cache):
    service = Service(model_cache(LISTS)).ready()
    try:
        for row in outcomes["many"]["rows"][:5]:
            assert service.predict(row[1:3]) == (200, row[3])
        status, answer = service.predict([1.0, 2.0, 3.0])
    finally:
        service.close()
    assert (status, outcomes["refused"]["rows"]) == (422, [[1.0, 2.0, 3.0, None, answer["detail"]]])


def test_rows_of_each_kind_of_trouble_stay_and_have_the_reasons_that_batch_gives(outcomes, model_cache, tmp_path):
    given = "".join(json.dumps(text) + "\n" for text in TEXTS).encode()
    batch(
        model_cache(TROUBLE), "--keep", "none", "--from", "ndjson", "--errors", tmp_path / "errors", given=given,
        S2I_PREDICT_TIMEOUT="1",
    )  # fmt: skip
    reasons = {}
    for line in (tmp_path / "errors").read_text().splitlines():
        error = json.loads(line)
        reasons[error["sample"]] = error["reason"]
    rows = outcomes["trouble"]["rows"]
    assert [row[0] for row in rows] == TEXTS
    assert [row[1] for row in rows] == [None if text in reasons else text.upper() for text in TEXTS]
    assert [row[2] for row in rows] == [reasons.get(text) for text in TEXTS]


def test_an_answer_that_is_an_object_is_its_json(outcomes):
    assert outcomes["objects"]["types"]["prediction"] == "string"
    answers = [json.loads(row[2]) for row in outcomes["objects"]["rows"]]
    assert answers == [{"greeting": "hi a", "next": 2}, {"greeting": "hi Zoë", "next": 3}]


def test_it_has_the_type_and_the_name_that_are_asked_for(outcomes):
    assert outcomes["struct"]["types"] == {
        "name": "string", "age": "bigint", "hi": "struct<greeting:string,next:bigint>",
    }  # fmt: skip
    assert outcomes["struct"]["rows"][1] == {"name": "Zoë", "age": 2, "hi": {"greeting": "hi Zoë", "next": 3}}


def test_an_answer_that_is_not_of_the_type_costs_its_row_alone(outcomes):
    assert outcomes["kinds"]["types"]["prediction"] == "bigint"
    assert [row[1] for row in outcomes["kinds"]["rows"]] == [1, *[None] * 6]
    assert [row[2] for row in outcomes["kinds"]["rows"]] == [
        None,
        "Its prediction 2.5 is not of type bigint.",
        None,
        'Its prediction "three" is not of type bigint.',
        "Its prediction true is not of type bigint.",
        "Its prediction [4] is not of type bigint.",
        'Its prediction {"five": 5} is not of type bigint.',
    ]


def test_json_takes_any_answer(outcomes):
    rows = outcomes["kinds as json"]["rows"]
    assert [row[1] for row in rows] == ["1", "2.5", None, '"three"', "true", "[4]", '{"five": 5}']
    assert {row[2] for row in rows} == {None}


def test_a_function_of_columns_gives_the_answers_and_null_where_there_is_none(outcomes):
    assert outcomes["udf"]["types"] == {"answer": "double"}
    assert outcomes["udf"]["rows"] == [[3.0], [None], [7.0]]


@pytest.mark.parametrize("name", ["udf of a struct", "udf with names"])
def test_a_function_of_columns_knows_names_by_a_struct_or_is_reported(name, outcomes):
    assert [json.loads(row[0])["greeting"] for row in outcomes[name]["rows"]] == ["hi a", "hi Zoë"]


def test_a_text_that_spells_a_sample_is_one(outcomes):
    assert [row[2] for row in outcomes["value"]["rows"]] == [3.0, 7.5]


def test_a_table_without_rows_has_the_columns(outcomes):
    assert outcomes["nothing"]["rows"] == []
    assert list(outcomes["nothing"]["types"]) == ["x", "y", "prediction", "prediction_error"]


def test_a_column_that_is_not_there_is_rejected_before_anything_runs(outcomes):
    assert outcomes["no column"]["error"].startswith("ERROR: The table has no column 'z'.\n  Why: ")


def test_a_column_that_json_lacks_is_rejected_by_the_executor_in_words(outcomes):
    assert "ERROR: The column 'x' is of type binary, which JSON lacks." in outcomes["bytes"]["error"]
    assert "(problem spark-columns)" in outcomes["bytes"]["error"]


def test_nb_spark_that_is_installed_scores_as_that_of_the_archive(archives, tmp_path):
    python, folder = clients.python_of("spark"), tmp_path / "installed"
    # As `pip install ./app-skeleton` does, in a folder of its own.
    install = [clients.HOME / "build/bin/uv", "pip", "install", "--quiet", "--python", python, "--target", folder]
    subprocess.run([*install, clients.ROOT / "app-skeleton"], check=True)
    rows = [[1, 2.5], [3, 4.0]]
    job = {"archive": archives("lists", LISTS), "schema": "x bigint, y double", "rows": rows}
    (tmp_path / "jobs.json").write_text(json.dumps([job]))
    (outcome,) = clients.ask("spark", "score_spark.py", tmp_path / "jobs.json", folder)
    assert outcome.get("rows") == [[1, 2.5, 3.5, None], [3, 4.0, 7.0, None]], outcome
