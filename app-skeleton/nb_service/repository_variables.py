"""Ignores environment variables that a repository has set although only the platform may set them.

s2i copies all variables of .s2i/environment into the image, where they look like the platform's. The build has recorded
the variables reserved for the platform, with the repository's values, in `$APP_ROOT/build/from_repository.json`.
"""

import os
from collections.abc import MutableMapping, Sequence

from nb_scorer.common import image_variables, paths

from nb_service import image_env, problems, settings


def ignore(environ: MutableMapping[str, str]) -> list[str]:
    """Remove the variables with the repository's values from `environ`; return their names, sorted.

    PATH and HOME, which programs need, get the builder image's values instead.

    Raise SettingFromRepository if ignoring a variable would make the service accessible to more people; raise
    ModelDamaged or ModelMissing if the record can't be read.
    """
    recorded = _recorded(environ)
    names = sorted(name for name, value in recorded.items() if environ.get(name) == value)
    protecting = [knob.env for knob in settings.KNOBS if knob.protects and knob.env in names]
    if protecting:
        raise problems.SettingFromRepository(protecting)
    for name in names:
        del environ[name]
    of_the_image = image_variables.home_and_path(settings.app_root(environ))
    environ.update({name: value for name, value in of_the_image.items() if name in names})
    return names


def note(names: Sequence[str]) -> str:
    """Return a log line about the variables that were ignored."""
    return (
        f"Ignored {', '.join(names)}: set by the repository's .s2i/environment, and only the platform may set them. "
        "Set other values when the service starts, or remove the lines and build the image again."
    )


def _recorded(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Return the recorded values. The repository may even have set APP_ROOT."""
    root, usual = settings.app_root(environ), settings.app_root({})
    if root != usual:
        recorded = _read(usual)
        if recorded.get("APP_ROOT") == root:
            return recorded
    return _read(root)


def _read(root: str) -> dict[str, str]:
    return image_env.read(os.path.join(root, paths.BUILD, paths.FROM_REPOSITORY)) or {}
