import collections
import copy
import datetime as dt
import decimal
import itertools
import sys
import types
import uuid

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_scorer.batching import joining
from nb_scorer.batching.joining import Later, Rows


class Model:
    """Rows in, rows out."""

    def __init__(self):
        self.asked = []

    def predict(self, X, factor=1):  # noqa: N803 - as scikit-learn has it
        self.asked.append(X)
        return np.asarray(X, dtype=float).sum(axis=1) * factor

    def transform(self, X):  # noqa: N803
        self.asked.append(X)
        return np.asarray(X, dtype=float) * 2

    def labels(self, X):  # noqa: N803
        self.asked.append(X)
        return np.array(["x"] * len(X["b"] if isinstance(X, dict) else X))


MODEL = Model()


def stop(data, *more, function=None, stays_joined=False, number=1, **keywords):
    return number, function or MODEL.predict, (data, *more), keywords, stays_joined


def key(data, *more, **keywords):
    return joining.key_of(stop(data, *more, **keywords))


def of_package(name, module, **members):
    """Return a class that looks like one of a library that is not installed."""
    return type(name, (), dict(members, __module__=module))


def values(results):
    return [joining.now(result) for result in results]


# ---- which share a call


def test_rows_of_floats_and_texts_are_seen_at_once_to_share_a_call():
    alike = 1, MODEL.predict, False
    for tables in ([[[0.2, 0.7]], [[5.0, 6.0]]], [["a"], ["b"]]):
        assert joining.key_of_all(joining.Stops(alike, tables)) == key(tables[0]) == key(tables[1])
    for other in ([[0.2], [0.3]], [0.2], [[2]], [(0.2,)], ["a"], [[0.2, 0.3]], [[True]], [], ([0.2],), None, "a"):
        assert joining.key_of_all(joining.Stops(alike, [[[0.2]], [[0.3]], other])) is None


CELLS = st.sampled_from([1, 2, 0.5, "a", None, True, 2**63 - 1, 2**63, -(2**63), [1], np.int64(1), float("nan")])
DATA = st.one_of(
    st.lists(st.dictionaries(st.sampled_from("ab"), CELLS, max_size=2), min_size=0, max_size=2),
    st.lists(st.lists(CELLS, max_size=2), min_size=1, max_size=1),
    st.dictionaries(st.sampled_from("ab"), st.lists(CELLS, max_size=1), max_size=2),
)


@given(
    st.lists(DATA, min_size=1, max_size=2),
    st.lists(
        st.sampled_from([{}, {"columns": ["a", "b"]}, {"columns": ["a"]}, {"index": [0]}]), min_size=1, max_size=2
    ),
    st.lists(st.sampled_from([None, ["a"], ["b"], "a"]), min_size=1, max_size=2),
)
def test_frames_that_are_seen_at_once_to_share_a_call_have_one_key_each(datas, keywords, columns):
    def frames():
        some = itertools.islice(itertools.product(datas, keywords, columns), 3)
        made = [Later(pd.DataFrame, copy.deepcopy(data), dict(words)) for data, words, _ in some]
        return [frame if names is None else frame[names] for frame, names in zip(made, itertools.cycle(columns))]

    at_once = joining.key_of_all(joining.Stops((1, MODEL.predict, False), frames()))
    if at_once is not None:
        assert {key(frame) for frame in frames()} == {at_once}


def test_frames_of_one_row_are_seen_at_once_to_share_a_call():
    for rows in ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], [[0.5, None], [1.5, None]]):
        for keywords in ({}, {"columns": ["a", "b"]}):
            frames = [Later(pd.DataFrame, [row], dict(keywords)) for row in rows]
            seen = joining.key_of_all(joining.Stops((1, MODEL.predict, False), frames))
            assert seen is not None and frames[1].shape == frames[0].shape
            assert seen == key(Later(pd.DataFrame, [rows[1]], keywords))


