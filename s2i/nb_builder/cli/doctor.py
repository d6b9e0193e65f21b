"""`nb-builder doctor`: the programs that commands need, whether they are installed, and how to install them."""

import os
import platform
import re
import shutil
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from nb_builder.cli import engine, environments
from nb_builder.cli.installation import Installation, is_writable
from nb_builder.cli.problems import EngineMissing
from nb_builder.common import programs, python_places, python_versions

# The environments take 125 MB, a local build with scikit-learn 235 MB; caches and a downloaded Python may double it.
_NEEDED = 1_000_000_000
_SECONDS = 10
# uv offers no older Pythons.
_OLDEST_DOWNLOAD = 8
_INDEX = "https://pypi.org/simple/"
OK, MISSING, OPTIONAL = "ok", "missing", "optional"


class Check(NamedTuple):
    """One line of the report: `state` is ok, missing, or optional if only some commands need the program."""

    name: str
    state: str
    detail: str
    fix: str = ""


def examine(installation: Installation, environ: Mapping[str, str]) -> list[Check]:
    """Run all checks, which change nothing, and return them."""
    looks: list[Callable[[], Check]] = [
        _system,
        _python,
        lambda: _program("bash", "runs the scripts", "on Debian: apt-get install bash", MISSING),
        lambda: _program("git", "clones repositories and reads commits", "on Debian: apt-get install git", OPTIONAL),
        lambda: _environments(installation),
        lambda: _disk(installation),
        lambda: _index(environ),
        lambda: _proxies(environ),
        lambda: _pythons(environ),
        lambda: _engine(environ),
        lambda: _program(
            "s2i",
            "builds images; without it, 'nb-builder build' uses the engine",
            "https://github.com/openshift/source-to-image/releases",
            OPTIONAL,
        ),
    ]
    return [look() for look in looks]


def lines(checks: list[Check]) -> list[str]:
    """Return the report as text."""
    width = max(len(check.name) for check in checks)
    shown = []
    for check in checks:
        shown.append(f"{check.state:<8}  {check.name:<{width}}  {check.detail}")
        if check.fix:
            shown.append(f"{'':<8}  {'':<{width}}  Fix: {check.fix}")
    return shown


def _system() -> Check:
    name = f"{platform.system()} {platform.machine()}"
    if sys.platform == "linux":
        return Check("system", OK, name)
    return Check("system", OK, f"{name}: not tested with nb-builder")


def _python() -> Check:
    version = platform.python_version()
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        return Check("python", MISSING, f"{version} without {error.name}", "on Debian: apt-get install python3-venv")
    return Check("python", OK, f"{version} in {sys.prefix}")


def _program(name: str, purpose: str, fix: str, missing: str) -> Check:
    path = shutil.which(name)
    return Check(name, OK, path) if path else Check(name, missing, f"not on PATH; it {purpose}", fix)


def _environments(installation: Installation) -> Check:
    if not is_writable(installation.home):
        return Check(
            "environments",
            MISSING,
            f"{installation.home} can't be written",
            "set NB_BUILDER_HOME to a folder that you can write to",
        )
    if (installation.home / "build" / "stamp").is_file():
        return Check("environments", OK, str(installation.home))
    return Check("environments", OK, f"the first command creates them in {installation.home}")


def _disk(installation: Installation) -> Check:
    if environments.has_disk(installation.home, _NEEDED):
        return Check("disk", OK, "1 GB or more is free")
    return Check(
        "disk",
        MISSING,
        f"less than 1 GB is free for {installation.home}",
        "free some space, or set NB_BUILDER_HOME to a folder on another disk",
    )


def _index(environ: Mapping[str, str]) -> Check:
    url = environ.get("PIP_INDEX_URL") or _INDEX
    # A URL may contain a password.
    shown = urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()
    if environ.get("PIP_NO_INDEX"):
        return Check("index", OK, "none (PIP_NO_INDEX is set); packages come from PIP_FIND_LINKS")
    try:
        context = ssl.create_default_context(cafile=environ.get("PIP_CERT") or environ.get("SSL_CERT_FILE") or None)
        request = urllib.request.Request(url.rstrip("/") + "/pip/", headers={"Accept": "text/html"})
        with urllib.request.urlopen(request, timeout=_SECONDS, context=context):
            return Check("index", OK, shown)
    except urllib.error.HTTPError as error:
        # The error is also a response with an open connection.
        error.close()
        fault = f"responds with {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        fault = f"does not respond: {getattr(error, 'reason', None) or error}"
    return Check(
        "index",
        MISSING,
        f"{shown} {fault}",
        "check the network and PIP_INDEX_URL; behind a company proxy, set HTTPS_PROXY and PIP_CERT",
    )


def _proxies(environ: Mapping[str, str]) -> Check:
    names = [name for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy") if environ.get(name)]
    certificates = [name for name in ("PIP_CERT", "SSL_CERT_FILE", "S2I_CA_BUNDLE") if environ.get(name)]
    gone = [name for name in certificates if not os.path.exists(environ[name])]
    if gone:
        return Check("proxies", MISSING, f"{gone[0]} names a file that does not exist", f"correct or unset {gone[0]}")
    return Check("proxies", OK, ", ".join([*names, *certificates]) or "none are set")


def _pythons(environ: Mapping[str, str]) -> Check:
    """Report the Pythons available to notebooks: installed ones, and those that a build downloads."""
    names = {path.name.removeprefix("python") for path in python_places.candidates(environ)}
    installed = [minor for minor in python_versions.MINORS if minor in names]
    detail = f"Python {', '.join(installed)}" if installed else "only the Python of nb-builder itself"
    if "never" in (environ.get("S2I_PYTHON_DOWNLOADS"), environ.get("UV_PYTHON_DOWNLOADS")):
        return Check("notebooks", OK, f"{detail}; builds download no others")
    others = [minor for minor in python_versions.MINORS if minor not in names]
    others = [minor for minor in others if python_versions.number(minor) >= _OLDEST_DOWNLOAD]
    sources = (environ.get(name) for name in ("UV_PYTHON_DOWNLOADS_JSON_URL", "UV_PYTHON_INSTALL_MIRROR"))
    source = next((source for source in sources if source), "python-build-standalone on github.com, as uv does")
    # Hides a password in the URL.
    source = re.sub(r"://[^/@]*@", "://", source)
    return Check("notebooks", OK, f"{detail}; builds download {', '.join(others)} from {source}" if others else detail)


def _engine(environ: Mapping[str, str]) -> Check:
    try:
        program = engine.find(environ, "build")
    except EngineMissing as problem:
        fix = "install and start Docker or Podman; 'nb-builder run' works without an engine"
        return Check("engine", OPTIONAL, str(problem.facts["reason"]), fix)
    ran = programs.run([program, "--version"])
    return Check("engine", OK, ran.stdout.strip() or program)
