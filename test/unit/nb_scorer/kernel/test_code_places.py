"""Code in a pickle says in which cell it stands, whatever cloudpickle writes for that."""

import collections
import io
import pickle
import types

import cloudpickle
import pytest
from nb_scorer.kernel import code_places

CELL = "Cell [2] of model.ipynb"
REDUCE = cloudpickle.Pickler.dispatch_table[types.CodeType]


def without_place(code):
    """Reduce code as cloudpickle 3.1.3 does."""
    constructor, arguments = REDUCE(code)
    return constructor, tuple("<dynamic-code>" if argument == code.co_filename else argument for argument in arguments)


def dump_by(table):
    """Return what pickles with this table."""
    pickler = type("Pickler", (cloudpickle.Pickler,), {"dispatch_table": table})
    return lambda value, file: pickler(file).dump(value)


def loaded(dump, namespace):
    output = io.BytesIO()
    dump(namespace["f"], output)
    return pickle.loads(output.getvalue())


@pytest.fixture
def namespace():
    defined = {}
    text = "def f(x):\n    return (lambda: g(x))()\n\ndef g(x):\n    return [1 / one for one in [x]]\n"
    exec(compile(text, CELL, "exec"), defined)
    return defined


def places(function):
    """Return the files of a function's code, of that in it, and of the function that it calls."""
    codes, files = [function.__code__, function.__globals__["g"].__code__], set()
    while codes:
        code = codes.pop()
        files.add(code.co_filename)
        codes += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return files


def test_with_the_cloudpickle_that_is_here_code_keeps_its_cell(namespace):
    function = loaded(code_places.dump, namespace)
    assert (places(function), function(4)) == ({CELL}, [0.25])


def test_with_one_that_writes_a_constant_too(namespace, monkeypatch):
    place = code_places._place_of(without_place)
    assert place == "<dynamic-code>"
    table = collections.ChainMap({types.CodeType: without_place}, cloudpickle.Pickler.dispatch_table)
    assert places(loaded(dump_by(table), namespace)) == {"<dynamic-code>"}
    monkeypatch.setattr(code_places, "_reduce", without_place)
    monkeypatch.setattr(code_places, "_PLACE", place)
    table = collections.ChainMap({types.CodeType: code_places._reduce_code}, table)
    function = loaded(dump_by(table), namespace)
    assert (places(function), function(4)) == ({CELL}, [0.25])


def test_one_that_writes_the_file_is_left_as_it_is():
    assert code_places._place_of(lambda code: (types.CodeType, (1, code.co_filename, "<module>"))) is None
