"""Sources of weights: one module per kind, selected by the scheme of the address.

A source lists its files and yields the bytes of each from any offset. It raises OSError, or errors of its own library;
`error_text` describes either in one line without secrets.
"""

import fnmatch
import importlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

# The module for each scheme, or the reason why a scheme is not supported.
MODULES = {
    "file": "local",
    "pvc": "local",
    "https": "web",
    "hf": "hub",
    "s3": "buckets",
    "gs": "buckets",
    "azure": "buckets",
}
UNSUPPORTED = {
    "http": "http:// is not encrypted; use https://",
    "oci": "oci:// is not supported yet; mount the image's files and set S2I_WEIGHTS_DIR, or use another source",
    "gcs": "the scheme of Google Cloud Storage is gs://",
    "abfs": "the scheme of Azure is azure://account/container/path",
    "abfss": "the scheme of Azure is azure://account/container/path",
}
# The parts of an address that contain credentials.
_SECRET = re.compile(
    r"^(?:x-amz-|x-goog-|sig$|auth(?:orization)?$)|token$|secret|signature|passw|credential|(?:^|[_-])key$|"
    r"(?:api|access)[_-]?key",
    re.IGNORECASE,
)
_CLAIM = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_PART_ENDS = re.compile(r"[/\\]")
_URL_QUERY = re.compile(r"(\w+://[^\s?'\"<>]+)\?[^\s'\"<>]*")
_URL_USER = re.compile(r"(\w+://)[^\s/@'\"<>]+@")
# Variables whose values must not appear in messages.
_SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|KEY|CREDENTIAL|CONNECTION_STRING|SAS", re.IGNORECASE)
_MIN_SECRET = 8
MAX_ERROR_TEXT = 300


class Remote(NamedTuple):
    """A file of a source: its name, its size and version if known, and its location."""

    name: str
    size: int | None
    version: str
    address: str
    sha256: str = ""


class Restarted(OSError):
    """A source can't continue the last attempt: the file has changed, or the source sends only whole files."""


class LibraryMissing(Exception):
    """The library of a source is not installed."""


class Source(Protocol):
    """The interface of a module's class `Source`."""

    revision: str

    def __init__(self, address: str, revision: str, seconds: float) -> None:
        """Store the arguments, without connecting yet."""

    def files(self) -> Sequence[Remote]:
        """Return all files of the source, and set `revision` to what it resolves to now."""

    def blocks(self, remote: Remote, offset: int) -> Iterator[bytes]:
        """Yield the bytes of a file from `offset` on; raise Restarted if that is not possible."""


def fault(address: str) -> str:
    """Return a clause that explains why an address can't be a source; "" if it can."""
    try:
        address.encode()
        parts = urlsplit(address)
        port_is_valid = parts.port is None or bool(parts.port)
    except ValueError:
        port_is_valid = False
    if not port_is_valid or any(ord(each) <= 32 for each in address):
        return f"{address!r} is not a valid address"
    return _scheme_fault(parts.scheme) or _secret_fault(parts) or _path_fault(address, parts)


def _scheme_fault(scheme: str) -> str:
    known = ", ".join(f"{name}://" for name in MODULES)
    unknown = f"{scheme}:// is not supported; use one of {known}" if scheme else f"it has no scheme; use one of {known}"
    return "" if scheme in MODULES else UNSUPPORTED.get(scheme, unknown)


def _secret_fault(parts: SplitResult) -> str:
    # The address hf://name@revision only lacks the owner.
    if "@" in parts.netloc and (parts.scheme != "hf" or parts.path):
        return "the address contains a user or a password; pass credentials by environment variables or files"
    secret = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if _SECRET.search(name)]
    if secret:
        return f"the address contains a credential ({secret[0]}); pass credentials by environment variables or files"
    return ""


def _path_fault(address: str, parts: SplitResult) -> str:
    is_file = parts.scheme == "file"
    needed = {"hf": 1, "azure": 1}.get(parts.scheme, 0)
    has_path = len([part for part in parts.path.split("/") if part]) >= needed
    if is_file == bool(parts.netloc) or not has_path or parts.fragment or (is_file and not parts.path.startswith("/")):
        forms = {"file": "file:///absolute/path", "hf": "hf://owner/repository@revision"}
        forms |= {"pvc": "pvc://claim/path"}
        forms |= {"azure": "azure://account/container/path", "https": "https://host/path/file"}
        return f"{address!r} is incomplete; the form is {forms.get(parts.scheme, f'{parts.scheme}://bucket/path/')}"
    if parts.scheme == "pvc" and not _CLAIM.fullmatch(parts.netloc):
        return f"{parts.netloc!r} is not the name of a volume claim"
    # urlsplit drops an empty query.
    if parts.scheme in ("file", "pvc") and "?" in address:
        return f"{address!r} has a query; write a '?' in a path as %3F"
    if any(part.partition(";")[0] in (".", "..") for part in _PART_ENDS.split(unquote(parts.path))):
        # A platform allows addresses by prefix, and such a part would lead outside it.
        return f"{address!r} has a part '.' or '..'; write the path without it"
    return ""


def opened(address: str, revision: str, seconds: float) -> Source:
    """Return the source for a valid address; raise LibraryMissing."""
    scheme = urlsplit(address).scheme
    try:
        module = importlib.import_module(f"nb_service.weights.sources.{MODULES[scheme]}")
        source: Source = module.Source(address, revision, seconds)
    except ImportError as error:
        raise LibraryMissing(f"{scheme}:// needs the library {error.name}") from error
    return source


def chosen(files: Sequence[Remote], patterns: Sequence[str]) -> list[Remote]:
    """Return the files whose names match one of the patterns; all if there are no patterns."""
    fits = [file for file in files if not patterns or any(fnmatch.fnmatchcase(file.name, each) for each in patterns)]
    return sorted(fits, key=lambda file: file.name)


def error_text(error: BaseException, environ: Mapping[str, str] = os.environ) -> str:
    """Return an error as one line, without parts of addresses or variables that may be secret."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.filename}: {error.strerror}"
    text = _URL_USER.sub(r"\1", _URL_QUERY.sub(r"\1", text))
    for name, value in environ.items():
        if _SECRET_NAMES.search(name) and len(value) >= _MIN_SECRET:
            text = text.replace(value, "…")
    return text if len(text) <= MAX_ERROR_TEXT else text[:MAX_ERROR_TEXT] + "…"
