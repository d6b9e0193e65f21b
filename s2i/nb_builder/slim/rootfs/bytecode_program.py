"""A program for the Python whose modules are compiled: replaces sources with bytecode, or puts it next to them.

Limited to the syntax of CPython 3.6 and to the standard library. stdin has a JSON object: `locations`, pairs of (a
folder in the tree, the same folder in the image), `keep_sources`, `date` and `docstrings`. Bytecode that the service
image already has is reused, unless docstrings should be emptied. A package whose code asserts something about
docstrings keeps its own.
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
# For example numpy.ma, which searches the docstrings of numpy's functions for certain words when it is imported.
ASSERTED = re.compile(rb"^[ \t]*assert\b.*\b__doc__", re.MULTILINE)

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_of(source, path, docstrings=True):
    """Return the marshalled code of `source`, named `path` in tracebacks; None if it is not valid Python."""
    import marshal

    try:
        tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        if not docstrings:
            empty_docstrings(tree)
        # It is a Module, because of PyCF_ONLY_AST; the type hints of compile() don't know that.
        code = compile(tree, path, "exec", dont_inherit=True, optimize=0)  # type: ignore[call-overload]
        return marshal.dumps(code)
    except (SyntaxError, ValueError):
        # Such a file, for example a template with the suffix .py, could never be imported.
        return None


def empty_docstrings(tree):
    """Empty the docstrings in a syntax tree; asserts and everything else stay.

    They are emptied, not removed: numpy parses its functions' docstrings, and would fail on None.
    """
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0].value  # type: ignore[attr-defined] # a docstring is an expression
            setattr(docstring, "value" if hasattr(docstring, "value") else "s", "")


def cached(path, source):
    """Return the code in the service image's bytecode for `path`; None if none matches `source`."""
    try:
        with open(importlib.util.cache_from_source(path), "rb") as file:
            data = file.read()
        stat = os.stat(path)
    except OSError:
        return None
    if data[:4] != importlib.util.MAGIC_NUMBER or len(data) <= HEADER:
        return None
    if HASHED and struct.unpack("<I", data[4:8])[0]:
        fits = data[8:16] == importlib.util.source_hash(source)
    else:
        fits = data[HEADER - 8 : HEADER] == struct.pack("<II", int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size)
    return data[HEADER:] if fits else None


def header(source, date):
    """Return the header of a .pyc file: an unchecked hash of the source; before Python 3.7 its date and size."""
    if HASHED:
        return importlib.util.MAGIC_NUMBER + struct.pack("<I", 1) + importlib.util.source_hash(source)
    return importlib.util.MAGIC_NUMBER + struct.pack("<II", date & 0xFFFFFFFF, len(source) & 0xFFFFFFFF)


def convert(file_path, path, request):
    """Compile the file `file_path`, which is `path` in the image; return whether that succeeded."""
    with open(file_path, "rb") as file:
        source = file.read()
    docstrings = request["docstrings"] or file_path.startswith(request["documented"])
    code = (docstrings and cached(path, source)) or code_of(source, path, docstrings)
    if code is None:
        return False
    keep = request["keep_sources"]
    target = importlib.util.cache_from_source(file_path) if keep else file_path + "c"
    if keep and not os.path.isdir(os.path.dirname(target)):
        os.mkdir(os.path.dirname(target))
    with open(target, "wb") as file:
        file.write(header(source, request["date"]) + code)
    if not keep:
        os.remove(file_path)
    return True


def documented(folder):
    """Yield the path of each package below `folder` in which a module asserts something about a docstring."""
    for parent, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(parent, name)
            if name.endswith(".py") and not os.path.islink(path):
                with open(path, "rb") as file:
                    if ASSERTED.search(file.read()):
                        yield top(path, folder)


def top(path, folder):
    """Return the folder of the outermost package that contains `path`, below `folder`, or the file of a lone module."""
    site_packages, separator, _ = path.rpartition("/site-packages/")
    root = site_packages + separator.rstrip("/") if separator else folder
    return os.path.join(root, os.path.relpath(path, root).split("/")[0])


def main():
    """Run the job on stdin; print {"compiled": number, "failed": paths of the sources that are not Python}."""
    request = json.load(sys.stdin)
    locations = [] if request["docstrings"] else request["locations"]
    request["documented"] = tuple(package for folder, _ in locations for package in documented(folder))
    count, failed = 0, []
    for folder, image_folder in request["locations"]:
        for parent, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(files):
                path = os.path.join(parent, name)
                if name.endswith(".py") and not os.path.islink(path):
                    is_compiled = convert(path, image_folder + path[len(folder) :], request)
                    count += is_compiled
                    failed += [] if is_compiled else [path]
    print(json.dumps({"compiled": count, "failed": failed}))


if __name__ == "__main__":
    main()