def test_stops_of_one_call_are_stops():
    stops = joining.Stops((3, MODEL.predict, True), [[[0.2]], [[0.3]], [[0.4]]])
    one_by_one = [(3, MODEL.predict, (data,), {}, True) for data in ([[0.2]], [[0.3]], [[0.4]])]
    assert [*stops] == one_by_one
    assert [*stops[1:]] == one_by_one[1:]
    assert len(stops[:2]) == 2
    assert values(joining.call_together(stops)) == values(joining.call_together(one_by_one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([[0.2, 0.7]], [[5.0, 6.0]]),
        ([[0.2, 0.7]], [[float("nan"), float("inf")]]),
        ([[1, 0.5]], [[0.5, 1]]),
        ([[1, 2]], [[3, 4]]),
        ([(1, 2)], [(3, 4)]),
        ([[1, 2], [3, 4]], [[5, 6]]),
        ([[0.5, 2], [3, 4]], [[5, 6.5]]),
        (["a"], ["another text"]),
        ([True], [False]),
        ([1], [2]),
        ([["rome", 1.5, None, True]], [["oslo", 2.5, None, False]]),
        ([[[0.5, 0], [1, 2]]], [[[1, 1], [1, 0.5]]]),
        ([{"a": 1, "b": "x"}], [{"a": 2, "b": "y"}]),
        ([[b"x", dt.date(2020, 1, 1)]], [[b"y", dt.date(2021, 1, 1)]]),
        ([[dt.datetime(2020, 1, 1)]], [[dt.datetime(2021, 1, 1)]]),  # noqa: DTZ001
        ([[decimal.Decimal(1), uuid.UUID(int=1)]], [[decimal.Decimal(2), uuid.UUID(int=2)]]),
        (["\ud800"], ["a"]),
        (np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]])),
        (np.array(["a"]), np.array(["longer"])),
        (np.array([["a", 1.5]], dtype=object), np.array([["b", 2.5]], dtype=object)),
        ([np.array([1.0, 2.0])], [np.array([3.0, 4.0])]),
        ([[np.float64(1), np.str_("a")]], [[np.float64(2), np.str_("bb")]]),
        ({"a": np.ones((1, 2)), "b": [[1]]}, {"a": np.zeros((1, 2)), "b": [[2]]}),
        (pd.DataFrame([{"a": 1, "b": "x"}]), pd.DataFrame([{"a": 2, "b": "y"}])),
        (pd.DataFrame([{"a": 1}], index=[0]), pd.DataFrame([{"a": 2}])),
        (pd.Series(["a text"]), pd.Series(["another"])),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])),) * 2,
        (
            pd.DataFrame({"a": pd.array([1], dtype="Int64"), "t": pd.to_datetime(["2020-01-01"]).tz_localize("UTC")}),
            pd.DataFrame(
                {"a": pd.array([None], dtype="Int64"), "t": pd.to_datetime(["2021-01-01"]).tz_localize("UTC")}
            ),
        ),
        (
            pd.DataFrame({"a": pd.Categorical(["x"], categories=["x", "y"])}),
            pd.DataFrame({"a": pd.Categorical(["y"], categories=["x", "y"])}),
        ),
    ],
)
def test_data_of_one_shape_share_a_call_and_each_is_answered_as_alone(one, other):
    assert key(one) == key(other) is not None
    stops = [stop(data, function=MODEL.labels) for data in (one, other, one)]
    together = joining.call_together(stops)
    for alone, shared in zip(map(joining.call_alone, stops), together, strict=True):
        assert joining.same_result(alone, shared) == (True, True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([[0.2, 0.7]], [[0.2]]),
        ([[1, 2]], [[1, 2.5]]),
        ([[1, 2]], [[True, 2]]),
        ([["rome", 1]], [["rome", 1.5]]),
        ([["rome", 1]], [["rome", None]]),
        ([[1, 2]], [(True, 2)]),
        ([[0.2, 0.7]], ([0.2, 0.7],)),
        (["text"], [b"text"]),
        (["text"], ("text",)),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}]),
        ([{"a": 1}], [{"a": 1.5}]),
        ([{"a": 1}], [{"b": 1}]),
        (
            [[dt.datetime(2020, 1, 1)]],  # noqa: DTZ001
            [[dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)]],
        ),
        ([[dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(0)))]], [[dt.date(2020, 1, 1)]]),
        ([np.array([1.0])], [np.array([1.0, 2.0])]),
        (np.array([[1.0]]), np.array([[1]])),
        (np.array([[1.0]]), np.array([[1.0]], dtype="float32")),
        (np.array([[1.0]]), np.array([[1.0]], dtype=">f8")),
        (np.array([[1.0]]), np.array([1.0])),
        (np.array([["a", 1.5]], dtype=object), np.array([["a", None]], dtype=object)),
        ({"a": [[1]]}, {"b": [[1]]}),
        (pd.DataFrame([{"a": 1}]), pd.DataFrame([{"a": 1.5}])),
        (pd.DataFrame([{"a": 1}]), pd.DataFrame([{"b": 1}])),
        (pd.DataFrame([{"a": "x"}], dtype=object), pd.DataFrame([{"a": None}], dtype=object)),
        (
            pd.DataFrame({"a": pd.Categorical(["x"], categories=["x", "y"])}),
            pd.DataFrame({"a": pd.Categorical(["x"], categories=["y", "x"])}),
        ),
        (pd.DataFrame({"a": ["x"]}).astype("category"), pd.DataFrame({"a": ["y"]}).astype("category")),
        (
            pd.DataFrame({"t": pd.to_datetime(["2020-01-01"]).tz_localize("UTC")}),
            pd.DataFrame({"t": pd.to_datetime(["2020-01-01"]).tz_localize("Europe/Rome")}),
        ),
        (pd.Series([1]), pd.Series([1], name="a")),
    ],
)
def test_data_of_two_shapes_go_apart(one, other):
    assert (
        not isinstance(one, list) or joining.key_of_all(joining.Stops((1, MODEL.predict, False), [one, other])) is None
    )
    assert key(one) != key(other)


