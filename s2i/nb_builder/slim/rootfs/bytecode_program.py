"""Run by the Python whose modules they are: puts bytecode in the place of sources, or beside them.

Kept to what CPython 3.6 reads, and to the standard library. stdin has a JSON object: `places`, pairs of (a folder
in the tree, the same folder in the image), `keep_sources` and `docstrings`. Bytecode that the image has is taken
over, unless docstrings are not wanted. A package that asserts something of docstrings keeps its own.
"""

import ast
import importlib.util
import json
import os
import re
import struct
import sys

HASHED = sys.version_info >= (3, 7)
HEADER = 16 if HASHED else 12
# Such as numpy.ma, which looks for words in the docstrings of numpy's functions when it is imported.
ASSERTED = re.compile(rb"^[ \t]*assert\b.*\b__doc__", re.MULTILINE)

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_of(source, path, docstrings=True):
    """Return the marshalled code of `source`, named `path` in tracebacks; None where it is no valid Python."""
    import marshal

    try:
        tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        if not docstrings:
            empty_docstrings(tree)
        # It is a Module; hints know of no flag that says so.
        code = compile(tree, path, "exec", dont_inherit=True, optimize=0)  # type: ignore[call-overload]
        return marshal.dumps(code)
    except (SyntaxError, ValueError):
        # What is not valid Python was never importable, such as a template with the suffix .py.
        return None


def empty_docstrings(tree):
    """Make the docstrings in a syntax tree empty; asserts and all else stay as they are.

    Empty and not gone: numpy takes its functions' docstrings apart, and None has no parts.
    """
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0].value  # type: ignore[attr-defined] # a docstring is an expression
            setattr(text, "value" if hasattr(text, "value") else "s", "")


def cached(path, source):
    """Return the code in the image's own bytecode for `path`, or None if there is none that fits."""
    try:
        with open(importlib.util.cache_from_source(path), "rb") as file:
            data = file.read()
        told = os.stat(path)
    except OSError:
        return None
    if data[:4] != importlib.util.MAGIC_NUMBER or len(data) <= HEADER:
        return None
    if HASHED and struct.unpack("<I", data[4:8])[0]:
        fits = data[8:16] == importlib.util.source_hash(source)
    else:
        fits = data[HEADER - 8 : HEADER] == struct.pack("<II", int(told.st_mtime) & 0xFFFFFFFF, told.st_size)
    return data[HEADER:] if fits else None


def header(source, date):
    """Return what goes before the code: by hash, never compared at run time; before 3.7 by date and size."""
    if HASHED:
        return importlib.util.MAGIC_NUMBER + struct.pack("<I", 1) + importlib.util.source_hash(source)
    return importlib.util.MAGIC_NUMBER + struct.pack("<II", date & 0xFFFFFFFF, len(source) & 0xFFFFFFFF)


def convert(here, path, asked):
    """Compile the file `here`, which is `path` in the image; return whether that could be done."""
    with open(here, "rb") as file:
        source = file.read()
    docstrings = asked["docstrings"] or here.startswith(asked["documented"])
    code = (docstrings and cached(path, source)) or code_of(source, path, docstrings)
    if code is None:
        return False
    keep = asked["keep_sources"]
    target = importlib.util.cache_from_source(here) if keep else here + "c"
    if keep and not os.path.isdir(os.path.dirname(target)):
        os.mkdir(os.path.dirname(target))
    with open(target, "wb") as file:
        file.write(header(source, asked["date"]) + code)
    if not keep:
        os.remove(here)
    return True


def documented(folder):
    """Yield the path of each package below `folder` in which a module asserts something of a docstring."""
    for place, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(place, name)
            if name.endswith(".py") and not os.path.islink(path):
                with open(path, "rb") as file:
                    if ASSERTED.search(file.read()):
                        yield top(path, folder)


def top(path, folder):
    """Return the folder, or the file, of the outermost package or module of `path`, which is below `folder`."""
    site, inside, _ = path.rpartition("/site-packages/")
    above = site + inside.rstrip("/") if inside else folder
    return os.path.join(above, os.path.relpath(path, above).split("/")[0])


def main():
    """Do all that stdin asks for and print {"compiled": number, "left": paths of sources that could not be}."""
    asked = json.load(sys.stdin)
    places = [] if asked["docstrings"] else asked["places"]
    asked["documented"] = tuple(package for folder, _ in places for package in documented(folder))
    count, left = 0, []
    for folder, image in asked["places"]:
        for place, inner, files in os.walk(folder):
            inner.sort()
            for name in sorted(files):
                here = os.path.join(place, name)
                if name.endswith(".py") and not os.path.islink(here):
                    done = convert(here, image + here[len(folder) :], asked)
                    count += done
                    left += [] if done else [here]
    print(json.dumps({"compiled": count, "left": left}))


if __name__ == "__main__":
    main()
