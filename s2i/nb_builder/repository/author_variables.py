"""Which variables a repository's .s2i/environment may set: the author's settings, and variables that can't run code.

Platform settings, such as allowed package indexes, count only if the person or the server that builds has set them.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import NamedTuple

from nb_scorer.common import image_variables, paths
from nb_service.settings import KNOBS as SERVICE_KNOBS

from nb_builder.common.settings import KNOBS
from nb_builder.common.unsafe_variables import is_unsafe
from nb_builder.problems.notebooks import FileRefused
from nb_builder.repository import ordinary_files

FILE = Path(".s2i") / "environment"
# Maximum size in bytes: a settings file has a few lines.
_MAX_SIZE = 1 << 20
(_SRC,) = (knob for knob in KNOBS if knob.env == "S2I_SRC")
# The characters that s2i, a Go program, removes at both ends of names and values.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
# In the Dockerfile that s2i can write, a name with one of these can become another name.
_CHANGES_NAMES = re.compile(r"[\s$\\\"'`]")
# Bytes that are not UTF-8, which engines would replace.
_NOT_UTF_8 = re.compile("[\ud800-\udfff\ufffd]+")
# The builder image's own values, used instead of those set by a repository. No program in venv/bin has to be found.
_OF_THE_IMAGE = {
    "PATH": image_variables.PROGRAMS,
    "HOME": "/opt/app-root/src",
    "STI_SCRIPTS_PATH": "/usr/libexec/s2i",
}
# Which indexes and CAs pip and uv trust; which servers and identities are meant by s3://, gs:// and azure://, where
# S2I_ALLOW_WEIGHTS leads; where spans go, and with which content; and how gRPC connects and what it logs.
_BEGINNINGS = (
    *("PIP_", "UV_", "FSSPEC_", "OTEL_", "GRPC_"),
    *("AWS_", "BOTO", "GOOGLE_", "GCLOUD_", "GCE_", "GCS_", "CLOUDSDK_", "AZURE_"),
)
_OF_THE_NETWORK = frozenset(
    (
        # Which server is meant by hf:// and gs://, and which gives an identity of Azure.
        *("HF_ENDPOINT", "STORAGE_EMULATOR_HOST"),
        *("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY", "NO_GRPC_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"),
    )
)


class Variables(NamedTuple):
    """The variables that a repository sets: accepted and ignored ones, both by name."""

    taken: dict[str, str]
    ignored: dict[str, str]

    @property
    def note(self) -> str:
        """Return a sentence about ignored variables, or ""."""
        if not self.ignored:
            return ""
        return (
            f"{FILE} sets {', '.join(sorted(self.ignored))}: ignored, because only the platform may set them. Set them "
            "in the environment of the command, or by 'nb-builder build -e' or 's2i build -e'."
        )

    @property
    def note_of_image(self) -> str:
        """Return the note of a build by s2i, which has already put the variables into the image."""
        protecting = sorted(self.ignored.keys() & _PROTECTING)
        if not protecting:
            return f"{self.note} s2i puts them into the image, where a service ignores these values, too."
        return f"{self.note} A service of this image starts only with other values of {', '.join(protecting)}."


def read(folder: Path) -> Variables:
    """Return the variables in .s2i/environment, parsed like s2i: NAME=value lines, `#` only at the start.

    Raises FileRefused.
    """
    return sorted_out({name: value.replace("\0", "") for _, name, value in _lines(folder)})


def _lines(folder: Path) -> Iterator[tuple[int, str, str]]:
    """Yield number, name and value of each line that sets a variable; raise FileRefused."""
    path = folder / FILE
    if not ordinary_files.is_file(path, folder):
        return
    with path.open("rb") as file:
        # Decoded like os.environ, so that all bytes reach the build unchanged.
        text = os.fsdecode(file.read(_MAX_SIZE + 1))
    if len(text) > _MAX_SIZE:
        raise FileRefused(file=FILE, reason=f"it has more than {_MAX_SIZE} bytes")
    # Split only at "\n", because for s2i, other line breaks are part of a value.
    for number, line in enumerate(text.split("\n"), 1):
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith("#"):
            yield number, name.strip(_SPACE), value.strip(_SPACE)


def sorted_out(variables: Mapping[str, str]) -> Variables:
    """Split a repository's variables into accepted and ignored ones."""
    ignored = {name: value for name, value in variables.items() if is_of_the_platform(name)}
    return Variables({name: value for name, value in variables.items() if name not in ignored}, ignored)


def is_of_the_platform(name: str) -> bool:
    """Return whether a variable must not be set by an author."""
    upper = name.upper()
    return name in _PLATFORM or upper in _OF_THE_NETWORK or upper.startswith(_BEGINNINGS) or is_unsafe(name)


def of_author() -> frozenset[str]:
    """Return the settings that belong to the author."""
    return _names(platform=False) - _PLATFORM


def enforce(environ: MutableMapping[str, str]) -> Variables:
    """Remove variables from `environ` that the repository set but may not set; return them, as ignored.

    For a build in an image, whose engine has set both the repository's variables and those of `-e`: a variable with the
    repository's value is considered the repository's. Raises FileRefused, also for a name that engines may change.
    """
    # Even if a repository sets S2I_SRC, s2i has copied it there.
    usual = _SRC.default
    places = {Path(environ.get(_SRC.env) or usual), usual}
    lines = [line for folder in places for line in _lines(folder)]
    found = {name: environ[name] for _, name, value in lines if _comes_from_it(environ, name, value)}
    for name in found:
        del environ[name]
    environ.update({name: value for name, value in _OF_THE_IMAGE.items() if name in found})
    for number, name, value in lines:
        if "\0" in value or _CHANGES_NAMES.search(name):
            raise FileRefused(file=FILE, reason=f"line {number} sets {name[:80]!r}, which is not a variable")
    return Variables({}, found)


def _comes_from_it(environ: Mapping[str, str], name: str, value: str) -> bool:
    """Return whether a variable is the platform's and has the repository's value, as engines pass it on.

    An empty value counts as not set. It matters only if the builder image could have set one that protects.
    """
    return (
        name in environ
        and is_of_the_platform(name)
        and bool(value or name in _PROTECTING)
        and _NOT_UTF_8.sub("\ufffd", environ[name]) == _NOT_UTF_8.sub("\ufffd", value)
    )


def record(ignored: Variables, app_root: Path) -> None:
    """Write the variables that `enforce` has removed to build/, for services of the image, which have them again."""
    path = app_root / paths.BUILD / paths.FROM_REPOSITORY
    # A cell may have created it, even as a link to a folder that the service will not have.
    path.unlink(missing_ok=True)
    if ignored.ignored:
        path.write_text(json.dumps(ignored.ignored), encoding="ascii")


def _names(*, platform: bool) -> frozenset[str]:
    return frozenset(knob.env for knob in (*KNOBS, *SERVICE_KNOBS) if knob.platform == platform)


_PLATFORM = _names(platform=True)
_PROTECTING = frozenset(knob.env for knob in SERVICE_KNOBS if knob.protects)
