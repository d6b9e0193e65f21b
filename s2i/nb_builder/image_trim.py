"""Makes our own environments lean, for the builder image: run once, when the image is made.

Usage: python -m nb_builder.image_trim FOLDER     (the folder that s2i/install has filled)
"""

import compileall
import os
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

# What nothing of ours reads, as patterns of paths below FOLDER. Licences stay.
LEFT_OUT = (
    "*/virtualenv/seed/wheels/embed/setuptools-*.whl",  # a notebook's environment is made without seeds
    "*/distlib/*.exe",  # launchers for Windows
    "*.dist-info/sboms/*",  # what wheels say of their own parts; PyPI has it too
    "*/wcwidth/_wcwidth_c.*.so",  # an accelerator that has a twin in Python, for a terminal that there is not
    "*/tests/*",
    "*/test/*",
    "*.pyi",
    "*.pxd",
    "*.c",
    "*.h",
    "build/bin/uvx",
    "build/share/man/*",
    "overlay/*/share/man/*",
    "build/share/jupyter/labextensions/*",
)
# Imported by no build: these stay as source, and are compiled in memory should a cell import one.
UNCOMPILED = (
    "*/prompt_toolkit/*",
    "*/wcwidth/*",
    "*/pygments/lexers/_*_builtins.py",
    "*/pygments/lexers/[!_p]*",
    "*/pygments/lexers/p[!y]*",
)


def lean(home: Path) -> None:
    """Remove from `home` what nothing reads, compile the rest, and give equal files one body."""
    for path in _files(home):
        if _matches(path, home, LEFT_OUT) or path.suffix == ".pyc":
            path.unlink()
    for path in _files(home, ".py"):
        if not _matches(path, home, UNCOMPILED):
            compileall.compile_file(path, quiet=2)
    share_bytecode(home)
    for folder, _, _ in os.walk(home, topdown=False):
        if not os.listdir(folder):
            os.rmdir(folder)


def share_bytecode(home: Path) -> None:
    """Link the bytecode of modules that are one file with several names, as uv's cache makes them.

    The path inside is that of the first name; Python puts in the one that it imports by.
    """
    first: dict[tuple[int, int], Path] = {}
    for source in _files(home, ".py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        if not compiled.exists():
            continue
        stat = source.stat()
        kept = first.setdefault((stat.st_dev, stat.st_ino), compiled)
        if kept != compiled:
            compiled.unlink()
            os.link(kept, compiled)


def _files(home: Path, suffix: str = "") -> Iterator[Path]:
    """Yield the files below `home`, in the order of their names; no links."""
    found = [Path(folder, name) for folder, _, names in os.walk(home) for name in names if name.endswith(suffix)]
    return (path for path in sorted(found) if not path.is_symlink())


def _matches(path: Path, home: Path, patterns: tuple[str, ...]) -> bool:
    inside = path.relative_to(home).as_posix()
    return any(fnmatch(inside, pattern) for pattern in patterns)


if __name__ == "__main__":
    lean(Path(sys.argv[1]))
