"""Which calls of predictor are noted, and that noting them changes nothing."""

import builtins
import dataclasses
import io
import json
import traceback

import numpy as np
import pandas as pd
import PIL.Image
import pydantic
import pytest
from nb_scorer.kernel import call_recorder
from nb_scorer.model import binary

from unit.nb_scorer.kernel.shells import Shell


@pytest.fixture
def shell():
    instance = Shell()
    call_recorder.install(instance)
    yield instance
    for name in (call_recorder.NOTE, call_recorder.NOTE_FIRST, call_recorder.NOTE_ALL, call_recorder.SHOWN):
        delattr(builtins, name)


def bodies(shell):
    return [call.body for call in call_recorder.recorded(shell) if call.body]


def lacks(shell):
    return [(call.passed, call.lack) for call in call_recorder.recorded(shell) if call.body is None]


@dataclasses.dataclass
class Point:
    x: float


@pytest.mark.parametrize(
    ("source", "noted"),
    [
        ("predictor(1, 2)", [b'{"age": 1, "income": 2}']),
        ("predictor(1, 2, 3)", [b'{"age": 1, "income": 2, "more": 3}']),
        ("predictor(income=1, age=(2, 3))", [b'{"age": [2, 3], "income": 1}']),
        ("predictor(predictor(1, 2), 3)", [b'{"age": 1, "income": 2}', b'{"age": 1, "income": 3}']),
        ("try:\n    predictor(1, 2, other=3)\nexcept TypeError:\n    pass", []),
        ("try:\n    predictor(1, 2, 3, 4)\nexcept TypeError:\n    pass", []),
        ("predictor(1, income=2)", [b'{"age": 1, "income": 2}']),
        (
            "predictor(1, more=0, income=predictor(3, income=4))",
            [b'{"age": 3, "income": 4}', b'{"age": 1, "income": 3, "more": 0}'],
        ),
        (
            "try:\n    predictor(1, income=1 / 0)\nexcept ZeroDivisionError:\n    pass\npredictor(income=2, age=5)",
            [b'{"age": 5, "income": 2}'],
        ),
        ("predictor(1, income=predictor(2, income=3))", [b'{"age": 2, "income": 3}', b'{"age": 1, "income": 2}']),
        ("try:\n    predictor(1, age=2)\nexcept TypeError:\n    pass", []),
        ("predictor(*[1, 2]); predictor(**{'age': 1, 'income': 2})", []),
    ],
)
def test_calls_with_several_arguments_are_noted_as_the_object_that_a_client_sends(shell, source, noted):
    shell.user_ns["predictor"] = lambda age, income, more=0: age
    shell.run(source)
    assert bodies(shell) == noted


@pytest.mark.parametrize("sample", [Point(1), pydantic.create_model("Item", x=(float, ...))(x=1)])
def test_what_a_hint_makes_of_an_object_is_noted_as_that_object(shell, sample):
    shell.user_ns["sample"] = sample
    shell.run("predictor(sample)")
    assert [float(json.loads(body)["x"]) for body in bodies(shell)] == [1.0]


@pytest.mark.parametrize(
    ("source", "noted"),
    [
        ("predictor([1, 2])", [b"[1, 2]"]),
        ("print(predictor(1))", [b"1"]),
        ("assert predictor(1) == 1", [b"1"]),
        ("answer = {'a': predictor({'x': 1.5})}", [b'{"x": 1.5}']),
        ("predictor((1, 2))", [b"[1, 2]"]),
        ("predictor(predictor(4))", [b"4"]),
        ("[predictor(x) for x in range(3)]", [b"0", b"1", b"2"]),
        ("for x in 'ab': predictor(x)", [b'"a"', b'"b"']),
        ("predictor(1); predictor(1)", [b"1"]),
    ],
)
def test_top_level_calls_are_noted(shell, source, noted):
    shell.run(source)
    assert bodies(shell) == noted


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return predictor(1)\nf()",
        "async def f():\n    return predictor(1)",
        "(lambda: predictor(1))()",
        "class C:\n    x = predictor(1)",
        "predictor = lambda *a, **k: 0\npredictor(1, 2); predictor(x=1); predictor(*[1]); predictor()",
        "other = predictor\nother(1)",
        "'predictor(1)'",
    ],
)
def test_other_calls_are_not_noted(shell, source):
    shell.run(source)
    assert bodies(shell) == []


