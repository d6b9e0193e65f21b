"""pip's settings, translated for uv, which reads neither `PIP_*` nor pip.conf."""

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

# pip's setting -> uv's environment variable, for those that differ only in name.
_RENAMED = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "cache-dir": "UV_CACHE_DIR",
    "retries": "UV_HTTP_RETRIES",
}
# uv separates the values of these with commas, pip with spaces and newlines.
_BY_COMMA = ("find-links",)

_YES = ("1", "true", "yes", "on")

_CREDENTIALS = re.compile(r"(://)[^/\s@]+@")


def read(environ: Mapping[str, str]) -> dict[str, str]:
    """Return pip's settings by name (`index-url`), as pip reads them: `PIP_*` takes precedence over pip.conf."""
    settings: dict[str, str] = {}
    for path in _files(environ):
        settings.update(_section_values(path))
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            settings[name[4:].lower().replace("_", "-")] = value
    return settings


def for_uv(settings: Mapping[str, str], environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the environment variables and flags that make uv follow pip's `settings`.

    A variable of uv that is in `environ` takes precedence, so it is left out.
    """
    variables: dict[str, str] = {}
    for name, variable in _RENAMED.items():
        variables[variable] = _translate(name, settings.get(name, "")) or variables.get(variable, "")
    if "extra-index-url" in settings:
        # pip uses the best version of all indexes; by default, uv stops at the first index that has the package.
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if settings.get("proxy"):
        variables.update({"HTTP_PROXY": settings["proxy"], "HTTPS_PROXY": settings["proxy"]})
    return {name: value for name, value in variables.items() if value and name not in environ}, _flags(settings)


def without_credentials(text: str, instead: str = "***@") -> str:
    """Return `text` with `instead` replacing the user and password of every URL in it."""
    return _CREDENTIALS.sub(lambda match: match[1] + instead, text)


def _flags(settings: Mapping[str, str]) -> list[str]:
    flags = []
    if settings.get("no-index", "").lower() in _YES:
        flags.append("--no-index")
    if settings.get("pre", "").lower() in _YES:
        flags += ["--prerelease", "allow"]
    for name in ("only-binary", "no-binary"):
        for package in settings.get(name, "").replace(",", " ").split():
            flags += [f"--{name}", package]
    return flags


def _translate(name: str, text: str) -> str:
    values = text.split()
    if name == "find-links":
        # pip skips a folder that doesn't exist; uv fails.
        values = [value for value in values if "://" in value or Path(value).exists()]
    return (",".join if name in _BY_COMMA else " ".join)(values)


def _files(environ: Mapping[str, str]) -> list[Path]:
    """Return the files that pip reads, least important first."""
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return []
    home = Path(environ.get("HOME", "/"))
    roots = environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)
    files = [Path(root) / "pip/pip.conf" for root in roots] + [Path("/etc/pip.conf")]
    files += [home / ".pip/pip.conf", Path(environ.get("XDG_CONFIG_HOME", home / ".config")) / "pip/pip.conf"]
    # sclorg's Python builder stores its settings here, and so do its users.
    files.append(home / "pip.ini")
    if environ.get("PIP_CONFIG_FILE"):
        files.append(Path(environ["PIP_CONFIG_FILE"]))
    # Path.is_file raises for a file in a folder that this user may not enter.
    return [path for path in files if os.path.isfile(path)]


def _section_values(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read(path, encoding="utf-8")
    values = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            values.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    return values
