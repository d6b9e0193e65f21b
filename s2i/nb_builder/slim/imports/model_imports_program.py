"""Finds what a model's own code may import later; `model_imports` runs this program in the model's Python.

It reads the bytecode of the functions that predictor reaches (through globals, closures, methods and attributes of
objects) and the source of the repository's modules; in libraries only the functions that these call by name, and what
those call in turn, MAX_CALL_DEPTH calls deep. A string that equals the name of an installed package names that, too, as
in BeautifulSoup(page, "lxml"). If a name is computed, all modules of the repository are read. Prints {module: where it
is named}.

Arguments: the folder of nb_scorer, the model folder, the notebook's folder. CPython 3.8 or newer.
"""

import ast
import collections
import dis
import functools
import json
import os
import re
import sys
import types

# Beyond this many objects, there is only data, such as the trees of a forest, and no functions.
MAX_OBJECTS = 50_000
MAX_CALL_DEPTH = 3
_DYNAMIC = frozenset({"import_module", "__import__"})
# Opcodes between the function of a call and its arguments, and the opcodes that follow a constant first argument.
_SKIPPED_OPCODES = frozenset({"CACHE", "PUSH_NULL", "NOP", "EXTENDED_ARG"})
_AFTER_CONSTANT = ("CALL", "PRECALL", "KW_NAMES", "LOAD_CONST")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_LEAVES = {str, bytes, int, float, complex, bool, type(None), types.BuiltinFunctionType}
_WALKED_FIRST = {types.FunctionType, types.MethodType, type, types.ModuleType, functools.partial}


