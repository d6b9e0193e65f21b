"""Reads environment variables from a file of the image.

A slim image stores the variables of its service image there, because an image from scratch inherits none.
"""

import json
import os

from nb_scorer.common import paths

from nb_service import problems, settings


def complete(environ: dict) -> dict:
    """Return `environ` with the variables in `$APP_ROOT/environment.json` added, if that file exists.

    Raises what `read` raises.
    """
    kept = read(os.path.join(settings.app_root(environ), paths.ENVIRONMENT))
    return environ if kept is None else {**kept, **environ}


def read(path: str) -> dict[str, str] | None:
    """Return the variables in a JSON file, or None if it doesn't exist.

    Raise ModelDamaged if its content is not valid, ModelMissing if it can't be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return _variables(json.load(file))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise problems.unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise problems.not_as_written(path, reason) from error


def _variables(content: object) -> dict[str, str]:
    """Return the variables in the file; raise ValueError if an environment can't contain one of them."""
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - of a file's content
    for name, value in content.items():
        if not isinstance(value, str) or "\0" in name + value or "=" in name or not name:
            raise ValueError(f"{name!r} is not a variable with a string")
        # Raises an error for characters that the environment's encoding doesn't support.
        os.fsencode(name + value)
    return content
