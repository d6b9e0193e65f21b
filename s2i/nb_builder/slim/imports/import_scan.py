"""Which modules the code of loaded modules names: libraries may import them later, in functions that did not run.

Sources are searched with regular expressions, not parsed: a false match only keeps a file too many. If a function
imports a computed name, a fixed prefix and one word, every module with that prefix counts. A module's `__getattr__` is
an exception: code that needs what it loads names it.
"""

import os
import re
from collections.abc import Container, Iterable, Iterator

_PLAIN = re.compile(r"^[ \t]*import[ \t]+([^\n#;]+)", re.MULTILINE)
_FROM = re.compile(r"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|(?:[^\n\\#;]|\\\n)+)", re.MULTILINE)
_CALL = re.compile(r"(?:import_module|__import__)\(\s*['\"]([\w.]+)['\"]")
# A function's name, or an import whose computed name has the prefix `begin`: f"a.{x}", "a.%s" % x, "a." + x,
# "a.{}".format(x).
_COMPUTED = re.compile(
    r"""^[ \t]*def[ \t]+(?P<function>\w+)
    | (?:import_module|__import__)\(\s*[fFrR]*['"](?P<begin>\.*\w[\w.]*)(?:(?:\{[^{}]*\}|%s)['"] | ['"]\s*\+)
    """,
    re.MULTILINE | re.VERBOSE,
)
_NATIVE_WORD = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_WORD = re.compile(r"(\w+)(?:\s+as\s+\w+)?")


class Modules:
    """The modules below the folders of a sys.path, by name and by file."""

    def __init__(self, folders: Iterable[str]) -> None:
        """Read the folders; modules of the same name in several folders all count."""
        self.files: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        for folder in folders:
            for name, file in _below(folder):
                self.files.setdefault(name, []).append(file)
                self._names[file] = name

    def all(self) -> Iterable[str]:
        """Return the files of all modules."""
        return self._names.keys()

    def loading(self, names: Iterable[str]) -> set[str]:
        """Return the files that importing the modules `names` loads, through import statements outside any block."""
        todo = self._files_of_all(names, None)
        files = set(todo)
        while todo:
            new = self._files_of_all(self._names_in(todo.pop(), loading=True), None) - files
            files |= new
            todo |= new
        return files

    def closure(self, files: Iterable[str], names: Iterable[str], *, within: Container[str] | None = None) -> set[str]:
        """Return the files of the loaded modules among `files`, of the modules `names`, and of all that these name.

        With `within`, only files in it are followed.
        """
        loaded = [file for file in files if file in self._names]
        todo = [*loaded, *self._files_of_all(names, within)]
        reached, native = set(todo), {file for file in loaded if not file.endswith(".py")}
        while todo:
            file = todo.pop()
            # A native module that was loaded has loaded what it needs; one that was not is searched for names.
            new = self._files_of_all(self._names_in(file) if file not in native else (), within) - reached
            reached |= new
            todo += new
        return reached

    def _files_of_all(self, names: Iterable[str], within: Container[str] | None) -> set[str]:
        files = {file for name in names for file in self._files_of(name)}
        return files if within is None else {file for file in files if file in within}

    def _files_of(self, name: str) -> Iterator[str]:
        """Yield the files of the module `name` and of its parent packages."""
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            yield from self.files.get(".".join(parts[:depth]), ())

    def _names_in(self, file: str, *, loading: bool = False) -> set[str]:
        if not file.endswith(".py"):
            return set() if loading else self._names_in_native(file)
        with open(file, encoding="utf-8", errors="replace") as source:
            text = source.read()
        module = self._names[file]
        package = module if os.path.basename(file) == "__init__.py" else module.rpartition(".")[0]
        if loading:
            return set(named_in(text, package, loading=True))
        return {*named_in(text, package), *self._computed_names_in(text, package)}

    def _names_in_native(self, file: str) -> set[str]:
        """Return the modules whose names occur in a native module: full names, or short ones of its own package."""
        package = self._names[file].rpartition(".")[0]
        with open(file, "rb") as stream:
            names = {name.decode() for name in _NATIVE_WORD.findall(stream.read())}
        siblings = (f"{package}.{name}" for name in names if package and "." not in name)
        return {name for name in (*(name for name in names if "." in name), *siblings) if name in self.files}

    def _computed_names_in(self, text: str, package: str) -> Iterator[str]:
        """Yield the modules that the source `text` may import under computed names."""
        prefixes = computed_in(text)
        # `__import__(..., level=1)` is relative to the package, although its name has no dot.
        absolute = {_absolute(prefix, package) for prefix in prefixes}
        for prefix in absolute.union(f"{package}.{prefix}" for prefix in prefixes):
            yield from (name for name in self.files if name.startswith(prefix))


def named_in(text: str, package: str, *, loading: bool = False) -> Iterator[str]:
    """Yield the modules that the source `text` of a module in `package` names; `from a import b` may mean a.b.

    With `loading`, only statements without indentation count, which excludes those in functions and in `try`.
    """
    for match in _PLAIN.finditer(text):
        for part in match[1].split(",") if not loading or match[0][0] == "i" else ():
            yield part.split()[0] if part.strip() else ""
    for match in _FROM.finditer(text):
        if loading and match[0][0] != "f":
            continue
        base = _absolute(match[1], package)
        yield base
        for name in _WORD.finditer(match[2]):
            yield f"{base}.{name[1]}"
    yield from () if loading else (match[1] for match in _CALL.finditer(text))


def computed_in(text: str) -> set[str]:
    """Return the prefixes of module names that functions in `text` compute for an import."""
    prefixes, function = set(), ""
    for match in _COMPUTED.finditer(text):
        if match["function"]:
            function = match["function"]
        elif function != "__getattr__":
            prefixes.add(match["begin"])
    return prefixes


def _absolute(name: str, package: str) -> str:
    """Return the absolute name of the module that code in `package` imports as `name`, which may start with dots."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    parents = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*parents, *filter(None, [name.lstrip(".")])])


def _below(folder: str) -> Iterator[tuple[str, str]]:
    """Yield (dotted name, file) of each module below `folder`."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name.isidentifier() or name == "lib-dynload"]
        package = os.path.relpath(parent, folder).replace("lib-dynload", "").strip("./").replace("/", ".")
        for file in files:
            name, _, suffix = file.partition(".")
            if suffix in ("py", "so") or (suffix.startswith(("cpython-", "abi3")) and suffix.endswith("so")):
                parts = [package, name if name != "__init__" else ""]
                yield ".".join(filter(None, parts)), os.path.join(parent, file)