@pytest.mark.parametrize(
    "sample",
    [
        "float('nan')",
        "{1: 2}",
        "object()",
        "{1, 2}",
        "__import__('pathlib').Path('/missing')",
        "'x' * 70_000",
        "list(range(30_000))",
        "iter([1])",
        "[1, (2, {3})]",
    ],
)
def test_what_json_would_change_or_is_too_large_is_not_noted(shell, sample):
    shell.run(f"predictor({sample})")
    assert bodies(shell) == []


@pytest.mark.parametrize(
    ("sample", "body"),
    [
        (np.array([[0.5, 1.0]]), b"[[0.5, 1.0]]"),
        (np.float64(0.1), b"0.1"),
        (np.int32(7), b"7"),
        ([np.int64(1), None, True], b"[1, null, true]"),
    ],
)
def test_numpys_arrays_and_numbers_count_as_what_json_makes_of_them(sample, body):
    assert call_recorder.json_form(sample) == (body, "")


def test_a_large_array_is_not_even_encoded():
    assert call_recorder.json_form(np.zeros((1000, 1000))) == (None, "it is too large")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("predictor({1: 2})", [("", "it would change in JSON")]),
        ("predictor(object())", [("object", "a client can only send JSON, which has no such value")]),
        ("predictor('x' * 70_000)", [("", "it is too large")]),
        (
            "predictor(1, verbose=object())",
            [("", "the argument verbose is not kept: a client can only send JSON, which has no such value")],
        ),
        ("predictor(1, model=2)", [("", "the argument model is not kept: a request can't set it")]),
        ("predictor(pandas.DataFrame({'a': [1]}), True)", [("", "a table with parameters can't be a golden row")]),
        ("predictor({1: 2}, True)", [("", "it would change in JSON")]),
        ("[predictor({n}) for n in range(3)]", [("set", "it would change in JSON")]),
    ],
)
def test_why_a_sample_has_no_form_in_json_is_noted_once_a_place(shell, source, expected):
    shell.user_ns.update(predictor=lambda x, verbose=False, model=shell: 1, pandas=pd)
    shell.run(source)
    assert lacks(shell) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("predictor(1, True)", {"verbose": True}),
        ("predictor(x=1, words=('a', 'b'))", {"words": ["a", "b"]}),
        ("predictor(verbose=None, x=1)", {"verbose": None}),
    ],
)
def test_parameters_are_noted_with_their_sample(shell, source, expected):
    shell.user_ns["predictor"] = lambda x, verbose=False, *, words=(): 1
    shell.run("predictor(1); " + source + "; " + source)
    plain, call = call_recorder.recorded(shell)
    assert (plain.body, call_recorder.parameters_of(plain.body)) == (b"1", {})
    assert (bytes(call.body), call_recorder.parameters_of(call.body)) == (b"1", expected)
    assert call.returned and call.answer == b"1"


@pytest.mark.parametrize(
    ("source", "lack"),
    [
        ("predictor(1, headers={'a': 'b'})", "golden rows have no header fields"),
        ("several(1, 2, top_k=3)", "the service passes one sample, and this call passes several"),
    ],
)
def test_calls_that_no_request_can_repeat_are_noted(shell, source, lack):
    def predictor(x, headers: dict):
        return x

    several = source.startswith("several")
    shell.user_ns["predictor"] = (lambda *xs, top_k=1: 1) if several else predictor
    shell.run(source.replace("several", "predictor"))
    assert lacks(shell) == [("", lack)]


