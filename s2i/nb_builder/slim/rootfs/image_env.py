"""The service image's environment variables, which an image from scratch would not inherit."""

import json
import re
from collections.abc import Mapping

# Variables of the build, of the shell, of installers that are not in the image, and of the container engine. HOME, PATH
# and the locale are set by s2i/runtime.Dockerfile, because they must be set before Python starts.
_NOT_BAKED = re.compile(
    r"HOSTNAME|PWD|OLDPWD|SHLVL|_|TERM|HOME|PATH|LANG|LC_ALL|container|"
    r"(?i:(http|https|ftp|all|no)_proxy)|"
    r"S2I_SLIM.*|S2I_KEEP|STI_.*|PIP_.*|UV_.*|VIRTUALENV_.*|DOCKER_.*|BUILDKIT_.*|SOURCE_DATE_EPOCH"
)


def text(environ: Mapping[str, str]) -> str:
    """Return the variables of `environ` that the runtime image keeps, as JSON."""
    variables = {name: value for name, value in environ.items() if not _NOT_BAKED.fullmatch(name)}
    return json.dumps(variables, indent=1, sort_keys=True) + "\n"
