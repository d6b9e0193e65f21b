"""Environment variables in files of an image.

A slim image stores those of its service image: an image made from scratch inherits none.
"""

import json
import os

from nb_scorer.common import paths

from nb_service import problems, settings


def complete(environ: dict) -> dict:
    """Return `environ`, completed with the variables in `$APP_ROOT/environment.json`, if there is such a file.

    Raises as `read` does.
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
    """Return the variables in the file; raise ValueError for any that an environment can't contain."""
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - of a file's content
    for name, value in content.items():
        if not isinstance(value, str) or "\0" in name + value or "=" in name or not name:
            raise ValueError(f"{name!r} is not a variable with a string")
        # Raises for characters that the file system encoding, and so the environment, doesn't support.
        os.fsencode(name + value)
    return content
