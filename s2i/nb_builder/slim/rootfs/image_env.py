"""The service image's environment, for an image that is made from scratch and so would lose it."""

import json
import re
from collections.abc import Mapping

# What belongs to the build, to the shell, to installers that are not there, or to the engine that runs it;
# HOME, PATH and the locale are set by the image itself, because they must be there before Python is.
_NOT_BAKED = re.compile(
    r"HOSTNAME|PWD|OLDPWD|SHLVL|_|TERM|HOME|PATH|LANG|LC_ALL|container|"
    r"(?i:(http|https|ftp|all|no)_proxy)|"
    r"S2I_SLIM.*|S2I_KEEP|STI_.*|PIP_.*|UV_.*|VIRTUALENV_.*|DOCKER_.*|BUILDKIT_.*|SOURCE_DATE_EPOCH"
)


def text(environ: Mapping[str, str]) -> str:
    """Return what of `environ` the runtime image keeps, as JSON."""
    kept = {name: value for name, value in environ.items() if not _NOT_BAKED.fullmatch(name)}
    return json.dumps(kept, indent=1, sort_keys=True) + "\n"