class Unknown:
    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None


def nested(depth):
    return [nested(depth - 1)] if depth else 1.5


@pytest.mark.parametrize(
    "data",
    [
        [],
        (),
        {},
        [[]][:0],
        "text",
        5,
        None,
        b"bytes",
        Unknown(),
        [Unknown()],
        [[1.5, Unknown()]],
        [[2**63]],
        [2**70, 1],
        [1, "a"],
        [[1.5], [1.5, 2.5]],
        [[1.5], ["a"]],
        nested(100),
        nested(900),
        set([1]),  # noqa: C405
        np.array(1.5),
        np.zeros((0, 3)),
        np.array([(1, 2.5)], dtype=[("a", int), ("b", float)]),
        np.ma.masked_array([[1.5]], mask=[[True]]),
        np.ones((1, 1)).view(type("matrix", (np.ndarray,), {})),
        [np.array([Unknown()], dtype=object)],
        np.array([[Unknown()]], dtype=object),
        {"a": [[1]], "b": [[1], [2]]},
        {"a": 5},
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame([{"a": 1}], index=["r1"]),
        pd.DataFrame([{"a": 1}], index=[1]),
        pd.DataFrame([{"a": 1}], index=pd.RangeIndex(1, name="n")),
        pd.DataFrame([{"a": Unknown()}]),
        type("Frame", (pd.DataFrame,), {})([{"a": 1}]),
        type("List", (list,), {})([[1.5]]),
        pd.Index(["a"]),
        [[pd.Period("2020-01", freq="M")]],
        Later(int, "5", {}),
        Later(pd.DataFrame, [{"a": 1}], {"index": ["r1"]}),
        Later(pd.DataFrame, 5, {}),
    ],
    ids=lambda data: repr(type(data)),
)
def test_what_can_not_be_joined_has_no_key(data):
    assert key(data) is None and joining.kind_of(key(data)) is None


def test_no_key_for_what_is_no_stop_and_none_is_raised():
    assert joining.key_of((1, MODEL.predict, (), {}, False)) is None
    assert joining.key_of(None) is None


def test_a_place_and_a_receiver_have_their_own_calls():
    data = [[0.2, 0.7]]
    other = Model()
    keys = [key(data), key(data, number=2), key(data, function=other.predict), key(data, function=MODEL.transform)]
    assert len(set(keys)) == 4
    assert joining.kind_of(keys[0]) == joining.kind_of(keys[2]) != joining.kind_of(keys[1])


def test_what_is_wrapped_again_each_time_is_known_by_what_it_holds():
    def wrapped(model):
        return lambda rows: model.predict(rows)  # noqa: PLW0108 - as scikit-learn 0.24 does it

    data, other = [[0.2, 0.7]], Model()
    assert key(data, function=wrapped(MODEL)) == key(data, function=wrapped(MODEL)) is not None
    assert key(data, function=wrapped(MODEL)) != key(data, function=wrapped(other))


def test_other_arguments_are_equal_scalars_or_the_same_object():
    data, matrix = [[0.2, 0.7]], np.ones((3, 2))
    assert key(data, matrix) == key(data, matrix) != key(data, matrix.copy())
    assert key(data, 2, names=["a", "b"]) == key(data, 2, names=["a", "b"]) != key(data, 2, names=["a", "c"])
    different = [key(data, 1), key(data, 1.0), key(data, True), key(data, 0.0), key(data, -0.0), key(data, factor=1)]
    assert len(set(different)) == 6
    assert key(data, float("nan")) == key(data, float("nan"))
    assert joining.kind_of(key(data, matrix)) == joining.kind_of(key(data, matrix.copy()))


def test_data_is_found_among_keywords():
    stops = [(1, MODEL.predict, (), {"factor": 2, "X": [[number, 0.5]]}, False) for number in (1, 2)]
    assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
    assert values(joining.call_together(stops)) == [[3.0], [5.0]]
    assert joining.key_of((1, MODEL.predict, (), {"weights": [[1.5]]}, False)) is None


