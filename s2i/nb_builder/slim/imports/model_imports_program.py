"""Finds what a model's own code may import later: the program that `model_imports` runs in the model's Python.

It reads the bytecode of the functions that predictor reaches (globals, closures, methods, what objects hold)
and the source of the repository's modules; of libraries only the functions that these call by name, and what those
call in turn, a few steps far. A text that is the name of an installed
package names it, too, as in BeautifulSoup(page, "lxml"). Where a name is computed, all modules of the repository are
read. Prints {module: where it is named}.

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

# Beyond it there are the trees of a forest, not functions.
MOST_THINGS = 50_000
MOST_STEPS = 3
_DYNAMIC = frozenset({"import_module", "__import__"})
# Between the function of a call and its arguments, and behind a first argument that is one constant.
_SILENT = frozenset({"CACHE", "PUSH_NULL", "NOP", "EXTENDED_ARG"})
_ENDS_ARGUMENT = ("CALL", "PRECALL", "KW_NAMES", "LOAD_CONST")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PLAIN = {str, bytes, int, float, complex, bool, type(None), types.BuiltinFunctionType}
_CODE = {types.FunctionType, types.MethodType, type, types.ModuleType, functools.partial}


class Reach:
    """What was reached, and the names of modules found in it: `found` is {module: where}."""

    def __init__(self, root, packages=()):
        """Take the repository's folder, whose modules are read as the notebook's own, and names of `packages`."""
        self.found = {}
        self._packages = frozenset(packages)
        self._root = os.path.realpath(root)
        self._seen = {}
        self._read = {}
        self._files = set()
        self._todo = []
        self._later: collections.deque = collections.deque()

    def of(self, things):
        """Walk from `things` through all that they hold; return `found`."""
        self._todo += things
        while (self._todo or self._later) and len(self._seen) < MOST_THINGS:
            # Functions first: a forest of trees must not be in their way.
            thing = self._todo.pop() if self._todo else self._later.popleft()
            if type(thing) in _PLAIN or id(thing) in self._seen:
                continue
            if self._todo and type(thing) not in _CODE:
                self._later.append(thing)
                continue
            # Kept here: its id must not be given to another.
            self._seen[id(thing)] = thing
            try:
                self._look(thing)
            # An object may stand for another and raise whatever it likes when it is looked at.
            except Exception as odd:  # noqa: BLE001
                print(f"left aside: {type(thing).__name__} ({type(odd).__name__})")
        return self.found

    def _look(self, thing):
        if isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, types.MethodType):
            self._todo += [thing.__func__, thing.__self__]
        elif isinstance(thing, type):
            self._class(thing)
        elif isinstance(thing, types.ModuleType):
            self._file(getattr(thing, "__file__", None))
        elif isinstance(thing, functools.partial):
            self._todo += [thing.func, thing.args, thing.keywords]
        elif isinstance(thing, property):
            self._todo += [thing.fget, thing.fset, thing.fdel]
        elif isinstance(thing, (staticmethod, classmethod)):
            self._todo.append(thing.__func__)
        elif isinstance(thing, dict):
            self._todo += list(thing.values())
        elif isinstance(thing, (list, tuple, set, frozenset)):
            self._todo += list(thing)
        else:
            self._todo.append(type(thing))
            self._todo += list(getattr(thing, "__dict__", {}).values())

    def _function(self, function):
        if not self._is_own(function.__code__.co_filename):
            self._called(function, MOST_STEPS)
            return
        where = function.__qualname__
        names = set()
        for code in _codes(function.__code__):
            names.update(code.co_names)
            for name in [*imported(code), *self._packages.intersection(texts(code.co_consts))]:
                self._name(name, where)
            if computes(code):
                self._repository()
        reached = [function.__globals__[name] for name in names if name in function.__globals__]
        for module in reached:
            if isinstance(module, types.ModuleType):
                self._attributes(module, names, where)
                for name in names.intersection(vars(module)):
                    self._called(vars(module)[name], MOST_STEPS)
        self._todo += reached
        self._todo += [cell.cell_contents for cell in function.__closure__ or () if _is_full(cell)]
        self._todo += [function.__defaults__, function.__kwdefaults__, function.__dict__]
        self._file(function.__code__.co_filename)

    def _called(self, thing, steps):
        """Read what a library's function imports when it is called, be it under a decorator of its own."""
        inside = [] if isinstance(thing, (type, types.ModuleType)) else getattr(thing, "__dict__", None)
        for function in [thing, *(inside.values() if type(inside) is dict else ())]:
            if steps and isinstance(function, types.FunctionType) and id(function) not in self._read:
                self._read[id(function)] = function
                where = f"{function.__module__}.{function.__qualname__}"
                for code in _codes(function.__code__):
                    others = (name for name in imported(code) if name.partition(".")[0] != where.partition(".")[0])
                    for name in others:
                        self._name(name, where)
                    for name in function.__globals__.keys() & code.co_names:
                        self._called(function.__globals__[name], steps - 1)

    def _attributes(self, module, names, where):
        """Read `scipy.stats` as an import where the package would load that when it is asked for it."""
        for name in names - set(vars(module)):
            for place in getattr(module, "__path__", ()):
                path = os.path.join(place, name)
                if os.path.exists(path + ".py") or os.path.exists(os.path.join(path, "__init__.py")):
                    self._name(module.__name__ + "." + name, where)

    def _class(self, kind):
        module = sys.modules.get(kind.__module__)
        if kind.__module__ == "__main__" or self._is_own(getattr(module, "__file__", None) or "<built in>"):
            self._todo += [*vars(kind).values(), *kind.__bases__]

    def _is_own(self, filename):
        """Return whether code of this file is the notebook's: its cells are no files at all."""
        if filename.startswith("<frozen") or filename == "<built in>":
            return False
        path = os.path.realpath(filename)
        return not os.path.exists(path) or path.startswith(self._root + os.sep)

    def _file(self, path):
        """Read the imports of a module of the repository, those of functions that nobody reached yet, too."""
        if not path or not path.endswith(".py") or path in self._files:
            return
        self._files.add(path)
        if not os.path.realpath(path).startswith(self._root + os.sep) or not os.path.isfile(path):
            return
        try:
            with open(path, "rb") as file:
                tree = ast.parse(file.read())
        except (SyntaxError, ValueError):
            # Nobody can import it either.
            return
        words = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        for name in [*imported_in_source(tree, self._package_of(path)), *self._packages.intersection(texts(words))]:
            self._name(name, os.path.relpath(os.path.realpath(path), self._root))
        if computed_in_source(tree):
            self._repository()

    def _repository(self):
        """Read every module of the repository that can be imported: nobody knows which one will be."""
        for folder in sys.path:
            if (os.path.realpath(folder) + os.sep).startswith(self._root + os.sep):
                for place, inner, files in os.walk(folder):
                    inner[:] = [name for name in inner if name.isidentifier()]
                    for name in files:
                        self._file(os.path.join(place, name))

    def _package_of(self, path):
        """Return the dotted name of the package that the module in `path` belongs to."""
        names: list = []
        folder = os.path.dirname(path)
        while os.path.exists(os.path.join(folder, "__init__.py")):
            names.insert(0, os.path.basename(folder))
            folder = os.path.dirname(folder)
        return ".".join(names)

    def _name(self, name, where):
        """Keep that `where` names the module `name`; one of the repository is read itself."""
        self.found.setdefault(name, where)
        for place in sys.path:
            if os.path.realpath(place or ".").startswith(self._root):
                path = os.path.join(place, *name.split("."))
                self._file(path + ".py")
                self._file(os.path.join(path, "__init__.py"))


