"""Which functions of a notebook are its setup and teardown, what they bind, and what is left out of the pickle."""

import asyncio

import pytest
from nb_scorer.model import start_up


def notebook(source):
    namespace = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace


def test_a_notebook_needs_neither():
    assert start_up.find_functions(notebook("")) == ({"setup": None, "teardown": None}, [])


@pytest.mark.parametrize("source", ["def setup(): ...", "async def setup(): ...", "def setup(device): ..."])
def test_a_setup_takes_nothing_or_a_device(source):
    namespace = notebook(source + "\ndef teardown(): ...")
    assert start_up.find_functions(namespace) == ({name: namespace[name] for name in ("setup", "teardown")}, [])


def test_an_imported_function_of_that_name_is_something_else():
    assert start_up.find_functions({"setup": asyncio.run, "teardown": 3}) == ({"setup": None, "teardown": None}, [])


def test_one_that_needs_other_arguments_is_not_called_and_a_note_says_so():
    found, notes = start_up.find_functions(notebook("def setup(seed): ...\ndef teardown(code): ..."))
    assert found == {"setup": None, "teardown": None}
    assert notes == [
        "setup needs arguments, so the service does not call it; it calls setup() and setup(device)",
        "teardown needs arguments, so the service does not call it; it calls teardown()",
    ]


def test_globals_are_found_in_inner_functions_and_in_those_that_are_called():
    source = """
def connect():
    global connection
    connection = local = 1
def unused():
    global other
    other = 1
def setup():
    global tokenizer, tokenizer
    tokenizer = read = 1
    def inner():
        global cache
        cache = 2
    inner()
    connect()
    setup
"""
    assert sorted(start_up.bound_globals(notebook(source)["setup"])) == ["cache", "connection", "tokenizer"]


def test_what_is_left_out_is_back_afterwards():
    namespace = {"a": 1, "b": 2}
    with pytest.raises(KeyError), start_up.left_out(namespace, ["a", "c"]):
        assert namespace == {"b": 2}
        raise KeyError
    assert namespace == {"a": 1, "b": 2}


def test_a_call_passes_the_device_to_a_setup_that_wants_it():
    source = "seen = []\ndef setup(device): seen.append(device)\ndef teardown(): seen.append('nothing')"
    namespace = notebook(source)
    for name in start_up.NAMES:
        start_up.call(namespace[name], lambda result: result)
    assert namespace["seen"] == [start_up.device(), "nothing"]