class ReachableImports:
    """Walks through all objects that predictor reaches; `modules` is {module: where it is named}."""

    def __init__(self, root, packages=()):
        """Take the repository's folder, whose modules count as the notebook's own, and the names of `packages`."""
        self.modules = {}
        self._packages = frozenset(packages)
        self._root = os.path.realpath(root)
        self._seen = {}
        self._functions_read = {}
        self._files_read = set()
        self._pending = []
        self._deferred: collections.deque = collections.deque()

    def walk(self, objects):
        """Walk from `objects` through all that they refer to; return `modules`."""
        self._pending += objects
        while (self._pending or self._deferred) and len(self._seen) < MAX_OBJECTS:
            # Code first, so that a forest with many trees doesn't use up MAX_OBJECTS.
            value = self._pending.pop() if self._pending else self._deferred.popleft()
            if type(value) in _LEAVES or id(value) in self._seen:
                continue
            if self._pending and type(value) not in _WALKED_FIRST:
                self._deferred.append(value)
                continue
            # The reference keeps the object alive, so that its id is not reused.
            self._seen[id(value)] = value
            try:
                self._visit(value)
            # Reading attributes of proxies and similar objects may raise anything.
            except Exception as error:  # noqa: BLE001
                print(f"left aside: {type(value).__name__} ({type(error).__name__})")
        return self.modules

    def _visit(self, value):
        if isinstance(value, types.FunctionType):
            self._visit_function(value)
        elif isinstance(value, types.MethodType):
            self._pending += [value.__func__, value.__self__]
        elif isinstance(value, type):
            self._visit_class(value)
        elif isinstance(value, types.ModuleType):
            self._read_file(getattr(value, "__file__", None))
        elif isinstance(value, functools.partial):
            self._pending += [value.func, value.args, value.keywords]
        elif isinstance(value, property):
            self._pending += [value.fget, value.fset, value.fdel]
        elif isinstance(value, (staticmethod, classmethod)):
            self._pending.append(value.__func__)
        elif isinstance(value, dict):
            self._pending += list(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            self._pending += list(value)
        else:
            self._pending.append(type(value))
            self._pending += list(getattr(value, "__dict__", {}).values())

    def _visit_function(self, function):
        if not self._is_notebook_code(function.__code__.co_filename):
            self._read_calls(function, MAX_CALL_DEPTH)
            return
        where = function.__qualname__
        names = set()
        for code in _codes(function.__code__):
            names.update(code.co_names)
            for name in [*imported(code), *self._packages.intersection(strings(code.co_consts))]:
                self._add(name, where)
            if computes(code):
                self._read_repository()
        reached = [function.__globals__[name] for name in names if name in function.__globals__]
        for module in reached:
            if isinstance(module, types.ModuleType):
                self._read_attributes(module, names, where)
                for name in names.intersection(vars(module)):
                    self._read_calls(vars(module)[name], MAX_CALL_DEPTH)
        self._pending += reached
        self._pending += [cell.cell_contents for cell in function.__closure__ or () if _is_full(cell)]
        self._pending += [function.__defaults__, function.__kwdefaults__, function.__dict__]
        self._read_file(function.__code__.co_filename)

    def _read_calls(self, value, depth):
        """Read what a library's function imports when it is called, even if a decorator object wraps it."""
        attributes = [] if isinstance(value, (type, types.ModuleType)) else getattr(value, "__dict__", None)
        for function in [value, *(attributes.values() if type(attributes) is dict else ())]:
            if depth and isinstance(function, types.FunctionType) and id(function) not in self._functions_read:
                self._functions_read[id(function)] = function
                where = f"{function.__module__}.{function.__qualname__}"
                for code in _codes(function.__code__):
                    foreign = (name for name in imported(code) if name.partition(".")[0] != where.partition(".")[0])
                    for name in foreign:
                        self._add(name, where)
                    for name in function.__globals__.keys() & code.co_names:
                        self._read_calls(function.__globals__[name], depth - 1)

    def _read_attributes(self, module, names, where):
        """Count an attribute such as `scipy.stats` as an import if the package has that submodule and may load it."""
        for name in names - set(vars(module)):
            for folder in getattr(module, "__path__", ()):
                path = os.path.join(folder, name)
                if os.path.exists(path + ".py") or os.path.exists(os.path.join(path, "__init__.py")):
                    self._add(module.__name__ + "." + name, where)

    def _visit_class(self, cls):
        module = sys.modules.get(cls.__module__)
        if cls.__module__ == "__main__" or self._is_notebook_code(getattr(module, "__file__", None) or "<built in>"):
            self._pending += [*vars(cls).values(), *cls.__bases__]

    def _is_notebook_code(self, filename):
        """Return whether code of this file belongs to the notebook or the repository: cells have no files on disk."""
        if filename.startswith("<frozen") or filename == "<built in>":
            return False
        path = os.path.realpath(filename)
        return not os.path.exists(path) or path.startswith(self._root + os.sep)

    def _read_file(self, path):
        """Read all imports in a module of the repository, including those of functions that were not reached."""
        if not path or not path.endswith(".py") or path in self._files_read:
            return
        self._files_read.add(path)
        if not os.path.realpath(path).startswith(self._root + os.sep) or not os.path.isfile(path):
            return
        try:
            with open(path, "rb") as file:
                tree = ast.parse(file.read())
        except (SyntaxError, ValueError):
            # Python can't import it, either.
            return
        constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        named_packages = self._packages.intersection(strings(constants))
        for name in [*imported_in_source(tree, self._package_of(path)), *named_packages]:
            self._add(name, os.path.relpath(os.path.realpath(path), self._root))
        if computed_in_source(tree):
            self._read_repository()

    def _read_repository(self):
        """Read every importable module of the repository, because any of them may be the one with a computed name."""
        for folder in sys.path:
            if (os.path.realpath(folder) + os.sep).startswith(self._root + os.sep):
                for parent, folders, files in os.walk(folder):
                    folders[:] = [name for name in folders if name.isidentifier()]
                    for name in files:
                        self._read_file(os.path.join(parent, name))

    def _package_of(self, path):
        """Return the dotted name of the package of the module in `path`."""
        names: list = []
        folder = os.path.dirname(path)
        while os.path.exists(os.path.join(folder, "__init__.py")):
            names.insert(0, os.path.basename(folder))
            folder = os.path.dirname(folder)
        return ".".join(names)

    def _add(self, name, where):
        """Record that `where` names the module `name`; a module of the repository is read in turn."""
        self.modules.setdefault(name, where)
        for folder in sys.path:
            if os.path.realpath(folder or ".").startswith(self._root):
                path = os.path.join(folder, *name.split("."))
                self._read_file(path + ".py")
                self._read_file(os.path.join(path, "__init__.py"))


def _codes(code):
    """Yield `code` and the code objects nested in it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _codes(const)


def imported(code):
    """Yield the modules that `code` names; `from a import b` may mean a.b, and import_module("a") names a."""
    last = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            last = instruction.argval
            yield last
        elif instruction.opname == "IMPORT_FROM":
            yield last + "." + instruction.argval
    if _DYNAMIC.intersection(code.co_names):
        for const in code.co_consts:
            if _names_module(const):
                yield const


def strings(values):
    """Yield the strings among `values`, and in tuples among them."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (tuple, frozenset)):
            yield from strings(value)


def computes(code):
    """Return whether `code` imports a module with anything other than one constant."""
    instructions = [
        instruction for instruction in dis.get_instructions(code) if instruction.opname not in _SKIPPED_OPCODES
    ]
    for index, instruction in enumerate(instructions):
        if instruction.opname.startswith("LOAD") and instruction.argval in _DYNAMIC:
            opcodes = [following.opname for following in instructions[index + 1 : index + 3]]
            if opcodes[0] != "LOAD_CONST" or not opcodes[1].startswith(_AFTER_CONSTANT):
                return True
    return False


def computed_in_source(tree):
    """Return the same for a module's syntax tree."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    loads = [call.args for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) in _DYNAMIC]
    return any(not args or not isinstance(args[0], ast.Constant) for args in loads)


def imported_in_source(tree, package):
    """Yield the modules that a module's syntax tree names; relative names are resolved in `package`."""
    dynamic = any(getattr(node, "attr", getattr(node, "id", "")) in _DYNAMIC for node in ast.walk(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([part for part in parts if part] + ([node.module] if node.module else []))
            yield from [base] * bool(base)
            yield from (".".join(filter(None, [base, alias.name])) for alias in node.names)
        elif dynamic and isinstance(node, ast.Constant) and _names_module(node.value):
            yield node.value


def _names_module(const):
    return isinstance(const, str) and bool(_MODULE.fullmatch(const))


def _is_full(cell):
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def packages_in(folders):
    """Return the names of the packages and modules in the `folders` that are a site-packages."""
    entries = [name for folder in folders if folder.endswith("site-packages") for name in os.listdir(folder)]
    return {name.split(".")[0] for name in entries if "-" not in name}


def main(home, model_folder, notebook_folder, digests):
    """Print what the model in `model_folder` may import, as JSON on the last line.

    `digests` are those that its files must have, as a JSON object; "" if they weren't verified.
    """
    sys.path[:] = [path for path in sys.path if path]
    sys.path.append(home)
    from nb_scorer.model import load, manifest, runtime_paths

    digests = json.loads(digests) if digests else None
    content = manifest.read(model_folder, digests)
    runtime_paths.enter(notebook_folder, content)
    model = load.load(model_folder, digests)
    root = runtime_paths.root_of(notebook_folder, content.get("folder", "."))
    modules = ReachableImports(root, packages_in(filter(os.path.isdir, sys.path))).walk(
        [model.predictor, model.validator, model.batch_predictor, model.setup, model.teardown]
    )
    print("\n" + json.dumps(modules, sort_keys=True), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