def test_kinds_are_hashable_and_hold_no_identity():
    frames = [Later(pd.DataFrame, [{"a": 1}], {"columns": pd.Index(["a"])}) for _ in range(2)]
    keys = [key(frame) for frame in frames]
    assert keys[0] != keys[1] and len({joining.kind_of(one) for one in keys}) == 1


# ---- what is called itself


def test_modules_layers_and_languages_are_called_themselves():
    for name, module in (("Module", "torch.nn"), ("Layer", "keras.src.layers"), ("Language", "spacy.language")):
        kind = of_package(name, module)
        assert joining.is_called(kind()) and joining.is_called(type("Own", (kind,), {})())
        assert not joining.is_called(kind)
    assert not joining.is_called(MODEL) and not joining.is_called(len) and not joining.is_called(None)


class Document:
    __module__ = "spacy.tokens.doc"

    def __init__(self, text, score):
        self.text, self.cats, self.ents = text, {"pos": score}, ()

    def __iter__(self):
        return iter(())


def language():
    def pipe(self, texts):
        self.piped = list(texts)
        return (Document(text, len(text) / 7) for text in self.piped)

    kind = of_package(
        "Language", "spacy.language", pipe=pipe, __call__=lambda self, text: Document(text, len(text) / 7)
    )
    return kind()


def test_texts_go_to_spacy_as_a_pipe_and_blank_ones_alone():
    nlp = language()
    stops = [stop(text, function=nlp) for text in ("one", "another")]
    assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
    results = joining.call_together(stops)
    assert [document.text for document in results] == nlp.piped == ["one", "another"]
    assert joining.same_result(joining.call_alone(stops[0]), results[0]) == (True, True)
    assert not joining.same_result(*results)[0]
    assert key("", function=nlp) is key(" \n", function=nlp) is None
    assert joining.key_of(stop("one", function=nlp, disable=["ner"])) is None


def test_a_pipe_that_loses_a_text_is_not_rowwise():
    nlp = language()
    nlp.pipe = lambda texts: iter(())
    with pytest.raises(joining.NotRowwise, match="2 rows"):
        joining.call_together([stop("one", function=nlp), stop("two", function=nlp)])


# ---- calls


def test_one_call_for_many_in_order():
    model = Model()
    stops = [stop([[float(number), 1.0]], function=model.predict) for number in range(5)]
    assert [list(result) for result in joining.call_together(stops)] == [[1.0], [2.0], [3.0], [4.0], [5.0]]
    assert len(model.asked) == 1


def test_a_stop_may_have_several_rows():
    stops = [stop([[1.0], [2.0]]), stop([[3.0]]), stop([[4.0], [5.0]])]
    assert [list(result) for result in joining.call_together(stops)] == [[1.0, 2.0], [3.0], [4.0, 5.0]]


def test_the_call_raises_what_it_raises():
    with pytest.raises(ValueError, match="could not convert"):
        joining.call_together([stop(["a"]), stop(["b"])])
    with pytest.raises(ValueError, match="could not convert"):
        joining.call_alone(stop(["a"]))


def giving(result):
    return types.SimpleNamespace(predict=lambda data: result).predict


@pytest.mark.parametrize(
    "result",
    [None, 5, "ab", b"ab", {"a": 1}, {1, 2}, np.array(1.5), np.zeros(3), [1], [], (), (np.zeros(2), 5), iter([1, 2])],
)
def test_rows_out_that_are_not_rows_in(result):
    with pytest.raises(joining.NotRowwise, match="received 2 rows at once and did not return the same number"):
        joining.call_together([stop([1.5], function=giving(result)), stop([2.5], function=giving(result))])


Pair = collections.namedtuple("Pair", "mean deviation")  # noqa: PYI024


@pytest.mark.parametrize(
    ("result", "first"),
    [
        (np.array([1, 2, 3]), np.array([1])),
        ([1, 2, 3], [1]),
        ((np.array([1, 2, 3]), [4, 5, 6], None), (np.array([1]), [4], None)),
        (Pair(np.array([1, 2, 3]), np.array([4, 5, 6])), Pair(np.array([1]), np.array([4]))),
        ({"a": np.array([1, 2, 3]), "b": np.ones((3, 2))}, {"a": np.array([1]), "b": np.ones((1, 2))}),
        ([np.ones((3, 2)), np.zeros((3, 4))], [np.ones((1, 2)), np.zeros((1, 4))]),
        ([np.ones(2), np.zeros(2), np.zeros(4)], [np.ones(2)]),
        (pd.DataFrame({"a": [1, 2, 3]}), pd.DataFrame({"a": [1]})),
        (pd.Series([1, 2, 3], name="a"), pd.Series([1], name="a")),
        ([{"x": 0.5}, {"x": 0.6}, {"x": 0.7}], [{"x": 0.5}]),
    ],
)
def test_results_are_cut_by_type(result, first):
    stops = [stop([number], function=giving(result)) for number in (1.5, 2.5, 3.5)]
    assert joining.same_result(first, joining.call_together(stops)[0]) == (True, True)
    stops = [stop([number], function=giving(result), stays_joined=True) for number in (1.5, 2.5, 3.5)]
    assert joining.same_result(first, joining.call_together(stops)[0]) == (True, True)


