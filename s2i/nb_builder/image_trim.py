"""Removes what builds don't need from nb-builder's own environments: runs once, while the builder image is built.

Usage: python -m nb_builder.image_trim FOLDER     (the folder that s2i/install has filled)

With SOURCE_DATE_EPOCH, in seconds since 1970, all files get that time, so the same sources yield the same image.
"""

import compileall
import os
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from nb_builder.common import installed
from nb_builder.slim.elf import strip

# Files that none of our code reads, as patterns of paths below FOLDER. Licences stay.
LEFT_OUT = (
    "*/virtualenv/seed/wheels/embed/setuptools-*.whl",  # a notebook's environment is created with --no-seed
    "*/distlib/*.exe",  # launchers for Windows
    "*.dist-info/sboms/*",  # SBOMs of wheels, which PyPI has too
    "*/wcwidth/_wcwidth_c.*.so",  # an accelerator with a fallback in Python; there is no terminal to use it
    "*/tests/*",
    "*/test/*",
    "*.pyi",
    "*.pxd",
    # Except nb-builder's own, from which native images are compiled.
    "*/site-packages/*.c",
    "*/site-packages/*.h",
    "overlay/*.c",
    "overlay/*.h",
    "build/bin/uvx",
    "build/share/man/*",
    "overlay/*/share/man/*",
    "build/share/jupyter/labextensions/*",
    "*/jupyterlab_jupytext/labextension/*",
    "build/share/jupyter/nbconvert/templates/*/static/*",
    "*/jsonschema/benchmarks/*",
)
# Contains the time at which uv installed one of nb-builder's folders, which would differ in each image.
UV_CACHE = "uv_cache.json"
# No build imports these: they stay as source, and are compiled in memory if a cell imports one.
UNCOMPILED = (
    "*/prompt_toolkit/*",
    "*/wcwidth/*",
    "*/pygments/lexers/_*_builtins.py",
    "*/pygments/lexers/[!_p]*",
    "*/pygments/lexers/p[!y]*",
    "*/pygments/styles/[!_dm]*",
    "*/pygments/formatters/[!_ht]*",
    "*/IPython/terminal/[!_p]*",
    "*/IPython/sphinxext/*",
    "*/IPython/testing/[!_s]*",
    "*/cffi/*",
    "*/pycparser/*",
    "*/poetry/core/_vendor/*",
    "*/poetry/core/masonry/*",
    "*/distlib/[dlmw]*",
    "*/filelock/_[rs]*",
    "*/filelock/asyncio.py",
    "*/tornado/auth.py",
    "*/tornado/testing.py",
    "*/tornado/websocket.py",
    "*/tornado/*_httpclient.py",
    "*/psutil/_ps[!lp]*",
)


def lean(home: Path, date: int | None = None) -> None:
    """Remove unused files from `home`, strip shared objects, compile sources, and link identical bytecode.

    The bytecode contains the time of its source, which is `date` if given.
    """
    for path in _files(home):
        if _matches(path, home, LEFT_OUT) or path.suffix == ".pyc":
            path.unlink()
    for record in home.rglob(UV_CACHE):
        _forget(record)
    strip_shared_objects(home)
    if date is not None:
        for path in _files(home):
            os.utime(path, (date, date))
    for path in _files(home, ".py"):
        if not _matches(path, home, UNCOMPILED):
            compileall.compile_file(path, quiet=2)
    share_bytecode(home)
    for folder, _, _ in os.walk(home, topdown=False):
        if not os.listdir(folder):
            os.rmdir(folder)


def trim_overlay(home: Path, overlay: Path) -> None:
    """Remove unused files from `overlay`, which is below `home`, and strip its shared objects."""
    for path in _files(overlay):
        if _matches(path, home, LEFT_OUT):
            path.unlink()
    strip_shared_objects(overlay)


def strip_shared_objects(folder: Path) -> None:
    """Remove the parts of shared objects below `folder` that only debuggers and linkers read.

    They are written in place, so that hard-linked files stay linked.
    """
    for path in _files(folder):
        if installed.is_shared_object(path.name) and (smaller := strip.stripped(path.read_bytes())):
            path.write_bytes(smaller)


def _forget(record: Path) -> None:
    """Remove uv's record of an installation, and its row in RECORD."""
    rows = record.with_name("RECORD")
    kept = [row for row in rows.read_text(encoding="utf-8").splitlines(keepends=True) if f"/{UV_CACHE}," not in row]
    # A new file, because the old one may be hard-linked to other environments.
    rows.unlink()
    rows.write_text("".join(kept), encoding="utf-8")
    record.unlink()


def share_bytecode(home: Path) -> None:
    """Hard-link the bytecode of modules that are themselves hard links, as uv's cache creates them.

    The bytecode contains the path of the first name; Python replaces it on import with the imported path.
    """
    first: dict[tuple[int, int], Path] = {}
    for source in _files(home, ".py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        if not compiled.exists():
            continue
        stat = source.stat()
        canonical = first.setdefault((stat.st_dev, stat.st_ino), compiled)
        if canonical != compiled:
            compiled.unlink()
            os.link(canonical, compiled)


def _files(home: Path, suffix: str = "") -> Iterator[Path]:
    """Yield the files below `home` whose names end with `suffix`, sorted, without symbolic links."""
    paths = [Path(folder, name) for folder, _, names in os.walk(home) for name in names if name.endswith(suffix)]
    return (path for path in sorted(paths) if not path.is_symlink())


def _matches(path: Path, home: Path, patterns: tuple[str, ...]) -> bool:
    relative = path.relative_to(home).as_posix()
    return any(fnmatch(relative, pattern) for pattern in patterns)


if __name__ == "__main__":
    given = os.environ.get("SOURCE_DATE_EPOCH")
    lean(Path(sys.argv[1]), int(given) if given else None)
