"""Which wheels there are: what to say to the author of a pin that has none for this Python."""

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from nb_builder.install import system_libraries
from nb_builder.problems.requirements import WheelMissing
from nb_builder.requirements import import_names

PYTHONS = [f"3.{number}" for number in range(6, 15)]

_BUILD_FAILED = re.compile(r"Failed to (?:download and )?build [`'\"]?([\w.-]+)==([^\s`'\"]+)")
# pip names the package alone; its version is in the name of the file that was to be built.
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
_COMPILERS = " An image with compilers is made by 'make build COMPILERS=1'."


def explain(
    words: str,
    *,
    uv: Sequence[str | Path],
    environ: Mapping[str, str],
    minor: str,
    written_in: Callable[[str], str] | None = None,
) -> WheelMissing | None:
    """Return the problem if `words` say that a package could not be built from source, else None.

    `uv` is the command `uv pip compile` with the user's flags; it is asked what has wheels. `written_in` says which
    file of the repository asks for a package.
    """
    found = _failed(words)
    if not found:
        return None
    name, version = found
    lowest = _newest(uv, environ, name, minor, "--resolution", "lowest")
    newest = _newest(uv, environ, name, minor)
    pythons = [python for python in PYTHONS if _newest(uv, environ, f"{name}=={version}", python)]
    compiler = bool(_NO_COMPILER.search(words))
    where = written_in(name) if written_in else ""
    return WheelMissing(
        pin=f"{name}=={version}",
        where=f" ({where})" if where else "",
        name=name,
        python=minor,
        reason="it needs a compiler, and there is none here." if compiler else _last_error(words),
        versions="none" if not newest else lowest if lowest == newest else f"{lowest} to {newest}",
        pythons=f"Python {', '.join(pythons)}" if pythons else f"no Python from {PYTHONS[0]} on",
        other=f", or build with a Python that {name}=={version} has one for (S2I_PYTHON)" if pythons else "",
        compilers=builds_need(words) + _other_name(name),
        detail=words.strip(),
    )


def _failed(words: str) -> tuple[str, str] | None:
    """Return the name and version that could not be built, in uv's words or pip's; None where there is none."""
    if found := _BUILD_FAILED.search(words):
        return found[1], found[2]
    failed = {canonicalize_name(name) for names in _PIP_FAILED.findall(words) for name in names if name}
    return next((each for each in _SOURCE.findall(words) if canonicalize_name(each[0]) in failed), None)


def _other_name(name: str) -> str:
    """Return the sentence on a package that is called otherwise than what is imported from it, else ""."""
    known = import_names.PROVIDED_BY.get(name)
    return f" '{name}' is what is imported; the package is called '{known}'." if known else ""


def builds_need(words: str) -> str:
    """Return the sentence on an image that has what a build from source lacked, "" where its words tell of nothing."""
    needed = system_libraries.missing(words)
    if _NO_COMPILER.search(words) and (not needed or needed[1] in _COMPILERS_HAVE):
        return _COMPILERS
    if not needed:
        return ""
    thing, package = needed
    return f" An image with {thing} (and compilers) is made by 'make build COMPILERS=1 APT={package}'."


def _newest(uv: Sequence[str | Path], environ: Mapping[str, str], wanted: str, minor: str, *more: str) -> str:
    """Return the version of `wanted` that uv would take if it may build nothing, or ""."""
    command: list[str | Path] = [*uv, "--quiet", "--no-header", "--no-annotate", "--no-deps", "--only-binary", ":all:"]
    command += ["--python-version", minor, *more, "-"]
    ran = subprocess.run(command, env=environ, input=wanted, capture_output=True, text=True)
    found = re.search(r"==(\S+)", ran.stdout) if ran.returncode == 0 else None
    return found[1] if found else ""


def _last_error(words: str) -> str:
    """Return the last line that names an error: the end of the build's own traceback."""
    errors = re.findall(r"^\s*(?:\w+(?:Error|Exception)\b.*|error: .*)$", words, re.MULTILINE)
    errors = [line for line in errors if line.strip() not in _SUMMARIES]
    return (errors or ["no reason given"])[-1].strip()[:300]
