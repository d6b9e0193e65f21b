"""What runs in the model's Python: only what CPython 3.6 has."""

import ast

from nb_builder.slim import compile_here


def test_it_is_written_for_python_3_6():
    with open(compile_here.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read(), feature_version=(3, 6))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported <= {"importlib.util", "json", "marshal", "os", "struct", "sys"}


def test_the_header_says_never_to_compare(monkeypatch):
    head = compile_here.header(b"a = 1\n", 5)
    assert head[4:8] == b"\x01\0\0\0"
    assert len(head) == 16
    monkeypatch.setattr(compile_here, "HASHED", False)
    assert compile_here.header(b"a = 1\n", 5)[4:] == b"\x05\0\0\0\x06\0\0\0"


def test_what_is_no_python_has_no_code():
    assert compile_here.code_of(b"print 'two'", "/a.py") is None
    assert compile_here.code_of(b"a = '\x00'", "/a.py") is None
    assert compile_here.code_of(b"a = 1", "/a.py") is not None
