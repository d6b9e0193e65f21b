"""Explains a failed build from source: which wheels exist for a pin that has none for this Python."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from nb_builder.common import programs, python_versions
from nb_builder.install import system_libraries
from nb_builder.problems.packages import WheelMissing
from nb_builder.requirements import import_names

_BUILD_FAILED = re.compile(r"Failed to (?:download and )?build [`'\"]?([\w.-]+)==([^\s`'\"]+)")
# pip names only the package; the version is in the name of the source archive.
_PIP_FAILED = re.compile(
    r"Encountered error while generating package metadata\.\s*╰─> (?P<metadata>[\w.-]+)|"
    r"Failed to build '?(?P<name>[\w.-]+)'?|Failed building wheel for (?P<wheel>[\w.-]+)"
)
_SOURCE = re.compile(
    r"(?:Downloading|Using cached) \S*?([\w.]+(?:-[A-Za-z][\w.]*)*)-(\d[\w.!+]*?)\.(?:tar\.\w+|tgz|zip)\b"
)
_SUMMARIES = ("error: metadata-generation-failed", "error: subprocess-exited-with-error", "error: failed-wheel-build")
_NO_COMPILER = re.compile(
    r"command '[^']*(?:gcc|cc|g\+\+|clang)' failed: No such file|Unknown compiler|CompilerNotFound|"
    r"unable to execute '[^']*(?:gcc|cc)'|No CMAKE_C\w*_COMPILER|error: linker `cc` not found|Rust.* not found|"
    r"No such file or directory: '[^']*(?:gcc|cc|g\+\+|clang)'|"
    r"[Cc]an't find Rust compiler|Python\.h: No such file|cargo.*not (?:found|installed)|gcc: not found"
)
_COMPILERS_HAVE = ("gcc", "g++", "gfortran", "make", "pkg-config")
_COMPILERS = " To build a builder image with compilers: 'nb-builder builder --compilers'."


def explain(
    output: str,
    *,
    uv: Sequence[str | Path],
    environ: Mapping[str, str],
    minor: str,
    written_in: Callable[[str], str] | None = None,
) -> WheelMissing | None:
    """Return the problem if `output` shows that a package could not be built from source, else None.

    `uv` is the command `uv pip compile` with the user's flags, used to find wheels. `written_in` returns the file of
    the repository that requires a package.
    """
    failed = _failed(output)
    if not failed:
        return None
    name, version = failed
    lowest = _newest(uv, environ, name, minor, "--resolution", "lowest")
    newest = _newest(uv, environ, name, minor)
    pythons = [python for python in python_versions.MINORS if _newest(uv, environ, f"{name}=={version}", python)]
    compiler = bool(_NO_COMPILER.search(output))
    where = written_in(name) if written_in else ""
    return WheelMissing(
        pin=f"{name}=={version}",
        where=f" ({where})" if where else "",
        name=name,
        python=minor,
        reason="it needs a compiler, and none is installed." if compiler else _last_error(output),
        versions="none" if not newest else lowest if lowest == newest else f"{lowest} to {newest}",
        pythons=f"Python {', '.join(pythons)}" if pythons else f"no Python from {python_versions.MINORS[0]} on",
        other=f", or build with another Python (S2I_PYTHON={_nearest(pythons, minor)})" if pythons else "",
        compilers=builds_need(output) + _other_name(name),
        detail=output.strip(),
    )


def _nearest(pythons: Sequence[str], minor: str) -> str:
    """Return the version in `pythons` that is nearest to `minor`."""
    own = python_versions.number(minor)
    return min(pythons, key=lambda python: abs(python_versions.number(python) - own))


def _failed(output: str) -> tuple[str, str] | None:
    """Return the name and version that could not be built, from the output of uv or pip; None if there is none."""
    if match := _BUILD_FAILED.search(output):
        return match[1], match[2]
    failed = {canonicalize_name(name) for names in _PIP_FAILED.findall(output) for name in names if name}
    return next((source for source in _SOURCE.findall(output) if canonicalize_name(source[0]) in failed), None)


def _other_name(name: str) -> str:
    """Return a sentence if `name` is a module whose package has another name, else ""."""
    known = import_names.PROVIDED_BY.get(name)
    return f" '{name}' is the module; the package is called '{known}'." if known else ""


def builds_need(output: str) -> str:
    """Return a sentence on an image with what a build from source lacked, "" if `output` doesn't show that."""
    library = system_libraries.missing(output)
    if _NO_COMPILER.search(output) and (not library or library[1] in _COMPILERS_HAVE):
        return _COMPILERS
    if not library:
        return ""
    thing, package = library
    return f" To build a builder image with {thing} and compilers: 'nb-builder builder --compilers --apt {package}'."


def _newest(uv: Sequence[str | Path], environ: Mapping[str, str], wanted: str, minor: str, *more: str) -> str:
    """Return the version of `wanted` that uv resolves from wheels alone, or ""."""
    command: list[str | Path] = [*uv, "--quiet", "--no-header", "--no-annotate", "--no-deps", "--only-binary", ":all:"]
    command += ["--python-version", minor, *more, "-"]
    completed = programs.run(command, env=environ, input=wanted)
    match = re.search(r"==(\S+)", completed.stdout) if completed.returncode == 0 else None
    return match[1] if match else ""


def _last_error(output: str) -> str:
    """Return the last line that names an error, which is the end of the build's own traceback."""
    errors = re.findall(r"^\s*(?:\w+(?:Error|Exception)\b.*|error: .*)$", output, re.MULTILINE)
    errors = [line for line in errors if line.strip() not in _SUMMARIES]
    return (errors or ["no reason given"])[-1].strip()[:300]
