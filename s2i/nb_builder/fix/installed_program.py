"""Finds which distributions provide modules: the program that `installed_beside` runs in the user's Python.

It reads the metadata that installers have left on sys.path, and imports no package. Its syntax is that of Python 3.6,
which has no importlib.metadata. stdin has [[module, names]…], as of `from module import names`; stdout ends with one
line of JSON: the Python's version, the distributions that provide each module, and what each distribution requires.
"""

import sys

# The working directory, which may have a module of any name: it goes before anything else is imported.
sys.path[:] = [path for path in sys.path if path]

import csv  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
from email.parser import HeaderParser  # noqa: E402

try:
    from importlib.metadata import distributions
except ImportError:

    class _Metadata:
        """The part of importlib.metadata's Distribution that is used here."""

        def __init__(self, path):
            self._path = path

        def read_text(self, name):
            """Return the text of a file of the metadata, or None."""
            try:
                with open(os.path.join(self._path, name) if name else self._path, encoding="utf-8") as file:
                    return file.read()
            except (OSError, UnicodeDecodeError):
                return None

    def distributions():  # type: ignore[no-redef]  # the same question, answered for Pythons that lack it
        """Yield the metadata of every distribution on sys.path."""
        for folder in filter(os.path.isdir, sys.path):
            for name in sorted(os.listdir(folder)):
                if name.endswith((".dist-info", ".egg-info")):
                    yield _Metadata(os.path.join(folder, name))


_MODULE = re.compile(r"(.+?)(?:\.py|\.(?:cpython-|abi3|pypy)[^/]*\.(?:so|pyd)|\.so|\.pyd)$")


def normalized(name):
    """Return a name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Installed:
    """One distribution: its name, version, origin, requirements and modules."""

    def __init__(self, metadata):
        self._metadata = metadata
        text = self._read("METADATA") or self._read("PKG-INFO") or self._read("")
        headers = HeaderParser().parsestr(text)
        self.name, self.version = headers.get("Name", ""), headers.get("Version", "")
        self._required = headers.get_all("Requires-Dist") or self._read("requires.txt").partition("\n[")[0].splitlines()
        self._modules = set()  # type: set
        self._folders = set()  # type: set
        self._looked = False

    def _read(self, name):
        try:
            return self._metadata.read_text(name) or ""
        except UnicodeDecodeError:
            # Metadata of an old tool: what cannot be read is as if it were not there.
            return ""

    @property
    def requires(self):
        """Return the names of the distributions that it requires without an extra."""
        found = (re.match(r"[\w.-]+", line) for line in self._required if "extra ==" not in line)
        return sorted({normalized(match.group()) for match in found if match})

    @property
    def origin(self):
        """Return what direct_url.json says about the place that it was installed from, or None."""
        try:
            return json.loads(self._read("direct_url.json") or "null")
        except ValueError:
            return None

    def _look(self):
        """Note the dotted names of its modules, and of the folders of these, which may be others' folders as well."""
        self._looked = True
        for path in self._files():
            match = None if path.startswith(("..", "/")) else _MODULE.match(path)
            parts = match.group(1).split("/") if match else []
            parts = parts[:-1] if parts[-1:] == ["__init__"] else parts
            self._modules.add(".".join(parts))
            self._folders.update(".".join(parts[:count]) for count in range(1, len(parts)))
        self._modules.discard("")
        if not self._modules:
            self._modules = set(self._read("top_level.txt").split())

    def _files(self):
        recorded = self._read("RECORD")
        if recorded:
            return [row[0] for row in csv.reader(recorded.splitlines()) if row]
        # Of setuptools: paths begin in the folder of the metadata.
        paths = (path for path in self._read("installed-files.txt").splitlines() if path.startswith("../"))
        return [path[3:] for path in paths]

    def depth(self, module):
        """Return how many parts of the dotted name `module` it has; an editable one may only have a name."""
        if not self._looked:
            self._look()
        parts = module.split(".")
        if module in self._folders:
            return len(parts)
        while parts and ".".join(parts) not in self._modules:
            parts.pop()
        listed = any(not name.startswith("__editable__") for name in self._modules)
        return len(parts) or int(not listed and normalized(self.name) == normalized(module.split(".")[0]))

    def described(self):
        """Return what is told about it."""
        return {"name": self.name, "version": self.version, "origin": self.origin}


def providers(module, names, installed):
    """Return the distributions that have `module`, or the names in it where these are modules of several."""
    found = {}
    for dotted in [module + "." + name for name in names if name != "*"] or [module]:
        depths = [(each.depth(dotted), each) for each in installed]
        deepest = max([depth for depth, _ in depths] or [0])
        for depth, each in depths:
            if depth and depth == deepest:
                found[each.name] = each.described()
    return list(found.values())


def main():
    """Answer the question on stdin."""
    installed = {}  # type: dict
    for each in map(Installed, distributions()):
        if each.name and each.version:
            installed.setdefault(normalized(each.name), each)
    answer = {
        "version": "%d.%d.%d" % sys.version_info[:3],
        "providers": [providers(module, names, list(installed.values())) for module, names in json.load(sys.stdin)],
        "requires": {name: each.requires for name, each in installed.items()},
        "versions": {name: each.version for name, each in installed.items()},
    }
    # What a start-up file (.pth) may have printed is above.
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
