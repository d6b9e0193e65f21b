"""What a repository's .s2i/environment may set: the author's settings, and variables that can't run code.

Platform settings, such as allowed package indexes, count only if the person or the server that builds has set them.
"""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import NamedTuple

from nb_service.settings import KNOBS as SERVICE_KNOBS

from nb_builder.common.settings import KNOBS
from nb_builder.common.unsafe_variables import is_unsafe
from nb_builder.repository import ordinary_files

FILE = Path(".s2i") / "environment"
# Maximum size in bytes: a settings file has a few lines.
_MAX_SIZE = 1 << 20
(_SRC,) = (knob for knob in KNOBS if knob.env == "S2I_SRC")
# Where programs are, instead of a PATH set by a repository.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Which indexes and CAs pip and uv trust, which proxies all programs use, and which servers have weights.
_BEGINNINGS = ("PIP_", "UV_", "AWS_ENDPOINT_URL", "FSSPEC_", "GCE_METADATA_", "AZURE_AUTHORITY_")
_OF_THE_NETWORK = frozenset(
    (
        # Where S2I_ALLOW_WEIGHTS leads: which server is meant by hf://, s3://, gs:// and azure://.
        *("HF_ENDPOINT", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "AWS_CA_BUNDLE"),
        *("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_CONNECTION_STRING"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY"),
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
        return (
            f"{self.note} s2i puts them into the image, where a service uses them unless you set others at its start."
        )


def read(folder: Path) -> Variables:
    """Return the variables in .s2i/environment, parsed like s2i: NAME=value lines, `#` only at the start.

    Raises FileRefused.
    """
    path = folder / FILE
    if not ordinary_files.is_file(path, folder):
        return Variables({}, {})
    with path.open("rb") as file:
        # Decoded like os.environ, so that any bytes reach the build unchanged.
        lines = os.fsdecode(file.read(_MAX_SIZE)).splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return sorted_out({name.strip(): value.strip().replace("\0", "") for name, value in pairs})


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
    repository's value is considered the repository's. Raises FileRefused.
    """
    # Even if a repository sets S2I_SRC, s2i has copied it there.
    usual = _SRC.default
    places = {Path(environ.get(_SRC.env) or usual), usual}
    pairs = [pair for folder in places for pair in read(folder).ignored.items()]
    found = {name: value for name, value in pairs if value and environ.get(name) == value}
    for name in found:
        del environ[name]
    if "PATH" in found:
        environ["PATH"] = _PATH
    return Variables({}, found)


def _names(*, platform: bool) -> frozenset[str]:
    return frozenset(knob.env for knob in (*KNOBS, *SERVICE_KNOBS) if knob.platform == platform)


_PLATFORM = _names(platform=True)
