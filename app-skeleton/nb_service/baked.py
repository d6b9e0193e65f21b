"""The variables that a slim image keeps in a file: an image made from scratch has no other memory of them."""

import json
import os

from nb_scorer import layout

from nb_service import settings


def complete(environ: dict) -> dict:
    """Return `environ` with what `$APP_ROOT/environment.json` says of other variables, if there is such a file."""
    try:
        with open(os.path.join(settings.app_root(environ), layout.ENVIRONMENT), encoding="utf-8") as file:
            return {**json.load(file), **environ}
    except FileNotFoundError:
        return environ