def test_as_many_arrays_as_rows_of_as_many_rows_are_nobodys():
    # Two outputs for two rows, or two rows of two numbers: half of them will show it.
    result = [np.ones(2), np.zeros(2)]
    with pytest.raises(Exception) as raised:  # noqa: PT011
        joining.call_together([stop([1.5], function=giving(result)), stop([2.5], function=giving(result))])
    assert not isinstance(raised.value, joining.NotRowwise)


def test_several_outputs_of_predict_proba_are_reported_by_its_name():
    def predict_proba(data):
        return [np.ones((len(data), 2)), np.zeros((len(data), 3))]

    results = joining.call_together([stop([number], function=predict_proba) for number in (1.5, 2.5)])
    assert [[output.shape for output in result] for result in results] == [[(1, 2), (1, 3)]] * 2


def test_a_session_takes_named_inputs_and_gives_a_list_of_outputs():
    class Session:
        def run(self, names, input_feed, options=None):
            x = input_feed["x"]
            return [x.sum(axis=1), [{"p": value} for value in x[:, 0].tolist()]]

    session, arrays = Session(), [np.array([[number, 1.0]], dtype="float32") for number in (1, 2)]
    feeds = [stop(None, {"x": array}, function=session.run) for array in arrays]
    named = [(1, session.run, (["label"],), {"input_feed": {"x": array}}, False) for array in arrays]
    for stops in (feeds, named):
        assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
        label, scores = joining.call_together(stops)[1]
        assert label.tolist() == [3.0] and scores == [{"p": 2.0}]
    assert joining.key_of(feeds[0]) != joining.key_of(named[0])
    assert key(None, function=session.run) is None


def test_keras_takes_several_inputs_as_a_list():
    class Network(of_package("Layer", "keras.src.layers.layer")):
        def predict(self, inputs, verbose=1):
            return [inputs[0].sum(axis=1), inputs[1]]

    network = Network()
    stops = [
        stop([np.full((1, 2), number), np.full((1, 3), number)], function=network.predict, verbose=0)
        for number in (1.0, 2.0)
    ]
    assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
    first, second = joining.call_together(stops)[1]
    assert first.tolist() == [4.0] and second.tolist() == [[2.0, 2.0, 2.0]]


# ---- what is built later, what stays joined


def frame_maker():
    made = []

    def build(data, **keywords):
        made.append(data)
        return pd.DataFrame(data, **keywords)

    build.__name__, build.__module__ = "DataFrame", "pandas"
    return build, made


@pytest.mark.parametrize(
    ("rows", "keywords"),
    [
        ([[{"a": 1, "b": "x"}], [{"a": 2, "b": "y"}], [{"a": 3, "b": "z"}]], {}),
        ([[[1, "x"]], [[2, "y"]], [[3, "z"], [4, "z"]]], {"columns": ["a", "b"]}),
        ([{"a": [1], "b": ["x"]}, {"a": [2, 3], "b": ["y", "z"]}], {}),
        ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], {"index": [0]}),
        ([np.array([[1.5, 2.5]]), np.array([[3.5, 4.5]])], {"columns": ["a", "b"]}),
        ([[{"a": None, "b": "x"}], [{"a": None, "b": "y"}]], {}),
    ],
)
def test_a_frame_is_built_once_of_all_rows(rows, keywords):
    build, made = frame_maker()
    seen = []

    def predict(frame):
        seen.append(frame)
        return np.arange(len(frame))

    frames = [Later(build, data, keywords) for data in rows]
    stops = [stop(frame, function=predict) for frame in frames]
    assert len({joining.key_of(one) for one in stops}) == 1 and joining.key_of(stops[0]) is not None
    joining.call_together(stops)
    assert len(made) == 1
    joining.call_together(stops)
    assert len(made) == 1 and seen[0] is seen[1]
    expected = pd.concat([pd.DataFrame(data, **keywords) for data in rows], ignore_index=True)
    assert joining.same_result(expected, seen[0]) == (True, True)
    for one, data in zip(stops, rows, strict=True):
        joining.call_alone(one)
        assert joining.same_result(pd.DataFrame(data, **keywords), seen[-1]) == (True, True)
    joining.call_together(stops[::-1])
    # In another order it is another frame.
    assert len(made) == 2 + len(rows)
    expected = pd.concat([pd.DataFrame(data, **keywords) for data in rows[::-1]], ignore_index=True)
    assert joining.same_result(expected, seen[-1]) == (True, True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([{"a": 1}], [{"a": 1.5}]),
        ([{"a": 1}], [{"a": None}]),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}]),
        ([{"a": 1}], [{"a": 2**70}]),
        ([{"a": 1}], [[1]]),
        ({"a": [1]}, {"a": [True]}),
    ],
)
def test_frames_of_different_columns_go_apart(one, other):
    assert key(Later(pd.DataFrame, one, {})) != key(Later(pd.DataFrame, other, {}))


