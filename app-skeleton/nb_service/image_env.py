"""The variables that a slim image keeps in a file: an image made from scratch has no other memory of them."""

import json
import os

from nb_scorer.common import paths

from nb_service import problems, settings


def complete(environ: dict) -> dict:
    """Return `environ` with what `$APP_ROOT/environment.json` says of other variables, if there is such a file.

    Raise ModelDamaged or ModelMissing where the file can't be meant, or read.
    """
    path = os.path.join(settings.app_root(environ), paths.ENVIRONMENT)
    try:
        with open(path, encoding="utf-8") as file:
            return {**_variables(json.load(file)), **environ}
    except (FileNotFoundError, NotADirectoryError):
        return environ
    except OSError as refused:
        raise problems.unreadable(path, refused) from refused
    except (ValueError, RecursionError) as wrong:
        reason = str(wrong) if isinstance(wrong, ValueError) else "it is nested too deeply"
        raise problems.not_as_written(path, reason) from wrong


def _variables(said: object) -> dict[str, str]:
    """Return what the file says; raise ValueError for what no environment can hold."""
    if not isinstance(said, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - of a file's content
    for name, value in said.items():
        if not isinstance(value, str) or "\0" in name + value or "=" in name or not name:
            raise ValueError(f"{name!r} is no variable with a text")
        # Raises where it holds a character that no file system has.
        os.fsencode(name + value)
    return said
