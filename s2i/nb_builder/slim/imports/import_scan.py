"""Which modules the code of loaded modules names: what libraries import later, in functions nobody called.

Sources are searched for import statements and not parsed: a name too many keeps a file too many. Where a function
imports by a name that is put together of a beginning and one word, every module counts whose name begins so. A
module's `__getattr__` is none of these: what it loads is asked for by its own name.
"""

import os
import re
from collections.abc import Container, Iterable, Iterator

_PLAIN = re.compile(r"^[ \t]*import[ \t]+([^\n#;]+)", re.MULTILINE)
_FROM = re.compile(r"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|(?:[^\n\\#;]|\\\n)+)", re.MULTILINE)
_CALL = re.compile(r"(?:import_module|__import__)\(\s*['\"]([\w.]+)['\"]")
# A function's name, or a call by a name that begins with `begin`: f"a.{x}", "a.%s" % x, "a." + x, "a.{}".format(x).
_COMPUTED = re.compile(
    r"""^[ \t]*def[ \t]+(?P<function>\w+)
    | (?:import_module|__import__)\(\s*[fFrR]*['"](?P<begin>\.*\w[\w.]*)(?:(?:\{[^{}]*\}|%s)['"] | ['"]\s*\+)
    """,
    re.MULTILINE | re.VERBOSE,
)
_NATIVE_WORD = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_WORD = re.compile(r"(\w+)(?:\s+as\s+\w+)?")


class Modules:
    """The modules below some folders, as sys.path has them: by name, and by file."""

    def __init__(self, folders: Iterable[str]) -> None:
        """Read the folders; where two have a module of one name, both count."""
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
        """Return what is imported where the modules called `names` are: by statements that stand in no block."""
        todo = self._all_called(names, None)
        found = set(todo)
        while todo:
            new = self._all_called(self._named_in(todo.pop(), loading=True), None) - found
            found |= new
            todo |= new
        return found

    def closure(self, files: Iterable[str], names: Iterable[str], *, within: Container[str] | None = None) -> set[str]:
        """Return the loaded modules among `files` and those called `names`, with all that their code names.

        With `within` only what is in there is found.
        """
        loaded = [file for file in files if file in self._names]
        todo = [*loaded, *self._all_called(names, within)]
        found, native = set(todo), {file for file in loaded if not file.endswith(".py")}
        while todo:
            file = todo.pop()
            # What a native module needs was loaded with it; of one that was not, nobody knows yet.
            new = self._all_called(self._named_in(file) if file not in native else (), within) - found
            found |= new
            todo += new
        return found

    def _all_called(self, names: Iterable[str], within: Container[str] | None) -> set[str]:
        called = {file for name in names for file in self._called(name)}
        return called if within is None else {file for file in called if file in within}

    def _called(self, name: str) -> Iterator[str]:
        """Yield the files of the module `name` and of the packages that it is in."""
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            yield from self.files.get(".".join(parts[:count]), ())

    def _named_in(self, file: str, *, loading: bool = False) -> set[str]:
        if not file.endswith(".py"):
            return set() if loading else self._named_in_native(file)
        with open(file, encoding="utf-8", errors="replace") as source:
            text = source.read()
        own = self._names[file]
        package = own if os.path.basename(file) == "__init__.py" else own.rpartition(".")[0]
        if loading:
            return set(named_in(text, package, loading=True))
        return {*named_in(text, package), *self._computed_in(text, package)}

    def _named_in_native(self, file: str) -> set[str]:
        """Return the modules whose full names are in a native module, and those beside it whose names are."""
        package = self._names[file].rpartition(".")[0]
        with open(file, "rb") as opened:
            words = {word.decode() for word in _NATIVE_WORD.findall(opened.read())}
        beside = (f"{package}.{word}" for word in words if package and "." not in word)
        return {name for name in (*(word for word in words if "." in word), *beside) if name in self.files}

    def _computed_in(self, text: str, package: str) -> Iterator[str]:
        """Yield the modules that the source `text` may mean by names that it puts together."""
        begins = computed_in(text)
        # `__import__(..., level=1)` begins in the package without saying so.
        for begin in {*(_absolute(begin, package) for begin in begins), *(f"{package}.{begin}" for begin in begins)}:
            yield from (name for name in self.files if name.startswith(begin))


def named_in(text: str, package: str, *, loading: bool = False) -> Iterator[str]:
    """Yield the modules that the source `text` of a module in `package` names; `from a import b` may mean a.b.

    With `loading` only statements without an indentation count: those of functions and of `try` have one.
    """
    for found in _PLAIN.finditer(text):
        for part in found[1].split(",") if not loading or found[0][0] == "i" else ():
            yield part.split()[0] if part.strip() else ""
    for found in _FROM.finditer(text):
        if loading and found[0][0] != "f":
            continue
        base = _absolute(found[1], package)
        yield base
        for word in _WORD.finditer(found[2]):
            yield f"{base}.{word[1]}"
    yield from () if loading else (found[1] for found in _CALL.finditer(text))


def computed_in(text: str) -> set[str]:
    """Return how the names begin that functions in `text` put together for an import."""
    found, function = set(), ""
    for match in _COMPUTED.finditer(text):
        if match["function"]:
            function = match["function"]
        elif function != "__getattr__":
            found.add(match["begin"])
    return found


def _absolute(name: str, package: str) -> str:
    """Return the full name of a module that a module in `package` calls `name`, which may begin with dots."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    above = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*above, *filter(None, [name.lstrip(".")])])


def _below(folder: str) -> Iterator[tuple[str, str]]:
    """Yield (dotted name, file) of each module below `folder`."""
    for place, inner, files in os.walk(folder):
        inner[:] = [name for name in inner if name.isidentifier() or name == "lib-dynload"]
        inner_name = os.path.relpath(place, folder).replace("lib-dynload", "").strip("./").replace("/", ".")
        for file in files:
            name, _, suffix = file.partition(".")
            if suffix in ("py", "so") or (suffix.startswith(("cpython-", "abi3")) and suffix.endswith("so")):
                parts = [inner_name, name if name != "__init__" else ""]
                yield ".".join(filter(None, parts)), os.path.join(place, file)