def test_a_frame_whose_cells_do_not_report_its_types_is_built_to_see_them():
    frames = [Later(pd.DataFrame, [{"t": dt.datetime(year, 1, 1)}], {}) for year in (2020, 2021)]  # noqa: DTZ001
    stops = [stop(frame, function=lambda frame: frame["t"].dt.year) for frame in frames]
    assert joining.key_of(stops[0]) != joining.key_of(stops[1])
    stops = [(1, stops[0][1], one[2], {}, False) for one in stops]
    assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
    assert [result.tolist() for result in joining.call_together(stops)] == [[2020], [2021]]


def test_columns_of_what_is_built_later_are_picked_later():
    frames = [Later(pd.DataFrame, [{"a": number, "b": 0.5, "c": "x"}], {})[["b", "a"]] for number in (1, 2)]
    stops = [stop(frame) for frame in frames]
    assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
    assert values(joining.call_together(stops)) == [[1.5], [2.5]]
    assert list(frames[0].now().columns) == ["b", "a"] and frames[0]["a"].tolist() == [1]
    assert key(frames[0]) != key(Later(pd.DataFrame, [{"a": 1, "b": 0.5, "c": "x"}], {})[["a", "b"]])


def test_a_matrix_of_a_frame_is_built_of_the_joined_frame():
    class DMatrix:
        def __init__(self, data, feature_names=None):
            self.data = data

    def predict(matrix):
        return matrix.data["a"].to_numpy() * 2

    frames = [Later(pd.DataFrame, [{"a": number, "b": 0.5}], {})[["a"]] for number in (1, 2, 3)]
    stops = [stop(Later(DMatrix, frame, {"feature_names": ["a"]}), function=predict) for frame in frames]
    assert len({joining.key_of(one) for one in stops}) == 1 and joining.key_of(stops[0]) is not None
    assert values(joining.call_together(stops)) == [[2], [4], [6]]
    assert joining.call_alone(stops[2]).tolist() == [6]
    assert key(DMatrix([[1.5]])) is None


def test_what_stays_joined_is_handed_on_as_it_is():
    first, second = Model(), Model()
    stops = [stop([[float(number), 1.0]], function=first.transform, stays_joined=True) for number in range(4)]
    middle = joining.call_together(stops)
    assert all(type(result) is Rows for result in middle)
    stops = [stop(rows, function=second.predict) for rows in middle]
    assert len({joining.key_of(one) for one in stops}) == 1
    assert values(joining.call_together(stops)) == [[2.0], [4.0], [6.0], [8.0]]
    assert second.asked[0].base is None and second.asked[0].shape == (4, 2)
    # Fewer, in another order, and with some that went alone.
    some = [stops[3], stops[1], stop(np.array([[1.0, 2.0]]), function=second.predict)]
    assert len({joining.key_of(one) for one in some}) == 1
    assert values(joining.call_together(some)) == [[8.0], [4.0], [3.0]]
    assert joining.call_alone(stops[2]).tolist() == [6.0]


def test_neighbours_that_stayed_joined_are_cut_once():
    batch = joining.call_together(
        [stop([[float(number)]], function=MODEL.transform, stays_joined=True) for number in range(6)]
    )
    seen = Model()
    joining.call_together([stop(rows, function=seen.predict) for rows in batch[2:5]])
    assert seen.asked[0].tolist() == [[4.0], [6.0], [8.0]] and seen.asked[0].base is batch[0].batch.result


def test_rows_of_texts_and_frames_stay_joined_too():
    for result in (["a", "b"], pd.DataFrame({"a": ["x", "y"]}), np.array(["a", 1], dtype=object)):
        rows = joining.call_together([stop([n], function=giving(result), stays_joined=True) for n in (1.5, 2.5)])
        keys = [key(one) for one in rows]
        assert keys[0] is not None and (keys[0] == keys[1]) == (not isinstance(result, np.ndarray))


