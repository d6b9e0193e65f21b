"""The program that compiles in the model's Python, with what CPython 3.6 has."""

import ast
import marshal

import pytest
from nb_builder.slim.rootfs import bytecode_program


def test_it_is_written_for_python_3_6():
    with open(bytecode_program.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read(), feature_version=(3, 6))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported <= {"ast", "importlib.util", "json", "marshal", "os", "re", "struct", "sys"}


def test_the_header_says_never_to_compare(monkeypatch):
    header = bytecode_program.header(b"a = 1\n", 5)
    assert header[4:8] == b"\x01\0\0\0"
    assert len(header) == 16
    monkeypatch.setattr(bytecode_program, "HASHED", False)
    assert bytecode_program.header(b"a = 1\n", 5)[4:] == b"\x05\0\0\0\x06\0\0\0"


def test_what_is_no_python_has_no_code():
    assert bytecode_program.code_of(b"print 'two'", "/a.py") is None
    assert bytecode_program.code_of(b"a = '\x00'", "/a.py") is None
    assert bytecode_program.code_of(b"a = 1", "/a.py") is not None


DOCUMENTED = b'''"""Of the module."""
from __future__ import annotations
class A:
    """Of a class."""
def f():
    """Of a function."""
    "A text that is no docstring."
async def g():
    """Of a coroutine."""
    assert False, "asserts stay"
'''


def test_without_docstrings_these_are_empty_and_all_else_stays():
    code = marshal.loads(bytecode_program.code_of(DOCUMENTED, "/a.py", docstrings=False))
    names = {}
    exec(code, names)
    assert [names.get("__doc__"), names["A"].__doc__, names["f"].__doc__, names["g"].__doc__] == [""] * 4
    assert names["f"]() is None and "annotations" in names
    with pytest.raises(AssertionError, match="asserts stay"):
        names["g"]().send(None)


def test_with_docstrings_the_code_has_them():
    names = {}
    exec(marshal.loads(bytecode_program.code_of(DOCUMENTED, "/a.py")), names)
    assert (names["__doc__"], names["f"].__doc__) == ("Of the module.", "Of a function.")
