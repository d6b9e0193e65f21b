"""Finds the distributions that provide modules; `installed_packages` runs this program in the user's Python.

It reads the installers' metadata on sys.path, and imports no package. Its syntax is that of Python 3.6, which has no
importlib.metadata. stdin contains [[module, names]…], as in `from module import names`; the last line of stdout is
JSON: the Python's version, the distributions that provide each module, and each distribution's requirements.
"""

import sys

# The working directory may contain modules with any name, so it is removed before anything else is imported.
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
            """Return the text of a metadata file, or None."""
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
    """Return the normalised name."""
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
            # An old tool wrote this: ignore metadata that can't be read.
            return ""

    @property
    def requires(self):
        """Return the names of the distributions that it requires without an extra."""
        found = (re.match(r"[\w.-]+", line) for line in self._required if "extra ==" not in line)
        return sorted({normalized(match.group()) for match in found if match})

    @property
    def origin(self):
        """Return the content of direct_url.json, which describes the origin, or None."""
        try:
            return json.loads(self._read("direct_url.json") or "null")
        except ValueError:
            return None

    def _look(self):
        """Record the dotted names of its modules and folders; other distributions may share these folders."""
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
        # In files of setuptools, paths are relative to the metadata folder.
        paths = (path for path in self._read("installed-files.txt").splitlines() if path.startswith("../"))
        return [path[3:] for path in paths]

    def depth(self, module):
        """Return the number of leading parts of `module` that it has; an editable install may only have a name."""
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
        """Return the distribution for the output."""
        return {"name": self.name, "version": self.version, "origin": self.origin}


def providers(module, names, installed):
    """Return the distributions that have `module`, or the names in it if these are modules of several."""
    found = {}
    for dotted in [module + "." + name for name in names if name != "*"] or [module]:
        depths = [(each.depth(dotted), each) for each in installed]
        deepest = max([depth for depth, _ in depths] or [0])
        for depth, each in depths:
            if depth and depth == deepest:
                found[each.name] = each.described()
    return list(found.values())


def main():
    """Answer the query on stdin."""
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
    # Output of a startup file (.pth) may come before it.
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