def test_several_results_are_no_rows_of_the_next_model():
    rows = joining.call_together(
        [stop([n], function=giving((np.ones(2), np.zeros(2))), stays_joined=True) for n in (1.5, 2.5)]
    )
    assert key(rows[0]) is None


def test_frames_built_and_frames_given_share_a_call():
    frames = [
        Later(pd.DataFrame, [{"a": 1, "t": dt.date(2020, 1, 1)}], {}),
        pd.DataFrame([{"a": 2, "t": dt.date(2021, 1, 1)}]),
    ]
    for one in (frames, frames[::-1]):
        stops = [stop(frame, function=MODEL.labels) for frame in one]
        assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
        assert values(joining.call_together(stops)) == [["x"], ["x"]]


def test_now_leaves_all_else_as_it_is():
    assert joining.now(5) == 5 and joining.now(None) is None


# ---- other libraries, in their likeness


def test_sparse_matrices_are_stacked(monkeypatch):
    class Matrix:
        __module__ = "scipy.sparse._csr"
        format, dtype = "csr", np.dtype(float)

        def __init__(self, rows):
            self.rows, self.shape = rows, (len(rows), len(rows[0]))

    Matrix.__name__ = "csr_matrix"
    stacked = types.SimpleNamespace(
        vstack=lambda parts, **keywords: Matrix([row for part in parts for row in part.rows])
    )
    monkeypatch.setitem(sys.modules, "scipy.sparse", stacked)
    stops = [stop(Matrix([[number, 1.0]]), function=lambda matrix: matrix.rows) for number in (1.0, 2.0)]
    stops = [(1, stops[0][1], one[2], {}, False) for one in stops]
    assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
    assert joining.call_together(stops) == [[[1.0, 1.0]], [[2.0, 1.0]]]
    other = Matrix([[1.0, 1.0]])
    other.format = "csc"
    assert key(other) is None


def test_tensors_are_joined_by_their_own_library(monkeypatch):
    class Tensor:
        __module__ = "torch"
        dtype, device, requires_grad = "torch.float32", "cpu", False

        def __init__(self, data):
            self.data = np.asarray(data, dtype="float32")
            self.shape = self.data.shape

        def __getitem__(self, rows):
            return Tensor(self.data[rows])

        def detach(self):
            return self

        cpu = detach

        def numpy(self):
            return self.data

    cat = types.SimpleNamespace(cat=lambda parts: Tensor(np.concatenate([part.data for part in parts])))
    monkeypatch.setitem(sys.modules, "torch", cat)
    double = of_package("Module", "torch.nn", __call__=lambda self, tensor: Tensor(tensor.data * 2))()
    stops = [stop(Tensor([[number, 1.0]]), function=double) for number in (1.0, 2.0)]
    assert joining.key_of(stops[0]) == joining.key_of(stops[1]) is not None
    results = joining.call_together(stops)
    assert [result.data.tolist() for result in results] == [[[2.0, 2.0]], [[4.0, 2.0]]]
    assert joining.same_result(results[0], joining.call_alone(stops[0])) == (True, True)
    assert joining.same_result(results[0], Tensor([[2.000001, 2.0]])) == (True, False)
    assert not joining.same_result(results[0], results[1])[0]
    assert key(Tensor(1.0)) is None and key(Tensor(np.zeros((0, 2)))) is None


# ---- chunks


def test_chunks_hold_at_most_so_many():
    stops = [stop([[float(number)]]) for number in range(70)]
    assert [len(chunk) for chunk in joining.chunks(stops, 32)] == [32, 32, 6]
    assert [one for chunk in joining.chunks(stops, 32) for one in chunk] == stops


def test_chunks_for_what_compiles_each_shape_are_powers_of_two():
    network = of_package(
        "Layer", "keras.src.layers", __call__=lambda self, data: data, predict=lambda self, data: data
    )()
    for function in (network, network.predict):
        stops = [stop([[float(number)]], function=function) for number in range(45)]
        assert [len(chunk) for chunk in joining.chunks(stops, 64)] == [32, 8, 4, 1]
        assert [len(chunk) for chunk in joining.chunks(stops, 20)] == [16, 16, 8, 4, 1]


# ---- the same result

SAME, NEAR, OTHER = (True, True), (True, False), (False, False)
NAN = float("nan")


