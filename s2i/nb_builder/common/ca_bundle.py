"""CA certificates: one bundle, passed to every program that a build starts."""

import os
from collections.abc import Mapping
from pathlib import Path

from nb_scorer.common.problem import SettingInvalid

# Each tool has its own variable for the same file: uv and Python's ssl, requests, curl, pip, git, in this order.
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO")


def trusting(bundle: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with every tool's variable pointing at `bundle`; unchanged if there is none.

    Raises SettingInvalid if S2I_CA_BUNDLE names no readable PEM file.
    """
    if bundle is None:
        return dict(environ)
    try:
        usable = b"-----BEGIN" in bundle.read_bytes()
    except OSError:
        usable = False
    if not usable:
        raise SettingInvalid("S2I_CA_BUNDLE", str(bundle), "a readable file with certificates in PEM format")
    return {**environ, **dict.fromkeys(VARIABLES, os.path.abspath(bundle))}