@pytest.mark.parametrize("source", ["predictor(1, {})", "predictor(1, headers={})", "predictor(headers={}, x=1)"])
def test_a_call_without_header_fields_is_noted_without_headers(shell, source):
    def predictor(x, headers: dict):
        return x

    def of_two(x, age, headers: dict):
        return x

    shell.user_ns["predictor"] = predictor
    shell.run(source)
    shell.user_ns["predictor"] = of_two
    shell.run("predictor(1, 2, {})")
    assert bodies(shell) == [b"1", b'{"x": 1, "age": 2}']


@pytest.mark.parametrize("name", ["self", "site", "place"])
def test_arguments_may_have_any_name(shell, name):
    shell.run(f"def predictor({name}, age): return age\nassert predictor({name}=1, age=2) == 2")
    shell.run("assert predictor(3, age=4) == 4")
    assert bodies(shell) == [b'{"%s": 1, "age": 2}' % name.encode(), b'{"%s": 3, "age": 4}' % name.encode()]


def test_the_one_argument_may_be_named(shell):
    shell.user_ns["predictor"] = lambda x, verbose=False: x
    shell.run("predictor(x=[5])")
    assert bodies(shell) == [b"[5]"]


def test_of_a_table_its_rows_and_its_only_one_are_noted(shell):
    shell.user_ns["pd"] = pd
    shell.run("predictor(pd.DataFrame({'a': [1], 'b': [2.5]}, index=[7]))\npredictor(pd.DataFrame({'a': [1, 2]}))")
    assert [(call.is_table, call.body, call.by_name) for call in call_recorder.recorded(shell)] == [
        (True, b'[{"a": 1, "b": 2.5}]', b'{"a": 1, "b": 2.5}'),
        (True, b'[{"a": 1}, {"a": 2}]', None),
    ]


def test_predictor_gets_the_very_object(shell):
    shell.run("x = object()\nassert predictor(x) is x\ny = [1]\nassert predictor(y) is y")


def test_a_sample_is_noted_as_it_was_before_the_call(shell):
    shell.run("predictor = lambda x: x.clear()\npredictor([1])")
    assert bodies(shell) == [b"[1]"]


def test_a_sample_whose_methods_raise_does_not_fail_the_cell(shell):
    shell.run("class Odd:\n    def tolist(self): raise ValueError('odd')\n    size = property(lambda s: 1 / 0)")
    shell.run("predictor(Odd())")
    assert bodies(shell) == []


def test_no_frame_of_ours_is_in_a_traceback_and_lines_stay(shell):
    with pytest.raises(ZeroDivisionError) as caught:
        shell.run("predictor = lambda x: 1 / x\n\nprint(\n    predictor(0)\n)")
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(caught.tb) if frame.filename == "cell"]
    assert frames == [("cell", 4), ("cell", 1)]
    assert not [frame for frame in traceback.extract_tb(caught.tb) if frame.filename == call_recorder.__file__]


def test_the_number_of_samples_is_bounded(shell):
    shell.run("for x in range(200): predictor(x)")
    assert len(bodies(shell)) == call_recorder.MAX_SAMPLES


def test_nothing_is_recorded_where_nothing_was_installed():
    assert call_recorder.recorded(object()) == []


def test_what_each_call_was_given_is_noted_with_its_place(shell):
    shell.run("predictor = lambda x: x * 2")
    shell.run("predictor(1)\n\nprint(predictor(\n    [2]))")
    calls = call_recorder.recorded(shell)
    assert [(call.body, call.answer, call.cell, call.line) for call in calls] == [
        (b"1", b"2", 2, 1),
        (b"[2]", b"[2, 2]", 2, 3),
    ]


def test_the_last_of_two_calls_counts(shell):
    shell.run("factor = 2\npredictor = lambda x: x * factor\npredictor(3)\nfactor = 5\npredictor(3)")
    assert [call.answer for call in call_recorder.recorded(shell)] == [b"15"]


def test_a_call_that_raised_did_not_return(shell):
    shell.run("predictor = lambda x: 1 / x\ntry:\n    predictor(0)\nexcept ZeroDivisionError:\n    pass")
    assert [(call.body, call.returned, call.answer) for call in call_recorder.recorded(shell)] == [(b"0", False, None)]