@pytest.mark.parametrize(
    ("alone", "together", "expected"),
    [
        (1, 1, SAME),
        (1, 2, OTHER),
        (1, True, OTHER),
        (1, 1.0, OTHER),
        ("a", "a", SAME),
        ("a", "b", OTHER),
        (None, None, SAME),
        (b"a", b"a", SAME),
        (0.1, 0.1, SAME),
        (0.1, 0.1 * (1 + 1e-7), NEAR),
        (0.1, 0.1 * (1 + 1e-5), OTHER),
        (0.0, 5e-10, NEAR),
        (0.0, 5e-9, OTHER),
        (NAN, float("nan"), SAME),
        (NAN, 1.0, OTHER),
        (float("inf"), float("inf"), SAME),
        (float("inf"), 1e308, OTHER),
        (1e308, -1e308, OTHER),
        ([1, [2.0]], [1, [2.0]], SAME),
        ([1, 2], [1], OTHER),
        ([1], (1,), OTHER),
        ({"a": 1.0}, {"a": 1.0 + 1e-9}, NEAR),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, OTHER),
        (np.array([1.0, NAN]), np.array([1.0, NAN]), SAME),
        (np.array([1.0]), np.array([1.0 + 1e-8]), NEAR),
        (np.array([1.0]), np.array([1.0 + 1e-5]), OTHER),
        (np.array([1.0]), np.array([[1.0]]), OTHER),
        (np.array([1.0]), np.array([1]), OTHER),
        (np.array([1.0]), np.array([1.0], dtype="float32"), OTHER),
        (np.array([0.5], dtype="float32"), np.array([0.500004], dtype="float32"), NEAR),
        (np.array([0.5], dtype="float32"), np.array([0.50001], dtype="float32"), OTHER),
        (np.array([0.0], dtype="float32"), np.array([9e-7], dtype="float32"), NEAR),
        (np.array([3e38], dtype="float32"), np.array([-3e38], dtype="float32"), OTHER),
        (np.array([1.0], dtype="float16"), np.array([1.005], dtype="float16"), NEAR),
        (np.array([1.0], dtype="float16"), np.array([1.05], dtype="float16"), OTHER),
        (np.array([1 + 1j]), np.array([1 + 1.00000001j]), NEAR),
        (np.array([1, 2]), np.array([1, 2]), SAME),
        (np.array([1, 2]), np.array([1, 3]), OTHER),
        (np.array([True]), np.array([False]), OTHER),
        (np.array(["a"]), np.array(["a"], dtype="U9"), SAME),
        (np.array(["NaT"], dtype="M8[s]"), np.array(["NaT"], dtype="M8[s]"), SAME),
        (np.array([1.0, "a", None], dtype=object), np.array([1.0 + 1e-9, "a", None], dtype=object), NEAR),
        (np.array([(1, 0.5)], dtype="i4,f8"), np.array([(1, 0.5 + 1e-9)], dtype="i4,f8"), NEAR),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), np.ma.masked_array([1.0, 3.0], [0, 1]), SAME),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), np.ma.masked_array([1.0, 2.0], [0, 0]), OTHER),
        (np.float64(1.0), np.float64(1.0 + 1e-9), NEAR),
        (np.float64(1.0), 1.0, OTHER),
        (np.array([]), np.array([]), SAME),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1.0 + 1e-9]}), NEAR),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]}), OTHER),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1]}), OTHER),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1.0]}, index=["x"]), OTHER),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1.0]}, index=[0]), SAME),
        (pd.DataFrame({"a": ["x", None]}), pd.DataFrame({"a": ["x", None]}), SAME),
        (pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),) * 2 + (SAME,),
        (pd.Series([1.0]), pd.Series([1.0 + 1e-9]), NEAR),
        (pd.Series([1.0]), pd.Series([1.0], name="x"), OTHER),
        (pd.Series(["a"]), pd.Series(["b"]), OTHER),
        (pd.Categorical(["a"], ["a", "b"]), pd.Categorical(["a"], ["a", "b"]), SAME),
        (pd.Categorical(["a"], ["a", "b"]), pd.Categorical(["a"], ["b", "a"]), OTHER),
        (pd.Index(["a"]), pd.Index(["a"]), SAME),
        (pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-01"), SAME),
        (pd.NaT, pd.NaT, SAME),
        (pd.NA, pd.NA, SAME),
        (ValueError("a"), ValueError("a"), SAME),
        (ValueError("a"), ValueError("b"), OTHER),
        (ValueError("a"), TypeError("a"), OTHER),
        (ValueError("[10:11:12] x at 0x7fab"), ValueError("[10:11:13] x at 0x7fac"), SAME),
        (decimal.Decimal(1), decimal.Decimal(1), SAME),
        (object(), object(), OTHER),
        (Unknown(), Unknown(), OTHER),
    ],
)
def test_results_are_compared_as_precisely_as_their_type_allows(alone, together, expected):
    assert joining.same_result(alone, together) == expected


def test_what_is_nested_too_deep_is_not_the_same():
    def deep():
        value = [1]
        for _ in range(100000):
            value = [value]
        return value

    assert joining.same_result(deep(), deep()) == (False, False)
    assert key(deep()) is None
