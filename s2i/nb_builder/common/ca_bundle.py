"""CA certificates: one bundle, passed to every program that a build starts."""

import os
from collections.abc import Mapping
from pathlib import Path

from nb_scorer.common.problem import SettingInvalid

# Each tool has its own variable for this file, in this order: uv and Python's ssl, requests, curl, pip, git.
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO")


def trusting(bundle: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with every tool's variable set to `bundle`; unchanged if that is None.

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