def _codes(code):
    """Yield `code` and the code of what is defined in it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _codes(const)


def imported(code):
    """Yield the modules that `code` names: `from a import b` may mean a.b, a literal of import_module itself."""
    last = ""
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            last = step.argval
            yield last
        elif step.opname == "IMPORT_FROM":
            yield last + "." + step.argval
    if _DYNAMIC.intersection(code.co_names):
        for const in code.co_consts:
            if _names_module(const):
                yield const


def texts(things):
    """Yield the texts among `things`, and in tuples among them."""
    for thing in things:
        if isinstance(thing, str):
            yield thing
        elif isinstance(thing, (tuple, frozenset)):
            yield from texts(thing)


def computes(code):
    """Return whether `code` imports a module by something else than one constant."""
    steps = [step for step in dis.get_instructions(code) if step.opname not in _SILENT]
    for number, step in enumerate(steps):
        if step.opname.startswith("LOAD") and step.argval in _DYNAMIC:
            behind = [each.opname for each in steps[number + 1 : number + 3]]
            if behind[0] != "LOAD_CONST" or not behind[1].startswith(_ENDS_ARGUMENT):
                return True
    return False


def computed_in_source(tree):
    """Return the same of a module's syntax tree."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    loads = [call.args for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) in _DYNAMIC]
    return any(not args or not isinstance(args[0], ast.Constant) for args in loads)


def imported_in_source(tree, package):
    """Yield the same of a module's syntax tree; relative names begin in `package`."""
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
    """Return the names of the packages and modules that are installed in site-packages among `folders`."""
    found = [name for folder in folders if folder.endswith("site-packages") for name in os.listdir(folder)]
    return {name.split(".")[0] for name in found if "-" not in name}


def main(home, model_folder, notebook_folder):
    """Print what the model in `model_folder` may import, as JSON on the last line."""
    sys.path[:] = [place for place in sys.path if place]
    sys.path.append(home)
    from nb_scorer.model import load, manifest, runtime_paths

    told = manifest.read(model_folder)
    runtime_paths.enter(notebook_folder, told)
    loaded = load.load(model_folder)
    root = runtime_paths.root_of(notebook_folder, told.get("folder", "."))
    found = Reach(root, packages_in(filter(os.path.isdir, sys.path))).of(
        [loaded.predictor, loaded.validator, loaded.batch_predictor]
    )
    print("\n" + json.dumps(found, sort_keys=True), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