def test_an_answer_without_a_form_in_json_is_none_and_untouched(shell):
    shell.run("predictor = lambda x: object\nassert predictor(1) is object")
    assert [(call.returned, call.answer) for call in call_recorder.recorded(shell)] == [(True, None)]


def test_an_awaited_answer_is_noted_and_a_coroutine_is_none(shell):
    shell.user_ns["predictor"] = double_later
    shell.run_async("assert await predictor(4) == 8\npending = predictor(5)\nawait pending")
    assert [(call.body, call.answer) for call in call_recorder.recorded(shell)] == [(b"4", b"8"), (b"5", None)]


async def double_later(x):
    return x * 2


def test_a_call_of_an_earlier_predictor_is_known_as_such(shell):
    shell.run("predictor(1)")
    shell.run("def predictor(x): return x\npredictor(2)")
    assert [call.current for call in call_recorder.recorded(shell)] == [False, True]


def test_an_array_and_a_list_of_the_same_values_are_both_kept(shell):
    shell.user_ns["np"] = np
    shell.run("predictor([1.5]); predictor(np.array([1.5])); predictor(np.array([1.5], dtype='f4'))")
    calls = call_recorder.recorded(shell)
    assert [(call.passed, call.single) for call in calls] == [("", False), ("numpy.ndarray", True)]


@pytest.mark.parametrize(("sample", "single"), [("[np.float32(0.5)]", True), ("{'a': (np.float64(0.5), 1)}", False)])
def test_numbers_of_single_precision_are_known_wherever_they_stand(shell, sample, single):
    shell.user_ns["np"] = np
    shell.run(f"predictor({sample})")
    assert [call.single for call in call_recorder.recorded(shell)] == [single]


class Row:
    """As pandas' Series shows itself."""

    index = ("a", "b")
    dtype = np.dtype("int64")

    def tolist(self):
        return [1, 2]

    def to_dict(self):
        return {"a": 1, "b": 2}


def test_a_labelled_row_is_known_by_its_names_too(shell):
    shell.user_ns["row"] = Row()
    shell.run("predictor(row)")
    assert [(call.body, call.by_name) for call in call_recorder.recorded(shell)] == [(b"[1, 2]", b'{"a": 1, "b": 2}')]


@pytest.mark.parametrize(
    ("sample", "value"),
    [
        ("b'bytes'", "data:application/octet-stream;base64,Ynl0ZXM="),
        ("[b'bytes']", ["data:application/octet-stream;base64,Ynl0ZXM="]),
        ("__import__('io').BytesIO(b'bytes')", "data:application/octet-stream;base64,Ynl0ZXM="),
    ],
)
def test_a_file_is_noted_as_a_client_would_send_it(shell, sample, value):
    shell.run(f"predictor({sample})")
    (call,) = call_recorder.recorded(shell)
    assert json.loads(call.body) == value
    assert call.files == {"": ("stream" if "io" in sample else "bytes", sample[0] == "[")}


def test_a_picture_is_noted_as_its_own_file_while_it_shows_that(shell, tmp_path):
    path = tmp_path / "a.jpg"
    PIL.Image.new("RGB", (4, 4), (1, 2, 3)).save(path)
    shell.run(f"import PIL.Image\npicture = PIL.Image.open({str(path)!r})\npredictor(picture)")
    shell.run("picture.putpixel((0, 0), (9, 9, 9))\npredictor(picture)")
    first, second = call_recorder.recorded(shell)
    assert binary.part_of(json.loads(first.body)).content == path.read_bytes()
    part = binary.part_of(json.loads(second.body))
    assert part.media_type == "image/png"
    assert PIL.Image.open(io.BytesIO(part.content)).getpixel((0, 0)) == (9, 9, 9)


def test_a_hint_makes_pixels_a_picture(shell):
    shell.run("import numpy, PIL.Image\npixels = numpy.zeros((300, 300, 3), 'uint8')")
    shell.run("def predictor(pixels: numpy.ndarray):\n    return 1\npredictor(pixels)")
    assert json.loads(bodies(shell)[0]).startswith("data:image/png;base64,")
