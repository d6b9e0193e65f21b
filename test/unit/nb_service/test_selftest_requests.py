import io
import json
from urllib.parse import parse_qsl

import numpy as np
from nb_service import selftest_requests

GIVEN = {"has_notebook": True, "compare": True}


def asked(rows, **more):
    given = {**GIVEN, **more}
    return {one.name: one for one in selftest_requests.questions_for(rows, "iris", **given)}


def test_each_golden_row_is_asked_for_its_answer():
    found = asked([{"sample": [1, 2], "answer": 3}, {"sample": [4, 5], "answer": 9}])
    assert (found["golden row 2"].body, found["golden row 2"].answer) == (b"[4, 5]", (9,))
    assert found["golden rows as NDJSON"].answer == ([3, 9],)
    assert found["golden rows as NDJSON"].read(b"3\n9\n") == [3, 9]


def test_forms_of_bodies_are_asked_with_a_few_samples():
    found = asked([{"sample": number, "answer": number} for number in range(50)])
    assert (found["golden rows as JSON"].body, found["golden rows as JSON"].samples) == (b"[0, 1, 2, 3, 4]", 5)
    assert found["golden row 50"].answer == (49,)


def test_an_answer_of_null_is_compared_too():
    assert asked([{"sample": 1, "answer": None}])["golden row 1"].answer == (None,)


def test_where_answers_vary_only_the_status_counts():
    found = asked([{"sample": [1, 2], "answer": 3}], compare=False)
    assert found["golden row 1"].answer == () and found["golden row 1"].status == 200


def test_without_golden_rows_pages_and_rejections_are_asked():
    found = asked([])
    assert found["GET /v1/models/iris"].status == 200
    assert found["a body that is not JSON"].status == 400
    assert not any("golden" in name for name in found)


def test_the_notebooks_page_is_asked_for_where_there_is_one():
    assert "GET /notebook" in asked([]) and "GET /notebook" not in asked([], has_notebook=False)


def test_rows_of_numbers_become_an_array_that_numpy_reads():
    found = asked(
        [{"sample": [1, 2.5], "answer": 0}, {"sample": ["a", 2], "answer": 0}, {"sample": [3, 4], "answer": 0}]
    )
    assert np.load(io.BytesIO(found["npy"].body)).tolist() == [[1.0, 2.5], [3.0, 4.0]]
    assert found["CSV"].body == b"1,2.5\n3,4\n"


def test_texts_become_no_array_of_their_own():
    found = asked([{"sample": "spam", "answer": 0}])
    assert np.load(io.BytesIO(found["npy"].body)).tolist() == [[0.0]]


def test_odd_samples_are_the_notebooks_own_ones_broken():
    odd = selftest_requests.odd_samples([[1, 2]])
    assert [1] in odd and [1, 2, 0] in odd and [None, None] in odd and ["1", "2"] in odd and None in odd
    assert {"b": 2} in selftest_requests.odd_samples([{"a": 1, "b": 2}])
    assert all(json.loads(json.dumps(sample)) == sample for sample in odd)


def test_both_forms_of_the_page_are_sent():
    questions = selftest_requests.questions_for([{"sample": [1], "answer": 0}], "iris", **GIVEN)
    forms = [one for one in questions if (one.method, one.path) == ("POST", "/docs")]
    assert [dict(parse_qsl(one.body.decode())) for one in forms] == [
        {"sample": "[1]"},
        {"kind:#": "array", "kind:#/0": "number", "#/0": "1", "do": "show"},
    ]
